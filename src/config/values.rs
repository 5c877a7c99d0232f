//! How a value of each type is read from its layer, and how it is shown.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};

use super::layers::toml_list;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// A type that a setting can have. The error says what would be right; for secrets it never quotes the value.
pub(super) trait Read: Sized {
    /// Reads the value; numbers and flags may be text, since all variables are.
    fn read(value: &Json) -> Result<Self, String>;
    /// The value as `config show` prints it.
    fn shown(&self) -> Json;
}

impl Read for Duration {
    fn read(value: &Json) -> Result<Self, String> {
        let text = value
            .as_str()
            .map(str::trim)
            .ok_or_else(|| format!("{} is no duration: write text with a unit, like \"30s\"", quoted(value)))?;
        humantime::parse_duration(text).map_err(|_| {
            format!("{text:?} is no duration: write a number with a unit, like \"250ms\", \"30s\", \"2m\" or \"30d\"")
        })
    }

    fn shown(&self) -> Json {
        json!(duration_text(*self))
    }
}

impl Read for bool {
    fn read(value: &Json) -> Result<Self, String> {
        let flag = value.as_bool().or_else(|| value.as_str()?.parse().ok());
        flag.ok_or_else(|| format!("{} is neither true nor false", quoted(value)))
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Read for u32 {
    fn read(value: &Json) -> Result<Self, String> {
        let text = || value.as_str()?.trim().parse().ok();
        let number = value.as_u64().and_then(|number| Self::try_from(number).ok()).or_else(text);
        number.ok_or_else(|| format!("{} is no whole number from 0 to {}", quoted(value), Self::MAX))
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Read for String {
    fn read(value: &Json) -> Result<Self, String> {
        text(value).map(|text| text.trim().to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Read for PathBuf {
    fn read(value: &Json) -> Result<Self, String> {
        String::read(value).map(Self::from)
    }

    fn shown(&self) -> Json {
        json!(self.display().to_string())
    }
}

impl Read for SocketAddr {
    fn read(value: &Json) -> Result<Self, String> {
        let wrong = || format!("{} is no address: write IP:PORT, like \"127.0.0.1:9464\"", quoted(value));
        text(value).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(wrong)
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

impl Read for SecretString {
    fn read(value: &Json) -> Result<Self, String> {
        one_line_secret(value.as_str().ok_or("must be text in quotes")?)
    }

    fn shown(&self) -> Json {
        json!(MASK)
    }
}

/// Bytes, as a number or as text with `KiB` or `MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes(pub(super) u32);

impl Read for Bytes {
    fn read(value: &Json) -> Result<Self, String> {
        let wrong = || format!("{} is no size: write bytes as a number, or text like \"256KiB\"", quoted(value));
        let Some(text) = value.as_str() else { return u32::read(value).map(Self).map_err(|_| wrong()) };
        let (digits, unit) = match text.trim() {
            text if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 1024),
            text if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 1024 * 1024),
            text => (text, 1),
        };
        digits.trim().parse().ok().and_then(|n: u32| n.checked_mul(unit)).map(Self).ok_or_else(wrong)
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }
}

impl<T: FromStr<Err: Display> + Display> Read for Vec<T> {
    fn read(value: &Json) -> Result<Self, String> {
        let item = |text: &String| text.parse().map_err(|error: T::Err| format!("{text:?} {error}"));
        texts(value)?.iter().map(item).collect()
    }

    fn shown(&self) -> Json {
        self.iter().map(ToString::to_string).collect()
    }
}

/// A list of texts: an array, or one text with commas as variables have it.
pub(super) fn texts(value: &Json) -> Result<Vec<String>, String> {
    let items = |list: &[Json]| list.iter().map(String::read).collect();
    match (value.as_array(), value.as_str()) {
        (Some(list), _) => items(list),
        (None, Some(text)) => match toml_list(text) {
            Some(list) => items(&list),
            None => Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()),
        },
        (None, None) => Err(format!("{} is no list: write [\"…\", \"…\"]", quoted(value))),
    }
}

/// A secret without the line break that files end with; blank or of several lines it is none.
pub(super) fn one_line_secret(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must be one line without spaces".to_owned());
    }
    Ok(SecretString::from(text))
}

/// Whether a secret has at least `least` characters.
pub(super) fn is_long_enough(secret: &SecretString, least: usize) -> bool {
    secret.expose_secret().chars().count() >= least
}

fn text(value: &Json) -> Result<&str, String> {
    value.as_str().ok_or_else(|| match value.as_i64() {
        Some(number) => format!("{number} must be text: put it in quotes, \"{number}\""),
        None => format!("{} must be text in quotes", quoted(value)),
    })
}

/// The value as a person wrote it, shortened.
fn quoted(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Json::Object(_) => "a table".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

/// The duration in its largest unit that leaves no rest: `90s` is `90s`, `3600s` is `1h`.
pub(super) fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let ms = duration.as_millis();
    let fits = |(unit, _): &&(u128, &str)| ms >= *unit && ms.is_multiple_of(*unit);
    UNITS.iter().find(fits).map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_shown_reads_as_itself() {
        for text in ["0ms", "250ms", "90s", "2m", "1h", "30d", "1500ms"] {
            let read = Duration::read(&json!(text)).unwrap();
            assert_eq!(read.shown(), json!(text));
        }
    }

    #[test]
    fn a_size_is_a_number_or_has_a_unit() {
        for (text, bytes) in [("256KiB", 262_144), ("1 MiB", 1_048_576), ("77", 77)] {
            assert_eq!(Bytes::read(&json!(text)), Ok(Bytes(bytes)), "{text}");
        }
        assert!(Bytes::read(&json!("4096MiB")).is_err());
    }
}
