//! Graph's own spelling: paths, parameters, fields, pages, batches, errors, and how an answer reaches the client.

pub(crate) mod answer;
mod batch;
pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod nodes;
pub(crate) mod paging;
pub(crate) mod request;
mod serve;

pub(crate) use serve::router;
