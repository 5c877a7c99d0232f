//! What came in: an AMQP delivery as plain values, not yet judged.

use lapin::types::{AMQPValue, FieldTable, ShortString};

/// One message from the queue of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names this delivery for its acknowledgement.
    pub tag: Tag,
    /// The bytes as they were published.
    pub body: Vec<u8>,
    /// The publisher's routing key; none where it came by another way than a broker's.
    pub routing_key: Option<String>,
    /// True where the broker delivered it before, to us or to another worker.
    pub redelivered: bool,
    /// How often it came back before (`x-delivery-count`); 0 the first time.
    pub delivery_count: u64,
    /// The publisher's `message_id`.
    pub message_id: Option<String>,
    /// The publisher's `correlation_id`, to be carried by a reply.
    pub correlation_id: Option<String>,
    /// Where the publisher wants a copy of the terminal event.
    pub reply_to: Option<String>,
    /// The publisher's user name; the broker lets a connection set none but its own.
    pub user_id: Option<String>,
    /// What the publisher says the body is.
    pub content_type: Option<String>,
    /// The publisher's trace context.
    pub trace: Trace,
}

/// Names a delivery, and the channel it came on: on any other channel it means nothing. Later deliveries of a channel,
/// and those of later channels, are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    pub(super) channel: u64,
    pub(super) number: u64,
}

impl Tag {
    /// Whether it was the first one on its channel: nothing that lay before it in the queue is under way.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.number == 1
    }
}

/// W3C trace context from the headers `traceparent` and `tracestate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// `00-<32 hex>-<16 hex>-<2 hex>`.
    pub parent: Option<String>,
    /// Vendors' additions, at most 512 characters; never without a parent.
    pub state: Option<String>,
    /// True where there was something that is no trace context, or too much of it. It was left out, no more.
    pub ignored: bool,
}

/// What the W3C asks everyone to be able to carry.
const STATE_MOST: usize = 512;

impl Delivery {
    /// A message that came by another way than a broker's; its tag means nothing.
    #[must_use]
    pub fn of_body(body: Vec<u8>) -> Self {
        Self {
            tag: Tag { channel: 0, number: 0 },
            body,
            routing_key: None,
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

    pub(super) fn decode(channel: u64, raw: lapin::message::Delivery) -> Self {
        let properties = &raw.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let headers = properties.headers().as_ref();
        Self {
            tag: Tag { channel, number: raw.delivery_tag },
            routing_key: Some(raw.routing_key.to_string()),
            redelivered: raw.redelivered,
            delivery_count: headers.map_or(0, delivery_count),
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            user_id: text(properties.user_id()),
            content_type: text(properties.content_type()),
            trace: headers.map_or_else(Trace::default, trace),
            body: raw.data,
        }
    }
}

fn delivery_count(headers: &FieldTable) -> u64 {
    let count = headers.inner().get("x-delivery-count").and_then(AMQPValue::as_long_long_int);
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

fn trace(headers: &FieldTable) -> Trace {
    let (parent, bad_parent) = header(headers, "traceparent", is_parent);
    let (state, bad_state) = header(headers, "tracestate", is_state);
    Trace { state: state.filter(|_| parent.is_some()), parent, ignored: bad_parent || bad_state }
}

/// The header where it is well formed, and whether there was one that is not.
fn header(headers: &FieldTable, name: &str, is_good: fn(&str) -> bool) -> (Option<String>, bool) {
    let Some(value) = headers.inner().get(name) else { return (None, false) };
    let text = value.as_long_string().and_then(|text| std::str::from_utf8(text.as_bytes()).ok());
    match text.filter(|text| is_good(text)) {
        Some(good) => (Some(good.to_owned()), false),
        None => (None, true),
    }
}

fn is_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, span, flags] = parts[..] else { return false };
    let hex =
        |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let set = |part: &str| part.bytes().any(|b| b != b'0');
    hex(version, 2) && version != "ff" && hex(trace, 32) && set(trace) && hex(span, 16) && set(span) && hex(flags, 2)
}

fn is_state(text: &str) -> bool {
    !text.is_empty() && text.len() <= STATE_MOST && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(entries: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    fn text(value: &str) -> AMQPValue {
        AMQPValue::LongString(value.into())
    }

    #[test]
    fn a_trace_context_is_carried() {
        let seen = trace(&headers(&[("traceparent", text(PARENT)), ("tracestate", text("vendor=1"))]));
        assert_eq!(seen, Trace { parent: Some(PARENT.into()), state: Some("vendor=1".into()), ignored: false });
    }

    #[test]
    fn no_trace_context_is_no_fault() {
        assert_eq!(trace(&FieldTable::default()), Trace::default());
    }

    #[test]
    fn what_is_no_trace_context_is_left_out_and_noted() {
        let giant = "x".repeat(100_000);
        let not_utf8 = AMQPValue::LongString(vec![0xff, 0xfe].into());
        let table = AMQPValue::FieldTable(FieldTable::default());
        let zero = text("00-00000000000000000000000000000000-00f067aa0ba902b7-01");
        for parent in [text(""), text("00-1-2-3"), text(&giant), text(&PARENT.to_uppercase()), not_utf8, table, zero] {
            let seen = trace(&headers(&[("traceparent", parent.clone()), ("tracestate", text("a=1"))]));
            assert_eq!(seen, Trace { parent: None, state: None, ignored: true }, "{parent:?}");
        }
        let seen = trace(&headers(&[("traceparent", text(PARENT)), ("tracestate", text(&giant))]));
        assert_eq!(seen, Trace { parent: Some(PARENT.into()), state: None, ignored: true });
    }

    #[test]
    fn later_deliveries_have_greater_tags() {
        assert!(Tag { channel: 1, number: 9 } < Tag { channel: 1, number: 10 });
        assert!(Tag { channel: 1, number: 10 } < Tag { channel: 2, number: 1 });
    }
}
