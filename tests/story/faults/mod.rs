//! Faults: what must hold, whatever breaks. Each story bears the id of its row in `docs/faults.md`.
//!
//! A run is a [`trial`]: work is sent, a fault strikes between a real RabbitMQ, the real worker and the simulator, the
//! fault ends, and all that was left behind goes through the [`checker`]. It prints its account:
//!
//! ```text
//! F12: attempted 48 acked 48 terminal 48 parked 0 lost 0 unexpected 0 duplicated 3 recovered 24
//! ```
//!
//! Faults of the wire come from `proxy.rs`, those below the process from [`shim`], deaths from the crash points of
//! `src/crash`. Long waits are short here, and have their full length in `make soak`.

mod accounting;
mod below;
pub mod broker;
mod checker;
mod crashes;
mod graph;
mod lock;
mod messages;
mod publishing;
mod shim;
mod soak;
mod stopping;
pub mod trial;
