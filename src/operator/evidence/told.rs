//! A report in words, for a person: sections of lines, and a table a chain.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::facts::{facts, words};
use super::report::{Deed, Holding, Link, Part, Report};
use crate::contract::{Outcome, Phase};

/// A report as a person reads it.
pub(super) struct Told {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) chapters: Vec<Chapter>,
}

/// One command's part of it.
pub(super) struct Chapter {
    pub(super) title: String,
    pub(super) sections: Vec<Section>,
    pub(super) chain: Vec<Row>,
}

/// Lines under a name.
pub(super) struct Section {
    /// A word for a margin.
    pub(super) name: &'static str,
    /// The same for a heading.
    pub(super) heading: &'static str,
    pub(super) lines: Vec<String>,
}

/// One entry of a chain.
pub(super) struct Row {
    pub(super) n: u64,
    pub(super) at: String,
    pub(super) call: String,
    pub(super) answer: String,
    pub(super) trace: String,
    pub(super) hash: String,
}

impl Report {
    /// For a person at a terminal or a printer.
    #[must_use]
    pub fn in_words(&self) -> String {
        let told = self.told();
        let mut lines = vec![told.title, told.subtitle];
        for chapter in told.chapters {
            lines.extend([String::new(), chapter.title]);
            for section in &chapter.sections {
                let names = std::iter::once(section.name).chain(std::iter::repeat(""));
                lines.extend(names.zip(&section.lines).map(|(name, line)| format!("  {name:9} {line}")));
            }
            for row in &chapter.chain {
                let Row { n, at, call, answer, trace, hash } = row;
                lines.push(format!("  {:9} {n:>3} {at} {call}: {answer}{trace}", if *n == 1 { "chain" } else { "" }));
                lines.push(format!("  {:9}     {hash}", ""));
            }
        }
        lines.join("\n")
    }

    pub(super) fn told(&self) -> Told {
        let made = format!("made {:.0} by bindery {}", self.made_at, env!("CARGO_PKG_VERSION"));
        let proof = "to verify it: bindery evidence verify on its --json form, with the terminal event";
        let mut chapters: Vec<Chapter> = self.commands.iter().map(chapter).collect();
        if let Some(first) = chapters.first_mut() {
            let at = first.sections.len().saturating_sub(1);
            first.sections.insert(at, section("operators", "What operators did on purpose", deeds(&self.operations)));
            if let Some(parts) = parts(&self.commands) {
                first.sections.insert(at, parts);
            }
        }
        Told { title: format!("Evidence of {}", self.of), subtitle: format!("{made}; {proof}"), chapters }
    }
}

fn chapter(part: &Part) -> Chapter {
    let body: Map<String, Json> =
        part.asked.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let seen = facts(&part.observed);
    let mut sections = Vec::new();
    if part.held == Holding::Chain {
        let line = "what was asked, seen and told is held no longer (retention.commands); the chain is";
        sections.push(section("held", "What is held", vec![line.to_owned()]));
    } else {
        sections.push(section("who", "Who asked", who(part, &body)));
        sections.push(section(
            "why",
            "Why",
            vec![body.get("reason").map_or_else(|| "no reason was given".to_owned(), words)],
        ));
        sections.push(section("asked", "What was asked", asked(&body)));
    }
    sections.push(section("when", "When", when(part)));
    if part.held == Holding::Whole {
        sections.push(section("before", "What was seen before", or_nothing(seen.before)));
        sections.push(section("done", "What was done", or_nothing(seen.done)));
        sections.push(section("after", "What was seen after", or_nothing(seen.after)));
    }
    let outcome = part.outcome.as_deref().and_then(|text| serde_json::from_str::<Outcome>(text).ok());
    sections.push(section("outcome", "How it came out", came_out(part, outcome.as_ref())));
    sections.push(section("to do", "What is left for a human", to_do(part, outcome.as_ref())));
    sections.push(section("proof", "The chain", proof(part)));
    Chapter { title: title(part, &body), sections, chain: part.chain.iter().map(row).collect() }
}

fn title(part: &Part, body: &Map<String, Json>) -> String {
    let how = part.phase.map_or_else(|| "is open".to_owned(), |phase| format!("ended as {}", phase.word()));
    let text = |key: &str| body.get(key).map(words);
    let about = text("asset").or_else(|| text("target")).map(|what| format!(" {what}")).unwrap_or_default();
    let what = text("command").map(|command| format!(": {command}{about}")).unwrap_or_default();
    format!("{}{what}, {how}", part.id)
}

fn who(part: &Part, body: &Map<String, Json>) -> Vec<String> {
    let actor = body
        .get("actor")
        .map_or_else(|| "nobody is named".to_owned(), |actor| format!("{}, as the publisher says", words(actor)));
    let published = part.published_by.as_ref().map_or_else(
        || "published by a user that the broker did not name".to_owned(),
        |user| format!("published by {user}, as the broker vouches"),
    );
    let mut lines = vec![actor, published];
    lines.extend(part.parent.as_ref().map(|parent| format!("as a part of {parent}")));
    lines.extend(part.traceparent.as_ref().map(|trace| format!("within trace {trace}")));
    lines
}

fn asked(body: &Map<String, Json>) -> Vec<String> {
    let told = ["id", "actor", "reason"];
    let own = body.iter().filter(|(key, value)| !told.contains(&key.as_str()) && !value.is_null());
    own.map(|(key, value)| format!("{key}: {}", words(value))).collect()
}

fn when(part: &Part) -> Vec<String> {
    let time = |what: &str, at: Option<Timestamp>| at.map(|at| format!("{what} {at}"));
    let mut lines: Vec<String> =
        [time("accepted", part.accepted_at), time("ended", part.finished_at)].into_iter().flatten().collect();
    lines.extend(part.cancelled_by.as_ref().map(|by| format!("told to stop by {by}")));
    lines
}

fn came_out(part: &Part, outcome: Option<&Outcome>) -> Vec<String> {
    let Some(phase) = part.phase else { return vec!["it has not ended".to_owned()] };
    let mut lines = vec![phase.word().to_owned()];
    let Some(outcome) = outcome else { return lines };
    lines
        .push(if outcome.changed { "something was changed at Meta" } else { "nothing was changed at Meta" }.to_owned());
    if outcome.inferred {
        lines.push("concluded from whole walks over Meta's lists: Meta gave no sign of it".to_owned());
    }
    let tasks = outcome.granted_tasks.as_ref().map(|tasks| words(&serde_json::json!(tasks)));
    lines.extend(tasks.map(|tasks| format!("granted: {tasks}")));
    lines.extend(outcome.error.as_ref().map(|error| format!("{} ({})", error.message, error.code)));
    let result = |one: &crate::contract::ItemResult| {
        let error = one.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code)).unwrap_or_default();
        format!("{} {}{error}", one.asset, one.phase.word())
    };
    lines.extend(outcome.results.iter().map(result));
    lines
}

fn to_do(part: &Part, outcome: Option<&Outcome>) -> Vec<String> {
    let Some(outcome) = outcome else {
        let open = part.phase.is_none();
        return vec![if open { "it is not known yet" } else { "not known: its outcome is held no longer" }.to_owned()];
    };
    let mut lines: Vec<String> = outcome.error.iter().map(|error| error.remedy.clone()).collect();
    let left = outcome.results.iter().filter_map(|one| one.error.as_ref().map(|error| (one, error)));
    lines.extend(left.map(|(one, error)| format!("{}: {}", one.asset, error.remedy)));
    or_nothing(lines)
}

fn parts(commands: &[Part]) -> Option<Section> {
    let line =
        |part: &Part| format!("{} {}, chain {}", part.id, part.phase.map_or("open", Phase::word), part.head.as_str());
    let lines: Vec<String> = commands.iter().skip(1).map(line).collect();
    (!lines.is_empty()).then(|| section("parts", "Its parts, each with a chain of its own", lines))
}

fn deeds(operations: &[Deed]) -> Vec<String> {
    let line = |deed: &Deed| {
        let came = deed.came.as_deref().unwrap_or("what came of it was never learnt");
        format!("{:.0} {}: {} {}, because: {} ({came})", deed.at, deed.actor, deed.verb, deed.target, deed.reason)
    };
    or_nothing(operations.iter().map(line).collect())
}

fn proof(part: &Part) -> Vec<String> {
    vec![format!("{} entries, the last hash {}", part.total, part.head.as_str())]
}

fn row(link: &Link) -> Row {
    let is_hash = |text: &&String| text.starts_with("sha256:");
    let trace = link.trace.as_ref();
    let told = trace.filter(is_hash).map(|hash| format!(" ({hash})"));
    Row {
        n: link.n,
        at: link.at.to_string(),
        call: link.call.clone(),
        answer: link.answer.clone(),
        trace: told.or_else(|| trace.map(|id| format!(" (trace {id})"))).unwrap_or_default(),
        hash: link.hash.as_str().to_owned(),
    }
}

fn section(name: &'static str, heading: &'static str, lines: Vec<String>) -> Section {
    Section { name, heading, lines }
}

fn or_nothing(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
}
