//! Every chain of a report is computed anew, and held against what an event carried away.
//!
//! A chain that was rewritten from an altered entry to its end is whole in itself; only the head that a consumer of the
//! terminal event has kept tells that one. So a verdict without such a head says so.

use std::collections::BTreeMap;

use super::gather::hash_of;
use super::report::{FORMAT, Holding, Link, Part, Report, WalkPart};
use crate::contract::{CommandId, Digest, Event, EvidenceEntry as Told};
use crate::journal::{EvidenceEntry, Walk, evidence};

/// What is known of a chain from outside the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The hash that was carried away.
    pub head: Digest,
    /// Whose chain it is, where that is known.
    pub of: Option<CommandId>,
    /// How many entries the chain had then; none: it is the last.
    pub total: Option<u64>,
    /// The entries that were carried away with it, by their places: they tell which one was altered.
    pub entries: Vec<(u64, EvidenceEntry)>,
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All follows from all.
    Sound(Sound),
    /// The first place that does not.
    Unsound(Unsound),
}

/// How much was found sound, and what could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Chains.
    pub chains: usize,
    /// Their entries.
    pub entries: usize,
    /// Shared walks.
    pub walks: usize,
    /// The last hash of the command's chain.
    pub head: Digest,
    /// Whether it was held against one from outside.
    pub anchored: bool,
    /// What is no longer held, and so not proved.
    pub missing: Vec<String>,
}

/// What was altered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsound {
    /// In the chain of which command, where it is in one.
    pub command: Option<CommandId>,
    /// The first altered entry.
    pub entry: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

type Check = Result<(), Unsound>;

impl Anchor {
    /// The last hash of a chain.
    #[must_use]
    pub fn head(head: Digest) -> Self {
        Self { head, of: None, total: None, entries: Vec::new() }
    }

    /// What an event carried; `None` where it carried no hash.
    #[must_use]
    pub fn of_event(event: &Event) -> Option<Self> {
        let record = &event.data.record;
        let total = (!event.is_terminal()).then_some(record.evidence_total);
        let shown = u64::try_from(record.evidence.len()).unwrap_or(u64::MAX);
        let first = record.evidence_total.saturating_sub(shown) + 1;
        let entries = (first..).zip(&record.evidence).map(|(n, told)| (n, entry(told))).collect();
        Some(Self { head: record.evidence_head.clone()?, of: event.data.command_id.clone(), total, entries })
    }
}

impl Report {
    /// Recomputes every chain, every seal and every walk, and compares with `anchor`.
    #[must_use]
    pub fn verify(&self, anchor: Option<&Anchor>) -> Finding {
        match self.check(anchor) {
            Ok(sound) => Finding::Sound(sound),
            Err(unsound) => Finding::Unsound(unsound),
        }
    }

    fn check(&self, anchor: Option<&Anchor>) -> Result<Sound, Unsound> {
        if self.format != FORMAT {
            return Err(of_report(format!("it calls itself {:?} and not {FORMAT:?}", self.format)));
        }
        let Some(root) = self.root() else { return Err(of_report(format!("it has no chain of {}", self.of))) };
        let mut missing = Vec::new();
        for part in &self.commands {
            chain(part)?;
            seal(part, &mut missing)?;
        }
        self.parts_belong_together(root, &mut missing)?;
        self.walks_are_those_named(&mut missing)?;
        if let Some(anchor) = anchor {
            held_against(root, anchor)?;
        }
        if self.own_digest() != self.digest {
            return Err(of_report("every chain is whole, and something beside them was altered".to_owned()));
        }
        Ok(Sound {
            chains: self.commands.len(),
            entries: self.commands.iter().map(|part| part.chain.len()).sum(),
            walks: self.walks.len(),
            head: root.head.clone(),
            anchored: anchor.is_some(),
            missing,
        })
    }

    /// A child's last hash stands in its parent's chain.
    fn parts_belong_together(&self, root: &Part, missing: &mut Vec<String>) -> Check {
        let named: BTreeMap<&str, &Link> =
            root.chain.iter().filter_map(|link| link.child().map(|id| (id, link))).collect();
        let mut known: BTreeMap<&str, &Part> = BTreeMap::new();
        for part in &self.commands {
            if known.insert(part.id.as_str(), part).is_some() {
                return Err(of_report(format!("{} stands in it twice", part.id)));
            }
            if part.id == root.id {
                continue;
            }
            if part.parent.as_ref() != Some(&root.id) {
                return Err(of_report(format!("{} is no part of {}", part.id, root.id)));
            }
            if part.phase.is_some() && root.phase.is_some() && !named.contains_key(part.id.as_str()) {
                return Err(of_report(format!("{} has ended, and the chain of {} does not tell it", part.id, root.id)));
            }
        }
        for (id, link) in named {
            match known.get(id) {
                None => missing.push(format!("the chain of {id}: the report does not have it")),
                Some(part) => child(root, part, link)?,
            }
        }
        Ok(())
    }

    fn walks_are_those_named(&self, missing: &mut Vec<String>) -> Check {
        let mut unnamed: Vec<&WalkPart> = self.walks.iter().collect();
        for part in &self.commands {
            for link in part.chain.iter().filter(|link| link.walk().is_some()) {
                let hash = hash_of(link);
                let Some(walk) = self.walks.iter().find(|walk| Some(&walk.hash) == hash.as_ref()) else {
                    missing
                        .push(format!("the walk of entry {} of {}: the journal holds it no longer", link.n, part.id));
                    continue;
                };
                walked(part, link, walk)?;
                unnamed.retain(|other| other.hash != walk.hash);
            }
        }
        match unnamed.first() {
            None => Ok(()),
            Some(walk) => Err(of_report(format!("no chain names its walk over {} of {}", walk.list, walk.business))),
        }
    }
}

/// Each entry follows from the one before it.
fn chain(part: &Part) -> Check {
    let mut previous = evidence::genesis(part.id.as_str());
    for (expected, link) in (1..).zip(&part.chain) {
        if link.n != expected {
            return Err(of_entry(part, expected, "it is missing".to_owned()));
        }
        previous = evidence::follow(&previous, &link.entry());
        if previous != link.hash {
            let reason = "it does not follow from what is before it: it, or its hash, was altered";
            return Err(of_entry(part, expected, reason.to_owned()));
        }
    }
    let entries = u64::try_from(part.chain.len()).unwrap_or(u64::MAX);
    if entries != part.total {
        return Err(of_entry(
            part,
            entries + 1,
            format!("the chain has {entries} entries and should have {}", part.total),
        ));
    }
    if previous != part.head {
        return Err(of_entry(part, entries, "the chain's last hash is another than the report says".to_owned()));
    }
    Ok(())
}

/// The last entry of a chain that has ended binds what was asked, seen and told to it.
fn seal(part: &Part, missing: &mut Vec<String>) -> Check {
    let last = part.chain.last().filter(|link| link.call == evidence::SEAL);
    let (phase, link) = match (part.phase, last) {
        (None, None) => return Ok(()),
        (None, Some(link)) => {
            return Err(of_entry(part, link.n, "it is the seal of a command that is open".to_owned()));
        }
        (Some(_), None) => return Err(of_entry(part, part.total + 1, "the seal of its end is missing".to_owned())),
        (Some(phase), Some(link)) => (phase, link),
    };
    if link.answer != phase.word() {
        return Err(of_entry(part, link.n, format!("it says {}, and the report {}", link.answer, phase.word())));
    }
    if part.finished_at.map(evidence::whole_micros) != Some(evidence::whole_micros(link.at)) {
        return Err(of_entry(part, link.n, "it is of another time than the report says".to_owned()));
    }
    if part.held == Holding::Chain {
        missing.push(format!("what {} was asked, what it saw and how it came out: held no longer", part.id));
        return Ok(());
    }
    if sealed(part).as_ref() == hash_of(link).as_ref() {
        return Ok(());
    }
    let reason = "it does not fit: what was asked, by whom or when, a fact that was seen, or the outcome was altered";
    Err(of_entry(part, link.n, reason.to_owned()))
}

fn sealed(part: &Part) -> Option<Digest> {
    let begun = evidence::genesis(part.id.as_str());
    let facts = part.observed.iter().fold(begun, |facts, fact| evidence::follow_fact(&facts, fact));
    let seal = evidence::Seal {
        accepted_at: part.accepted_at?,
        asked: part.asked.as_deref()?,
        facts: &facts,
        finished_at: part.finished_at?,
        outcome: part.outcome.as_deref()?,
        parent: part.parent.as_ref().map(CommandId::as_str),
        published_by: part.published_by.as_deref(),
        traceparent: part.traceparent.as_deref(),
    };
    Some(seal.digest())
}

fn child(root: &Part, part: &Part, link: &Link) -> Check {
    if hash_of(link).as_ref() != Some(&part.head) {
        let reason = format!("{} ended with another last hash than the report has: its chain was rewritten", part.id);
        return Err(of_entry(root, link.n, reason));
    }
    match part.phase {
        Some(phase) if phase.word() == link.answer => Ok(()),
        Some(_) | None => Err(of_entry(root, link.n, format!("{} ended as {}", part.id, link.answer))),
    }
}

fn walked(part: &Part, link: &Link, walk: &WalkPart) -> Check {
    let walked = Walk {
        business: walk.business.clone(),
        list: walk.list.clone(),
        began: walk.began,
        ended: walk.ended,
        pages: walk.pages,
        rows: walk.rows,
        complete: walk.complete,
        traces: walk.traces.clone(),
    };
    let follows = evidence::follow_walk(&walk.previous, &walked) == walk.hash;
    let mut named = evidence::of_walk(&walked, &walk.hash);
    named.at = evidence::whole_micros(named.at);
    if follows && named == link.entry() {
        return Ok(());
    }
    Err(of_entry(part, link.n, format!("its walk over {} of business {} was altered", walk.list, walk.business)))
}

/// The head that an event carried away is the report's.
fn held_against(root: &Part, anchor: &Anchor) -> Check {
    if let Some(of) = anchor.of.as_ref().filter(|of| **of != root.id) {
        return Err(of_report(format!("it is of {}, and the event of {of}", root.id)));
    }
    let at = match anchor.total {
        None => Some(&root.head),
        Some(0) => None,
        Some(n) => root.chain.iter().find(|link| link.n == n).map(|link| &link.hash),
    };
    let begun = evidence::genesis(root.id.as_str());
    if at.unwrap_or(&begun) == &anchor.head {
        return Ok(());
    }
    let differs = |(n, told): &&(u64, EvidenceEntry)| !root.chain.iter().any(|link| link.n == *n && same(link, told));
    let reason = "each chain is whole in itself, but not the one whose hash was told then: entries were rewritten from \
                  some place on, up to the end";
    let entry = anchor.entries.iter().find(differs).map(|(n, _)| *n);
    Err(Unsound { command: Some(root.id.clone()), entry, reason: reason.to_owned() })
}

fn same(link: &Link, told: &EvidenceEntry) -> bool {
    let time = |at| evidence::whole_micros(at);
    let says = (&link.call, &link.answer, &link.trace) == (&told.call, &told.answer, &told.trace);
    says && time(link.at) == time(told.at)
}

fn entry(told: &Told) -> EvidenceEntry {
    EvidenceEntry { at: told.at, call: told.call.clone(), answer: told.answer.clone(), trace: told.trace.clone() }
}

fn of_entry(part: &Part, n: u64, reason: String) -> Unsound {
    Unsound { command: Some(part.id.clone()), entry: Some(n), reason }
}

fn of_report(reason: String) -> Unsound {
    Unsound { command: None, entry: None, reason }
}
