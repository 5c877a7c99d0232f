//! The topology in plain values, for documents: what [`declare`](super::topology::declare) declares, told not done.

use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value};

use super::topology::{Thing, plan};
use super::{BrokerError, TopologyNames};

/// One thing that the worker declares at start; all of them are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Declared {
    /// An exchange.
    Exchange {
        /// Its name.
        name: String,
        /// `topic` or `fanout`.
        kind: String,
    },
    /// A queue.
    Queue {
        /// Its name.
        name: String,
        /// Its arguments, such as `x-queue-type`.
        arguments: Map<String, Value>,
    },
    /// A queue bound to the exchange of the same name.
    Binding {
        /// The name of both.
        name: String,
        /// The binding key.
        key: String,
    },
}

/// What the worker declares under these names, in the order in which it does.
///
/// # Errors
/// [`BrokerError::BadName`].
pub fn declared(names: &TopologyNames) -> Result<Vec<Declared>, BrokerError> {
    Ok(plan(names)?.into_iter().map(told).collect())
}

fn told(thing: Thing<'_>) -> Declared {
    match thing {
        Thing::Exchange { name, kind } => Declared::Exchange { name: name.to_owned(), kind: word(&kind) },
        Thing::Queue { name, arguments } => Declared::Queue { name: name.to_owned(), arguments: plain(&arguments) },
        Thing::Binding { name, key } => Declared::Binding { name: name.to_owned(), key: key.to_owned() },
    }
}

fn word(kind: &ExchangeKind) -> String {
    match kind {
        ExchangeKind::Custom(kind) => kind.clone(),
        ExchangeKind::Direct => "direct".to_owned(),
        ExchangeKind::Fanout => "fanout".to_owned(),
        ExchangeKind::Headers => "headers".to_owned(),
        ExchangeKind::Topic => "topic".to_owned(),
    }
}

fn plain(arguments: &FieldTable) -> Map<String, Value> {
    arguments.inner().iter().map(|(name, value)| (name.to_string(), in_json(value))).collect()
}

/// Of the types that a table may have, those that ours has.
fn in_json(value: &AMQPValue) -> Value {
    let text = || value.as_long_string().map(|text| Value::from(text.to_string()));
    let number = || value.as_long_int().map(Value::from);
    value.as_bool().map(Value::from).or_else(number).or_else(text).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_of_every_queue_is_told() {
        let declared = declared(&TopologyNames::default()).unwrap();
        let queues: Vec<_> = declared
            .iter()
            .filter_map(|thing| match thing {
                Declared::Queue { name, arguments } => Some((name.as_str(), arguments)),
                Declared::Exchange { .. } | Declared::Binding { .. } => None,
            })
            .collect();
        assert_eq!(queues.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["bindery.dead", "bindery.commands"]);
        for (name, arguments) in queues {
            assert_eq!(arguments["x-queue-type"], "quorum", "{name}");
            assert!(arguments.values().all(|value| !value.is_null()), "{name}: {arguments:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_declared_is_not_told_either() {
        let names = TopologyNames { events: "x".repeat(256), ..TopologyNames::default() };
        assert!(matches!(declared(&names), Err(BrokerError::BadName { .. })));
    }
}
