//! The report as programs read it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contract::{BusinessId, CommandId, Digest, Phase, fingerprint};
use crate::journal::EvidenceEntry;

/// What a report calls itself; another number where it would be verified in another way.
pub(super) const FORMAT: &str = "bindery evidence 1";

/// All evidence of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `bindery evidence 1`; another number where it would be verified in another way.
    pub format: String,
    /// The command.
    pub of: CommandId,
    /// When the report was made. Bound by no chain.
    pub made_at: Timestamp,
    /// The command, then its children in their order.
    pub commands: Vec<Part>,
    /// The shared walks that the chains name.
    pub walks: Vec<WalkPart>,
    /// What operators did to them on purpose. Bound by no chain: much of it comes after a command's end.
    pub operations: Vec<Deed>,
    /// SHA-256 of the report without this field, as JSON with sorted keys and no spaces: tells a slip of the hand, not a
    /// forger.
    pub digest: Digest,
}

/// One command with its chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The command.
    pub id: CommandId,
    /// How much of it is still held.
    pub held: Holding,
    /// The command that fanned out into it.
    pub parent: Option<CommandId>,
    /// How it ended; none while it is open.
    pub phase: Option<Phase>,
    /// When the journal took it in.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who published it, as the broker knows.
    pub published_by: Option<String>,
    /// The trace that it came with.
    pub traceparent: Option<String>,
    /// The command that told it to stop. Bound by no chain.
    pub cancelled_by: Option<CommandId>,
    /// The command as it was journaled, byte for byte.
    pub asked: Option<String>,
    /// What it has seen, in order, each as it was journaled, byte for byte.
    pub observed: Vec<String>,
    /// Its outcome as it was journaled, byte for byte.
    pub outcome: Option<String>,
    /// Its chain from the beginning.
    pub chain: Vec<Link>,
    /// How many entries the chain has.
    pub total: u64,
    /// The chain's last hash.
    pub head: Digest,
}

/// How much of a command is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// All of it.
    Whole,
    /// Its chain and how it ended: it ended longer ago than `retention.commands`.
    Chain,
}

/// One entry of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its place, from 1.
    pub n: u64,
    /// When the call was made.
    pub at: Timestamp,
    /// What was called.
    pub call: String,
    /// What the answer said, distilled.
    pub answer: String,
    /// Meta's trace id; of a child, a walk and the seal a hash.
    pub trace: Option<String>,
    /// The chain's hash with it.
    pub hash: Digest,
}

/// A shared walk in the chain of its business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkPart {
    /// The business.
    pub business: BusinessId,
    /// The list.
    pub list: String,
    /// When its first page was asked for.
    pub began: Timestamp,
    /// When its last answer came.
    pub ended: Timestamp,
    /// Requests made.
    pub pages: u32,
    /// Rows read.
    pub rows: u64,
    /// Whether it reached the list's end.
    pub complete: bool,
    /// Meta's trace ids, as the JSON text that was hashed.
    pub traces: String,
    /// The hash of the business's chain before it.
    pub previous: Digest,
    /// And with it.
    pub hash: Digest,
}

/// One thing that an operator did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who, as they said.
    pub actor: String,
    /// What.
    pub verb: String,
    /// On what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What came of it, where that was learnt.
    pub came: Option<String>,
}

impl Report {
    /// The report with the digest that is its own.
    #[must_use]
    pub fn with_digest(mut self) -> Self {
        self.digest = self.own_digest();
        self
    }

    pub(super) fn own_digest(&self) -> Digest {
        let mut told = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = told.as_object_mut() {
            fields.remove("digest");
        }
        fingerprint(told.to_string().as_bytes())
    }

    /// The command itself.
    pub(super) fn root(&self) -> Option<&Part> {
        self.commands.iter().find(|part| part.id == self.of)
    }
}

impl Link {
    pub(super) fn entry(&self) -> EvidenceEntry {
        EvidenceEntry { at: self.at, call: self.call.clone(), answer: self.answer.clone(), trace: self.trace.clone() }
    }

    /// The child whose end it tells.
    pub(super) fn child(&self) -> Option<&str> {
        self.call.strip_prefix("child ")
    }

    /// The shared walk that it names: business and list.
    pub(super) fn walk(&self) -> Option<(&str, &str)> {
        self.call.strip_prefix("walk GET /")?.split_once('/')
    }
}
