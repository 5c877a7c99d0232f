//! The hash chain of a command's evidence, and of a business's walks.
//!
//! A chain begins with the SHA-256 of the id that it belongs to, so that no chain passes for another's. Each entry's
//! hash is the SHA-256 of the previous hash (32 bytes) followed by the entry as JSON with its keys in alphabetical
//! order, no spaces, times as RFC 3339 in UTC with at most microseconds:
//! `{"answer":"…","at":"2026-11-22T10:00:00Z","call":"…","trace":null}`.
//!
//! Three entries are no request of the command's own, and have a hash in place of Meta's trace id:
//! - `child ID`: a settled child, with its chain's last hash;
//! - `walk GET /2001/client_pages`: a shared walk that changed something for the command, with its hash in the chain of
//!   the business;
//! - `seal`: the last of every command that has ended. Its hash is over what the calls alone do not tell: what was
//!   asked, by whom and when, every fact that was seen, and the outcome ([`Seal`]).

use jiff::Timestamp;
use serde::Serialize;

use super::entries::{EvidenceEntry, EvidenceRow, Verdict, Walk};
use crate::contract::{Digest, Phase};

/// Where the chain of `id` begins.
#[must_use]
pub fn genesis(id: &str) -> Digest {
    Digest::of(id.as_bytes())
}

/// The chain's hash after `entry`.
#[must_use]
pub fn follow(previous: &Digest, entry: &EvidenceEntry) -> Digest {
    link(previous, &entry_json(entry))
}

/// The chain's hash after all of `entries`: what a terminal event carries before it is recorded.
#[must_use]
pub fn head_after<'e>(previous: &Digest, entries: impl IntoIterator<Item = &'e EvidenceEntry>) -> Digest {
    entries.into_iter().fold(previous.clone(), |head, entry| follow(&head, entry))
}

/// The hash after each of `entries`.
#[must_use]
pub fn hashes(previous: &Digest, entries: &[EvidenceEntry]) -> Vec<Digest> {
    let step = |head: &mut Digest, entry| {
        *head = follow(head, entry);
        Some(head.clone())
    };
    entries.iter().scan(previous.clone(), step).collect()
}

/// The entry that a settled child leaves in its parent's chain.
#[must_use]
pub fn of_child(id: &str, phase: &str, head: &Digest, at: Timestamp) -> EvidenceEntry {
    EvidenceEntry { at, call: format!("child {id}"), answer: phase.to_owned(), trace: Some(head.as_str().to_owned()) }
}

/// The entry that a shared walk leaves in the chain of a command for which it changed something.
#[must_use]
pub fn of_walk(walk: &Walk, hash: &Digest) -> EvidenceEntry {
    let end = if walk.complete { "whole" } else { "broken" };
    EvidenceEntry {
        at: walk.began,
        call: format!("walk GET /{}/{}", walk.business, walk.list),
        answer: format!("{} rows in {} requests, {end}", walk.rows, walk.pages),
        trace: Some(hash.as_str().to_owned()),
    }
}

/// The hash over a command's facts after `fact`, an observation as the journal holds it; the first follows
/// [`genesis`].
#[must_use]
pub fn follow_fact(previous: &Digest, fact: &str) -> Digest {
    link(previous, fact.as_bytes())
}

/// What the last entry of a chain binds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal<'s> {
    /// When the journal took the command in.
    pub accepted_at: Timestamp,
    /// The command as it was journaled, byte for byte.
    pub asked: &'s str,
    /// The hash over all its facts, in order.
    pub facts: &'s Digest,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Its outcome as it was journaled, byte for byte.
    pub outcome: &'s str,
    /// The command that fanned out into it.
    pub parent: Option<&'s str>,
    /// Who published it, as the broker knows.
    pub published_by: Option<&'s str>,
    /// The trace that it came with.
    pub traceparent: Option<&'s str>,
}

/// The word by which the last entry of a chain is known.
pub const SEAL: &str = "seal";

impl Seal<'_> {
    /// The entry that it becomes.
    #[must_use]
    pub fn entry(&self, phase: Phase) -> EvidenceEntry {
        EvidenceEntry {
            at: self.finished_at,
            call: SEAL.to_owned(),
            answer: phase.word().to_owned(),
            trace: Some(self.digest().as_str().to_owned()),
        }
    }

    /// The SHA-256 of it as JSON: keys in alphabetical order, no spaces, both texts by their own SHA-256.
    #[must_use]
    pub fn digest(&self) -> Digest {
        #[derive(Serialize)]
        struct Canonical<'s> {
            accepted_at: String,
            asked: &'s str,
            facts: &'s str,
            finished_at: String,
            outcome: &'s str,
            parent: Option<&'s str>,
            published_by: Option<&'s str>,
            traceparent: Option<&'s str>,
        }
        let (asked, outcome) = (Digest::of(self.asked.as_bytes()), Digest::of(self.outcome.as_bytes()));
        let canonical = Canonical {
            accepted_at: whole_micros(self.accepted_at).to_string(),
            asked: asked.as_str(),
            facts: self.facts.as_str(),
            finished_at: whole_micros(self.finished_at).to_string(),
            outcome: outcome.as_str(),
            parent: self.parent,
            published_by: self.published_by,
            traceparent: self.traceparent,
        };
        Digest::of(&serde_json::to_vec(&canonical).expect("texts always are JSON"))
    }
}

/// Whether `rows`, all of a chain, follow from each other from `id`'s beginning to `head`.
#[must_use]
pub fn verify(id: &str, rows: &[EvidenceRow], head: &Digest, total: u64) -> Verdict {
    let mut previous = genesis(id);
    for (expected, row) in (1..).zip(rows) {
        if row.n != expected {
            return Verdict::Broken { at: expected, reason: format!("entry {expected} is missing") };
        }
        previous = follow(&previous, &row.entry);
        if previous != row.hash {
            let reason = format!("entry {expected} does not follow from what is before it: it was altered");
            return Verdict::Broken { at: expected, reason };
        }
    }
    let entries = rows.len() as u64;
    if entries != total || previous != *head {
        let reason = format!("the chain has {entries} entries and should have {total}, with another last hash");
        return Verdict::Broken { at: entries + 1, reason };
    }
    Verdict::Sound { entries }
}

/// The hash of a business's chain after `walk`.
#[must_use]
pub fn follow_walk(previous: &Digest, walk: &Walk) -> Digest {
    #[derive(Serialize)]
    struct Canonical<'w> {
        began: String,
        business: &'w str,
        complete: bool,
        ended: String,
        list: &'w str,
        pages: u32,
        rows: u64,
        traces: &'w str,
    }
    let canonical = Canonical {
        began: whole_micros(walk.began).to_string(),
        business: walk.business.as_str(),
        complete: walk.complete,
        ended: whole_micros(walk.ended).to_string(),
        list: &walk.list,
        pages: walk.pages,
        rows: walk.rows,
        traces: &walk.traces,
    };
    link(previous, &serde_json::to_vec(&canonical).expect("texts and numbers always are JSON"))
}

fn entry_json(entry: &EvidenceEntry) -> Vec<u8> {
    #[derive(Serialize)]
    struct Canonical<'e> {
        answer: &'e str,
        at: String,
        call: &'e str,
        trace: Option<&'e str>,
    }
    let canonical = Canonical {
        answer: &entry.answer,
        at: whole_micros(entry.at).to_string(),
        call: &entry.call,
        trace: entry.trace.as_deref(),
    };
    serde_json::to_vec(&canonical).expect("texts always are JSON")
}

/// The time as hashes and the journal have it.
#[must_use]
pub fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).expect("it was a timestamp before")
}

fn link(previous: &Digest, json: &[u8]) -> Digest {
    let hex_digits = previous.as_str().trim_start_matches("sha256:");
    let bytes = hex::decode(hex_digits).expect("a digest is hex by its type");
    Digest::of_parts(&[&bytes, json])
}
