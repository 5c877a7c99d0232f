//! Budgets: pure arithmetic on what Meta's answers said and on time. Knows `contract` and `meta` alone.

mod parks;

pub use parks::{Bucket, Pace, Parks};
