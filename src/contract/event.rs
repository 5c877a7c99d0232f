//! Events as consumers read them: CloudEvents 1.0, JSON, structured mode.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::asset::Kind;
use super::detail::{About, AssetSeen, Ended, EvidenceEntry, Pending, PersonSeen, Unread, Waiting};
use super::ids::{CommandId, Digest};
use super::outcome::{ErrorInfo, ExpiredBecause, ItemResult, Phase, Plan};
use super::tasks::Tasks;

/// The CloudEvents version that we write.
pub(super) const SPECVERSION: &str = "1.0";
/// The type of `data`.
pub(super) const DATA_TYPE: &str = "application/json";
/// Names the schema of `data` with its major version: it changes only when a consumer would break.
pub const DATA_SCHEMA: &str = "urn:bindery:schema:event:1";
/// The content type of a message that carries an event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// One event. Its `Serialize` is the wire form, its `Deserialize` takes events of newer minor versions too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The CloudEvents version.
    pub specversion: String,
    /// Derived from source, command and sequence: a repeated delivery has the same.
    pub id: Uuid,
    /// The journal it comes from; the same for all its workers.
    pub source: String,
    /// `bindery.<command>.<phase>`.
    #[serde(rename = "type")]
    pub type_: String,
    /// What it is about, such as `page/1009`.
    pub subject: String,
    /// When it came to be.
    pub time: Timestamp,
    /// The type of `data`.
    pub datacontenttype: String,
    /// The schema of `data`.
    pub dataschema: String,
    /// The W3C trace that the command came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened.
    pub data: EventData,
}

impl Event {
    /// `<command>.<subject kind>.<phase>`, such as `claim.page.confirmed`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let kind = self.subject.split_once('/').map_or("unknown", |(kind, _)| kind);
        format!("{}.{kind}.{}", self.data.command, self.data.phase.word())
    }

    /// Whether nothing follows it under its command's id.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.data.terminal
    }
}

/// The `data` of an event; its parts stand beside each other on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventData {
    /// The command's id; absent on a `rejected` delivery whose id cannot be read.
    pub command_id: Option<CommandId>,
    /// Counts the command's events from 1; absent on `rejected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// SHA-256 of the refused delivery's bytes in lower-case hex; on `rejected` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// The command's name, or `unknown`.
    pub command: String,
    /// Where it stands.
    pub phase: Phase,
    /// Whether nothing follows under this command's id.
    pub terminal: bool,
    /// What the command is about.
    #[serde(flatten)]
    pub about: About,
    /// What has become of it.
    #[serde(flatten)]
    pub told: Told,
    /// Who asked, when, and what was done for it.
    #[serde(flatten)]
    pub record: Record,
    /// What went wrong.
    pub error: Option<ErrorInfo>,
}

/// What has become of a command; each phase and command tells its own part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Whether something was changed at Meta; on terminal events alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// The tasks that the holder really has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_tasks: Option<Tasks>,
    /// Concluded from complete walks, without a positive sign from Meta.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// Seen only after we had answered otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Access that an `offboard` had taken was there again, and was taken again; of its rechecks alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resurfaced: bool,
    /// The publisher's command that this one of our own follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<CommandId>,
    /// Why it expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_because: Option<ExpiredBecause>,
    /// The command that took its open request over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<CommandId>,
    /// What holds it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What others must approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What a run would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Whom it concerns; on `announced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<PersonSeen>>,
    /// Which part of a long answer this is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// How many assets are settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What became of each asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ItemResult>,
    /// What an `inspect` saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<Vec<AssetSeen>>,
    /// How much of each kind an `inspect` saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<BTreeMap<Kind, u64>>,
    /// Lists that an `inspect` could not read: what they hold is neither told nor counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// What is still on record of a command that ended long ago; on `rejected`, code `already_ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Who asked, when, and what was done for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Who asked, as the publisher says.
    pub actor: Option<String>,
    /// Why, as the publisher says.
    pub reason: Option<String>,
    /// Who published it, as the broker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_by: Option<String>,
    /// When the journal took it in; absent on `rejected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When it ended; on terminal events alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Calls made to Meta for it.
    #[serde(default)]
    pub graph_calls: u32,
    /// Looks at its pending request.
    #[serde(default)]
    pub polls: u32,
    /// The last of its evidence, at most 50 entries.
    #[serde(default)]
    pub evidence: Vec<EvidenceEntry>,
    /// How many entries there are in all.
    #[serde(default)]
    pub evidence_total: u64,
    /// The last hash of its chain of evidence.
    pub evidence_head: Option<Digest>,
}
