//! What can be wrong with a configuration: one line each, that says what to change.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The compiled-in `config/default.toml`.
    Default,
    /// Follows from another setting, as said.
    Derived(&'static str),
    /// Set nowhere, and has no default.
    Unset,
    /// A TOML file.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(rule) => write!(f, "default: {rule}"),
            Self::Unset => f.write_str("not set"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// One thing to change. Its text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    key: String,
    place: Place,
    text: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, place: Place, text: impl Into<String>) -> Self {
        Self { key: key.into(), place, text: text.into() }
    }

    /// The dotted key that it is about; empty where a whole file is wrong.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The layer in which it stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, place, text } = self;
        let line = match place {
            Place::File(path) if key.is_empty() => format!("{}: {text}", path.display()),
            Place::File(path) => format!("{key} in {}: {text}", path.display()),
            Place::Variable(name) => format!("{name}: {text}"),
            Place::Default | Place::Derived(_) | Place::Unset => format!("{key}: {text}"),
        };
        // A value may hold a line break; a problem is one line all the same.
        line.split(['\n', '\r']).try_for_each(|part| f.write_str(part))
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What is wrong, at least one thing.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The name of the variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("BINDERY__{}", key.to_uppercase().replace('.', "__"))
}
