//! What a doctor sees of the broker. Nothing is changed, nothing is published, nothing is consumed.
//!
//! How each question is asked without doing what it asks about:
//!
//! - *Does it stand as the contract says?* First a passive look; only what is there is then declared again, which AMQP
//!   makes a comparison. What another client deletes between the two would be made by us: the right thing, empty.
//! - *May we read?* A consumer with an argument that no broker accepts: without the right it is refused for that (403),
//!   with the right for the argument (406).
//! - *May we write?* A message with a life span that is no number: 403 or 406 in the same way, before it is routed.
//! - *Is there an alarm?* The broker tells a connection when it tries to publish, so the same message finds out.
//!
//! Bindings and policies cannot be seen over AMQP, and are not guessed.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Event};
use tokio::time::timeout;

use super::greeting::greeting;
use super::link::{Wire, address, call};
use super::publication::short;
use super::topology::{How, Thing, drift, plan};
use super::{BrokerConfig, BrokerError, url};

/// How long the broker's word about an alarm may take behind its silence.
const REASON_WITHIN: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug)]
pub struct Examined {
    /// `host:port`.
    pub address: String,
    /// As whom.
    pub user: String,
    /// Where in it.
    pub vhost: String,
    /// Such as `RabbitMQ 3.10.8`, where the broker says it.
    pub version: Option<String>,
    /// Each exchange and queue of the contract, in words, and how it stands.
    pub things: Vec<(String, Standing)>,
    /// The queue of commands, where it is.
    pub commands: Option<QueueSeen>,
    /// The queue of dead letters, where it is.
    pub dead: Option<QueueSeen>,
    /// What the worker must be allowed to do, in words, and whether it is.
    pub rights: Vec<(String, Right)>,
    /// The broker's reason for holding back whoever publishes.
    pub blocked: Option<String>,
}

/// How something of the topology stands.
#[derive(Debug)]
pub enum Standing {
    /// As the contract says.
    Right,
    /// Not there: a worker declares it at its start.
    Missing,
    /// There, with other arguments.
    Drifted(BrokerError),
    /// There; we may not compare it.
    NotCompared,
    /// It could not be looked at.
    Unknown(BrokerError),
}

/// Whether something is allowed.
#[derive(Debug)]
pub enum Right {
    /// It is.
    Granted,
    /// It is not.
    Missing(BrokerError),
    /// It could not be found out: the thing is not there, or there was no answer.
    Unknown(BrokerError),
}

/// A queue, as a passive look shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSeen {
    /// Messages that are ready.
    pub ready: u32,
    /// Who consumes.
    pub consumers: u32,
}

/// Looks the broker over.
///
/// # Errors
/// Why it could not be reached, or did not let us in.
pub async fn examine(config: &BrokerConfig) -> Result<Examined, BrokerError> {
    let uri = url::parse(&config.url)?;
    let plan = plan(&config.names)?;
    let version = greeting(config).await?;
    let wire = Wire::open(config, "doctor").await?;
    let within = config.deadlines.call_within;
    let mut things = Vec::new();
    for thing in plan.iter().filter(|thing| !matches!(thing, Thing::Binding { .. })) {
        things.push((thing.in_words(), stands(&wire, thing, within).await));
    }
    let names = &config.names;
    let (commands, dead) = (queue(&wire, &names.commands, within).await, queue(&wire, &names.dead, within).await);
    let mut rights = Vec::new();
    for name in [&names.commands, &names.dead] {
        rights.push((format!("read from queue {name}"), reads(&wire, name, within).await));
    }
    wire.close(config.deadlines.close_within).await;
    let (written, blocked) = writes(config).await?;
    rights.extend(written);
    let (user, vhost) = (uri.authority.userinfo.username.clone(), uri.vhost.clone());
    Ok(Examined { address: address(&uri), user, vhost, version, things, commands, dead, rights, blocked })
}

async fn stands(wire: &Wire, thing: &Thing<'_>, within: Duration) -> Standing {
    match declared(wire, thing, How::Look, within).await {
        Ok(()) => {}
        Err(BrokerError::Refused { why, .. }) if is_absent(&why) => return Standing::Missing,
        Err(BrokerError::Refused { what, why }) => {
            return drift(thing, &why).map_or(Standing::Unknown(BrokerError::Refused { what, why }), Standing::Drifted);
        }
        Err(error) => return Standing::Unknown(error),
    }
    match declared(wire, thing, How::Declare, within).await {
        Ok(()) => Standing::Right,
        Err(BrokerError::Forbidden { .. }) => Standing::NotCompared,
        Err(BrokerError::Refused { what, why }) => {
            drift(thing, &why).map_or(Standing::Unknown(BrokerError::Refused { what, why }), Standing::Drifted)
        }
        Err(error) => Standing::Unknown(error),
    }
}

/// On a channel of its own: a refusal closes it.
async fn declared(wire: &Wire, thing: &Thing<'_>, how: How, within: Duration) -> Result<(), BrokerError> {
    let channel = wire.channel(within).await?;
    let asked = call(&format!("show the {}", thing.in_words()), within, thing.declare_on(&channel, how)).await;
    if asked.is_ok() {
        call("close a channel", within, channel.close(200, "OK".into())).await?;
    }
    asked
}

fn is_absent(why: &str) -> bool {
    why.starts_with("NOT_FOUND")
}

async fn queue(wire: &Wire, name: &str, within: Duration) -> Option<QueueSeen> {
    let channel = wire.channel(within).await.ok()?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let seen = call("show a queue", within, channel.queue_declare(short(name), passive, FieldTable::default()));
    let seen = seen.await.ok()?;
    Some(QueueSeen { ready: seen.message_count(), consumers: seen.consumer_count() })
}

async fn reads(wire: &Wire, name: &str, within: Duration) -> Right {
    let channel = match wire.channel(within).await {
        Ok(channel) => channel,
        Err(error) => return Right::Unknown(error),
    };
    let mut impossible = FieldTable::default();
    impossible.insert("x-priority".into(), AMQPValue::LongString("only a question".into()));
    let asked = channel.basic_consume(short(name), "".into(), BasicConsumeOptions::default(), impossible);
    allowed(call(&format!("let us read from queue {name}"), within, asked).await.map(drop))
}

/// Refused for the impossible part of it: then the right is there.
fn allowed(asked: Result<(), BrokerError>) -> Right {
    match asked {
        Ok(()) => Right::Granted,
        Err(BrokerError::Refused { why, .. }) if why.starts_with("PRECONDITION_FAILED") => Right::Granted,
        Err(error @ BrokerError::Forbidden { .. }) => Right::Missing(error),
        Err(error) => Right::Unknown(error),
    }
}

/// On a connection of its own, because an alarm stops whatever else such a connection does.
async fn writes(config: &BrokerConfig) -> Result<(Vec<(String, Right)>, Option<String>), BrokerError> {
    let wire = Wire::open(config, "doctor asking about alarms").await?;
    let mut events = wire.connection.events_listener().boxed();
    let mut rights = Vec::new();
    for name in [&config.names.events, &config.names.dead, &config.names.commands] {
        let right = allowed(written(&wire, name, config.deadlines.call_within).await);
        rights.push((format!("write to exchange {name}"), right));
        if wire.connection.status().blocked() {
            break;
        }
    }
    let mut blocked = None;
    if wire.connection.status().blocked() {
        while let Ok(Some(event)) = timeout(REASON_WITHIN, events.next()).await {
            if let Event::ConnectionBlocked(reason) = event {
                blocked = Some(reason);
                break;
            }
        }
        blocked = blocked.or_else(|| Some("it does not say why".to_owned()));
    }
    wire.close(config.deadlines.close_within).await;
    Ok((rights, blocked))
}

async fn written(wire: &Wire, name: &str, within: Duration) -> Result<(), BrokerError> {
    let channel = wire.channel(within).await?;
    call("confirm publications", within, channel.confirm_select(ConfirmSelectOptions::default())).await?;
    let what = format!("let us write to exchange {name}");
    let impossible = BasicProperties::default().with_expiration("only a question".into());
    let (to, options) = (short(name), BasicPublishOptions::default());
    let sent =
        call(&what, within, channel.basic_publish(to, "bindery.doctor".into(), options, b"", impossible)).await?;
    call(&what, within, sent).await.map(drop)
}
