//! The wire types: what publishers send and what consumers read.
//!
//! Everything here is plain data that parsing alone can make. This room knows no other room.

mod asset;
mod body;
mod compose;
mod detail;
mod digest;
mod event;
mod fields;
mod ids;
mod json;
mod malformed;
mod nearest;
mod outcome;
mod parse;
mod rejected;
mod rows;
pub mod schema;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use asset::{Access, Asset, Kind};
pub use body::{Body, Command, Protected, Role, Targets};
pub use compose::EventContext;
pub use detail::{
    About, AssetSeen, Detail, Ended, EvidenceEntry, Inspection, Pending, PersonOnAsset, PersonSeen, Progress, Unread,
    WaitCause, Waiting,
};
pub use digest::{delivery_digest, fingerprint};
pub use event::{CONTENT_TYPE, DATA_SCHEMA, Event, EventData, Record, Told};
pub use ids::{BusinessId, CommandId, Digest, EmailAddress, IdError, ObjectId, Person, PersonId};
pub use malformed::Malformed;
pub use outcome::{Category, ErrorInfo, ExpiredBecause, ItemResult, Outcome, Phase, Plan, PlanStep};
pub use parse::{command_names, parse, parse_own};
pub use rejected::{Delivery, Refusal};
pub use tasks::{PAGE_TASKS, Task, Tasks};
