//! How an event comes to be: from a command, what is to be told, and what the journal knows beside it.

use jiff::Timestamp;
use uuid::Uuid;

use super::body::{Body, Command, Targets};
use super::detail::{About, Detail, EvidenceEntry, PersonSeen, Progress};
use super::event::{DATA_SCHEMA, DATA_TYPE, Event, EventData, Record, SPECVERSION, Told};
use super::ids::{Digest, Person};
use super::outcome::{ErrorInfo, Outcome, Phase};

/// Most entries of evidence in one event; `bindery evidence` shows all.
const EVIDENCE_SHOWN: usize = 50;

/// The namespace of event ids; another would give every event a new id, so it never changes.
const EVENT_IDS: Uuid = Uuid::from_u128(0x6f1d_94a2_5b0e_4c83_9c1e_2d7a_b8e3_5f06);

/// What the journal knows when an event is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventContext {
    /// The configured source, the same for all workers of a journal.
    pub source: String,
    /// The event's time.
    pub now: Timestamp,
    /// When the journal took the command in.
    pub accepted_at: Timestamp,
    /// The W3C trace that the command came with.
    pub traceparent: Option<String>,
    /// Who published it, as the broker knows.
    pub published_by: Option<String>,
    /// The role request of an `invite`, once there is one.
    pub role_request: Option<String>,
    /// People who have been looked up, with id and address.
    pub people: Vec<PersonSeen>,
    /// Calls made to Meta.
    pub graph_calls: u32,
    /// Looks at a pending request.
    pub polls: u32,
    /// The last entries of evidence; only the last 50 are told.
    pub evidence: Vec<EvidenceEntry>,
    /// How many there are in all.
    pub evidence_total: u64,
    /// The last hash of the chain.
    pub evidence_head: Option<Digest>,
}

impl EventContext {
    /// A context in which nothing has been done yet.
    #[must_use]
    pub fn new(source: impl Into<String>, now: Timestamp, accepted_at: Timestamp) -> Self {
        Self {
            source: source.into(),
            now,
            accepted_at,
            traceparent: None,
            published_by: None,
            role_request: None,
            people: Vec::new(),
            graph_calls: 0,
            polls: 0,
            evidence: Vec::new(),
            evidence_total: 0,
            evidence_head: None,
        }
    }

    /// The person, with what has been looked up of them.
    fn person(&self, person: &Person) -> PersonSeen {
        let asked = PersonSeen::from(person);
        let same = |seen: &&PersonSeen| {
            (asked.id.is_some() && seen.id == asked.id) || (asked.email.is_some() && seen.email == asked.email)
        };
        self.people.iter().find(same).cloned().unwrap_or(asked)
    }
}

impl Event {
    /// The event number `sequence` (from 1) of `command`.
    #[must_use]
    pub fn of(command: &Command, sequence: u32, detail: impl Into<Detail>, context: &EventContext) -> Self {
        let detail = detail.into();
        let phase = detail.phase();
        let (told, error) = told(command, detail);
        let data = EventData {
            command_id: Some(command.id.clone()),
            sequence: Some(sequence),
            delivery: None,
            command: command.body.name().to_owned(),
            phase,
            terminal: phase.is_terminal(),
            about: about(command, context),
            told,
            record: record(command, phase, context),
            error,
        };
        let id = event_id(&context.source, command.id.as_str(), &sequence.to_string());
        let traceparent = context.traceparent.clone();
        envelope(id, &context.source, subject(command, context), context.now, traceparent, data)
    }
}

/// `data` in its CloudEvents envelope.
pub(super) fn envelope(
    id: Uuid,
    source: &str,
    subject: String,
    time: Timestamp,
    traceparent: Option<String>,
    data: EventData,
) -> Event {
    Event {
        specversion: SPECVERSION.to_owned(),
        id,
        source: source.to_owned(),
        type_: format!("bindery.{}.{}", data.command, data.phase.word()),
        subject,
        time,
        datacontenttype: DATA_TYPE.to_owned(),
        dataschema: DATA_SCHEMA.to_owned(),
        traceparent,
        data,
    }
}

/// The id of an event: the same whenever and wherever it is made again.
///
/// `last` is the sequence in digits, or a delivery's digest, which is longer than any sequence: the two never
/// meet. Neither it nor a command id has a line break, so two different triples never give one text.
pub(super) fn event_id(source: &str, command: &str, last: &str) -> Uuid {
    Uuid::new_v5(&EVENT_IDS, format!("{source}\n{command}\n{last}").as_bytes())
}

fn subject(command: &Command, context: &EventContext) -> String {
    let business = command.business.as_ref().map_or("unknown", |business| business.as_str());
    match &command.body {
        Body::Offboard { user, .. } => {
            // An address stays out of subjects, which end up in logs of brokers and consumers.
            let id = context.person(user).id;
            format!("user/{}", id.as_ref().map_or("unknown", |id| id.as_str()))
        }
        Body::Invite { .. } => format!("user/{}", context.role_request.as_deref().unwrap_or("unknown")),
        Body::Disconnect { .. } | Body::Inspect { .. } => format!("business/{business}"),
        Body::Undo { .. } | Body::Cancel { .. } => format!("command/{}", command.id),
        Body::Claim { targets, .. }
        | Body::Unbind { targets, .. }
        | Body::Reassign { targets, .. }
        | Body::Assign { targets, .. }
        | Body::Unassign { targets, .. }
        | Body::Transfer { targets, .. }
        | Body::Share { targets, .. }
        | Body::Revoke { targets, .. } => match targets {
            Targets::One(asset) => asset.to_string(),
            Targets::List(_) | Targets::All => format!("assets/{business}"),
        },
    }
}

fn about(command: &Command, context: &EventContext) -> About {
    let asset = match command.body.targets() {
        Some(Targets::One(asset)) => Some(asset.clone()),
        Some(Targets::List(_) | Targets::All) | None => None,
    };
    let about = About { business: command.business.clone(), asset, ..About::default() };
    let person = |person: &Person| Some(context.person(person));
    match &command.body {
        Body::Claim { access, .. } => About { access: Some(*access), ..about },
        Body::Reassign { from, to, .. } => About { from: person(from), to: person(to), ..about },
        Body::Assign { user, .. } | Body::Unassign { user, .. } => About { user: person(user), ..about },
        Body::Invite { email, .. } => About { user: person(&Person::Email(email.clone())), ..about },
        Body::Offboard { user, successor, .. } => {
            About { user: person(user), successor: successor.as_ref().and_then(person), ..about }
        }
        Body::Transfer { to_business, .. } => About { to_business: Some(to_business.clone()), ..about },
        Body::Share { partner, .. } | Body::Revoke { partner, .. } => About { partner: Some(partner.clone()), ..about },
        Body::Undo { target } | Body::Cancel { target } => About { target: Some(target.clone()), ..about },
        Body::Unbind { .. } | Body::Disconnect { .. } | Body::Inspect { .. } => about,
    }
}

fn told(command: &Command, detail: Detail) -> (Told, Option<ErrorInfo>) {
    let told = Told { follows: command.id.follows(), late: command.id.is_late(), ..Told::default() };
    match detail {
        Detail::Accepted => (told, None),
        Detail::Announced { plan, people } => (Told { plan: Some(plan), people: Some(people), ..told }, None),
        Detail::Pending(pending) => (Told { pending: Some(pending), ..told }, None),
        Detail::Waiting(waiting) => (Told { waiting: Some(waiting), ..told }, None),
        Detail::Progress(Progress { part, done, total, results, assets, plan }) => {
            let assets = Some(assets).filter(|assets| !assets.is_empty());
            (Told { part, done, total, results, assets, plan, ..told }, None)
        }
        Detail::Ended(outcome) => ended(told, *outcome),
    }
}

fn ended(told: Told, outcome: Outcome) -> (Told, Option<ErrorInfo>) {
    let unread = outcome.inspection.as_ref().map(|seen| seen.unread.clone()).unwrap_or_default();
    let (assets, totals) = outcome.inspection.map(|seen| (seen.assets, seen.totals)).unzip();
    let told = Told {
        changed: Some(outcome.changed),
        granted_tasks: outcome.granted_tasks,
        inferred: outcome.inferred,
        expired_because: outcome.expired_because,
        superseded_by: outcome.superseded_by,
        plan: outcome.plan,
        results: outcome.results,
        resurfaced: outcome.resurfaced,
        assets,
        totals,
        unread,
        ..told
    };
    (told, outcome.error)
}

fn record(command: &Command, phase: Phase, context: &EventContext) -> Record {
    let shown = context.evidence.len().saturating_sub(EVIDENCE_SHOWN);
    Record {
        actor: command.actor.clone(),
        reason: command.reason.clone(),
        published_by: context.published_by.clone(),
        accepted_at: Some(context.accepted_at),
        finished_at: phase.is_terminal().then_some(context.now),
        graph_calls: context.graph_calls,
        polls: context.polls,
        evidence: context.evidence[shown..].to_vec(),
        evidence_total: context.evidence_total,
        evidence_head: context.evidence_head.clone(),
    }
}
