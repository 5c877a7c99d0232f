//! Meta's errors as a table: what a number means, whether to ask again, and what a person does next.
//!
//! `classify` alone decides, on numbers alone: Meta changes the texts without notice.

mod table;

use crate::contract::Category;
use table::{BUSINESS_MANAGER_RANGE, ODD, PASSING, PERMISSION_RANGE, TABLE, USE_CASE_RANGE};

/// Whose allowance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The app's: nobody who uses it may call.
    App,
    /// The credential's, or that of one business object: others may go on.
    Business,
}

/// What an error means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Passes by itself: a read is asked again, a write is looked up first.
    Transient,
    /// Wait as long as the usage headers say: calling while blocked lengthens the block.
    Throttle(Scope),
    /// The credential is dead: all of its commands wait for a new one.
    Auth,
    /// Not allowed, for a person to settle.
    Permission,
    /// The asset is, or is not, in the wanted state already: a read decides.
    State,
    /// The same request fails again.
    Permanent,
    /// Taken for abuse: stop the claims of that business, tell an operator.
    Abuse,
    /// This call wants a Page token.
    NeedsPageToken,
    /// The walk starts anew from its top.
    CursorExpired,
}

impl Class {
    /// A word, for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttle(Scope::App) => "throttle_app",
            Self::Throttle(Scope::Business) => "throttle_business",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::State => "state",
            Self::Permanent => "permanent",
            Self::Abuse => "abuse",
            Self::NeedsPageToken => "needs_page_token",
            Self::CursorExpired => "cursor_expired",
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Meta's `code`; `None` where the number in `subcode` says it all, wherever it stands.
    pub code: Option<i64>,
    /// Meta's `error_subcode`; `None` for every other subcode of `code`.
    pub subcode: Option<i64>,
    /// What it means for us.
    pub class: Class,
    /// What the contract calls it.
    pub category: Category,
    /// What a person does next, in a sentence.
    pub remedy: &'static str,
}

/// The row for `code` and `subcode`, in this order: both; a seven-digit number in either place; the code; its
/// range; Meta's own `is_transient`, which may be absent; else a row that asks for a look and is never repeated.
#[must_use]
pub fn classify(code: i64, subcode: Option<i64>, is_transient: Option<bool>) -> &'static Row {
    let find =
        |code: Option<i64>, subcode: Option<i64>| TABLE.iter().find(|row| row.code == code && row.subcode == subcode);
    subcode
        .and_then(|finer| find(Some(code), Some(finer)).or_else(|| find(None, Some(finer))))
        .or_else(|| find(None, Some(code)))
        .or_else(|| find(Some(code), None))
        .or_else(|| range(code))
        .unwrap_or(if is_transient == Some(true) { &PASSING } else { &ODD })
}

/// Whether no row knows the number: alert, and never trust it to mean that nothing was done.
#[must_use]
pub fn is_unknown(row: &Row) -> bool {
    *row == ODD
}

fn range(code: i64) -> Option<&'static Row> {
    match code {
        200..=299 => Some(&PERMISSION_RANGE),
        3900..=3999 => Some(&BUSINESS_MANAGER_RANGE),
        80_000..=80_014 => Some(&USE_CASE_RANGE),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
