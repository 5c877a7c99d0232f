//! Identifiers: newtypes that only parsing makes.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use compact_str::{CompactString, format_compact};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Why a text is no identifier; the text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(pub &'static str);

/// Makes a newtype over text that only `FromStr` builds. Meta's ids fit into it without memory of their own: calls,
/// observations and the board carry many copies of them.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(CompactString);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                $check(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into_string()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Reads an identifier out of a text.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = IdError>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

text_id!(
    /// The idempotency key of a command. A publisher's has 1 to 128 of `[A-Za-z0-9._:-]`; commands of our own
    /// carry a `~` behind the id that they follow, which [`CommandId::is_publishers`] tells apart.
    CommandId,
    command_id
);
text_id!(
    /// A business portfolio at Meta: digits.
    BusinessId,
    digits
);
text_id!(
    /// Any object at Meta that an asset is: digits, without `act_`.
    ObjectId,
    object_id
);
text_id!(
    /// A person or system user as one business knows them (business-scoped): digits.
    PersonId,
    digits
);
text_id!(
    /// An e-mail address, lower-cased: Meta lists addresses in any case.
    EmailAddress,
    email
);
text_id!(
    /// A SHA-256 in lower-case hex, with its prefix: `sha256:…`.
    Digest,
    digest
);

impl CommandId {
    /// Whether a publisher may use this id: commands of our own have a `~` in theirs.
    #[must_use]
    pub fn is_publishers(&self) -> bool {
        !self.0.contains('~')
    }

    /// The publisher's command that this one of our own follows: the part before the first `~`.
    #[must_use]
    pub fn follows(&self) -> Option<Self> {
        self.0.split_once('~').map(|(first, _)| Self(first.into()))
    }

    /// Whether this command of our own tells a grant that came after the answer (`<id>~late-1`).
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.0.split_once('~').is_some_and(|(_, suffix)| suffix.starts_with("late-"))
    }

    /// Whether this command of our own looks whether access came back (`<id>~recheck-1`).
    #[must_use]
    pub fn is_recheck(&self) -> bool {
        self.0.split_once('~').is_some_and(|(_, suffix)| suffix.starts_with("recheck-"))
    }

    /// The id of the `n`th recheck of this command, counted from 1.
    #[must_use]
    pub fn recheck(&self, n: u32) -> Self {
        Self(format!("{}~recheck-{n}", self.0).into())
    }

    /// Whether it is the id of a child, which never fans out itself.
    #[must_use]
    pub fn is_child(&self) -> bool {
        self.0.rsplit_once('~').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    }

    /// The id of this command's `n`th child, counted from 1.
    #[must_use]
    pub fn child(&self, n: u32) -> Self {
        Self(format_compact!("{}~{n}", self.0))
    }
}

const DIGEST_PREFIX: &str = "sha256:";

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The digest of `parts`, one behind the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        let mut digits = [0; 64];
        hex::encode_to_slice(hasher.finalize(), &mut digits).expect("32 bytes are 64 digits");
        let mut text = CompactString::with_capacity(DIGEST_PREFIX.len() + digits.len());
        text.push_str(DIGEST_PREFIX);
        text.push_str(std::str::from_utf8(&digits).expect("hex digits are ASCII"));
        Self(text)
    }
}

/// Where a person stands in a command: an id, or an address that is looked up when the command starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Person {
    /// The business-scoped id.
    Id(PersonId),
    /// Looked up in `business_users`: exactly one match, else the command fails.
    Email(EmailAddress),
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Email(address) => address.fmt(f),
        }
    }
}

impl FromStr for Person {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.contains('@') { text.parse().map(Self::Email) } else { text.parse().map(Self::Id) }
    }
}

fn digits(text: &str) -> Result<CompactString, IdError> {
    let right = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if right { Ok(text.into()) } else { Err(IdError("must be 1 to 32 digits as text, like \"1009\"")) }
}

fn object_id(text: &str) -> Result<CompactString, IdError> {
    digits(text.strip_prefix("act_").unwrap_or(text))
}

fn command_id(text: &str) -> Result<CompactString, IdError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._:-~".contains(&b);
    // Our own suffixes (`~1`, `~recheck-1`) may lengthen a publisher's 128.
    let (publishers, _) = text.split_once('~').unwrap_or((text, ""));
    let right = (1..=128).contains(&publishers.len()) && text.len() <= 160 && text.bytes().all(fits);
    if right { Ok(text.into()) } else { Err(IdError("must be 1 to 128 of A-Z, a-z, 0-9, '.', '_', ':' and '-'")) }
}

fn email(text: &str) -> Result<CompactString, IdError> {
    // Lower-cased first: some letters grow by it, and the longest address is a matter of what is kept.
    let address = text.to_lowercase();
    let right = address.len() <= 254
        && address.split_once('@').is_some_and(|(name, host)| !name.is_empty() && is_host(host))
        && !address.chars().any(|c| c.is_whitespace() || c.is_control());
    if right { Ok(address.into()) } else { Err(IdError("must be an e-mail address, like \"ben@example.com\"")) }
}

fn is_host(text: &str) -> bool {
    !text.contains('@') && text.contains('.') && text.split('.').all(|label| !label.is_empty())
}

fn digest(text: &str) -> Result<CompactString, IdError> {
    let hex = text.strip_prefix(DIGEST_PREFIX).unwrap_or_default();
    let right = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if right { Ok(text.into()) } else { Err(IdError("must be \"sha256:\" and 64 lower-case hex digits")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ad_account_is_the_same_with_and_without_its_prefix() {
        assert_eq!("act_12".parse::<ObjectId>(), "12".parse());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "12a", "-1", "1.5", " 1", "１"] {
            assert!(text.parse::<BusinessId>().is_err(), "{text:?} passed as an id");
        }
        for text in ["", "a b", "ä", "a/b", &"x".repeat(129)] {
            assert!(text.parse::<CommandId>().is_err(), "{text:?} passed as a command id");
        }
    }

    #[test]
    fn a_command_of_our_own_is_told_from_a_publishers() {
        let id: CommandId = "onb-7731".parse().unwrap();
        assert!(id.is_publishers());
        assert!(!id.child(3).is_publishers());
        assert!(id.child(3).is_child() && !id.is_child());
        assert_eq!(id.child(3).as_str(), "onb-7731~3");
        assert_eq!(id.child(3).follows(), Some(id.clone()));
        assert_eq!(id.follows(), None);
        assert!("onb-7731~late-1".parse::<CommandId>().unwrap().is_late());
        assert!(id.recheck(2).is_recheck() && !id.recheck(2).is_child() && id.recheck(2).child(1).is_child());
        assert!(!id.is_recheck() && id.recheck(1).follows() == Some(id.clone()));
        assert!(!"onb-late-1".parse::<CommandId>().unwrap().is_late());
    }

    #[test]
    fn a_person_is_an_id_or_an_address() {
        assert_eq!("Ben@Example.com".parse(), Ok(Person::Email("ben@example.com".parse().unwrap())));
        assert_eq!("12".parse(), Ok(Person::Id("12".parse().unwrap())));
        assert!("ben@".parse::<Person>().is_err());
        assert!("ben".parse::<Person>().is_err());
        for address in ["@example.com", "ben@example", "ben@.com", "ben@example.", "a@b@c.d", "b en@x.y", "b\0@x.y"] {
            assert!(address.parse::<EmailAddress>().is_err(), "{address:?} passed as an address");
        }
    }
}
