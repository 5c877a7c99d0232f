//! One HTTP request to Meta, as plain data.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The HTTP methods that Graph knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// A read.
    Get,
    /// A write.
    Post,
    /// A write whose parameters stand in the query.
    Delete,
}

impl Method {
    /// As on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, without token, proof, version and host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The node class in Meta's specs, such as `Business`.
    pub class: &'static str,
    /// The node's id.
    pub node: String,
    /// The edge's name; empty for an operation on the node itself.
    pub edge: &'static str,
    /// Parameters by name; lists as JSON text.
    pub params: BTreeMap<String, String>,
}

impl Request {
    /// The path below the version, such as `/2001/client_pages`.
    #[must_use]
    pub fn path(&self) -> String {
        if self.edge.is_empty() { format!("/{}", self.node) } else { format!("/{}/{}", self.node, self.edge) }
    }

    pub(super) fn get(class: &'static str, node: impl fmt::Display, edge: &'static str) -> Self {
        Self::new(Method::Get, class, node, edge)
    }

    pub(super) fn post(class: &'static str, node: impl fmt::Display, edge: &'static str) -> Self {
        Self::new(Method::Post, class, node, edge)
    }

    pub(super) fn delete(class: &'static str, node: impl fmt::Display, edge: &'static str) -> Self {
        Self::new(Method::Delete, class, node, edge)
    }

    pub(super) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }

    fn new(method: Method, class: &'static str, node: impl fmt::Display, edge: &'static str) -> Self {
        Self { method, class, node: node.to_string(), edge, params: BTreeMap::new() }
    }
}
