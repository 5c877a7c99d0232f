//! Page tokens: fetched when Meta asks for one, kept in memory only, dropped when they fail.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::client::Secrets;

/// More Pages than this are not worked on at once; what is dropped is fetched again.
const KEPT_MAX: usize = 10_000;

/// Whose token: the credential (a new token of its makes old Page tokens useless) and the Page.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    credential: String,
    token: [u8; 32],
    page: String,
}

/// The Page tokens at hand.
#[derive(Default)]
pub(super) struct PageTokens(Mutex<HashMap<Key, SecretString>>);

impl std::fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageTokens")
    }
}

impl PageTokens {
    pub(super) fn get(&self, secrets: &Secrets, page: &str) -> Option<SecretString> {
        self.lock().get(&key(secrets, page)).cloned()
    }

    pub(super) fn keep(&self, secrets: &Secrets, page: &str, token: SecretString) {
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key(secrets, page), token);
    }

    pub(super) fn drop_one(&self, secrets: &Secrets, page: &str) {
        self.lock().remove(&key(secrets, page));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, SecretString>> {
        // No code that can panic runs under this lock; the map is whole in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(secrets: &Secrets, page: &str) -> Key {
    let token = Sha256::digest(secrets.access_token.expose_secret().as_bytes()).into();
    Key { credential: secrets.name.clone(), token, page: page.to_owned() }
}
