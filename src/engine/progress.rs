//! A command in the hands of a step: what it has seen, what follows, and the journal's record of both.

use jiff::Timestamp;
use tracing::{debug, info};

use super::ask::Seen;
use super::board::Left;
use super::census::{Known, Standing, Write};
use super::error::EngineError;
use super::fan_out::{TOLD_EVERY, is_a_persons};
use super::follow::{age, entries};
use super::permit::waits_away;
use super::shared::{NOTICE, Shared, lane};
use super::sweep::Settlement;
use super::unknown::in_doubt;
use crate::contract::{Body, Command, CommandId, Detail, Digest, EvidenceEntry as Told, Targets, WaitCause, Waiting};
use crate::crash::crash_point;
use crate::graph::Sent;
use crate::journal::{
    CommandRow, EvidenceEntry, InLane, Intent, IntentChange, Loaded, Place, Record, State, WatchChange, evidence,
};
use crate::meta::{Call, Reply};
use crate::procedures::{Move, Next, Observation, Query, StopCause, next};
use crate::telemetry::{self, End};

/// Reads that are only noted, at most: what a crash makes the procedure ask anew.
const NOTED_MAX: usize = 16;

/// One command, in one step.
pub(crate) struct Progress<'a> {
    pub(super) shared: &'a Shared,
    pub(crate) command: Command,
    pub(crate) row: CommandRow,
    pub(super) seen: Vec<Observation>,
    /// Seen, and to be journaled with the next record.
    noted: Vec<Observation>,
    /// Requests whose entries are to be journaled with the next record.
    asked: Vec<EvidenceEntry>,
    /// Commands of our own that the end brings.
    pub(super) followers: Vec<Command>,
    /// The hash over all that is journaled of what was seen, for the seal.
    pub(super) facts: Digest,
    /// The last entries of the chain, once they are known.
    pub(super) recent: Option<Vec<Told>>,
    /// Where the command stands in the journal.
    place: Place,
    /// How it stands to its lanes; what is stored with a record follows from its state too.
    pub(super) in_lane: InLane,
    /// How often Meta was asked in this step.
    pub(super) calls: u32,
    /// How the command is counted by its state in the journal, and since when it is in it.
    counted: (Option<Standing>, Timestamp),
    /// A write left before the last crash, and nobody knows what became of it.
    intent: Option<(Call, Timestamp)>,
    has_intent: bool,
    /// The last write, while nobody knows whether Meta has made it.
    pub(super) doubt: Option<Call>,
    pub(super) left: Option<Left>,
}

impl<'a> Progress<'a> {
    pub(crate) fn of(shared: &'a Shared, command: Command, loaded: Loaded) -> Result<Self, EngineError> {
        let read = |text: &String| serde_json::from_str(text).map_err(EngineError::Json);
        let seen: Vec<Observation> = loaded.observations.iter().map(read).collect::<Result<_, _>>()?;
        let intent = match loaded.intent {
            Some(intent) => Some((serde_json::from_str(&intent.call).map_err(EngineError::Json)?, intent.at)),
            None => None,
        };
        let has_intent = intent.is_some();
        let recent = (loaded.row.evidence_total == 0).then(Vec::new);
        let begun = evidence::genesis(loaded.row.id.as_str());
        let facts = loaded.observations.iter().fold(begun, |facts, fact| evidence::follow_fact(&facts, fact));
        Ok(Self {
            shared,
            command,
            place: loaded.row.place(),
            calls: 0,
            counted: (Standing::of(&loaded.row.state, Write::None), loaded.row.since),
            in_lane: in_lane(&loaded.row),
            doubt: in_doubt(&seen, &loaded.row.state),
            row: loaded.row,
            seen,
            noted: Vec::new(),
            asked: Vec::new(),
            followers: Vec::new(),
            facts,
            recent,
            intent,
            has_intent,
            left: None,
        })
    }

    /// Makes the beginning: a command's first observation, or the unknown outcome that a crash left.
    pub(crate) async fn begin(&mut self) -> Result<(), EngineError> {
        if let Some((call, began)) = self.intent.take() {
            info!(command.id = %self.command.id, "a write of {} was out when the worker ended: looking first", self.command.id);
            self.asked.push(interrupted(&call, began));
            let observation = Observation::Asked { call, began, reply: Reply::Unknown };
            self.observe_plainly(observation).await?;
        }
        if self.seen.is_empty() {
            self.note(Observation::Started { at: self.shared.clock.now() });
        }
        Ok(())
    }

    /// How the command left its step, once it has.
    pub(crate) fn left(&self) -> Option<Left> {
        self.left
    }

    pub(crate) fn next_move(&self) -> Move {
        self.next().then
    }

    /// Whether the command has been told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.seen.iter().any(|seen| matches!(seen, Observation::Stop { .. }))
    }

    /// Whether a stop leaves the claim that it has made to Meta: it may be told to stop for a second reason then.
    pub(crate) fn keeps_its_claim(&self) -> bool {
        matches!(self.command.body, Body::Transfer { .. })
    }

    /// What this command has told `target` to stop for.
    pub(crate) fn told_to_stop(&self, target: &CommandId) -> Option<StopCause> {
        self.seen.iter().find_map(|seen| {
            let Observation::Consulted { query: Query::Stop { target: whom, cause }, .. } = seen else { return None };
            (whom == target).then(|| cause.clone())
        })
    }

    /// Something seen that can be seen again after a crash: journaled with the next record.
    pub(crate) fn note(&mut self, observation: Observation) {
        self.weigh(&observation);
        self.seen.push(observation.clone());
        self.noted.push(observation);
    }

    /// Journals that `call` is about to leave, with all that was only noted so far.
    pub(crate) async fn intends(&mut self, call: String, at: Timestamp) -> Result<(), EngineError> {
        let record = Record { intent: IntentChange::Intend(Intent { call, at }), ..self.record(State::Running)? };
        self.has_intent = true;
        self.store(record).await
    }

    /// A call that has ended. A read that only leads to the next question is noted, anything else is journaled at once
    /// with what follows from it.
    pub(crate) async fn observe(&mut self, seen: Seen) -> Result<(), EngineError> {
        self.attempt_failed(&seen.requests);
        let is_read = matches!(&seen.observation, Observation::Asked { call, .. } if !call.is_write());
        self.note(seen.observation);
        if is_read && self.noted.len() < NOTED_MAX && self.only_leads_on() {
            return Ok(());
        }
        self.has_intent &= is_read;
        self.record_next().await?;
        crash_point!(Recorded, self.command.id.as_str());
        Ok(())
    }

    /// Journals what was only noted.
    pub(crate) async fn flush(&mut self) -> Result<(), EngineError> {
        if self.noted.is_empty() && self.asked.is_empty() {
            return Ok(());
        }
        let (due, state) = (self.row.due, self.row.state.clone());
        let record = Record { due, ..self.record(state)? };
        self.store(record).await
    }

    fn only_leads_on(&self) -> bool {
        let next = self.next();
        next.say.is_empty() && matches!(next.then, Move::Ask(_) | Move::Consult(_))
    }

    /// Journals something that was seen without a call.
    pub(crate) async fn observe_plainly(&mut self, observation: Observation) -> Result<(), EngineError> {
        self.observe(Seen { observation, requests: Vec::new() }).await
    }

    /// The lists have decided: with the walks that showed it.
    pub(crate) async fn settle(&mut self, settled: Settlement) -> Result<(), EngineError> {
        self.asked.extend(settled.walks);
        self.observe_plainly(Observation::Settled { verdict: settled.verdict, polls: settled.polls }).await
    }

    /// The command is to stop; once.
    pub(crate) async fn stop(&mut self, cause: StopCause) -> Result<(), EngineError> {
        let known = |seen: &Observation| matches!(seen, Observation::Stop { cause: known } if *known == cause);
        if self.is_stopping() && (!self.keeps_its_claim() || self.seen.iter().any(known)) {
            return Ok(());
        }
        self.observe_plainly(Observation::Stop { cause }).await
    }

    /// Journals that the command stands in `state` now.
    pub(crate) async fn stand(&mut self, state: State) -> Result<(), EngineError> {
        let record = self.record(state)?;
        self.store(record).await
    }

    /// Children that end move their parent's counters and chain on.
    pub(crate) async fn refresh(&mut self) -> Result<(), EngineError> {
        if let Some(row) = self.shared.journal.find(&self.command.id).await? {
            self.place = row.place();
            self.row = row;
            self.recent = None;
        }
        Ok(())
    }

    /// Journals where the next move leads, where nothing new was seen.
    pub(crate) async fn record_standing(&mut self) -> Result<(), EngineError> {
        self.record_next().await
    }

    /// Waits for a time, in its lane.
    pub(crate) async fn wait_until(&mut self, until: Timestamp) -> Result<(), EngineError> {
        let record = Record { due: Some(until), ..self.record(State::Ready)? };
        self.store(record).await
    }

    /// Held back for `cause`: told once. Since when it is.
    pub(crate) async fn waits(&mut self, cause: WaitCause, until: Option<Timestamp>) -> Result<Timestamp, EngineError> {
        self.waits_because(Waiting::of(cause, self.shared.clock.now(), until), None).await
    }

    /// The same, with all that the event tells, and with why for a person.
    pub(super) async fn waits_because(
        &mut self,
        waiting: Waiting,
        why: Option<String>,
    ) -> Result<Timestamp, EngineError> {
        let Waiting { cause, until, .. } = waiting;
        self.tell_parent(cause);
        if let State::Waiting { cause: before, since, until: known } = &self.row.state
            && before == cause.word()
            && *known == until
            && self.asked.is_empty()
            && !self.has_intent
        {
            return Ok(*since);
        }
        let now = self.shared.clock.now();
        let (since, news) = match &self.row.state {
            State::Waiting { cause: before, since, .. } if before == cause.word() => (*since, false),
            State::Ready
            | State::Running
            | State::Waiting { .. }
            | State::Pending
            | State::AwaitingChildren
            | State::Awaiting { .. }
            | State::Ended(_) => match self.told_of(cause) {
                // Paced by its bucket it may have made calls in between: told once all the same, but waiting anew.
                Some(told) => (if cause == WaitCause::Quota { now } else { told }, false),
                None => (now, true),
            },
        };
        if news && (cause == WaitCause::Quota || is_a_persons(cause)) {
            self.note(Observation::WaitTold { cause, at: since });
        }
        let mut record = self.record(State::Waiting { cause: cause.word().to_owned(), since, until })?;
        (record.due, record.why, record.intent) = (until, why, IntentChange::Settle);
        if news {
            let evidence = self.shown(&record).await?;
            self.tell(&mut record, Detail::Waiting(Waiting { since, ..waiting }), evidence)?;
        }
        self.has_intent = false;
        self.store(record).await?;
        Ok(since)
    }

    /// The call found no answer and certainly had no effect: it is made again then.
    pub(crate) async fn tries_again(&mut self, until: Timestamp, why: &str) -> Result<(), EngineError> {
        debug!(command.id = %self.command.id, %until, "{} tries again at {until}: {why}", self.command.id);
        let attempts = self.row.attempts.saturating_add(1);
        let record = Record {
            due: Some(until),
            why: Some(why.to_owned()),
            attempts,
            intent: IntentChange::Settle,
            ..self.record(State::Ready)?
        };
        self.has_intent = false;
        self.store(record).await
    }

    /// Requests, and those that led to nothing too, are evidence: journaled with what follows from them.
    pub(crate) fn attempt_failed(&mut self, requests: &[Sent]) {
        self.calls = self.calls.saturating_add(u32::try_from(requests.len()).unwrap_or(u32::MAX));
        self.asked.extend(entries(requests));
    }

    fn next(&self) -> Next {
        next(&self.command, &self.shared.rules, &self.seen, self.shared.clock.now())
    }

    /// A record that moves the command to `state`, with all that was only noted so far.
    pub(super) fn record(&mut self, state: State) -> Result<Record, EngineError> {
        let mut record = Record::new(self.shared.clock.now(), state);
        // Children that end move their parent's chain on: the journal looks itself then.
        record.from = (self.row.children.total == 0).then(|| self.place.clone());
        record.attempts = self.row.attempts;
        record.lane = lane(&self.command);
        record.observations = self.take_noted()?;
        record.evidence = std::mem::take(&mut self.asked);
        Ok(record)
    }

    pub(super) fn take_noted(&mut self) -> Result<Vec<String>, EngineError> {
        let text = |seen: Observation| serde_json::to_string(&seen).map_err(EngineError::Json);
        let noted: Vec<String> = std::mem::take(&mut self.noted).into_iter().map(text).collect::<Result<_, _>>()?;
        self.facts = noted.iter().fold(self.facts.clone(), |facts, fact| evidence::follow_fact(&facts, fact));
        Ok(noted)
    }

    /// Journals what was seen together with what follows from it: the state, what is said, children, a watch, the end.
    async fn record_next(&mut self) -> Result<(), EngineError> {
        let news = !self.noted.is_empty();
        let removals = self.noted.iter().flat_map(|seen| self.removals(seen)).collect();
        let mut next = self.next();
        let mut children = Vec::new();
        if let Move::Spawn(commands) = &next.then {
            children = commands.clone();
            let assets = commands.iter().map(assets_of).sum();
            self.note(Observation::Spawned { assets });
            let say = next.say;
            next = Next { say, then: self.next().then };
        }
        let intent = if self.has_intent { IntentChange::Keep } else { IntentChange::Settle };
        let mut record = Record { intent, removals, ..self.record(State::Running)? };
        // What was said with an observation that is journaled already has been stored with it.
        if news && !next.say.is_empty() {
            let evidence = self.shown(&record).await?;
            for say in next.say {
                self.say(&mut record, say, &evidence)?;
            }
        }
        match next.then {
            Move::Finish(outcome) => self.finish(&mut record, *outcome).await?,
            Move::Watch(watch) => self.watch(&mut record, &watch)?,
            Move::WatchShare(watch) => self.watch_share(&mut record, watch)?,
            Move::WatchInvitation(watch) => self.watch_invitation(&mut record, watch)?,
            Move::AwaitChildren => record.state = State::AwaitingChildren,
            Move::Announce(announcement) => self.announce(&mut record, *announcement).await?,
            Move::Ask(_)
            | Move::Consult(_)
            | Move::WaitUntil(_)
            | Move::Notice(_)
            | Move::Rehearsed(_)
            | Move::Spawn(_)
            | Move::AwaitEnd(_) => {}
        }
        record.children = self.children(&children)?;
        self.store(record).await?;
        self.count_own(&children);
        Ok(())
    }

    pub(super) async fn store(&mut self, mut record: Record) -> Result<(), EngineError> {
        self.in_lane = moved_to(self.in_lane, &record.state);
        record.in_lane = self.in_lane;
        let (state, attempts, due, events) = (record.state.clone(), record.attempts, record.due, record.events.len());
        let ended = matches!(state, State::Ended(_));
        let followed = if let WatchChange::Set(watch, _) = &record.watch { Some(watch.clone()) } else { None };
        let sequences = record.events.iter().filter_map(|event| event.sequence).max();
        self.remember(&record);
        let recorded = self.shared.journal.record(self.command.id.clone(), record).await?;
        if ended {
            crash_point!(Ended, self.command.id.as_str());
        }
        self.row.evidence_head = recorded.place.evidence_head.clone();
        self.row.evidence_total = recorded.place.evidence_total;
        self.place = recorded.place;
        self.row.last_sequence = sequences.unwrap_or(self.row.last_sequence);
        (self.row.state, self.row.attempts, self.row.due) = (state, attempts, due);
        self.count_followers(&recorded.followers);
        self.shared.moved_up(&recorded.moved_up);
        if events > 0 {
            self.shared.outbox.notify_one();
        }
        if let Some(parent) = recorded.parent {
            let mut memory = self.shared.memory();
            if parent.was_last() {
                memory.board.wake(&parent.id);
            } else {
                memory.board.nudge(&parent.id, self.shared.clock.now() + TOLD_EVERY);
            }
        }
        if let Some(watch) = followed {
            self.shared.memory().claims.follows(&watch.business, &watch.command, watch.sent_at);
        }
        if ended {
            self.shared.ended(&self.command.id);
        }
        self.count();
        Ok(())
    }

    /// How the command stands now, or has ended, in a word.
    pub(crate) fn standing(&self) -> &'static str {
        match (&self.row.state, Standing::of(&self.row.state, self.last_write())) {
            (_, Some(standing)) => standing.word(),
            (State::Ended(ended), None) => ended.phase.word(),
            (_, None) => "ended",
        }
    }

    /// Counts how the command stands now, and how it has ended.
    fn count(&mut self) {
        let now = self.shared.clock.now();
        self.settle_doubt();
        let known = Known::of(&self.command, self.row.accepted_at);
        let standing = Standing::of(&self.row.state, self.last_write());
        let since = self.place.since;
        self.shared.memory().census.moves(self.row.seq, known, self.counted, (standing, since));
        self.counted = (Standing::of(&self.row.state, Write::None), since);
        if let State::Ended(ended) = &self.row.state {
            let (operation, asset_kind, outcome) = (known.operation, known.asset_kind, ended.phase.word());
            telemetry::ended(End { operation, asset_kind, outcome }, age(known.accepted_at, now));
        }
    }
}

/// How a command stands to its lanes while it runs: in them, unless it came from outside, from its notice or from a
/// wait for its release.
fn in_lane(row: &CommandRow) -> InLane {
    match (&row.state, row.in_lane) {
        (State::Pending | State::AwaitingChildren | State::Ended(_), _) => InLane::Left,
        (State::Waiting { cause, .. }, _) if cause == NOTICE => InLane::Waits,
        (State::Waiting { cause, .. }, in_lane) if waits_away(cause, in_lane) => InLane::Waits,
        (State::Ready | State::Running | State::Waiting { .. } | State::Awaiting { .. }, InLane::Left) => InLane::Left,
        (
            State::Ready | State::Running | State::Waiting { .. } | State::Awaiting { .. },
            InLane::Waits | InLane::Holds,
        ) => InLane::Holds,
    }
}

/// Whoever waits for Meta or for children has left its lanes for good, and whoever waits for its notice takes its turn.
fn moved_to(now: InLane, state: &State) -> InLane {
    match state {
        State::Pending | State::AwaitingChildren | State::Ended(_) => InLane::Left,
        State::Waiting { cause, .. } if cause == NOTICE => InLane::Waits,
        State::Ready | State::Running | State::Waiting { .. } | State::Awaiting { .. } => now,
    }
}

fn assets_of(command: &Command) -> u32 {
    match command.body.targets() {
        Some(Targets::List(assets)) => u32::try_from(assets.len()).unwrap_or(u32::MAX),
        Some(Targets::One(_) | Targets::All) | None => 1,
    }
}

/// A write that may have left before the worker ended is evidence too.
fn interrupted(call: &Call, at: Timestamp) -> EvidenceEntry {
    let request = call.request();
    let answer = "unknown: the worker ended before it had an answer".to_owned();
    EvidenceEntry { at, call: format!("{} {}", request.method.word(), request.path()), answer, trace: None }
}
