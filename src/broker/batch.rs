//! One batch through a channel in confirm mode.

use std::collections::HashSet;

use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, ErrorKind, PublisherConfirm};
use tokio::time::{Instant, timeout_at};

use super::error::plain;
use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError, Publication, Settled, topology};

/// A channel in confirm mode, with nothing under way between two batches.
pub(super) struct Outlet {
    channel: Channel,
    /// False once a confirm stayed away: a late one could be taken for another message's.
    clean: bool,
}

/// What one message's confirm came to, before the returned ones are known.
enum Heard {
    Acked,
    Nacked,
    /// The broker closed the channel over this message or one beside it.
    ChannelClosed(String),
    Nothing(BrokerError),
}

impl Outlet {
    pub(super) async fn open(wire: &Wire, config: &BrokerConfig) -> Result<Self, BrokerError> {
        let within = config.deadlines.call_within;
        let channel = wire.channel(within).await?;
        call("confirm publications", within, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Self { channel, clean: true })
    }

    /// Publishes all of them, and says what became of each. An error beside it: this connection is of no more use.
    pub(super) async fn publish(
        &mut self,
        wire: &Wire,
        config: &BrokerConfig,
        messages: &[Publication],
        deadline: Instant,
    ) -> (Vec<Settled>, Result<(), BrokerError>) {
        let mut settled: Vec<Option<Settled>> = messages.iter().map(flawed).collect();
        let mut ended = self.ready(wire, config, deadline).await;
        if ended.is_ok() {
            ended = self.together(config, messages, &mut settled, deadline).await;
        }
        for (message, slot) in messages.iter().zip(&mut settled) {
            if ended.is_ok() && slot.is_none() {
                ended = self.alone(wire, config, message, slot, deadline).await;
            }
        }
        let reason = ended.as_ref().err().map_or_else(String::new, ToString::to_string);
        let settled = settled.into_iter().map(|one| one.unwrap_or_else(|| Settled::no_answer(reason.as_str())));
        (settled.collect(), ended)
    }

    /// A channel that works, has nothing under way, and finds the topology in place.
    async fn ready(&mut self, wire: &Wire, config: &BrokerConfig, deadline: Instant) -> Result<(), BrokerError> {
        if self.clean && self.channel.status().connected() {
            return Ok(());
        }
        let anew = async {
            topology::declare(wire, config).await?;
            Self::open(wire, config).await
        };
        let within = config.deadlines.confirm_within;
        *self = timeout_at(deadline, anew)
            .await
            .map_err(|_| BrokerError::NoAnswer { what: "open a channel for publications".into(), within })??;
        Ok(())
    }

    /// All at once. What the closing of the channel left open stays `None`.
    async fn together(
        &mut self,
        config: &BrokerConfig,
        messages: &[Publication],
        settled: &mut [Option<Settled>],
        deadline: Instant,
    ) -> Result<(), BrokerError> {
        let open: Vec<usize> = (0..messages.len()).filter(|at| settled[*at].is_none()).collect();
        let batch: Vec<&Publication> = open.iter().map(|at| &messages[*at]).collect();
        let heard = self.hear(config, &batch, deadline).await;
        let mut ended = Ok(());
        for (at, heard) in open.into_iter().zip(heard) {
            match heard {
                Ok(one) => settled[at] = Some(one),
                Err(Heard::Nothing(error)) => ended = Err(error),
                Err(Heard::ChannelClosed(_) | Heard::Acked | Heard::Nacked) => {}
            }
        }
        ended
    }

    /// One of a batch whose channel was closed: now the broker's refusal is about this one.
    async fn alone(
        &mut self,
        wire: &Wire,
        config: &BrokerConfig,
        message: &Publication,
        slot: &mut Option<Settled>,
        deadline: Instant,
    ) -> Result<(), BrokerError> {
        self.ready(wire, config, deadline).await?;
        match self.hear(config, &[message], deadline).await.pop() {
            Some(Ok(one)) => *slot = Some(one),
            Some(Err(Heard::ChannelClosed(reason))) => *slot = Some(Settled::Refused { reason }),
            Some(Err(Heard::Nothing(error))) => return Err(error),
            Some(Err(Heard::Acked | Heard::Nacked)) | None => {}
        }
        Ok(())
    }

    /// Publishes, then awaits every confirm, then knows which were given back.
    async fn hear(
        &mut self,
        config: &BrokerConfig,
        batch: &[&Publication],
        deadline: Instant,
    ) -> Vec<Result<Settled, Heard>> {
        let mut sent = Vec::with_capacity(batch.len());
        for message in batch {
            sent.push(self.send(config, message, deadline).await);
        }
        let mut returned = HashSet::new();
        let mut heard = Vec::with_capacity(batch.len());
        for confirm in sent {
            heard.push(match confirm {
                Ok(confirm) => self.await_confirm(config, confirm, deadline, &mut returned).await,
                Err(heard) => heard,
            });
        }
        let judged = heard.into_iter().zip(batch).map(|(heard, message)| match heard {
            Heard::Acked if returned.contains(&key_of(config, message)) => Ok(Settled::Unrouted),
            Heard::Acked => Ok(Settled::Confirmed),
            Heard::Nacked => {
                Ok(Settled::Refused { reason: "the broker did not take it: a queue is full or unavailable".into() })
            }
            unknown @ (Heard::ChannelClosed(_) | Heard::Nothing(_)) => Err(unknown),
        });
        judged.collect()
    }

    async fn send(
        &mut self,
        config: &BrokerConfig,
        message: &Publication,
        deadline: Instant,
    ) -> Result<PublisherConfirm, Heard> {
        let exchange = short(message.exchange.name(&config.names));
        let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
        let key = short(&message.routing_key);
        let sending = self.channel.basic_publish(exchange, key, options, &message.body, message.properties());
        match timeout_at(deadline, sending).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(self.trouble(&error)),
            Err(_) => Err(self.silence(config)),
        }
    }

    async fn await_confirm(
        &mut self,
        config: &BrokerConfig,
        confirm: PublisherConfirm,
        deadline: Instant,
        returned: &mut HashSet<Key>,
    ) -> Heard {
        match timeout_at(deadline, confirm).await {
            Ok(Ok(Confirmation::Ack(given_back))) => {
                returned.extend(given_back.map(|message| key_of_returned(&message)));
                Heard::Acked
            }
            Ok(Ok(Confirmation::Nack(given_back))) => {
                returned.extend(given_back.map(|message| key_of_returned(&message)));
                Heard::Nacked
            }
            Ok(Ok(Confirmation::NotRequested)) => self.silence(config),
            Ok(Err(error)) => self.trouble(&error),
            Err(_) => self.silence(config),
        }
    }

    /// A channel that the broker closed, or the end of the connection.
    #[expect(clippy::wildcard_enum_match_arm, reason = "lapin's own enum, which may grow")]
    fn trouble(&mut self, error: &lapin::Error) -> Heard {
        self.clean = false;
        match error.kind() {
            ErrorKind::ProtocolError(said) if error.is_amqp_soft_error() => {
                Heard::ChannelClosed(said.get_message().to_string())
            }
            ErrorKind::InvalidChannelState(..) => Heard::ChannelClosed(plain(error)),
            _ => Heard::Nothing(BrokerError::Lost { why: plain(error) }),
        }
    }

    fn silence(&mut self, config: &BrokerConfig) -> Heard {
        self.clean = false;
        let within = config.deadlines.confirm_within;
        Heard::Nothing(BrokerError::NoAnswer { what: "confirm a publication".into(), within })
    }
}

/// What tells one message of a batch from another in what the broker gives back.
type Key = (String, String, String);

fn key_of(config: &BrokerConfig, message: &Publication) -> Key {
    (message.exchange.name(&config.names).to_owned(), message.routing_key.clone(), message.message_id.clone())
}

fn key_of_returned(message: &BasicReturnMessage) -> Key {
    let id = message.properties.message_id().as_ref().map_or_else(String::new, ToString::to_string);
    (message.exchange.to_string(), message.routing_key.to_string(), id)
}

fn flawed(message: &Publication) -> Option<Settled> {
    message.flaw().map(|reason| Settled::Refused { reason })
}
