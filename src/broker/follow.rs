//! The requester's side: one command out, and the events about it back. For the command line, not for the worker.
//!
//! Unlike the worker it declares nothing of the contract's topology: a command for which nobody has declared a queue
//! comes back, instead of waiting in one that a slip in the URL has made. The queue of a follower is exclusive and goes
//! with its connection.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Confirmation, ExchangeKind};
use tokio::time::{Instant, timeout_at};

use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError, Delivery, Publication, Settled, Tag, Trace, url};

/// A connection that asks for work.
pub struct Requester {
    wire: Wire,
    config: BrokerConfig,
    user: Option<ShortString>,
}

/// The events about one command, from when it was made on.
pub struct Follower {
    stream: lapin::Consumer,
    correlation_id: String,
}

impl Requester {
    /// Connects and sees whether a worker's exchange of commands is there.
    ///
    /// # Errors
    /// Any [`BrokerError`]; `Refused` where there is no such exchange.
    pub async fn open(config: BrokerConfig) -> Result<Self, BrokerError> {
        let uri = url::parse(&config.url)?;
        // The broker vouches for this name; with a certificate it is the certificate's, which we cannot tell.
        let by_password = uri.query.auth_mechanism.is_none();
        let user = by_password.then(|| short(&uri.authority.userinfo.username));
        let wire = Wire::open(&config, "send").await?;
        let requester = Self { wire, config, user };
        match requester.look().await {
            Ok(()) => Ok(requester),
            Err(error) => {
                requester.close().await;
                Err(error)
            }
        }
    }

    /// Follows what is told about one command under these routing keys.
    ///
    /// # Errors
    /// Any [`BrokerError`]; `Refused` where there is no exchange of events.
    pub async fn follow(&self, keys: &str, correlation_id: &str) -> Result<Follower, BrokerError> {
        let within = self.within();
        let channel = self.wire.channel(within).await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default());
        let queue = call("declare a queue of our own", within, queue).await?.name().clone();
        let events = short(&self.config.names.events);
        let options = QueueBindOptions::default();
        let bound = channel.queue_bind(queue.clone(), events, short(keys), options, FieldTable::default());
        call(&format!("bind to the exchange {}", self.config.names.events), within, bound).await?;
        let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
        let consumed = channel.basic_consume(queue, "".into(), options, FieldTable::default());
        let stream = call("consume events", within, consumed).await?;
        Ok(Follower { stream, correlation_id: correlation_id.to_owned() })
    }

    /// Publishes one message and says what became of it, within `confirm_within`.
    pub async fn publish(&self, message: &Publication) -> Settled {
        if let Some(reason) = message.flaw() {
            return Settled::Refused { reason };
        }
        match self.confirmed(message).await {
            Ok(Confirmation::Ack(None)) => Settled::Confirmed,
            Ok(Confirmation::Ack(Some(_))) => Settled::Unrouted,
            Ok(Confirmation::Nack(_)) => Settled::Refused { reason: "its queue is full or unavailable".into() },
            Ok(Confirmation::NotRequested) => Settled::no_answer("the broker does not confirm"),
            Err(BrokerError::Refused { why, .. } | BrokerError::Forbidden { why, .. }) => {
                Settled::Refused { reason: why }
            }
            Err(error) => Settled::no_answer(error.to_string()),
        }
    }

    /// Says goodbye and shuts the socket.
    pub async fn close(self) {
        self.wire.close(self.config.deadlines.close_within).await;
    }

    async fn look(&self) -> Result<(), BrokerError> {
        let name = &self.config.names.commands;
        let channel = self.wire.channel(self.within()).await?;
        let options = ExchangeDeclareOptions { passive: true, durable: true, ..ExchangeDeclareOptions::default() };
        let looked = channel.exchange_declare(short(name), ExchangeKind::Topic, options, FieldTable::default());
        call(&format!("show the exchange {name}, which a worker declares at its start"), self.within(), looked).await
    }

    /// One message on a channel of its own, so that whatever is given back on it is this one.
    async fn confirmed(&self, message: &Publication) -> Result<Confirmation, BrokerError> {
        let within = self.config.deadlines.confirm_within;
        let channel = self.wire.channel(self.within()).await?;
        call("confirm publications", within, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let mut properties = message.properties();
        if let Some(user) = &self.user {
            properties = properties.with_user_id(user.clone());
        }
        let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
        let exchange = short(message.exchange.name(&self.config.names));
        let sent = channel.basic_publish(exchange, short(&message.routing_key), options, &message.body, properties);
        let confirm = call("take a message", within, sent).await?;
        call("confirm a message", within, confirm).await
    }

    fn within(&self) -> Duration {
        self.config.deadlines.call_within
    }
}

impl Follower {
    /// The next event about the command; `None` where none came until `until`.
    ///
    /// # Errors
    /// `Lost` where the connection ended.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Vec<u8>>, BrokerError> {
        loop {
            let Ok(delivery) = timeout_at(until, self.stream.next()).await else { return Ok(None) };
            let lost = || BrokerError::Lost { why: "no more events come".into() };
            let delivery = delivery.ok_or_else(lost)?.map_err(|error| BrokerError::of_call("send events", &error))?;
            let about = delivery.properties.correlation_id().as_ref();
            if about.is_some_and(|id| id.as_str() == self.correlation_id) {
                return Ok(Some(delivery.data));
            }
        }
    }
}

impl Delivery {
    /// A message that came by another way than a broker's; its tag means nothing.
    #[must_use]
    pub fn of_body(body: Vec<u8>) -> Self {
        Self {
            tag: Tag { channel: 0, number: 0 },
            body,
            routing_key: String::new(),
            redelivered: false,
            delivery_count: 0,
            message_id: None,
            correlation_id: None,
            reply_to: None,
            user_id: None,
            content_type: None,
            trace: Trace::default(),
        }
    }
}
