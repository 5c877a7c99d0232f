//! What any store must keep: every story here is told over a [`Shelf`](words::Shelf), and a second store is held to them
//! by one more line of each `journal_contract!`. What one store alone must keep is beside it, as in `sqlite/tests.rs`.

#[macro_use]
mod contract;
pub(super) mod cluster;
mod dossier;
mod forgetting;
mod ledger;
mod limits;
mod operations;
mod portable;
mod standing;
mod stops;
pub(super) mod words;
