//! The operator's room: what the worker tells over HTTP about itself.

mod health;
mod metrics;

pub use health::{Health, serve};
