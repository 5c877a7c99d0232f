//! Which PostgreSQL, which database, and how the way there is encrypted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::NoTls;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Silent;
use crate::journal::JournalError;

/// How long a connection may take to come about, TLS and password included.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// How long bytes may lie unacknowledged on a wire that nobody has closed.
const WIRE_DEAD_AFTER: Duration = Duration::from_secs(10);
/// How long a right to work lasts unless somebody says otherwise; `journal.lease`.
const LEASE: Duration = Duration::from_secs(15);

/// A database of PostgreSQL, and how it is reached. `Display` and `Debug` show no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    config: Config,
    encryption: Encryption,
    /// How long a worker keeps the journal without a sign of life.
    pub(super) lease: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Encryption {
    /// `sslmode=disable`, or nothing said of a server on this machine.
    None,
    /// The certificate must be good for the host's name, by the system's roots.
    SystemRoots,
    /// The same, by the roots in this file: `sslrootcert`.
    Roots(PathBuf),
}

/// A connection, and the task that moves its bytes: it ends with it.
pub(super) struct Link {
    pub(super) client: Client,
    _driver: JoinSet<()>,
}

impl Server {
    /// With another lease than 15 s.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Link, JournalError> {
        let connected = match &self.encryption {
            Encryption::None => timeout(CONNECTED_WITHIN, self.plainly()).await,
            Encryption::SystemRoots => timeout(CONNECTED_WITHIN, self.encrypted(self.by_system_roots()?)).await,
            Encryption::Roots(file) => timeout(CONNECTED_WITHIN, self.encrypted(self.by_roots_of(file)?)).await,
        };
        connected.map_err(|_| Silent(CONNECTED_WITHIN))?
    }

    async fn plainly(&self) -> Result<Link, JournalError> {
        let (client, connection) = self.config.connect(NoTls).await?;
        Ok(Link::of(client, connection))
    }

    async fn encrypted(&self, tls: MakeRustlsConnect) -> Result<Link, JournalError> {
        let (client, connection) = self.config.connect(tls).await?;
        Ok(Link::of(client, connection))
    }

    fn by_system_roots(&self) -> Result<MakeRustlsConnect, JournalError> {
        let (tls, _) = MakeRustlsConnect::with_native_certs().map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            self.unreachable(format!("the system has no certificates to trust: {}", errors.join("; ")))
        })?;
        Ok(tls)
    }

    /// Read anew for each connection, so that a renewed file serves at the next one.
    fn by_roots_of(&self, file: &Path) -> Result<MakeRustlsConnect, JournalError> {
        let unusable = |why: &dyn fmt::Display| self.unreachable(format!("sslrootcert {}: {why}", file.display()));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|why| unusable(&why))? {
            let certificate = certificate.map_err(|why| unusable(&why))?;
            roots.add(certificate).map_err(|why| unusable(&why))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"it holds no certificate in PEM form"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| unusable(&why))?;
        Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
    }

    pub(super) fn unreachable(&self, reason: String) -> JournalError {
        JournalError::Unreachable { at: self.to_string(), reason }
    }
}

impl Link {
    fn of<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL has ended");
            }
        });
        Self { client, _driver: driver }
    }
}

impl FromStr for Server {
    type Err = String;

    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`. What is wrong is told without the URL: it may hold a
    /// password.
    fn from_str(url: &str) -> Result<Self, String> {
        const SHAPE: &str = "must be postgres://USER:PASSWORD@HOST:PORT/DATABASE";
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut rest, mut mode, mut roots) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => {
                    roots = Some(PathBuf::from(value.replace("%2F", "/").replace("%2f", "/")))
                }
                _ => rest.push(pair),
            }
        }
        let address = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
        let mut config: Config = address.parse().map_err(|error| format!("{SHAPE}: {error}"))?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none_or(str::is_empty) {
            return Err(format!("{SHAPE}: host and database must be there"));
        }
        let encryption = encryption(&config, mode, roots)?;
        config.ssl_mode(if encryption == Encryption::None { SslMode::Disable } else { SslMode::Require });
        config.tcp_user_timeout(WIRE_DEAD_AFTER).connect_timeout(CONNECTED_WITHIN).keepalives_idle(WIRE_DEAD_AFTER);
        if config.get_application_name().is_none() {
            config.application_name("bindery");
        }
        Ok(Self { config, encryption, lease: LEASE })
    }
}

/// Nothing said means encrypted, but on this machine. There is no mode that encrypts without looking who answers.
fn encryption(config: &Config, mode: Option<&str>, roots: Option<PathBuf>) -> Result<Encryption, String> {
    let verified = roots.map_or(Encryption::SystemRoots, Encryption::Roots);
    match mode {
        Some("disable") => Ok(Encryption::None),
        Some("require" | "verify-full") => Ok(verified),
        Some(_) => Err("sslmode must be disable or verify-full: nothing in between is safe".to_owned()),
        None if verified == Encryption::SystemRoots && config.get_hosts().iter().all(is_here) => Ok(Encryption::None),
        None => Ok(verified),
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        f.write_str(&hosts.join(","))?;
        if let Some(port) = self.config.get_ports().first() {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, String> {
        url.parse()
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let server = server("postgres://worker:hunter2@db.example:5433/bindery?connect_timeout=3").unwrap();
        assert_eq!(server.to_string(), "postgres://worker@db.example:5433/bindery");
        assert!(!format!("{server:?}").contains("hunter2"));
    }

    #[test]
    fn nothing_said_means_encrypted_but_on_this_machine() {
        let encryption = |url: &str| server(url).unwrap().encryption;
        assert_eq!(encryption("postgres://u@db.example/b"), Encryption::SystemRoots);
        assert_eq!(encryption("postgres://u@127.0.0.1/b"), Encryption::None);
        assert_eq!(encryption("postgres://u@localhost/b?sslmode=verify-full"), Encryption::SystemRoots);
        assert_eq!(encryption("postgres://u@localhost/b?sslrootcert=/ca.pem"), Encryption::Roots("/ca.pem".into()));
        assert_eq!(encryption("postgres://u@db.example/b?sslmode=disable"), Encryption::None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        for url in [
            "postgres://u:hunter2@h",
            "postgres:///b",
            "postgres://u:hunter2@h/b?sslmode=prefer",
            "postgres://u:hunter2@h/b?no_such_setting=1",
            "postgres://u:hunter2@h:port/b",
        ] {
            let error = server(url).unwrap_err();
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }
}
