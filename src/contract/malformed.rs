//! Why a delivery is no command.

use super::ids::{BusinessId, CommandId};

/// What is wrong with a delivery, where, and what would be right.
///
/// Values of the message are never repeated here: somebody may have put a secret into the wrong field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.told())]
pub struct Malformed {
    /// JSON pointer (RFC 6901) to the field at fault; empty for the message as a whole.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// The command id, where a valid one can be read.
    pub id: Option<CommandId>,
    /// The command's name, where a known one can be read.
    pub command: Option<&'static str>,
    /// The business, where a valid one can be read.
    pub business: Option<BusinessId>,
    pub(super) code: Code,
}

impl Malformed {
    /// The kind of fault, as a stable word in snake case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.word()
    }

    /// Pointer and message in one line.
    #[must_use]
    pub fn told(&self) -> String {
        if self.pointer.is_empty() { self.message.clone() } else { format!("{}: {}", self.pointer, self.message) }
    }
}

/// A fault in one place, before it is known whose command it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) pointer: String,
    pub(super) message: String,
    pub(super) code: Code,
}

impl Wrong {
    pub(super) fn new(pointer: impl Into<String>, code: Code, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), code }
    }
}

/// The kinds of fault; consumers see the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    TooLarge,
    NotUtf8,
    NotJson,
    TooDeep,
    DuplicateField,
    NotAnObject,
    UnknownCommand,
    UnknownField,
    MissingField,
    WrongType,
    InvalidValue,
    Irreversible,
}

impl Code {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::DuplicateField => "duplicate_field",
            Self::NotAnObject => "not_an_object",
            Self::UnknownCommand => "unknown_command",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::InvalidValue => "invalid_value",
            Self::Irreversible => "irreversible",
        }
    }
}

/// `pointer` and one more step, escaped and cut to a length that a log line bears.
pub(super) fn below(pointer: &str, step: &str) -> String {
    let mut short: String = step.chars().take(STEP_SHOWN).collect();
    if short.len() < step.len() {
        short.push('…');
    }
    format!("{pointer}/{}", short.replace('~', "~0").replace('/', "~1"))
}

/// Longest part of a pointer that is shown: longer than any name of ours.
const STEP_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_escaped_and_never_endless() {
        assert_eq!(below("/a", "b/c~d"), "/a/b~1c~0d");
        assert_eq!(below("", &"x".repeat(100_000)).chars().count(), 66);
    }
}
