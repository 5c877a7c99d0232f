//! What Meta offers, as plain data that every room may name: calls, answers, errors, usage.
//!
//! No I/O here, and nothing that is not documented or marked.

mod answer;
mod call;

pub use answer::{Answer, Claimed, Holding, PersonOn, Refusal, Reply};
pub use call::{Call, GroupId, Method, PageList, Request};
