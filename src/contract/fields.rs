//! Typed reading of one JSON object's fields; each error says where and what would be right.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ids::IdError;
use super::malformed::{Code, Wrong, below};
use super::nearest::hint;

/// Longest duration: more is a slip of the unit, and must not carry a time out of range.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The units of a duration, in the words that `humantime` reads and writes.
#[rustfmt::skip]
pub(super) const UNITS: [&str; 40] = [
    "nanos", "nsec", "ns", "usec", "us", "µs", "millis", "msec", "ms", "seconds", "second", "secs", "sec", "s",
    "minutes", "minute", "min", "mins", "m", "hours", "hour", "hrs", "hr", "h", "days", "day", "d",
    "weeks", "week", "wks", "wk", "w", "months", "month", "M", "years", "year", "yrs", "yr", "y",
];

/// Who wrote a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody on the broker or the command line.
    Publisher,
    /// We: children, rechecks, what the journal holds.
    Own,
}

/// One object, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Fields<'v> {
    map: &'v Map<String, Value>,
    at: &'v str,
    pub(super) origin: Origin,
}

impl<'v> Fields<'v> {
    /// The fields of `value`, which must be an object.
    pub(super) fn of(value: &'v Value, at: &'v str, origin: Origin) -> Result<Self, Wrong> {
        match value.as_object() {
            Some(map) => Ok(Self { map, at, origin }),
            None => Err(wrong_type(at, value, "an object")),
        }
    }

    /// Refuses the first field that `known` does not name.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Wrong> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(key, Code::UnknownField, format!("is no known field: {}", hint(key, known)))),
            None => Ok(()),
        }
    }

    /// The names of the fields that are there.
    pub(super) fn names(&self) -> impl Iterator<Item = &'v str> {
        self.map.keys().map(String::as_str)
    }

    /// The field as it stands.
    pub(super) fn value(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name)
    }

    /// A fault of the field `name`.
    pub(super) fn wrong(&self, name: &str, code: Code, message: impl Into<String>) -> Wrong {
        Wrong::new(below(self.at, name), code, message)
    }

    /// A text of any content.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'v str>, Wrong> {
        self.value(name).map(|value| text(&below(self.at, name), value)).transpose()
    }

    /// A text with a meaning of its own: an id, a person, a word of a list.
    pub(super) fn parsed<T: FromStr<Err = IdError>>(&self, name: &str) -> Result<Option<T>, Wrong> {
        self.value(name).map(|value| parsed(&below(self.at, name), value)).transpose()
    }

    /// As [`Self::parsed`], and it must be there.
    pub(super) fn required<T: FromStr<Err = IdError>>(&self, name: &str) -> Result<T, Wrong> {
        self.parsed(name)?.ok_or_else(|| self.missing(name))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Wrong> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(&below(self.at, name), other, "true or false, without quotes")),
        }
    }

    /// A list of `most` texts at most, each with a meaning, none twice, not empty.
    pub(super) fn list<T>(&self, name: &str, most: usize) -> Result<Option<Vec<T>>, Wrong>
    where
        T: FromStr<Err = IdError> + PartialEq,
    {
        self.value(name).map(|value| list(&below(self.at, name), value, most, parsed)).transpose()
    }

    /// A moment by RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let moment = if has_rfc3339_shape(text) { text.parse().ok() } else { None };
        let right = "must be a time by RFC 3339 with its offset, like \"2026-11-22T10:00:00Z\"";
        moment.map(Some).ok_or_else(|| self.wrong(name, Code::InvalidValue, right))
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // humantime alone would take spaces anywhere: "1 0s".
        match humantime::parse_duration(if has_duration_shape(text) { text } else { "" }) {
            Ok(length) if length <= LONGEST => Ok(Some(length)),
            Ok(_) => Err(self.wrong(name, Code::InvalidValue, "is too long: at most \"366d\"")),
            Err(_) => {
                let right = "must be a duration with its unit, like \"30s\", \"2m\" or \"7d\"";
                Err(self.wrong(name, Code::InvalidValue, right))
            }
        }
    }

    /// That a required field is missing.
    pub(super) fn missing(&self, name: &str) -> Wrong {
        self.wrong(name, Code::MissingField, "is missing and required")
    }
}

/// A list of 1 to `most` things, each read by `read`, none twice.
pub(super) fn list<T: PartialEq>(
    at: &str,
    value: &Value,
    most: usize,
    read: impl Fn(&str, &Value) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let items = value.as_array().ok_or_else(|| wrong_type(at, value, "a list"))?;
    if items.is_empty() || items.len() > most {
        let message = format!("has {} entries: it must have 1 to {most}", items.len());
        return Err(Wrong::new(at, Code::InvalidValue, message));
    }
    let mut read_so_far = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = format!("{at}/{index}");
        let thing = read(&at, item)?;
        if read_so_far.contains(&thing) {
            return Err(Wrong::new(at, Code::InvalidValue, "stands twice in the list: name each once"));
        }
        read_so_far.push(thing);
    }
    Ok(read_so_far)
}

/// `value` as a text with a meaning.
pub(super) fn parsed<T: FromStr<Err = IdError>>(at: &str, value: &Value) -> Result<T, Wrong> {
    text(at, value)?.parse().map_err(|error: IdError| Wrong::new(at, Code::InvalidValue, error.0))
}

fn text<'v>(at: &str, value: &'v Value) -> Result<&'v str, Wrong> {
    value.as_str().ok_or_else(|| wrong_type(at, value, "a text"))
}

/// That `value` is of another JSON type than `wanted`.
pub(super) fn wrong_type(at: &str, value: &Value, wanted: &str) -> Wrong {
    let message = match value {
        Value::Null => format!("is null: leave the field out, or give {wanted}"),
        Value::Number(_) if wanted == "a text" => {
            "is a number and must be a text: ids exceed 2^53, which JSON numbers do not carry exactly; write \"1009\", in quotes"
                .to_owned()
        }
        Value::Number(_) => format!("is a number and must be {wanted}"),
        Value::Bool(_) => format!("is true or false and must be {wanted}"),
        Value::String(_) => format!("is a text and must be {wanted}"),
        Value::Array(_) => format!("is a list and must be {wanted}"),
        Value::Object(_) => format!("is an object and must be {wanted}"),
    };
    Wrong::new(at, Code::WrongType, message)
}

/// Whether `text` looks like `2026-11-22T10:00:00[.5](Z|+01:00)`: jiff alone would take other ISO 8601 too.
fn has_rfc3339_shape(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() }).collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with('0') => fraction.trim_start_matches('0'),
        Some(_) => return false,
        None => rest,
    };
    matches!(offset, "Z" | "+00:00" | "-00:00")
}

/// Whether `text` looks like `30s`, `1.5h` or `1day 2h`: numbers with a unit each, a space or nothing between them.
fn has_duration_shape(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text;
    loop {
        let (whole, after) = rest.split_at(digits(rest));
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("0", after),
        };
        let end = after.find(|c: char| c == ' ' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if whole.is_empty() || fraction.is_empty() || !UNITS.contains(&unit) {
            return false;
        }
        if after.is_empty() {
            return true;
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_its_offset_or_in_another_form_is_refused() {
        for (text, right) in [
            ("2026-11-22T10:00:00Z", true),
            ("2026-11-22T10:00:00.25+01:00", true),
            ("2026-11-22t10:00:00z", true),
            ("2026-11-22T10:00:00", false),
            ("2026-11-22 10:00:00Z", false),
            ("2026-11-22T10:00Z", false),
            ("2026-11-22T10:00:00.Z", false),
            ("2026-11-22T10:00:00Z[Europe/Berlin]", false),
            ("2026-13-22T10:00:00Z", false),
            ("2026-11-22", false),
            ("1795341600", false),
            ("", false),
        ] {
            let value = serde_json::json!({ "t": text });
            let fields = Fields::of(&value, "", Origin::Publisher).unwrap();
            assert_eq!(fields.time("t").is_ok(), right, "{text:?}");
        }
    }

    #[test]
    fn a_duration_needs_its_unit_and_an_end() {
        for (text, right) in [
            ("30s", true),
            ("2m", true),
            ("0s", true),
            ("1.5h", true),
            ("1day 2h3m", true),
            ("1 0s", false),
            ("1d  2h", false),
            (" 1d", false),
            ("1d ", false),
            ("1.s", false),
            ("5 s", false),
            ("366d", true),
            ("367d", false),
            ("30", false),
            ("", false),
            ("-1s", false),
        ] {
            let value = serde_json::json!({ "d": text });
            let fields = Fields::of(&value, "", Origin::Publisher).unwrap();
            assert_eq!(fields.duration("d").is_ok(), right, "{text:?}");
        }
    }
}
