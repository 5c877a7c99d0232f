//! The layers of a configuration, laid over each other: defaults, file, environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use config::{Environment, File, FileFormat, Format, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::problem::{Place, Problem, variable};

/// The documented defaults.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// One value with where it came from; tables are taken apart, lists are not.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Json,
    pub(super) place: Place,
}

/// All values in force by their dotted key, and what was wrong with the layers themselves.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) problems: Vec<Problem>,
    strays: Vec<String>,
}

impl Layers {
    /// The compiled-in defaults alone.
    pub(super) fn defaults() -> Self {
        let mut layers = Self::default();
        layers.add_toml(DEFAULTS, &Place::Default);
        layers
    }

    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, path: &Path) {
        let place = Place::File(path.to_owned());
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_toml(&text, &place),
            Err(error) => self.problems.push(Problem::new("", place, format!("could not read this file: {error}"))),
        }
    }

    /// Lays TOML text over what is there.
    pub(super) fn add_toml(&mut self, text: &str, place: &Place) {
        match File::from_str(text, FileFormat::Toml).collect() {
            Ok(table) => self.add_table("", table, place),
            Err(error) => self.problems.push(Problem::new("", place.clone(), no_toml(&error))),
        }
    }

    /// Lays the variables `BINDERY__…` over what is there; empty ones count as unset.
    pub(super) fn add_variables(&mut self, all: impl IntoIterator<Item = (OsString, OsString)>) {
        let mut ours = Map::new();
        for (name, value) in all {
            let Ok(name) = name.into_string() else { continue };
            if let Some(stray) = name.strip_prefix("BINDERY_").filter(|rest| !rest.starts_with('_')) {
                self.strays.push(stray.to_owned());
            }
            if name.starts_with("BINDERY__") {
                match value.into_string() {
                    Ok(value) => drop(ours.insert(name, value)),
                    Err(_) => self.problems.push(Problem::new("", Place::Variable(name), "must be UTF-8 text")),
                }
            }
        }
        self.add_environment(ours);
    }

    /// Variables that look like ours with one `_` too few, by what stands behind `BINDERY_`.
    pub(super) fn strays(&self) -> &[String] {
        &self.strays
    }

    fn add_environment(&mut self, ours: Map<String, String>) {
        // No `try_parsing`: it would turn an id or a secret of digits into a number and drop its zeros.
        let source = Environment::with_prefix("BINDERY").prefix_separator("__").separator("__");
        // The collector fails on nothing that is here: the texts are UTF-8 and stay text.
        for (key, value) in source.ignore_empty(true).source(Some(ours)).collect().unwrap_or_default() {
            let place = Place::Variable(variable(&key));
            self.entries.insert(key, Entry { value: plain(value), place });
        }
    }

    fn add_table(&mut self, prefix: &str, table: Map<String, Value>, place: &Place) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            if let ValueKind::Table(inner) = &value.kind
                && !inner.is_empty()
            {
                self.add_table(&key, inner.clone(), place);
            } else {
                self.entries.insert(key, Entry { value: plain(value), place: place.clone() });
            }
        }
    }
}

/// A list that a variable holds as TOML: `["a", "b"]`, `[{user = "x"}]`.
pub(super) fn toml_list(text: &str) -> Option<Vec<Json>> {
    let mut parsed = FileFormat::Toml.parse(None, &format!("list = {text}")).ok()?;
    let list = parsed.remove("list").filter(|_| parsed.is_empty())?;
    plain(list).as_array().cloned()
}

/// A value without its origin. Numbers that no setting can have become text.
fn plain(value: Value) -> Json {
    match value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(flag) => flag.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => text.into(),
        ValueKind::Table(table) => table.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        ValueKind::Array(list) => list.into_iter().map(plain).collect(),
    }
}

/// The line and the reason, without the parser's excerpt of the file: it may show a secret.
fn no_toml(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let line =
        text.split_once("line ").map_or("", |(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let reason = text.lines().rev().map(str::trim).find(|line| !line.is_empty() && !line.contains('|')).unwrap_or("");
    let reason = reason.split(" in ").next().unwrap_or_default();
    if line.is_empty() { "this is no TOML".to_owned() } else { format!("line {line} is no TOML: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_named_but_not_shown() {
        let mut layers = Layers::default();
        layers.add_toml("[http]\ntoken = EAABsecret\n", &Place::File("b.toml".into()));
        let line = layers.problems[0].to_string();
        assert!(line.starts_with("b.toml: line 2 is no TOML: ") && line.len() > 30, "{line}");
        assert!(!line.contains("EAAB"), "{line}");
    }
}
