//! Budgets: pure arithmetic on what Meta's answers said and on time. Knows `contract` and `meta` alone.

mod outage;
mod parks;
mod usages;

pub use outage::{Gaps, Heard, Leave, Outage, Turn};
pub use parks::{Bucket, Cause, Pace, Parks};
pub use usages::Usages;
