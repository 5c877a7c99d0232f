//! Reads typed settings out of the layers, and keeps what is wrong, what is known, and what is in force.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::layers::{Entry, Layers};
use super::problem::{Place, Problem, variable};
use super::values::Read;

/// One setting in force, fit to be shown: secrets are masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The dotted key: `poll.first`.
    pub key: String,
    /// The value in force; `null` where nothing is set.
    pub value: Json,
    /// The layer that it came from.
    pub place: Place,
}

/// What is read so far. Reading a key makes it a known one.
#[derive(Debug)]
pub(super) struct Reader {
    entries: BTreeMap<String, Entry>,
    strays: Vec<String>,
    sections: BTreeSet<String>,
    settings: BTreeMap<String, Setting>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        let strays = layers.strays().to_vec();
        let Layers { entries, problems, .. } = layers;
        Self { entries, strays, sections: BTreeSet::new(), settings: BTreeMap::new(), problems }
    }

    /// The value of a key that has to have one; `None` once a problem is noted.
    pub(super) fn need<T: Read>(&mut self, key: &str) -> Option<T> {
        let found = self.get(key)?;
        if found.is_none() {
            let text = format!("missing: set it, or {} in the environment", variable(key));
            self.problems.push(Problem::new(key, Place::Unset, text));
        }
        found
    }

    /// The value of a key that may be unset; `None` once a problem is noted.
    pub(super) fn get<T: Read>(&mut self, key: &str) -> Option<Option<T>> {
        self.know(key);
        let Some(entry) = self.entries.get(key) else {
            self.note(key, Json::Null, Place::Unset);
            return Some(None);
        };
        let place = entry.place.clone();
        match T::read(&entry.value) {
            Ok(value) => {
                self.note(key, value.shown(), place);
                Some(Some(value))
            }
            Err(text) => {
                self.problems.push(Problem::new(key, place, text));
                None
            }
        }
    }

    /// Records a value that follows from others because its key is unset.
    pub(super) fn derived(&mut self, key: &str, value: &impl Read, rule: &'static str) {
        self.note(key, value.shown(), Place::Derived(rule));
    }

    /// The names that stand directly under a section whose names are the user's own.
    pub(super) fn names_under(&mut self, section: &str) -> BTreeSet<String> {
        self.sections.insert(section.to_owned());
        let below = |key: &String| Some(key.strip_prefix(section)?.strip_prefix('.')?.split('.').next()?.to_owned());
        self.entries.keys().filter_map(below).collect()
    }

    /// Notes a problem with `key` unless `holds`; the first one of a key is enough.
    #[expect(clippy::fn_params_excessive_bools, reason = "the one bool is a condition, like that of `assert!`")]
    pub(super) fn require(&mut self, holds: bool, key: &str, text: impl Into<String>) {
        if !holds && !self.problems.iter().any(|problem| problem.key() == key) {
            let problem = Problem::new(key, self.place(key), text);
            self.problems.push(problem);
        }
    }

    /// Notes a problem unless `low` is at most `high`; it names the one that somebody has set.
    pub(super) fn ordered<T: Read + PartialOrd>(&mut self, low: (&str, &T), high: (&str, &T)) {
        let text = |a: &T| a.shown().as_str().map_or_else(|| a.shown().to_string(), str::to_owned);
        let (below, above) = (text(low.1), text(high.1));
        let only_low_is_set = self.place(high.0) == Place::Default && self.place(low.0) != Place::Default;
        let (key, line) = if only_low_is_set {
            (low.0, format!("{below} is more than {} ({above}): lower it, or raise {}", high.0, high.0))
        } else {
            (high.0, format!("{above} is less than {} ({below}): raise it, or lower {}", low.0, low.0))
        };
        self.require(low.1 <= high.1, key, line);
    }

    /// Where the value of `key` came from.
    pub(super) fn place(&self, key: &str) -> Place {
        self.entries.get(key).map_or(Place::Unset, |entry| entry.place.clone())
    }

    /// All settings, or everything that is wrong, unknown keys included.
    pub(super) fn finish(mut self) -> Result<Vec<Setting>, Vec<Problem>> {
        let unknown: Vec<_> = self.entries.iter().filter_map(|(key, entry)| self.unknown(key, entry)).collect();
        let strays: Vec<_> = self.strays.iter().filter_map(|stray| self.stray(stray)).collect();
        self.problems.extend(unknown.into_iter().chain(strays));
        if self.problems.is_empty() { Ok(self.settings.into_values().collect()) } else { Err(self.problems) }
    }

    fn know(&mut self, key: &str) {
        let parents = key.match_indices('.').map(|(at, _)| key[..at].to_owned());
        self.sections.extend(parents);
        self.note(key, Json::Null, Place::Unset);
    }

    fn note(&mut self, key: &str, value: Json, place: Place) {
        self.settings.insert(key.to_owned(), Setting { key: key.to_owned(), value, place });
    }

    fn unknown(&self, key: &str, entry: &Entry) -> Option<Problem> {
        if self.settings.contains_key(key) {
            return None;
        }
        let text = if !self.sections.contains(key) {
            format!("unknown key, the nearest known one is {}", self.nearest(key, &entry.place))
        } else if entry.value.is_object() {
            return None;
        } else {
            format!("is a section: set keys in it, [{key}] in a file or {}__… in the environment", variable(key))
        };
        Some(Problem::new(key, entry.place.clone(), text))
    }

    fn nearest(&self, key: &str, place: &Place) -> String {
        let known = self.settings.keys().chain(&self.sections);
        let nearest = known.min_by_key(|known| distance(key, known)).cloned().unwrap_or_default();
        if matches!(place, Place::Variable(_)) { variable(&nearest) } else { nearest }
    }

    /// `BINDERY_POLL_FIRST` for `BINDERY__POLL__FIRST`: it would be ignored without a word.
    fn stray(&self, behind: &str) -> Option<Problem> {
        let meant = self.settings.keys().find(|key| key.replace('.', "_").eq_ignore_ascii_case(behind))?;
        let text = format!("is not read: call it {}", variable(meant));
        Some(Problem::new(meant, Place::Variable(format!("BINDERY_{behind}")), text))
    }
}

/// How many letters to add, drop or change (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (a, b, far) in [("", "", 0), ("a", "", 1), ("first", "frist", 2), ("max", "maks", 2), ("poll", "poll", 0)] {
            assert_eq!(distance(a, b), far, "{a:?} to {b:?}");
        }
    }
}
