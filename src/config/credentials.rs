//! Credentials: which one serves a business, and how its secrets are read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::access::Allowed;
use super::reader::Reader;
use super::values::one_line_secret;
use crate::contract::BusinessId;

/// A named credential and the businesses that it serves.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Its name in the configuration.
    pub name: String,
    /// The businesses that it may act for.
    pub businesses: Allowed<BusinessId>,
    /// Where its secrets are read.
    pub secrets: Secrets,
}

/// Where the secrets of a credential stand. Cheap to clone; reads anew each time.
#[derive(Debug, Clone)]
pub struct Secrets {
    access_token: Origin,
    app_secret: Option<Origin>,
}

/// The secrets of a credential as they were when read.
#[derive(Debug, Clone)]
pub struct SecretPair {
    /// The system user's token.
    pub access_token: SecretString,
    /// The app's secret, for `appsecret_proof`.
    pub app_secret: Option<SecretString>,
    /// Differs when either of them does.
    pub fingerprint: Fingerprint,
}

/// A digest of a credential's content: tells a changed secret from the same one, over restarts too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

/// A secret that cannot be read; names the key, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct SecretError {
    key: String,
    reason: String,
}

/// Where one secret stands: in the configuration, or in a file that is read anew each time.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The secret itself.
    Value(SecretString),
    /// A file whose one line it is.
    File {
        /// The key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
    },
}

impl Secrets {
    /// Reads the secrets, files anew: a changed file is seen at the next call. Reads small local files, blocking.
    ///
    /// # Errors
    /// A file that is gone, unreadable, empty, or of several lines.
    pub fn read(&self) -> Result<SecretPair, SecretError> {
        let access_token = self.access_token.read()?;
        let app_secret = self.app_secret.as_ref().map(Origin::read).transpose()?;
        let fingerprint = Fingerprint::of(&access_token, app_secret.as_ref());
        Ok(SecretPair { access_token, app_secret, fingerprint })
    }
}

impl Origin {
    /// The secret as it is now. Reads a small local file, blocking.
    ///
    /// # Errors
    /// A file that is gone, unreadable, empty, or of several lines.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let (key, path) = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File { key, path } => (key, path),
        };
        let text = std::fs::read_to_string(path).map_err(|error| format!("could not read the file it names: {error}"));
        let secret = text.and_then(|text| one_line_secret(&text).map_err(|wrong| format!("the file it names {wrong}")));
        secret.map_err(|reason| SecretError { key: key.clone(), reason })
    }
}

impl Fingerprint {
    fn of(access_token: &SecretString, app_secret: Option<&SecretString>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"bindery credential\0");
        hash.update(access_token.expose_secret());
        hash.update(b"\0");
        hash.update(app_secret.map_or("", |secret| secret.expose_secret()));
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        Self(half)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The credential that serves `business`: one that lists it before one for any, then the first by name.
pub(super) fn serving<'a>(all: &'a BTreeMap<String, Credential>, business: &BusinessId) -> Option<&'a Credential> {
    let lists = |one: &&Credential| one.businesses.lists(business);
    all.values().find(lists).or_else(|| all.values().find(|one| one.businesses.covers(business)))
}

pub(super) fn read_all(r: &mut Reader) -> Option<BTreeMap<String, Credential>> {
    let names = r.names_under("credentials");
    let read: Vec<_> = names.into_iter().map(|name| read_one(r, name)).collect();
    read.into_iter().map(|one| one.map(|one| (one.name.clone(), one))).collect()
}

fn read_one(r: &mut Reader, name: String) -> Option<Credential> {
    let section = format!("credentials.{name}");
    let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    r.require(fits, &section, "a credential's name has a-z, 0-9, `_` and `-` alone: rename it");
    let access_token = read_origin(r, &format!("{section}.access_token"));
    let app_secret = read_origin(r, &format!("{section}.app_secret"));
    let businesses = r.need(&format!("{section}.businesses"));
    let access_token = access_token?;
    let text = format!("missing: set {section}.access_token or {section}.access_token_file");
    r.require(access_token.is_some(), &format!("{section}.access_token"), text);
    let secrets = Secrets { access_token: access_token?, app_secret: app_secret? };
    Some(Credential { name, businesses: businesses?, secrets })
}

/// The secret `key` or the file `key_file`, one of them at most.
pub(super) fn read_origin(r: &mut Reader, key: &str) -> Option<Option<Origin>> {
    let file_key = format!("{key}_file");
    let (value, path) = (r.get::<SecretString>(key), r.get::<PathBuf>(&file_key));
    match (value?, path?) {
        (Some(_), Some(_)) => {
            r.require(false, key, format!("both it and {file_key} are set: keep one of them"));
            None
        }
        (None, Some(path)) => {
            let origin = Origin::File { key: file_key.clone(), path };
            let wrong = origin.read().err();
            r.require(wrong.is_none(), &file_key, wrong.map(|wrong| wrong.reason).unwrap_or_default());
            Some(Some(origin))
        }
        (value, None) => Some(value.map(Origin::Value)),
    }
}
