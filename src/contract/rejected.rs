//! The answer to a delivery that becomes no command.

use jiff::Timestamp;

use super::body::Command;
use super::compose::{envelope, event_id};
use super::detail::{About, Ended};
use super::digest::delivery_digest;
use super::event::{Event, EventData, Record, Told};
use super::ids::{BusinessId, CommandId};
use super::malformed::Malformed;
use super::outcome::{Category, ErrorInfo, Phase};

/// What stands for a command's name or id that cannot be read.
const UNKNOWN: &str = "unknown";

/// The code of a refusal for an id that stands for another content.
const ID_REUSED: &str = "id_reused";
/// The code of a refusal for an id of which only the ending is on record.
const ALREADY_ENDED: &str = "already_ended";

/// A delivery as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// SHA-256 of its bytes in lower-case hex.
    pub digest: String,
    /// The configured source of our events.
    pub source: String,
    /// The time of the answer.
    pub now: Timestamp,
    /// The W3C trace that it came with.
    pub traceparent: Option<String>,
    /// Who published it, as the broker knows.
    pub published_by: Option<String>,
}

impl Delivery {
    /// A delivery of `body`, without what its headers say.
    #[must_use]
    pub fn of(body: &[u8], source: impl Into<String>, now: Timestamp) -> Self {
        Self { digest: delivery_digest(body), source: source.into(), now, traceparent: None, published_by: None }
    }
}

/// Why a delivery is refused, with as much of its command as can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    id: Option<CommandId>,
    command: Option<&'static str>,
    business: Option<BusinessId>,
    actor: Option<String>,
    reason: Option<String>,
    ended: Option<Ended>,
    error: ErrorInfo,
}

impl Refusal {
    /// The publisher may not give this command; `why` says in a sentence what is missing.
    #[must_use]
    pub fn unauthorised(command: &Command, why: impl Into<String>) -> Self {
        let remedy = "publish as a user who may give this command for this business, or add it to \"publishers\"";
        Self::of(command, error(Category::Unauthorised, "unauthorised", why, remedy))
    }

    /// The routing key is not the command's name: the broker may have let it pass for another command.
    #[must_use]
    pub fn misrouted(command: &Command) -> Self {
        let name = command.body.name();
        let message = format!("the routing key of the message is not {name:?}, the name of its command");
        let remedy = "publish each command with its name as the routing key";
        Self::of(command, error(Category::Unauthorised, "wrong_routing_key", message, remedy))
    }

    /// The id stands for another content.
    #[must_use]
    pub fn id_reused(command: &Command) -> Self {
        let message = format!("the id {} was used before for another content, which is untouched", command.id);
        let remedy = "send the new content under an id of its own";
        Self::of(command, error(Category::Conflict, ID_REUSED, message, remedy))
    }

    /// The id stands for a command that ended longer ago than its result is kept.
    #[must_use]
    pub fn already_ended(command: &Command, ended: Ended) -> Self {
        let message =
            format!("the command {} ended as {}; its result is kept no longer", command.id, ended.phase.word());
        let remedy = "to have it done anew, send it under an id of its own";
        let refusal = Self::of(command, error(Category::Conflict, ALREADY_ENDED, message, remedy));
        Self { ended: Some(ended), ..refusal }
    }

    /// The message has come back so often that it may be what ends the worker; it is put aside unread.
    #[must_use]
    pub fn poison(id: Option<CommandId>, deliveries: u64) -> Self {
        let message = format!("it came back {deliveries} times without being taken in: it may be what ends the worker");
        let remedy = "report it with the message from bindery.dead; to have it tried again, send it again";
        let error = error(Category::Internal, "poison", message, remedy);
        Self { id, command: None, business: None, actor: None, reason: None, ended: None, error }
    }

    fn of(command: &Command, error: ErrorInfo) -> Self {
        Self {
            id: Some(command.id.clone()),
            command: Some(command.body.name()),
            business: command.business.clone(),
            actor: command.actor.clone(),
            reason: command.reason.clone(),
            ended: None,
            error,
        }
    }

    /// The command's id, where it can be read.
    #[must_use]
    pub fn id(&self) -> Option<&CommandId> {
        self.id.as_ref()
    }

    /// What the refusal says.
    #[must_use]
    pub fn error(&self) -> &ErrorInfo {
        &self.error
    }

    /// Whether the delivery goes to `bindery.dead` too: all do but those that repeat an id in use.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.error.code != ID_REUSED && self.error.code != ALREADY_ENDED
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let remedy = "correct the message and send it again: a refused delivery does not use its id up";
        Self {
            error: error(Category::Invalid, malformed.code(), malformed.told(), remedy),
            id: malformed.id,
            command: malformed.command,
            business: malformed.business,
            actor: None,
            reason: None,
            ended: None,
        }
    }
}

impl Event {
    /// The `rejected` event of a delivery; a redelivery of the same bytes gives the same id.
    #[must_use]
    pub fn rejected(refusal: Refusal, delivery: &Delivery) -> Self {
        let id_text = refusal.id.as_ref().map_or(UNKNOWN, CommandId::as_str).to_owned();
        let data = EventData {
            command_id: refusal.id,
            sequence: None,
            delivery: Some(delivery.digest.clone()),
            command: refusal.command.unwrap_or(UNKNOWN).to_owned(),
            phase: Phase::Rejected,
            terminal: true,
            about: About { business: refusal.business, ..About::default() },
            told: Told { changed: Some(false), ended: refusal.ended, ..Told::default() },
            record: Record {
                actor: refusal.actor,
                reason: refusal.reason,
                published_by: delivery.published_by.clone(),
                finished_at: Some(delivery.now),
                ..Record::default()
            },
            error: Some(refusal.error),
        };
        let id = event_id(&delivery.source, &id_text, &delivery.digest);
        let subject = format!("command/{id_text}");
        envelope(id, &delivery.source, subject, delivery.now, delivery.traceparent.clone(), data)
    }
}

fn error(category: Category, code: &str, message: impl Into<String>, remedy: &str) -> ErrorInfo {
    ErrorInfo {
        category,
        code: code.to_owned(),
        subcode: None,
        message: message.into(),
        trace: None,
        remedy: remedy.to_owned(),
    }
}
