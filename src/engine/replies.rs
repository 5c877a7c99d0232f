//! Where a requester wants the result too: which queues may be one, and how many were none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::info;

use crate::broker::Delivery;
use crate::config::AmqpConfig;

/// Every queue of the contract begins so, and so may others of ours.
const OURS: &str = "bindery.";

/// The `reply_to` of deliveries.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    ignored: Arc<AtomicU64>,
}

impl Replies {
    /// How many were ignored since the start.
    pub(crate) fn ignored(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.ignored)
    }

    /// Where the result goes too; a queue of our own is never somebody's.
    pub(crate) fn to(&self, delivery: &Delivery, amqp: &AmqpConfig) -> Option<String> {
        let queue = delivery.reply_to.as_deref()?;
        if may_be_replied_to(queue, amqp) {
            return Some(queue.to_owned());
        }
        let ignored = self.ignored.fetch_add(1, Ordering::Relaxed) + 1;
        info!(ignored, "ignored a reply_to that is no requester's queue, {ignored} so far");
        None
    }
}

fn may_be_replied_to(queue: &str, amqp: &AmqpConfig) -> bool {
    let names = &amqp.names;
    let ours = [&names.commands, &names.events, &names.dead].into_iter().any(|name| name == queue);
    !queue.is_empty() && !queue.starts_with(OURS) && !ours
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::Replies;
    use crate::broker::Delivery;
    use crate::config::Config;

    #[test]
    fn a_queue_of_ours_is_nobodys_and_is_counted() {
        let amqp = Config::from_toml("[amqp.names]\ncommands = \"acme.orders\"").unwrap().amqp;
        let replies = Replies::default();
        for (queue, taken) in [
            (Some("amq.rabbitmq.reply-to.g1h2.x=="), true),
            (Some("hr.answers"), true),
            (None, false),
            (Some(""), false),
            (Some("bindery.commands"), false),
            (Some("bindery.of-somebody"), false),
            (Some("acme.orders"), false),
        ] {
            let delivery = Delivery { reply_to: queue.map(str::to_owned), ..Delivery::of_body(Vec::new()) };
            assert_eq!(replies.to(&delivery, &amqp).is_some(), taken, "{queue:?}");
        }
        assert_eq!(replies.ignored().load(Ordering::Relaxed), 4, "none at all is not ignored");
    }
}
