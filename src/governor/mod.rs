//! Budgets: pure arithmetic on what Meta's answers said and on time. Knows `contract` and `meta` alone.

mod parks;
mod usages;

pub use parks::{Bucket, Cause, Pace, Parks};
pub use usages::Usages;
