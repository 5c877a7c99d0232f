//! Deliveries that come again and again: something in one of them may be what ends the worker.
//!
//! What must hold: a message that ends every worker that takes it in is put aside by us, with the reason, long before
//! the queue's own limit of deliveries does; what lies beside it in the queue is not taken for it.
//!
//! - *Guilty by neighbourhood.* All that was under way to a worker that died comes again, the innocent too. So from
//!   [`SUSPECT`] deliveries on, each is taken in alone, and the next one only when the acknowledgement before it has had
//!   time to leave: what is innocent and lies in front of the guilty one is gone from the queue after a few such lives.
//! - *Guilty by chance.* Only the first delivery of a channel can be put aside, and only from [`QUARANTINED`] on: what
//!   lies behind it has not been looked at yet. One that the journal knows has been taken in before, and is innocent.
//!
//! What we do not keep: a worker that is killed from outside ten times within moments of its start may put aside the
//! first message of its queue. It is in `bindery.dead`, its sender is told, and it can be sent again.

use std::time::Duration;

use serde::Deserialize;
use tracing::warn;

use super::error::EngineError;
use super::shared::Shared;
use crate::broker::Delivery;
use crate::contract::{CommandId, Refusal};

/// Came back so often that it is taken in alone.
const SUSPECT: u64 = 3;
/// Came back so often that it is put aside.
const QUARANTINED: u64 = 10;
/// For an acknowledgement to reach the broker, which AMQP does not confirm.
pub(super) const ACK_LEAVES_WITHIN: Duration = Duration::from_millis(100);

/// Whether a delivery is to be taken in alone.
pub(super) fn is_suspect(delivery: &Delivery) -> bool {
    delivery.delivery_count >= SUSPECT
}

/// Why a delivery is put aside unread, if it is.
pub(super) async fn quarantine(shared: &Shared, delivery: &Delivery) -> Result<Option<Refusal>, EngineError> {
    if delivery.delivery_count < QUARANTINED || !delivery.tag.is_first() {
        return Ok(None);
    }
    let id = readable_id(&delivery.body);
    if let Some(id) = &id
        && shared.journal.find(id).await?.is_some()
    {
        return Ok(None);
    }
    warn!(
        deliveries = delivery.delivery_count,
        "a message that came back {} times is put aside", delivery.delivery_count
    );
    Ok(Some(Refusal::poison(id, delivery.delivery_count)))
}

/// The id and nothing else: the rest may be what ends the worker.
fn readable_id(body: &[u8]) -> Option<CommandId> {
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    serde_json::from_slice::<Id>(body).ok()?.id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_whatever_stands_beside_it() {
        let body = |rest: &str| format!(r#"{{"command": {rest}, "id": "c-1"}}"#);
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        for rest in ["7", "null", &deep] {
            assert_eq!(readable_id(body(rest).as_bytes()), "c-1".parse().ok(), "{rest}");
        }
        for none in [&b"{"[..], br#"{"id": 7}"#, br#"{"id": "with blanks"}"#, b"", b"\xff"] {
            assert_eq!(readable_id(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_comes_for_the_first_time_is_no_suspect() {
        let mut delivery = Delivery::of_body(b"{}".to_vec());
        assert!(!is_suspect(&delivery));
        delivery.delivery_count = SUSPECT;
        assert!(is_suspect(&delivery));
    }
}
