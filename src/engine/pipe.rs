//! The engine without a broker: bodies come from a stream, events go to a sink, and the work ends when both are done.
//!
//! # What must hold
//! An event leaves the outbox only after the sink has taken it, as with the broker. What the journal holds of other
//! commands, left open by a worker, goes on too, but its events stay in the outbox: they belong to those who listen on
//! the broker, and the next `run` publishes them.
//!
//! A delivery is settled when the terminal event of its command has gone out, or the `rejected` event that bears its
//! digest: the same body twice is one delivery.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};
use tracing::{info, warn};

use super::error::EngineError;
use super::shared::Shared;
use super::{Engine, dispatch, intake, prune, sweep};
use crate::broker::Delivery;
use crate::contract::{Event, Phase, delivery_digest};
use crate::journal::{Exchange, OutboxRow, Settled};

/// Deliveries that wait for the journal's next commit.
const UNDER_WAY: usize = 64;
/// Events that are read at once.
const BATCH: u32 = 256;
/// Between two looks at the outbox when nobody says that there is something.
const TICK: Duration = Duration::from_secs(1);
/// Gap between two tries to journal, to read or to settle.
const TRIED_AGAIN: Duration = Duration::from_secs(1);

/// How the work of a pipe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piped {
    /// Deliveries whose terminal event went out as `confirmed` or `completed`.
    pub well: usize,
    /// Deliveries that ended otherwise.
    pub otherwise: usize,
    /// Deliveries that have not ended: the work was stopped before.
    pub open: usize,
}

impl Engine {
    /// Works on these bodies until they and all that they ask for have ended, or the engine is told to stop.
    ///
    /// `sink` takes one event at a time; its error stops the work, and the event stays in the outbox.
    pub async fn pipe<S, F>(self, bodies: S, sink: F) -> Piped
    where
        S: Stream<Item = Vec<u8>>,
        F: FnMut(&[u8]) -> io::Result<()>,
    {
        let shared = &self.shared;
        let tally = Tally::default();
        tokio::join!(
            take_all_in(shared, &tally, bodies),
            tell_all(shared, &tally, sink),
            dispatch::run(shared),
            sweep::run(shared),
            prune::run(shared),
        );
        tally.count()
    }
}

/// What is still to be answered for, and how the rest ended.
#[derive(Default)]
struct Tally(Mutex<Books>);

#[derive(Default)]
struct Books {
    no_more: bool,
    /// By the delivery's digest: the command's id, where it can be read.
    open: HashMap<String, Option<String>>,
    /// Every id that came in: their events are ours to tell.
    ids: HashSet<String>,
    /// Every delivery that came in, by its digest.
    digests: HashSet<String>,
    well: usize,
    otherwise: usize,
}

impl Tally {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(&self, body: &[u8]) {
        let (id, digest) = (id_of(body), delivery_digest(body));
        let mut books = self.books();
        books.ids.extend(id.clone());
        books.digests.insert(digest.clone());
        books.open.insert(digest, id);
    }

    fn is_over(&self) -> bool {
        let books = self.books();
        books.no_more && books.open.is_empty()
    }

    /// Whether an event that waits in the outbox is one that the pipe tells.
    fn tells(&self, row: &OutboxRow) -> bool {
        let books = self.books();
        match (row.event.exchange, row.event.correlation_id.as_deref()) {
            (Exchange::Dead, _) => books.digests.contains(&delivery_digest(&row.event.body)),
            // A recheck `<id>~…` belongs to its command.
            (Exchange::Events | Exchange::Reply, Some(id)) => books.ids.contains(id.split('~').next().unwrap_or(id)),
            (Exchange::Events | Exchange::Reply, None) => {
                rejected(&row.event.body).is_some_and(|digest| books.digests.contains(&digest))
            }
        }
    }

    fn note(&self, event: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(event) else { return };
        if !event.is_terminal() {
            return;
        }
        let mut books = self.books();
        let before = books.open.len();
        match (&event.data.delivery, &event.data.command_id) {
            (Some(digest), _) => _ = books.open.remove(digest),
            (None, Some(id)) => books.open.retain(|_, open| open.as_deref() != Some(id.as_str())),
            (None, None) => {}
        }
        let settled = before - books.open.len();
        if matches!(event.data.phase, Phase::Confirmed | Phase::Completed) {
            books.well += settled;
        } else {
            books.otherwise += settled;
        }
    }

    fn count(&self) -> Piped {
        let books = self.books();
        Piped { well: books.well, otherwise: books.otherwise, open: books.open.len() }
    }
}

fn id_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("id")?.as_str()?.to_owned())
}

/// The digest of the delivery that this event rejects.
fn rejected(event: &[u8]) -> Option<String> {
    serde_json::from_slice::<Event>(event).ok()?.data.delivery
}

async fn take_all_in<S: Stream<Item = Vec<u8>>>(shared: &Shared, tally: &Tally, bodies: S) {
    let taken = bodies.map(|body| {
        tally.expect(&body);
        take_in(shared, Delivery::of_body(body))
    });
    let all = taken.buffered(UNDER_WAY).for_each(|()| std::future::ready(()));
    if shared.stop.run_until_cancelled(all).await.is_some() {
        tally.books().no_more = true;
        shared.outbox.notify_one();
    }
}

/// Journals one delivery, however often that must be tried. Dropped at a stop: it was not taken in, and counts as open.
async fn take_in(shared: &Shared, delivery: Delivery) {
    while let Err(error) = intake::take_in(shared, &delivery).await {
        warn!("could not journal a command, trying again: {error}");
        tokio::time::sleep(TRIED_AGAIN).await;
    }
}

/// Tells events until nothing is open, then stops the engine; after a stop, what is there once more.
async fn tell_all<F: FnMut(&[u8]) -> io::Result<()>>(shared: &Shared, tally: &Tally, mut sink: F) {
    while !shared.stop.is_cancelled() && !tally.is_over() {
        let wait = match tell_due(shared, tally, &mut sink).await {
            Ok(0) => TICK,
            Ok(_) => continue,
            Err(Untold::Sink(error)) => {
                warn!("nobody reads the events any more, stopping: {error}");
                break;
            }
            Err(Untold::Journal(error)) => {
                warn!("could not read or settle the outbox: {error}");
                TRIED_AGAIN
            }
        };
        let news = tokio::time::timeout(wait, shared.outbox.notified());
        let _ = shared.stop.run_until_cancelled(news).await;
    }
    shared.stop.cancel();
    while matches!(tell_due(shared, tally, &mut sink).await, Ok(told) if told > 0) {}
    info!("the pipe has ended");
}

enum Untold {
    Sink(io::Error),
    Journal(EngineError),
}

/// Tells what waits of our commands; the count of what was told.
async fn tell_due<F>(shared: &Shared, tally: &Tally, sink: &mut F) -> Result<usize, Untold>
where
    F: FnMut(&[u8]) -> io::Result<()>,
{
    let (mut after, mut told) = (0, 0);
    loop {
        let rows = shared.journal.outbox_due(after, BATCH).await.map_err(|error| Untold::Journal(error.into()))?;
        let Some(last) = rows.last() else { return Ok(told) };
        after = last.n;
        let mut settled = Vec::new();
        for row in rows.iter().filter(|row| tally.tells(row)) {
            settled.push((row.n, tell(row, sink).map_err(Untold::Sink)?));
        }
        let events: Vec<i64> = settled.iter().map(|(n, _)| *n).collect();
        told += settled.len();
        shared.journal.settle(settled).await.map_err(|error| Untold::Journal(error.into()))?;
        // Counted only now: what is not settled is told again.
        rows.iter().filter(|row| events.contains(&row.n)).for_each(|row| tally.note(&row.event.body));
    }
}

/// The copy for `bindery.dead` and a requester's reply have nowhere to go here; the event itself has been told.
fn tell<F: FnMut(&[u8]) -> io::Result<()>>(row: &OutboxRow, sink: &mut F) -> io::Result<Settled> {
    match row.event.exchange {
        Exchange::Events => sink(&row.event.body).map(|()| Settled::Confirmed),
        Exchange::Dead => Ok(Settled::Unrouted),
        Exchange::Reply => Ok(Settled::Dropped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_only_where_there_is_one() {
        for (body, id) in [
            (r#"{"id": "a", "command": "cancel"}"#, Some("a")),
            (r#"{"id": 7}"#, None),
            (r#"["id"]"#, None),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(id_of(body.as_bytes()).as_deref(), id, "{body}");
        }
    }

    #[test]
    fn nothing_is_over_while_something_is_open_or_may_come() {
        let tally = Tally::default();
        assert!(!tally.is_over());
        tally.books().no_more = true;
        assert!(tally.is_over());
        tally.expect(br#"{"id": "a"}"#);
        tally.note(b"no event");
        assert!(!tally.is_over());
        assert_eq!(tally.count(), Piped { well: 0, otherwise: 0, open: 1 });
    }
}
