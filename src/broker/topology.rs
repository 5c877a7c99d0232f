//! The contract's exchanges, queues and bindings: declared at start and after each reconnect, never changed, never deleted.
//!
//! A name that stands with other arguments closes the channel (406), so each declaration has a throw-away channel for the
//! case. A user who may not configure is common where operators declare the topology themselves: what exists is then
//! taken as it stands, what is missing is an error that names it.

use std::time::Duration;

use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, ExchangeKind};
use tokio::time::timeout;
use tracing::debug;

use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError, TopologyNames};

/// Deliveries of one command before the broker sets it aside; a backstop, the retry budget is the engine's.
const DELIVERY_LIMIT: i32 = 100;

/// Puts the topology in place on a fresh connection, which is closed where that fails.
///
/// # Errors
/// Those of [`declare`].
pub(super) async fn declared_on(wire: Wire, config: &BrokerConfig) -> Result<Wire, BrokerError> {
    match declare(&wire, config).await {
        Ok(()) => Ok(wire),
        Err(error) => {
            wire.close(config.deadlines.close_within).await;
            Err(error)
        }
    }
}

/// Declares everything of the contract's section 1.
///
/// # Errors
/// [`BrokerError::Drift`] where something stands with other arguments, [`BrokerError::Forbidden`] where something is
/// missing that we may not declare.
pub(super) async fn declare(wire: &Wire, config: &BrokerConfig) -> Result<(), BrokerError> {
    let within = config.deadlines.call_within;
    let what = "declare exchanges and queues";
    timeout(within, declare_all(wire, config, within))
        .await
        .unwrap_or_else(|_| Err(BrokerError::NoAnswer { what: what.into(), within }))
}

/// Deletes the exchanges and queues of `config.names`, with all that is in them: for a passing visitor of a broker, a
/// worker never does it.
///
/// # Errors
/// Any [`BrokerError`].
pub async fn take_down(config: &BrokerConfig) -> Result<(), BrokerError> {
    let within = config.deadlines.call_within;
    let wire = Wire::open(config, "leaving").await?;
    let channel = wire.channel(within).await?;
    let names = &config.names;
    for name in [&names.commands, &names.dead] {
        let deleting = channel.queue_delete(short(name), QueueDeleteOptions::default());
        call("delete a queue", within, deleting).await?;
    }
    for name in [&names.commands, &names.events, &names.dead] {
        let deleting = channel.exchange_delete(short(name), ExchangeDeleteOptions::default());
        call("delete an exchange", within, deleting).await?;
    }
    wire.close(config.deadlines.close_within).await;
    Ok(())
}

async fn declare_all(wire: &Wire, config: &BrokerConfig, within: Duration) -> Result<(), BrokerError> {
    let channel = wire.channel(within).await?;
    let mut at = Declaring { wire, channel, within };
    for thing in plan(&config.names)? {
        at.declare(&thing).await?;
    }
    call("close a channel", within, at.channel.close(200, "OK".into())).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Declare,
    /// Only see whether it exists.
    Look,
}

/// One line of the contract's table.
pub(super) enum Thing<'a> {
    Exchange {
        name: &'a str,
        kind: ExchangeKind,
    },
    Queue {
        name: &'a str,
        arguments: FieldTable,
    },
    /// A queue bound to the exchange of the same name.
    Binding {
        name: &'a str,
        key: &'static str,
    },
}

pub(super) fn plan(names: &TopologyNames) -> Result<Vec<Thing<'_>>, BrokerError> {
    let TopologyNames { commands, events, dead } = names;
    if let Some(name) = [commands, events, dead].into_iter().find(|name| name.is_empty() || name.len() > 255) {
        return Err(BrokerError::BadName { name: name.clone() });
    }
    Ok(vec![
        // Dead letters first: from its first moment the queue of commands has somewhere to put them.
        Thing::Exchange { name: dead, kind: ExchangeKind::Fanout },
        Thing::Queue { name: dead, arguments: quorum() },
        Thing::Binding { name: dead, key: "" },
        Thing::Exchange { name: commands, kind: ExchangeKind::Topic },
        Thing::Queue { name: commands, arguments: command_arguments(dead) },
        Thing::Binding { name: commands, key: "#" },
        Thing::Exchange { name: events, kind: ExchangeKind::Topic },
    ])
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn command_arguments(dead: &str) -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    arguments.insert("x-dead-letter-exchange".into(), text(dead));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

impl Thing<'_> {
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Exchange { name, .. } => format!("exchange {name}"),
            Self::Queue { name, .. } => format!("queue {name}"),
            Self::Binding { name, key } => format!("binding of queue {name} to exchange {name} with key {key:?}"),
        }
    }

    pub(super) async fn declare_on(&self, channel: &Channel, how: How) -> lapin::Result<()> {
        let passive = how == How::Look;
        match self {
            Self::Exchange { name, kind } => {
                let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
                channel.exchange_declare((*name).into(), kind.clone(), options, FieldTable::default()).await
            }
            Self::Queue { name, arguments } => {
                let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
                channel.queue_declare((*name).into(), options, arguments.clone()).await.map(|_| ())
            }
            // There is no way to look at a binding: where we may not make it, we take it for made.
            Self::Binding { .. } if passive => Ok(()),
            Self::Binding { name, key } => {
                let options = QueueBindOptions::default();
                channel.queue_bind((*name).into(), (*name).into(), (*key).into(), options, FieldTable::default()).await
            }
        }
    }
}

struct Declaring<'a> {
    wire: &'a Wire,
    channel: Channel,
    within: Duration,
}

impl Declaring<'_> {
    async fn declare(&mut self, thing: &Thing<'_>) -> Result<(), BrokerError> {
        let what = format!("declare the {}", thing.in_words());
        match call(&what, self.within, thing.declare_on(&self.channel, How::Declare)).await {
            Err(BrokerError::Forbidden { what, why }) => self.accept_existing(thing, what, why).await,
            Err(BrokerError::Refused { what, why }) => {
                Err(drift(thing, &why).unwrap_or(BrokerError::Refused { what, why }))
            }
            other => other,
        }
    }

    async fn accept_existing(&mut self, thing: &Thing<'_>, what: String, why: String) -> Result<(), BrokerError> {
        debug!("{why}: looking whether the {} exists", thing.in_words());
        self.channel = self.wire.channel(self.within).await?;
        let seen = call(&what, self.within, thing.declare_on(&self.channel, How::Look)).await;
        match seen {
            Err(BrokerError::Refused { .. } | BrokerError::Forbidden { .. }) => {
                Err(BrokerError::Forbidden { what, why })
            }
            other => other,
        }
    }
}

/// Reads the broker's own words: `… inequivalent arg 'x-overflow' for queue … received 'a' but current is 'b'`, where
/// either side may also be `none` or `the value 'a' of type 'longstr'`.
pub(super) fn drift(thing: &Thing<'_>, why: &str) -> Option<BrokerError> {
    let (_, rest) = why.split_once("inequivalent arg '")?;
    let (argument, rest) = rest.split_once('\'')?;
    let (_, sides) = rest.split_once("received ")?;
    let (wanted, found) = sides.split_once(" but current is ")?;
    let argument = argument.to_owned();
    Some(BrokerError::Drift { thing: thing.in_words(), argument, found: side(found), wanted: side(wanted) })
}

fn side(said: &str) -> String {
    let said = said.trim();
    let value = said.strip_prefix("the value ").unwrap_or(said);
    value.split(" of type ").next().unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_words_become_two_sides() {
        let thing = Thing::Queue { name: "q", arguments: FieldTable::default() };
        for (said, found, wanted) in [
            ("received 'quorum' but current is 'classic'", "'classic'", "'quorum'"),
            ("received the value 'quorum' of type 'longstr' but current is none", "none", "'quorum'"),
            ("received none but current is the value '100' of type 'long'", "'100'", "none"),
        ] {
            let why = format!("PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q' in vhost '/': {said}");
            let expected = BrokerError::Drift {
                thing: "queue q".into(),
                argument: "x".into(),
                found: found.into(),
                wanted: wanted.into(),
            };
            assert_eq!(drift(&thing, &why), Some(expected));
        }
        assert_eq!(drift(&thing, "PRECONDITION_FAILED - something else"), None);
    }
}
