//! The nodes and edges that the simulator knows: one table for each verb, the rules behind them in `world`.

mod asset;
mod business;
mod group;
mod page;
mod person;
mod root;
mod rows;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::wire::nodes::Schema;
use super::wire::request::{GraphRequest, Verb};
use super::world::refusal::{unknown_field, unknown_path};
use super::world::{Caller, NodeKind, Refusal, World, Written};

/// What a read may look at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The world as it is: nodes and rights.
    pub(crate) world: &'a World,
    /// The world as lists show it: it may lag behind.
    pub(crate) lists: &'a World,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a GraphRequest,
    pub(crate) now: Timestamp,
}

/// What a read gives.
pub(crate) enum Content<'a> {
    /// One node, all its fields.
    Node(Value, &'static Schema),
    /// A list, its rows not yet made.
    List(Listing<'a>),
    /// A body that is no node.
    Plain(Value),
}

/// A list: sorted keys, and how a row is made of one.
pub(crate) struct Listing<'a> {
    pub(crate) keys: Vec<Cow<'a, str>>,
    pub(crate) schema: &'static Schema,
    pub(crate) row: Box<dyn Fn(&str) -> Value + 'a>,
}

impl<'a> Listing<'a> {
    /// `keys` come in their order, as every map and set of the world gives them: sorting 100 000 again for each page is felt.
    fn new<K: Into<Cow<'a, str>>>(
        keys: impl IntoIterator<Item = K>,
        schema: &'static Schema,
        row: impl Fn(&str) -> Value + 'a,
    ) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), schema, row: Box::new(row) }
    }

    /// A list of a kind of asset that the simulator has none of.
    fn nothing() -> Self {
        Self::new([""; 0], &super::wire::nodes::NOTHING, |_| Value::Null)
    }
}

/// A write on its way into the world.
pub(crate) struct Change<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a GraphRequest,
    pub(crate) now: Timestamp,
}

/// Answers a GET.
pub(crate) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    match view.request.node() {
        "" => Err(unknown_path("")),
        "me" => root::me(view),
        "debug_token" => root::debug_token(view),
        id => match view.world.kind_of(id) {
            Some(NodeKind::Business) => business::read(view),
            Some(NodeKind::Page) => page::read(view),
            Some(NodeKind::Asset) => asset::read(view),
            Some(NodeKind::Person | NodeKind::SystemUser) => person::read(view),
            Some(NodeKind::Group) => group::read(view),
            Some(NodeKind::Invitation) => person::read_invitation(view),
            // The specification gives this node no operation at all, not even GET.
            Some(NodeKind::Number | NodeKind::Request) | None => Err(view.request.missing()),
        },
    }
}

/// Carries out a POST or DELETE.
pub(crate) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let kind = change.world.kind_of(change.request.node());
    match kind {
        Some(NodeKind::Business) => business::write(change),
        Some(NodeKind::Page) => page::write(change),
        Some(NodeKind::Asset) => asset::write(change),
        Some(NodeKind::Number) => asset::write_number(change),
        Some(NodeKind::Group) => group::write(change),
        Some(NodeKind::Person | NodeKind::Invitation) => person::write(change),
        Some(NodeKind::SystemUser | NodeKind::Request) | None => Err(refuse_verb(change.request)),
    }
}

/// An edge that is not there: reads name the field, writes the path.
fn no_such_edge(request: &GraphRequest, schema: &Schema) -> Refusal {
    let edge = request.edge().unwrap_or_default();
    match request.verb {
        Verb::Get => unknown_field(edge, schema.node),
        Verb::Post | Verb::Delete => unknown_path(edge),
    }
}

/// A node that is not there, or does not know the verb.
fn refuse_verb(request: &GraphRequest) -> Refusal {
    request.missing()
}
