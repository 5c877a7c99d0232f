//! The TLS identity: whom we trust, and who we are.
//!
//! Built here rather than by lapin, because lapin trusts a custom CA beside the system's (and fails where the system
//! has none), and takes a CA file without a single certificate for an empty wish.

use std::path::Path;
use std::sync::Arc;

use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{BrokerConfig, BrokerError, ClientCertificate};

/// Reads the files anew, so that a renewed certificate serves at the next connection.
///
/// # Errors
/// [`BrokerError::TlsFile`] names the file and what is wrong with it.
pub(super) fn connector(config: &BrokerConfig) -> Result<RustlsConnector, BrokerError> {
    let Some(ca) = &config.ca_file else {
        return with_system_roots(config.client_certificate.as_ref());
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable(ca, &why))?
        .with_root_certificates(roots(ca)?);
    let config = match &config.client_certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = identity(own)?;
            builder.with_client_auth_cert(chain, key).map_err(|why| unusable(&own.certificate_file, &why))?
        }
    };
    Ok(RustlsConnector::from(config))
}

fn with_system_roots(own: Option<&ClientCertificate>) -> Result<RustlsConnector, BrokerError> {
    let store = Path::new("of the system's certificate store");
    let roots = RustlsConnectorConfig::new_with_native_certs().map_err(|why| unusable(store, &why))?;
    match own {
        None => roots.connector_with_no_client_auth().map_err(|why| unusable(store, &why)),
        Some(own) => {
            let (chain, key) = identity(own)?;
            roots.connector_with_single_cert(chain, key).map_err(|why| unusable(&own.certificate_file, &why))
        }
    }
}

fn roots(file: &Path) -> Result<RootCertStore, BrokerError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store.add(certificate).map_err(|why| unusable(file, &why))?;
    }
    Ok(store)
}

fn identity(own: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), BrokerError> {
    let chain = certificates(&own.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&own.key_file)
        .map_err(|why| unusable(&own.key_file, &in_words(&why, "it holds no unencrypted private key in PEM form")))?;
    Ok((chain, key))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    const NONE: &str = "it holds no certificate in PEM form";
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|why| unusable(file, &in_words(&why, NONE)))?;
    if found.is_empty() { Err(unusable(file, &NONE)) } else { Ok(found) }
}

fn in_words(why: &pem::Error, nothing_found: &str) -> String {
    if let pem::Error::Io(why) = why { why.to_string() } else { format!("{nothing_found} ({why})") }
}

fn unusable(file: &Path, why: &dyn std::fmt::Display) -> BrokerError {
    BrokerError::TlsFile { path: file.to_owned(), why: why.to_string() }
}
