//! The wire types: what publishers send and what consumers read.
//!
//! Everything here is plain data that parsing alone can make. This room knows no other room.

mod asset;
mod body;
mod ids;
mod outcome;
mod tasks;

pub use asset::{Access, Asset, Kind};
pub use body::{Body, Command, Targets};
pub use ids::{BusinessId, CommandId, Digest, EmailAddress, IdError, ObjectId, Person, PersonId};
pub use outcome::{Category, ErrorInfo, ExpiredBecause, ItemResult, Outcome, Phase, Plan, PlanStep};
pub use tasks::{Task, Tasks};
