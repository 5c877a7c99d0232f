//! The hardest procedures, tried on paper journals: do `Move` and `Observation` have the right shape for them?
//!
//! What they show is kept as tests, so that the shape stays right.

mod inspect;
pub(super) mod paper;
mod transfer;
mod undo;
