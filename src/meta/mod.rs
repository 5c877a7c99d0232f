//! What Meta offers, as plain data that every room may name: calls, answers, errors, usage.
//!
//! No I/O here, and nothing that is not documented or marked.

mod answer;
mod call;
mod errors;
pub mod kinds;
mod lists;
mod request;
mod usage;

pub use answer::{
    Answer, Claimed, Holding, Invitation, Member, Number, PartnerOn, PersonOn, Refusal, Reply, Roll, Staffed,
};
pub use call::{Call, GroupId, Grouped, Removable};
pub use errors::{Class, Row, Scope, classify, is_unknown};
pub use lists::{AssetList, Claimable};
pub use request::{Method, Request};
pub use usage::{Bucket, Tier, Usage, usage};
