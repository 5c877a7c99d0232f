//! The journal's stories: `contract` is what any store must keep, `sqlite` what the file on disk must.

#[macro_use]
mod contract;
mod forgetting;
mod operations;
mod sqlite;
mod words;
