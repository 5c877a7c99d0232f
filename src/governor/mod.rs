//! Budgets and stops: pure arithmetic on what Meta's answers and operators said and on time. Knows `contract` and
//! `meta` alone.

mod blast;
mod breakers;
mod bucket;
mod budgets;
mod claims;
mod cost;
mod holds;
mod level;
mod outage;
mod pace;
mod parks;
mod routes;
mod usages;

pub use blast::{Blast, Taken, WINDOW};
pub use breakers::Breakers;
pub use bucket::Bucket;
pub use budgets::{Answer, Budgets, Spending, Told, Wait};
pub use claims::{Caps, ClaimTurn, Claims};
pub use holds::Holds;
pub use level::Held;
pub use outage::{Gaps, Heard, Leave, Outage, Turn};
pub use pace::{Pace, Purpose, Rank, Wish};
pub use parks::Cause;
pub use usages::Usages;
