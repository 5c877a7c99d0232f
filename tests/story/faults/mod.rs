//! Faults: what must hold, whatever breaks. Each run ends in the checker (`checker.rs`) and prints its account.

mod accounting;
mod below;
mod broker;
mod checker;
mod crashes;
mod graph;
mod lock;
mod messages;
mod publishing;
mod shim;
mod soak;
mod stopping;
mod trial;
