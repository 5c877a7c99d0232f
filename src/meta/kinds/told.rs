//! The table as people and programs read it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Cell, Deed, Mark, Refused, Way, cell};
use crate::contract::Kind;

/// The table as Markdown: a row a deed, a column a kind, each cell with its mark.
#[must_use]
pub fn as_markdown() -> String {
    let mut table = "|".to_owned();
    for kind in Kind::ALL {
        let _ = write!(table, " | `{}`", kind.word());
    }
    table.push_str(" |\n|---");
    table.push_str(&"|---".repeat(Kind::ALL.len()));
    table.push_str("|\n");
    for deed in Deed::ALL {
        let _ = write!(table, "| {}", deed.told());
        for kind in Kind::ALL {
            let Cell { way, mark } = cell(kind, deed);
            let _ = write!(table, " | {} {}", way.word(), mark.letter());
        }
        table.push_str(" |\n");
    }
    table
}

/// The table as JSON: by kind and deed how it is done, where that is known from and, where calls do not reach, the
/// code and remedy of the error.
#[must_use]
pub fn as_json() -> Value {
    let kinds = Kind::ALL.map(|kind| {
        let deeds = Deed::ALL.map(|deed| (deed.word().to_owned(), cell(kind, deed).told()));
        (kind.word().to_owned(), Value::Object(deeds.into_iter().collect()))
    });
    Value::Object(Map::from_iter(kinds))
}

impl Deed {
    /// Its word in `kinds.json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ClaimOwner => "claim_owner",
            Self::ClaimAgency => "claim_agency",
            Self::UnbindOwned => "unbind_owned",
            Self::UnbindShared => "unbind_shared",
            Self::Assign => "assign",
            Self::Unassign => "unassign",
            Self::Share => "share",
            Self::Revoke => "revoke",
            Self::ListOwned => "list_owned",
            Self::ListShared => "list_shared",
            Self::ListPending => "list_pending",
            Self::ListPeople => "list_people",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::ClaimOwner => "`claim` as owner",
            Self::ClaimAgency => "`claim` as agency",
            Self::UnbindOwned => "`unbind`, owned",
            Self::UnbindShared => "`unbind`, shared",
            Self::Assign => "`assign`",
            Self::Unassign => "`unassign` of all",
            Self::Share => "`share`",
            Self::Revoke => "`revoke`",
            Self::ListOwned => "list: owned",
            Self::ListShared => "list: shared",
            Self::ListPending => "list: open claims",
            Self::ListPeople => "list: people",
        }
    }
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Call => "yes",
            Self::Partly(_) => "in part",
            Self::Human(_) => "by hand",
            Self::Never(_) => "no",
        }
    }
}

impl Mark {
    fn letter(self) -> &'static str {
        match self {
            Self::Documented => "ᴰ",
            Self::Reported => "ᴿ",
            Self::Inferred => "ᴵ",
            Self::Unknown => "ᵁ",
        }
    }
}

impl Cell {
    fn told(self) -> Value {
        let mark = self.mark;
        let told = |way: &str, refused: Refused| json!({ "way": way, "source": mark, "code": refused.code, "remedy": refused.remedy });
        match self.way {
            Way::Call => json!({ "way": "call", "source": mark }),
            Way::Partly(refused) => told("partly", refused),
            Way::Human(refused) => told("needs_human", refused),
            Way::Never(refused) => told("unsupported", refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_do_not_reach_has_a_code_in_snake_case_and_a_remedy_in_a_sentence() {
        for (kind, deed) in Kind::ALL.into_iter().flat_map(|kind| Deed::ALL.map(|deed| (kind, deed))) {
            match cell(kind, deed).way {
                Way::Call => {}
                Way::Partly(refused) | Way::Human(refused) | Way::Never(refused) => {
                    let place = format!("{} {}", kind.word(), deed.word());
                    assert!(refused.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{place}");
                    assert!(refused.remedy.ends_with('.') && refused.remedy.len() > 20, "{place}: {}", refused.remedy);
                    assert!(!refused.message.contains("  ") && !refused.remedy.contains("  "), "{place}");
                }
            }
        }
    }

    #[test]
    fn the_readme_has_this_table() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
        assert!(readme.contains(&as_markdown()), "the README's table of kinds is another than:\n{}", as_markdown());
    }
}
