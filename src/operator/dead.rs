//! Dead letters, one at a time and on purpose: replayed as a new run, or discarded.
//!
//! What must hold: a letter is lost only by a `discard` that is in the log, and each `replay` is one run.
//!
//! - *Two operators replay the same letter.* The broker shows it to one of them at a time; the other is told so. Should
//!   it come back (refused again, or the first did not get to take it out), a second replay is a second run: each has
//!   an id with a nonce of its own, so neither is swallowed as a repetition of the other, and each names its actor.
//! - *The process ends between publishing and taking out.* The letter stays. The log shows a replay without an ending.
//! - *The broker gives no answer.* The letter stays, and the log says that the command may be there as well.
//!
//! With `unchanged` the bytes go out as they came, under the id that they have: twice is once then.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tracing::warn;

use super::orders::LetterOrder;
use crate::broker::{BrokerConfig, BrokerError, Exchange, Letter, Letters, Publication, Requester, Settled};
use crate::contract::{delivery_digest, parse};
use crate::journal::{Journal, JournalError, Operation};

/// How many letters are looked through for the one that is meant.
const SEARCHED_MOST: usize = 10_000;
/// Fewer digits of a letter's name may be another letter's too.
const NAME_LEAST: usize = 12;
/// The longest id that a command may have.
const ID_MOST: usize = 128;

/// What to do with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Publish it as a command of its own, with a new id, the operator as actor and their reason.
    Replay,
    /// Publish it as it came, under its own id.
    ReplayUnchanged,
    /// Take it out for good.
    Discard,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The letter's whole name.
    pub letter: String,
    /// The id of the command that it has become; `None` for a discard.
    pub command: Option<String>,
    /// By which the log tells this deed from any other.
    pub nonce: String,
    /// `false` where the letter could not be taken out after its replay: it is still in the queue.
    pub taken_out: bool,
}

/// Why nothing was done, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum DeadError {
    /// The name says too little.
    #[error("a letter is named by {NAME_LEAST} or more of the hex digits that `bindery dead list` shows")]
    BadName,
    /// It is not there, or another operator looks at it.
    #[error(
        "no letter {name} among the {looked} that are ready: it was taken out (see `bindery dead log`), or another operator looks at it now"
    )]
    NotThere {
        /// As it was named.
        name: String,
        /// How many were looked through.
        looked: usize,
    },
    /// It would only come back.
    #[error("it would be refused again: {why}; have its publisher send a right one, then discard it")]
    Unfit {
        /// What is wrong with it.
        why: String,
    },
    /// The broker did not take it; the letter is still there.
    #[error("the command was not published and the letter is still there: {why}")]
    NotTaken {
        /// Why.
        why: String,
    },
    /// Nobody knows; the letter is still there.
    #[error(
        "nobody knows whether the command {command} was published, and the letter is still there: see `bindery status {command}` before you replay it again ({why})"
    )]
    Unknown {
        /// Under which id it would be there.
        command: String,
        /// What was seen.
        why: String,
    },
    /// The broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The journal: nothing is done without a line in the log.
    #[error("{0}; nothing was done")]
    Journal(#[from] JournalError),
}

/// The name of a letter: SHA-256 of its bytes, the `delivery` of the `rejected` event about it.
#[must_use]
pub fn name(letter: &Letter) -> String {
    delivery_digest(&letter.body)
}

/// Does what is ordered. `limit`: the largest command that is taken in.
///
/// # Errors
/// [`DeadError`]; the letter is in the queue then.
pub async fn handle(
    broker: &BrokerConfig,
    journal: &Journal,
    order: &LetterOrder,
    limit: usize,
    now: Timestamp,
) -> Result<Done, DeadError> {
    let wanted = order.letter.to_ascii_lowercase();
    if wanted.len() < NAME_LEAST || !wanted.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(DeadError::BadName);
    }
    let mut letters = Letters::open(broker.clone()).await?;
    let done = Case { broker, journal, order, limit, now }.settle(&mut letters, &wanted).await;
    letters.close().await;
    done
}

/// One order, and what it is carried out with.
struct Case<'a> {
    broker: &'a BrokerConfig,
    journal: &'a Journal,
    order: &'a LetterOrder,
    limit: usize,
    now: Timestamp,
}

/// A command that a letter becomes.
struct Run {
    id: String,
    message: Publication,
}

impl Case<'_> {
    async fn settle(&self, letters: &mut Letters, wanted: &str) -> Result<Done, DeadError> {
        let letter = find(letters, wanted).await?;
        letters.put_back_before(&letter).await?;
        let operation = self.order.order.operation(verb(self.order.deed), &name(&letter), self.now);
        match self.order.deed {
            Deed::Discard => self.discard(letters, &letter, operation).await,
            Deed::Replay | Deed::ReplayUnchanged => {
                let run = run(&letter, self.order, &operation.nonce, self.limit)?;
                self.replay(letters, &letter, run, operation).await
            }
        }
    }

    async fn discard(&self, letters: &mut Letters, letter: &Letter, operation: Operation) -> Result<Done, DeadError> {
        let nonce = operation.nonce.clone();
        let n = self.journal.begin_operation(operation).await?;
        letters.take(letter).await?;
        self.came(n, format!("discarded {} bytes of {}", letter.body.len(), letter.routing_key)).await;
        Ok(Done { letter: name(letter), command: None, nonce, taken_out: true })
    }

    async fn replay(
        &self,
        letters: &mut Letters,
        letter: &Letter,
        run: Run,
        operation: Operation,
    ) -> Result<Done, DeadError> {
        let nonce = operation.nonce.clone();
        let requester = Requester::open(self.broker.clone()).await?;
        let begun = self.journal.begin_operation(operation).await;
        // Journal first: what is not in the log is not published.
        let settled = match begun {
            Ok(n) => Ok((n, requester.publish(&run.message).await)),
            Err(error) => Err(error),
        };
        requester.close().await;
        let (n, settled) = settled?;
        match settled {
            Settled::Confirmed => {}
            Settled::NoAnswer { reason } => {
                self.came(n, format!("not known whether {} was published: {reason}", run.id)).await;
                return Err(DeadError::Unknown { command: run.id, why: reason });
            }
            Settled::Unrouted => return self.not_taken(n, "no queue is bound to the exchange of commands").await,
            Settled::Refused { reason } => return self.not_taken(n, &reason).await,
        }
        // Published is published: a letter that stays is told, and is no failure of the run.
        let taken_out = letters.take(letter).await.is_ok();
        let stays = if taken_out { "" } else { ", the letter could not be taken out" };
        self.came(n, format!("published as {}{stays}", run.id)).await;
        Ok(Done { letter: name(letter), command: Some(run.id), nonce, taken_out })
    }

    async fn not_taken(&self, n: i64, why: &str) -> Result<Done, DeadError> {
        self.came(n, format!("not published: {why}")).await;
        Err(DeadError::NotTaken { why: why.to_owned() })
    }

    /// What came of it is worth a warning where it cannot be written down, but it has come all the same.
    async fn came(&self, n: i64, came: String) {
        if let Err(error) = self.journal.end_operation(n, came.clone()).await {
            warn!("the operators' log does not tell what came of its line {n} ({came}): {error}");
        }
    }
}

/// The letter that is meant, held from now on with all that came before it.
async fn find(letters: &mut Letters, wanted: &str) -> Result<Letter, DeadError> {
    let mut looked = 0;
    while let Some(letter) = letters.next().await?.filter(|_| looked < SEARCHED_MOST) {
        if name(&letter).starts_with(wanted) {
            return Ok(letter);
        }
        looked += 1;
    }
    Err(DeadError::NotThere { name: wanted.to_owned(), looked })
}

fn verb(deed: Deed) -> &'static str {
    match deed {
        Deed::Replay => "dead replay",
        Deed::ReplayUnchanged => "dead replay unchanged",
        Deed::Discard => "dead discard",
    }
}

/// What will be published: only what would be taken in.
fn run(letter: &Letter, order: &LetterOrder, nonce: &str, limit: usize) -> Result<Run, DeadError> {
    let body = match order.deed {
        Deed::Replay => renewed(&letter.body, order, nonce)?,
        Deed::ReplayUnchanged | Deed::Discard => letter.body.clone(),
    };
    let command = parse(&body, limit).map_err(|malformed| DeadError::Unfit { why: malformed.to_string() })?;
    let id = command.id.to_string();
    let mut headers = vec![("x-bindery-replay".to_owned(), nonce.to_owned())];
    headers.extend(letter.traceparent.clone().map(|trace| ("traceparent".to_owned(), trace)));
    let message = Publication {
        exchange: Exchange::Commands,
        routing_key: command.body.name().to_owned(),
        body,
        message_id: id.clone(),
        correlation_id: letter.correlation_id.clone(),
        kind: Some("bindery.command".to_owned()),
        content_type: Some("application/json".to_owned()),
        headers,
        mandatory: true,
    };
    Ok(Run { id, message })
}

/// The same command under an id of its own, asked for by the operator.
fn renewed(body: &[u8], order: &LetterOrder, nonce: &str) -> Result<Vec<u8>, DeadError> {
    let unfit = |why: &str| DeadError::Unfit { why: why.to_owned() };
    let mut fields: Map<String, Json> = serde_json::from_slice(body).map_err(|_| unfit("it is no JSON object"))?;
    let id = fields.get("id").and_then(Json::as_str).ok_or_else(|| unfit("it has no id"))?;
    let suffix = format!(".replay-{nonce}");
    let kept: String = id.chars().take(ID_MOST - suffix.len()).collect();
    fields.insert("id".to_owned(), Json::from(kept + &suffix));
    fields.insert("actor".to_owned(), Json::from(order.order.actor()));
    fields.insert("reason".to_owned(), Json::from(order.order.reason()));
    Ok(Json::Object(fields).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Order;

    fn order(deed: Deed) -> LetterOrder {
        LetterOrder { order: Order::new("kim", "rights are granted now").unwrap(), letter: "0".repeat(12), deed }
    }

    #[test]
    fn a_replay_is_the_same_command_under_an_id_and_an_actor_of_its_own() {
        let letter = br#"{"id":"c-1","command":"cancel","target":"c-0","actor":"hr"}"#;
        let renewed = renewed(letter, &order(Deed::Replay), "0123456789abcdef").unwrap();
        let command = parse(&renewed, 1 << 18).unwrap();
        assert_eq!(command.id.to_string(), "c-1.replay-0123456789abcdef");
        assert_eq!(
            (command.actor.as_deref(), command.reason.as_deref()),
            (Some("kim"), Some("rights are granted now"))
        );
    }

    #[test]
    fn the_longest_id_still_has_room_for_its_nonce() {
        let letter = format!(r#"{{"id":"{}","command":"cancel","target":"c-0"}}"#, "x".repeat(ID_MOST));
        let renewed = renewed(letter.as_bytes(), &order(Deed::Replay), "0123456789abcdef").unwrap();
        let id = parse(&renewed, 1 << 18).unwrap().id.to_string();
        assert!(id.len() == ID_MOST && id.ends_with(".replay-0123456789abcdef"), "{id}");
    }

    #[test]
    fn what_has_no_id_or_is_no_json_is_not_replayed() {
        for body in [&b"not json"[..], b"[]", b"{}", br#"{"id":7}"#] {
            assert!(matches!(renewed(body, &order(Deed::Replay), "0"), Err(DeadError::Unfit { .. })), "{body:?}");
        }
    }
}
