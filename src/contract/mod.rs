//! The wire types: what publishers send and what consumers read.
//!
//! Everything here is plain data that parsing alone can make. This room knows no other room.

mod asset;
mod body;
mod digest;
mod fields;
mod ids;
mod json;
mod malformed;
mod nearest;
mod outcome;
mod parse;
mod rows;
mod tasks;
#[cfg(test)]
mod tests;
mod write;

pub use asset::{Access, Asset, Kind};
pub use body::{Body, Command, Protected, Role, Targets};
pub use digest::{delivery_digest, fingerprint};
pub use ids::{BusinessId, CommandId, Digest, EmailAddress, IdError, ObjectId, Person, PersonId};
pub use malformed::Malformed;
pub use outcome::{Category, ErrorInfo, ExpiredBecause, ItemResult, Outcome, Phase, Plan, PlanStep};
pub use parse::{command_names, parse, parse_own};
pub use tasks::{PAGE_TASKS, Task, Tasks};
