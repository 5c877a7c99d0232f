//! bindery
pub mod broker;
pub mod cli;
pub mod config;
pub mod contract;
pub mod crash;
pub mod engine;
#[cfg(test)]
mod fuzz;
pub mod governor;
pub mod graph;
pub mod graph_sim;
pub mod journal;
pub mod meta;
pub mod operator;
pub mod procedures;
#[cfg(test)]
mod properties;
pub mod telemetry;
