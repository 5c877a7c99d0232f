//! What shall go out, and what became of it.

use std::borrow::Cow;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

use super::TopologyNames;

/// One message to publish, always persistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Where it goes.
    pub exchange: Exchange,
    /// The routing key; for [`Exchange::Default`] the name of the queue. At most 255 bytes, as every short text here.
    pub routing_key: String,
    /// The body.
    pub body: Vec<u8>,
    /// Stable over repetitions: a message that got no answer is published again under the same id.
    pub message_id: String,
    /// The command's id, or the requester's own for a reply.
    pub correlation_id: Option<String>,
    /// The AMQP `type` property: the event's type.
    pub kind: Option<String>,
    /// The AMQP `content_type` property.
    pub content_type: Option<String>,
    /// Text headers, `traceparent` among them. Together at most 64 KiB: they must fit in one frame.
    pub headers: Vec<(String, String)>,
    /// Whether the broker shall give it back where nobody is bound for it.
    pub mandatory: bool,
}

/// Where a publication goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The exchange of commands.
    Commands,
    /// The exchange of result events.
    Events,
    /// The exchange of messages that are no commands.
    Dead,
    /// The broker's default exchange: the routing key is a queue's name (`reply_to`).
    Default,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The broker has it: on disk, in every queue that is bound for it.
    Confirmed,
    /// The broker took it and gave it back: nobody is bound for it. Only for `mandatory`.
    Unrouted,
    /// The broker did not take it, or cannot: a queue is full (it may be taken later), or the message itself is not
    /// allowed. It is in no queue that matters.
    Refused {
        /// The broker's words, or ours where it was never sent.
        reason: String,
    },
    /// Nobody knows: no connection, a connection lost on the way, no confirm in time. To be published again.
    NoAnswer {
        /// What was seen.
        reason: String,
    },
}

/// A header table must fit in one frame, and the smallest common limit of a frame is 128 KiB.
pub(super) const HEADERS_MOST: u32 = 64 * 1024;
const SHORT_MOST: usize = 255;

impl Exchange {
    pub(super) fn name<'a>(&self, names: &'a TopologyNames) -> &'a str {
        match self {
            Self::Commands => &names.commands,
            Self::Events => &names.events,
            Self::Dead => &names.dead,
            Self::Default => "",
        }
    }
}

impl Publication {
    /// Why the wire could not carry it. lapin panics on a text over 255 bytes, and the broker ends the connection on
    /// headers that do not fit, taking every confirm under way with it: one bad message would stop all others.
    pub(super) fn flaw(&self) -> Option<String> {
        let short = [
            ("routing key", Some(&self.routing_key)),
            ("message id", Some(&self.message_id)),
            ("correlation id", self.correlation_id.as_ref()),
            ("type", self.kind.as_ref()),
            ("content type", self.content_type.as_ref()),
        ];
        let too_long = short.into_iter().find(|(_, text)| text.is_some_and(|text| text.len() > SHORT_MOST));
        if let Some((name, _)) = too_long {
            return Some(format!("its {name} is longer than {SHORT_MOST} bytes"));
        }
        if self.headers.iter().any(|(name, _)| name.len() > SHORT_MOST) {
            return Some(format!("the name of a header is longer than {SHORT_MOST} bytes"));
        }
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        (headers > HEADERS_MOST as usize).then(|| format!("its headers are larger than {HEADERS_MOST} bytes"))
    }

    /// Only for a publication without a [`flaw`](Self::flaw).
    pub(super) fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_app_id("bindery".into())
            .with_message_id(short(&self.message_id));
        if let Some(id) = &self.correlation_id {
            properties = properties.with_correlation_id(short(id));
        }
        if let Some(kind) = &self.kind {
            properties = properties.with_type(short(kind));
        }
        if let Some(content_type) = &self.content_type {
            properties = properties.with_content_type(short(content_type));
        }
        if self.headers.is_empty() { properties } else { properties.with_headers(self.table()) }
    }

    fn table(&self) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in &self.headers {
            table.insert(short(name), AMQPValue::LongString(LongString::from(value.as_str())));
        }
        table
    }
}

impl Settled {
    pub(super) fn no_answer<'a>(reason: impl Into<Cow<'a, str>>) -> Self {
        Self::NoAnswer { reason: reason.into().into_owned() }
    }
}

/// A text that is known to be short enough; a longer one would come out empty rather than end the worker.
pub(super) fn short(text: &str) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Publication {
        Publication {
            exchange: Exchange::Events,
            routing_key: "claim.page.confirmed".into(),
            body: b"{}".to_vec(),
            message_id: "id".into(),
            correlation_id: None,
            kind: None,
            content_type: None,
            headers: Vec::new(),
            mandatory: true,
        }
    }

    #[test]
    fn what_the_wire_cannot_carry_is_told_before_it_is_sent() {
        let long = "x".repeat(256);
        let fits = "x".repeat(255);
        assert_eq!(event().flaw(), None);
        assert_eq!(Publication { routing_key: fits, ..event() }.flaw(), None);
        for bad in [
            Publication { routing_key: long.clone(), ..event() },
            Publication { message_id: long.clone(), ..event() },
            Publication { correlation_id: Some(long.clone()), ..event() },
            Publication { kind: Some(long.clone()), ..event() },
            Publication { content_type: Some(long.clone()), ..event() },
            Publication { headers: vec![(long.clone(), String::new())], ..event() },
            Publication { headers: vec![("reason".into(), "x".repeat(65 * 1024))], ..event() },
        ] {
            assert!(bad.flaw().is_some(), "{bad:?}");
        }
    }
}
