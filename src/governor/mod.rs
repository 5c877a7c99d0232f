//! Budgets and stops: pure arithmetic on what Meta's answers and operators said and on time. Knows `contract` and
//! `meta` alone.

mod blast;
mod breakers;
mod claims;
mod holds;
mod outage;
mod parks;
mod usages;

pub use blast::{Blast, Taken, WINDOW};
pub use breakers::Breakers;
pub use claims::{Caps, ClaimTurn, Claims};
pub use holds::Holds;
pub use outage::{Gaps, Heard, Leave, Outage, Turn};
pub use parks::{Bucket, Cause, Pace, Parks};
pub use usages::Usages;
