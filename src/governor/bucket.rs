//! Buckets: what Meta counts together, as far as it is known.

use std::fmt;
use std::str::FromStr;

use super::pace::Wish;
use crate::contract::BusinessId;

const SHAPE: &str = "a bucket is app/…, business/… or object/…";

/// A budget at Meta. Which one an edge of a business counts in is not documented: the usage headers of its answers name
/// it, and until they have, a throttle that names no app counts for the business whose call met it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Everything of one app, told by the credential's name.
    App(String),
    /// Whatever no header has named yet, of one business through one credential.
    Business(String, BusinessId),
    /// What a header has named: one object's allowance for one use case.
    Object {
        /// The credential's name.
        credential: String,
        /// The business whose calls it holds back.
        business: BusinessId,
        /// The object's id, as Meta writes it: a business, a Page, an ad account ...
        id: String,
        /// The use case, as Meta writes it.
        use_case: String,
    },
}

impl Bucket {
    /// Whether calls of `business` through `credential` count in it, or some of them do.
    #[must_use]
    pub fn holds_back(&self, credential: &str, business: &BusinessId) -> bool {
        match self {
            Self::App(name) => name == credential,
            Self::Business(name, whose) | Self::Object { credential: name, business: whose, .. } => {
                name == credential && whose == business
            }
        }
    }

    /// Its kind, a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Business(..) | Self::Object { .. } => "business",
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(credential) => write!(f, "app/{credential}"),
            Self::Business(credential, business) => write!(f, "business/{credential}/{business}"),
            Self::Object { credential, business, id, use_case } => {
                // Meta's words may hold anything but end up in a line of text: the credential, which may too, stands last.
                write!(f, "object/{business}/{}/{}/{credential}", plain(id), plain(use_case))
            }
        }
    }
}

/// The bucket of object `id` for a use case, as calls like `wish` meet it.
pub(super) fn of_object(wish: &Wish<'_>, id: &str, use_case: &str) -> Bucket {
    let (credential, business) = (wish.credential.to_owned(), wish.business.clone());
    Bucket::Object { credential, business, id: id.to_owned(), use_case: use_case.to_owned() }
}

/// Without what would make a part of the text look like two.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect()
}

impl FromStr for Bucket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let business = |text: &str| text.parse().map_err(|_| "a business is digits");
        let (kind, rest) = text.split_once('/').ok_or(SHAPE)?;
        match kind {
            "app" => Ok(Self::App(rest.to_owned())),
            "business" => {
                let (credential, whose) = rest.rsplit_once('/').ok_or(SHAPE)?;
                Ok(Self::Business(credential.to_owned(), business(whose)?))
            }
            "object" => match rest.splitn(4, '/').collect::<Vec<_>>()[..] {
                [whose, id, use_case, credential] => Ok(Self::Object {
                    credential: credential.to_owned(),
                    business: business(whose)?,
                    id: id.to_owned(),
                    use_case: use_case.to_owned(),
                }),
                _ => Err(SHAPE),
            },
            _ => Err(SHAPE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str, use_case: &str, credential: &str) -> Bucket {
        let (id, use_case, credential) = (id.to_owned(), use_case.to_owned(), credential.to_owned());
        Bucket::Object { credential, business: "17".parse().unwrap(), id, use_case }
    }

    #[test]
    fn a_bucket_reads_back_from_its_text() {
        let own = Bucket::Business("main".to_owned(), "17".parse().unwrap());
        for bucket in [own, Bucket::App("a/b".to_owned()), object("9", "pages", "a/b"), object("act_1", "", "main")] {
            assert_eq!(bucket.to_string().parse(), Ok(bucket));
        }
    }

    #[test]
    fn a_name_of_metas_cannot_pass_for_another_part_of_the_text() {
        let text = object("9/x", "pa\nges", "main").to_string();
        assert_eq!(text.parse(), Ok(object("9_x", "pa_ges", "main")));
    }

    #[test]
    fn what_is_no_bucket_is_refused() {
        for text in ["", "app", "2001/pages", "business/main", "business/main/x", "object/17/9/pages", "object/x/9/p/m"]
        {
            assert!(text.parse::<Bucket>().is_err(), "{text}");
        }
    }
}
