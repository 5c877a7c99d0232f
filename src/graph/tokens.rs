//! Page tokens: fetched when Meta asks for one, kept in memory only, dropped when they fail.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::client::Secrets;

/// More Pages than this are not worked on at once; what is dropped is fetched again.
const KEPT_MAX: usize = 10_000;

/// Whose token: the credential and the Page.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    credential: String,
    page: String,
}

/// The Page tokens at hand.
#[derive(Default)]
pub(super) struct PageTokens(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tokens: HashMap<Key, SecretString>,
    /// By credential: the digest of the token that its Page tokens came from. Another one makes them useless, so they
    /// are forgotten when it is first seen.
    from: HashMap<String, [u8; 32]>,
}

impl std::fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageTokens")
    }
}

impl PageTokens {
    pub(super) fn get(&self, secrets: &Secrets, page: &str) -> Option<SecretString> {
        let mut kept = self.lock();
        kept.forget_what_came_from_another(secrets);
        kept.tokens.get(&key(secrets, page)).cloned()
    }

    pub(super) fn keep(&self, secrets: &Secrets, page: &str, token: SecretString) {
        let mut kept = self.lock();
        kept.forget_what_came_from_another(secrets);
        if kept.tokens.len() >= KEPT_MAX {
            kept.tokens.clear();
        }
        kept.tokens.insert(key(secrets, page), token);
    }

    pub(super) fn drop_one(&self, secrets: &Secrets, page: &str) {
        let mut kept = self.lock();
        kept.forget_what_came_from_another(secrets);
        kept.tokens.remove(&key(secrets, page));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // No code that can panic runs under this lock; the map is whole in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// A call that is still out with the old token may bring it back for its own moment: fetched anew, nothing worse.
    fn forget_what_came_from_another(&mut self, secrets: &Secrets) {
        let token: [u8; 32] = Sha256::digest(secrets.access_token.expose_secret().as_bytes()).into();
        if self.from.get(&secrets.name) != Some(&token) {
            self.tokens.retain(|key, _| key.credential != secrets.name);
            self.from.insert(secrets.name.clone(), token);
        }
    }
}

fn key(secrets: &Secrets, page: &str) -> Key {
    Key { credential: secrets.name.clone(), page: page.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(name: &str, token: &str) -> Secrets {
        Secrets { name: name.to_owned(), access_token: SecretString::from(token.to_owned()), app_secret: None }
    }

    fn kept() -> PageTokens {
        let kept = PageTokens::default();
        for (name, page) in [("main", "1"), ("main", "2"), ("other", "1")] {
            kept.keep(&secrets(name, "old"), page, SecretString::from("page token".to_owned()));
        }
        kept
    }

    #[test]
    fn what_is_kept_is_found_by_credential_and_page() {
        let kept = kept();
        assert!(kept.get(&secrets("main", "old"), "1").is_some() && kept.get(&secrets("main", "old"), "3").is_none());
    }

    #[test]
    fn the_first_look_with_a_new_token_forgets_what_the_old_one_brought_and_nobody_elses() {
        let kept = kept();
        assert!(kept.get(&secrets("main", "new"), "1").is_none());
        assert_eq!(kept.lock().tokens.len(), 1, "the other credential's");
        assert!(kept.get(&secrets("other", "old"), "1").is_some());
    }

    #[test]
    fn no_page_token_of_an_old_token_is_used_with_a_new_one() {
        let kept = kept();
        kept.keep(&secrets("main", "new"), "3", SecretString::from("page token".to_owned()));
        assert!(kept.get(&secrets("main", "new"), "3").is_some() && kept.get(&secrets("main", "new"), "2").is_none());
    }
}
