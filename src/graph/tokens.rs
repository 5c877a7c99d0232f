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

    /// Keeps a Page's token. Those that came from an earlier token of the same credential are forgotten with it.
    pub(super) fn keep(&self, secrets: &Secrets, page: &str, token: SecretString) {
        let key = key(secrets, page);
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.retain(|known, _| known.credential != key.credential || known.token == key.token);
        kept.insert(key, token);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(name: &str, token: &str) -> Secrets {
        Secrets { name: name.to_owned(), access_token: SecretString::from(token.to_owned()), app_secret: None }
    }

    fn has(kept: &PageTokens, name: &str, token: &str, page: &str) -> bool {
        kept.get(&secrets(name, token), page).is_some()
    }

    #[test]
    fn a_new_token_of_a_credential_drops_what_the_old_one_brought_and_nobody_elses() {
        let kept = PageTokens::default();
        for (name, token, page) in [("main", "old", "1"), ("main", "old", "2"), ("other", "old", "1")] {
            kept.keep(&secrets(name, token), page, SecretString::from("page token".to_owned()));
        }
        assert!(has(&kept, "main", "old", "1") && has(&kept, "main", "old", "2"));
        kept.keep(&secrets("main", "new"), "3", SecretString::from("page token".to_owned()));
        assert!(!has(&kept, "main", "old", "1") && !has(&kept, "main", "old", "2"));
        assert!(has(&kept, "main", "new", "3") && has(&kept, "other", "old", "1"));
    }
}
