//! The client of Meta's Graph API: one call in, one settled answer out.
//!
//! This room alone names reqwest, and no token, secret or proof leaves it but on the wire to Meta: not in an
//! error, not in a `Debug`, not in what [`Sent`] tells. It may touch the network, `meta` and `contract`.

mod client;
mod distil;
mod doctor;
mod json;
mod retry;
mod said;
mod session;
mod staff;
mod tokens;
mod trouble;
mod walk;
mod wire;

#[cfg(test)]
mod tests;

pub use client::{Asked, Graph, GraphConfig, GraphError, Me, Secrets, Sent};
pub use doctor::{Alive, LookedOver, TokenFacts};
pub use retry::{Schedule, ScheduleError};
pub use trouble::{Trouble, WhoamiError};
#[cfg(test)]
pub(crate) use walk::in_process;
