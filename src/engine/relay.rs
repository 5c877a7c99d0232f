//! The relay: from the outbox to the broker. A row leaves the outbox only on the broker's confirm.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{debug, info, warn};

use super::error::EngineError;
use super::shared::Shared;
use crate::broker::{self, Publication, Publisher};
use crate::crash::crash_point;
use crate::journal::{Exchange, OutboxRow, Settled};

/// One batch of confirms.
const BATCH: u32 = 256;
/// Between two looks at the outbox when nobody says that there is something.
const TICK: Duration = Duration::from_secs(1);
/// The longest wait after a batch that the broker did not take whole.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Batches in a row of which something was kept, before that is told: what passes by itself is no news.
const TOLD_AFTER: u32 = 5;

/// Publishes until the worker stops; then once more what is there.
pub(crate) async fn run(shared: &Shared, publisher: &Publisher) {
    let mut wait = Duration::ZERO;
    let mut kept = 0;
    while !shared.stop.is_cancelled() {
        match publish_due(shared, publisher).await {
            Ok(Batch::Empty) => {
                wait = Duration::ZERO;
                let news = tokio::time::timeout(TICK, shared.outbox.notified());
                let _ = shared.stop.run_until_cancelled(news).await;
            }
            Ok(Batch::Taken) => {
                wait = Duration::ZERO;
                tell_of_an_end(std::mem::take(&mut kept));
            }
            Ok(Batch::Kept { why }) => {
                wait = next_wait(wait);
                kept += 1;
                if kept == TOLD_AFTER {
                    warn!("events stay in the outbox, the broker does not take them: {why}");
                }
            }
            Err(error) => {
                warn!("could not read or settle the outbox: {error}");
                // What cannot be settled would only be published again and again.
                shared.journal_commits().await;
                wait = Duration::ZERO;
            }
        }
        if !wait.is_zero() {
            let _ = shared.stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }
}

/// Publishes what is left when everything else has ended.
pub(crate) async fn drain(shared: &Shared, publisher: &Publisher) {
    while let Ok(Batch::Taken) = publish_due(shared, publisher).await {}
}

enum Batch {
    Empty,
    Taken,
    /// At least one stays in the outbox.
    Kept {
        why: String,
    },
}

fn tell_of_an_end(kept: u32) {
    if kept >= TOLD_AFTER {
        info!("the broker takes the events again");
    }
}

fn next_wait(before: Duration) -> Duration {
    (before * 2).clamp(Duration::from_millis(100), WAIT_MAX)
}

async fn publish_due(shared: &Shared, publisher: &Publisher) -> Result<Batch, EngineError> {
    let rows = shared.journal.outbox_due(0, BATCH).await?;
    if rows.is_empty() {
        return Ok(Batch::Empty);
    }
    let messages = rows.iter().map(publication).collect();
    let answers = publisher.publish_batch(messages).await;
    crash_point!(Published, &rows.iter().filter_map(|row| row.event.correlation_id.clone()).collect::<String>());
    let settled: Vec<(i64, Settled)> =
        rows.iter().zip(&answers).filter_map(|(row, answer)| Some((row.n, outcome(row, answer)?))).collect();
    let all = settled.len() == rows.len();
    // Waited for: the next look must not find these rows again.
    shared.journal.settle(settled).await?;
    let why = || answers.iter().find_map(refusal).unwrap_or_default();
    Ok(if all { Batch::Taken } else { Batch::Kept { why: why() } })
}

fn outcome(row: &OutboxRow, answer: &broker::Settled) -> Option<Settled> {
    match answer {
        broker::Settled::Confirmed => Some(Settled::Confirmed),
        broker::Settled::Unrouted => Some(Settled::Unrouted),
        broker::Settled::Refused { reason } | broker::Settled::NoAnswer { reason } => kept_or_dropped(row, reason),
    }
}

fn refusal(answer: &broker::Settled) -> Option<String> {
    match answer {
        broker::Settled::Confirmed | broker::Settled::Unrouted => None,
        broker::Settled::Refused { reason } | broker::Settled::NoAnswer { reason } => Some(reason.clone()),
    }
}

/// A requester that is gone loses the reply, never the event.
fn kept_or_dropped(row: &OutboxRow, reason: &str) -> Option<Settled> {
    if row.event.exchange == Exchange::Reply {
        debug!("a reply was not taken and is dropped, its event is not: {reason}");
        return Some(Settled::Dropped);
    }
    debug!("event {} stays in the outbox: {reason}", row.event.event_id);
    None
}

fn publication(row: &OutboxRow) -> Publication {
    let event = &row.event;
    let headers: BTreeMap<String, String> = serde_json::from_str(&event.headers).unwrap_or_default();
    Publication {
        exchange: match event.exchange {
            Exchange::Events => broker::Exchange::Events,
            Exchange::Dead => broker::Exchange::Dead,
            Exchange::Reply => broker::Exchange::Default,
        },
        routing_key: event.routing_key.clone(),
        body: event.body.clone(),
        message_id: event.event_id.clone(),
        correlation_id: event.correlation_id.clone(),
        kind: Some(event.r#type.clone()),
        content_type: Some(event.content_type.clone()),
        headers: headers.into_iter().collect(),
        mandatory: event.mandatory && event.exchange != Exchange::Reply,
    }
}
