//! The queue of dead letters, as an operator looks through it: nothing leaves it by being looked at.
//!
//! What must hold: whatever happens to us or to another operator, a letter is in the queue until [`Letters::take`] has
//! said that it is gone. A letter that is looked at is held unacknowledged by our channel, hidden from others for that
//! while; the broker puts it back when we say so, and as well when our connection ends in any way.
//!
//! Not kept: the order of the letters. A quorum queue may put what comes back at its end.

use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use super::link::{Wire, call};
use super::publication::short;
use super::{BrokerConfig, BrokerError};

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    tag: u64,
    /// The bytes as they were published.
    pub body: Vec<u8>,
    /// The publisher's routing key.
    pub routing_key: String,
    /// Why bindery refused it, in a word.
    pub code: Option<String>,
    /// Why bindery refused it, in a sentence.
    pub reason: Option<String>,
    /// Why the broker itself put it here (`delivery_limit`, `rejected`), where bindery did not.
    pub died_of: Option<String>,
    /// How often it was looked at and put back, as far as the broker counts.
    pub returned: u64,
    /// The publisher's correlation id.
    pub correlation_id: Option<String>,
    /// The publisher's content type.
    pub content_type: Option<String>,
    /// The publisher's trace.
    pub traceparent: Option<String>,
}

/// A look through the queue. Dropping it puts everything back that was not taken.
pub struct Letters {
    wire: Wire,
    channel: Channel,
    config: BrokerConfig,
    last: Option<u64>,
}

impl Letters {
    /// Connects; declares nothing.
    ///
    /// # Errors
    /// Any [`BrokerError`]; `Refused` where there is no such queue.
    pub async fn open(config: BrokerConfig) -> Result<Self, BrokerError> {
        let wire = Wire::open(&config, "dead letters").await?;
        let channel = wire.channel(config.deadlines.call_within).await?;
        let letters = Self { wire, channel, config, last: None };
        match letters.waiting().await {
            Ok(_) => Ok(letters),
            Err(error) => {
                letters.close().await;
                Err(error)
            }
        }
    }

    /// How many are in the queue, those that somebody looks at apart.
    ///
    /// # Errors
    /// Any [`BrokerError`].
    pub async fn waiting(&self) -> Result<u32, BrokerError> {
        let name = &self.config.names.dead;
        let looking = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let looked = self.channel.queue_declare(short(name), looking, FieldTable::default());
        let what = format!("show the queue {name}, which a worker declares at its start");
        Ok(call(&what, self.config.deadlines.call_within, looked).await?.message_count())
    }

    /// The next letter, held from now on; `None` where no other is ready.
    ///
    /// # Errors
    /// Any [`BrokerError`].
    pub async fn next(&mut self) -> Result<Option<Letter>, BrokerError> {
        let got = self.channel.basic_get(short(&self.config.names.dead), BasicGetOptions::default());
        let got = call("show a dead letter", self.config.deadlines.call_within, got).await?;
        let letter = got.map(|got| Letter::decode(got.delivery));
        self.last = letter.as_ref().map(|letter| letter.tag).or(self.last);
        Ok(letter)
    }

    /// Puts back all that came before `letter`, so that others see it again.
    ///
    /// # Errors
    /// Any [`BrokerError`]; the end of the connection puts it back as well.
    pub async fn put_back_before(&self, letter: &Letter) -> Result<(), BrokerError> {
        match letter.tag.checked_sub(1) {
            None | Some(0) => Ok(()),
            Some(tag) => self.nack_up_to(tag).await,
        }
    }

    /// Takes the letter out of the queue for good, and sees that it is.
    ///
    /// # Errors
    /// Any [`BrokerError`]: it may still be there then.
    pub async fn take(&mut self, letter: &Letter) -> Result<(), BrokerError> {
        // What came before it was put back, so nothing is held any more; a tag that is not ours would be an error.
        self.last = self.last.filter(|last| *last != letter.tag);
        let within = self.config.deadlines.call_within;
        let acked = self.channel.basic_ack(letter.tag, BasicAckOptions::default());
        call("take a dead letter out", within, acked).await?;
        // An acknowledgement has no answer. What is answered behind it on the same channel shows that it was heard.
        self.waiting().await.map(drop)
    }

    /// Puts everything back that was not taken, and says goodbye.
    pub async fn close(self) {
        if let Some(last) = self.last {
            // Should it fail, the end of the connection puts them back.
            let _ = self.nack_up_to(last).await;
        }
        self.wire.close(self.config.deadlines.close_within).await;
    }

    async fn nack_up_to(&self, tag: u64) -> Result<(), BrokerError> {
        let options = BasicNackOptions { multiple: true, requeue: true };
        call("put dead letters back", self.config.deadlines.call_within, self.channel.basic_nack(tag, options))
            .await
            .map(drop)
    }
}

impl Letter {
    fn decode(raw: lapin::message::Delivery) -> Self {
        let properties: &BasicProperties = &raw.properties;
        let headers = properties.headers().clone().unwrap_or_default();
        let text = |name: &str| headers.inner().get(name).and_then(words);
        Self {
            tag: raw.delivery_tag,
            code: text("x-bindery-code"),
            reason: text("x-bindery-reason"),
            died_of: text("x-first-death-reason"),
            returned: headers.inner().get("x-delivery-count").and_then(number).unwrap_or(0),
            correlation_id: properties.correlation_id().as_ref().map(ToString::to_string),
            content_type: properties.content_type().as_ref().map(ToString::to_string),
            traceparent: text("traceparent"),
            routing_key: raw.routing_key.to_string(),
            body: raw.data,
        }
    }
}

fn words(value: &AMQPValue) -> Option<String> {
    value.as_long_string().map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
}

fn number(value: &AMQPValue) -> Option<u64> {
    value.as_long_long_int().and_then(|count| u64::try_from(count).ok())
}
