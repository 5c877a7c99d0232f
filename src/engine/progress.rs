//! A command in the hands of a step: what it has seen, what follows, and the journal's record of both.

use jiff::Timestamp;
use tracing::{debug, info};

use super::ask::Seen;
use super::board::Left;
use super::error::EngineError;
use super::follow::entries;
use super::shared::{Shared, lane};
use super::sweep::Settlement;
use crate::contract::{Command, CommandId, Detail, WaitCause, Waiting};
use crate::crash::crash_point;
use crate::graph::Sent;
use crate::journal::{CommandRow, EvidenceEntry, Loaded, Record, State};
use crate::meta::{Call, Reply};
use crate::procedures::{Move, Next, Observation, Query, StopCause, next};

/// One command, in one step.
pub(crate) struct Progress<'a> {
    pub(super) shared: &'a Shared,
    pub(crate) command: Command,
    pub(crate) row: CommandRow,
    pub(super) seen: Vec<Observation>,
    /// Seen, and to be journaled with the next record.
    noted: Vec<Observation>,
    /// Where the children of the last record stand in the order of arrival.
    pub(super) spawned: Vec<i64>,
    /// A write left before the last crash, and nobody knows what became of it.
    intent: Option<(Call, Timestamp)>,
    has_intent: bool,
    pub(super) left: Option<Left>,
}

impl<'a> Progress<'a> {
    pub(crate) fn of(shared: &'a Shared, command: Command, loaded: Loaded) -> Result<Self, EngineError> {
        let read = |text: &String| serde_json::from_str(text).map_err(EngineError::Json);
        let seen = loaded.observations.iter().map(read).collect::<Result<_, _>>()?;
        let intent = match loaded.intent {
            Some(intent) => Some((serde_json::from_str(&intent.call).map_err(EngineError::Json)?, intent.at)),
            None => None,
        };
        let has_intent = intent.is_some();
        Ok(Self {
            shared,
            command,
            row: loaded.row,
            seen,
            noted: Vec::new(),
            spawned: Vec::new(),
            intent,
            has_intent,
            left: None,
        })
    }

    /// Makes the beginning: a command's first observation, or the unknown outcome that a crash left.
    pub(crate) async fn begin(&mut self) -> Result<(), EngineError> {
        if let Some((call, began)) = self.intent.take() {
            info!(command.id = %self.command.id, "a write of {} was out when the worker ended: looking first", self.command.id);
            let requests = vec![cut_short(&call, began)];
            let observation = Observation::Asked { call, began, reply: Reply::Unknown };
            self.observe(Seen { observation, requests }).await?;
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

    /// What this command has told `target` to stop for.
    pub(crate) fn told_to_stop(&self, target: &CommandId) -> Option<StopCause> {
        self.seen.iter().find_map(|seen| {
            let Observation::Consulted { query: Query::Stop { target: whom, cause }, .. } = seen else { return None };
            (whom == target).then(|| cause.clone())
        })
    }

    /// Something seen that can be seen again after a crash: journaled with the next record.
    pub(crate) fn note(&mut self, observation: Observation) {
        self.seen.push(observation.clone());
        self.noted.push(observation);
    }

    /// A write's intent is in the journal.
    pub(crate) fn intended(&mut self) {
        self.has_intent = true;
    }

    /// Journals what was only noted.
    pub(crate) async fn flush(&mut self) -> Result<(), EngineError> {
        if self.noted.is_empty() {
            return Ok(());
        }
        self.stand(State::Running).await
    }

    /// Journals a call that has ended, with what follows from it.
    pub(crate) async fn observe(&mut self, seen: Seen) -> Result<(), EngineError> {
        let evidence = entries(&seen.requests);
        self.note(seen.observation);
        self.has_intent &= !matches!(self.seen.last(), Some(Observation::Asked { call, .. }) if call.is_write());
        self.record_next(evidence).await?;
        crash_point!(Recorded, self.command.id.as_str());
        Ok(())
    }

    /// Journals something that was seen without a call.
    pub(crate) async fn observe_plainly(&mut self, observation: Observation) -> Result<(), EngineError> {
        self.observe(Seen { observation, requests: Vec::new() }).await
    }

    /// The lists have decided: with the requests of the walk that showed it.
    pub(crate) async fn settle(&mut self, settled: Settlement) -> Result<(), EngineError> {
        let observation = Observation::Settled { verdict: settled.verdict, polls: settled.polls };
        self.observe(Seen { observation, requests: settled.requests }).await
    }

    /// The command is to stop; once.
    pub(crate) async fn stop(&mut self, cause: StopCause) -> Result<(), EngineError> {
        if self.is_stopping() {
            return Ok(());
        }
        self.observe_plainly(Observation::Stop { cause }).await
    }

    /// Journals that the command stands in `state` now.
    pub(crate) async fn stand(&mut self, state: State) -> Result<(), EngineError> {
        let record = Record { observations: self.take_noted()?, ..self.blank(state) };
        self.store(record).await
    }

    /// Children that end move their parent's counters and chain on.
    pub(crate) async fn refresh(&mut self) -> Result<(), EngineError> {
        if let Some(row) = self.shared.journal.find(&self.command.id).await? {
            self.row = row;
        }
        Ok(())
    }

    /// Journals where the next move leads, where nothing new was seen.
    pub(crate) async fn record_standing(&mut self) -> Result<(), EngineError> {
        self.record_next(Vec::new()).await
    }

    /// Waits for a time, in its lane.
    pub(crate) async fn wait_until(&mut self, until: Timestamp) -> Result<(), EngineError> {
        let record = Record { due: Some(until), observations: self.take_noted()?, ..self.blank(State::Ready) };
        self.store(record).await
    }

    /// Held back for `cause`: told once. Since when it is.
    pub(crate) async fn waits(&mut self, cause: WaitCause, until: Option<Timestamp>) -> Result<Timestamp, EngineError> {
        if let State::Waiting { cause: before, since, until: known } = &self.row.state
            && before == cause.word()
            && (*known == until)
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
            | State::Ended(_) => (now, true),
        };
        let mut record = self.blank(State::Waiting { cause: cause.word().to_owned(), since, until });
        record.due = until;
        record.clear_intent = true;
        record.observations = self.take_noted()?;
        if news {
            let evidence = self.shown(&record).await?;
            self.tell(&mut record, Detail::Waiting(Waiting { cause, since, until }), evidence)?;
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
            clear_intent: true,
            observations: self.take_noted()?,
            ..self.blank(State::Ready)
        };
        self.has_intent = false;
        self.store(record).await
    }

    /// Requests that led to nothing are evidence too.
    pub(crate) async fn attempt_failed(&mut self, requests: &[Sent]) -> Result<(), EngineError> {
        let mut record = self.blank(self.row.state.clone());
        record.evidence = entries(requests);
        record.clear_intent = true;
        record.due = self.row.due;
        record.observations = self.take_noted()?;
        self.has_intent = false;
        self.store(record).await
    }

    fn next(&self) -> Next {
        next(&self.command, &self.shared.rules, &self.seen, self.shared.clock.now())
    }

    fn blank(&self, state: State) -> Record {
        let mut record = Record::new(self.shared.clock.now(), state);
        record.attempts = self.row.attempts;
        record.lane = lane(&self.command);
        record
    }

    fn take_noted(&mut self) -> Result<Vec<String>, EngineError> {
        let text = |seen: Observation| serde_json::to_string(&seen).map_err(EngineError::Json);
        std::mem::take(&mut self.noted).into_iter().map(text).collect()
    }

    /// Journals what was seen together with what follows from it: the state, what is said, children, a watch, the end.
    async fn record_next(&mut self, evidence: Vec<EvidenceEntry>) -> Result<(), EngineError> {
        let news = !self.noted.is_empty();
        let removals = self.noted.iter().filter_map(|seen| self.removal(seen)).collect();
        let mut next = self.next();
        let mut children = Vec::new();
        if let Move::Spawn(commands) = &next.then {
            children = commands.clone();
            self.note(Observation::Spawned);
            let say = next.say;
            next = Next { say, then: self.next().then };
        }
        let clear_intent = !self.has_intent;
        let mut record = Record { evidence, clear_intent, removals, ..self.blank(State::Running) };
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
            Move::AwaitChildren => record.state = State::AwaitingChildren,
            Move::Ask(_) | Move::Consult(_) | Move::WaitUntil(_) | Move::Spawn(_) | Move::AwaitEnd(_) => {}
        }
        record.children = self.children(&children)?;
        record.observations = self.take_noted()?;
        self.store(record).await?;
        self.put_on_board(&children);
        Ok(())
    }

    async fn store(&mut self, record: Record) -> Result<(), EngineError> {
        let (state, attempts, due, events) = (record.state.clone(), record.attempts, record.due, record.events.len());
        let ended = matches!(state, State::Ended(_));
        let sequences = record.events.iter().filter_map(|event| event.sequence).max();
        let recorded = self.shared.journal.record(self.command.id.clone(), record).await?;
        if ended {
            crash_point!(Ended, self.command.id.as_str());
        }
        self.row.evidence_head = recorded.evidence_head;
        self.row.evidence_total = recorded.evidence_total;
        self.row.last_sequence = sequences.unwrap_or(self.row.last_sequence);
        (self.row.state, self.row.attempts, self.row.due) = (state, attempts, due);
        self.spawned = recorded.children;
        if events > 0 {
            self.shared.outbox.notify_one();
        }
        if let Some(parent) = recorded.parent.filter(crate::journal::ParentAfter::was_last) {
            self.shared.memory().board.wake(&parent.id);
        }
        if ended {
            self.shared.ended(&self.command.id);
        }
        Ok(())
    }
}

/// What the evidence keeps of a write that the worker did not live to see answered: it may have left.
fn cut_short(call: &Call, at: Timestamp) -> Sent {
    let request = call.request();
    let answer = "not known: the worker ended while it was out, if it had left".to_owned();
    Sent { at, call: format!("{} {}", request.method.word(), request.path()), answer, trace: None }
}
