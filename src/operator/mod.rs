//! The operator's room: what the worker tells over HTTP about itself.

mod health;

pub use health::{Health, serve};
