//! Why a command stands where it stands, what happens next and when: one screen, from the journal alone.
//!
//! [`Situation`] is everything that is looked at; what is told of it is pure. It is read in several looks, so that a step
//! which ends in between may show in the later ones alone: asked again, it is whole.

mod asked;
mod ending;
mod pending;
mod seen;
mod situation;
mod stands;
#[cfg(test)]
mod tests;
mod waits;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

pub use situation::{CredentialSeen, Situation};

use super::shown;

/// What is told of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The command and how it stands, in one line.
    pub headline: String,
    /// What was asked, by whom.
    pub asked: Vec<String>,
    /// What has been seen at Meta.
    pub seen: Vec<String>,
    /// What was told to consumers, and what the broker made of it.
    pub told: Vec<String>,
    /// Why it stands where it stands.
    pub stands: Vec<String>,
    /// What happens next, and when.
    pub next: Vec<Step>,
}

/// Something that will happen, or that a person can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When, where that is known.
    pub at: Option<Timestamp>,
    /// What.
    pub what: String,
}

impl Step {
    fn at(at: Timestamp, what: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into() }
    }

    fn some_time(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }
}

/// What there is to tell.
#[must_use]
pub fn explain(situation: &Situation) -> Explanation {
    let stands = stands::stands(situation);
    Explanation {
        headline: asked::headline(situation),
        asked: asked::asked(situation),
        seen: seen::seen(situation),
        told: seen::told(situation),
        stands: stands.why,
        next: stands.next,
    }
}

impl Explanation {
    /// For a person: a section a paragraph, a fact a line.
    #[must_use]
    pub fn in_words(&self, now: Timestamp) -> String {
        let next: Vec<String> = self.next.iter().map(|step| step.in_words(now)).collect();
        let sections = [
            ("asked", &self.asked),
            ("seen", &self.seen),
            ("told", &self.told),
            ("stands", &self.stands),
            ("next", &next),
        ];
        let mut lines = vec![self.headline.clone()];
        for (name, facts) in sections {
            let named = std::iter::once(name).chain(std::iter::repeat(""));
            lines.extend(named.zip(facts).map(|(name, fact)| format!("  {name:6}  {fact}")));
        }
        lines.join("\n")
    }

    /// For a program: the same, beside the command as the journal has it.
    #[must_use]
    pub fn in_json(&self, situation: &Situation) -> Json {
        let mut told = json!(self);
        told["now"] = json!(situation.now);
        told["command"] = shown::command(&situation.loaded.row);
        told
    }
}

impl Step {
    fn in_words(&self, now: Timestamp) -> String {
        match self.at {
            Some(at) if at > now => format!("{} (in {}): {}", time(at), span(now, at), self.what),
            Some(_) => format!("now: {}", self.what),
            None => self.what.clone(),
        }
    }
}

/// A time as people read it: whole seconds.
fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// How long from one time to a later one, in its two largest units.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0);
    let parts = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut told = Vec::new();
    for (size, unit) in parts {
        if rest >= size && told.len() < 2 {
            told.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    if told.is_empty() { "a moment".to_owned() } else { told.join(" ") }
}

/// The same for a time that has gone by, or for a setting.
fn length(duration: std::time::Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A number with its noun.
fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
