//! The journal's stories: `contract` is what any store must keep, `sqlite` what the file on disk must.

mod contract;
mod operations;
mod sqlite;
mod words;
