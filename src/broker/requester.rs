//! The requester's side: one command out. For the command line, not for the worker.
//!
//! Unlike the worker it declares nothing of the contract's topology: a command for which nobody has declared a queue
//! comes back, instead of waiting in one that a slip in the URL has made.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Confirmation, ExchangeKind};

use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError, Publication, Settled, url};

/// A connection that asks for work.
pub struct Requester {
    wire: Wire,
    config: BrokerConfig,
    user: Option<ShortString>,
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
