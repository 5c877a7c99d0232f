//! What follows from what was seen: events, children, a watch, the end. Each becomes part of the same record.

use jiff::Timestamp;

use super::board::Left;
use super::error::EngineError;
use super::fan_out::once_an_asset;
use super::progress::Progress;
use super::shared::lane;
use super::sweep::Followed;
use super::tell::tell;
use crate::contract::{
    Access, Body, Command, CommandId, Detail, EventContext, EvidenceEntry as Told, Kind, Outcome, Pending, Phase,
    Progress as Part, Targets, Tasks, fingerprint,
};
use crate::graph::Sent;
use crate::journal::evidence::{SEAL, Seal};
use crate::journal::{Ended, EvidenceEntry, InvitationRow, New, Record, State, WatchChange, WatchRow, head_after};
use crate::meta::Claimable;
use crate::procedures::{InvitationWatch, Observation, Say, ShareWatch, Watch};
use crate::telemetry;

/// The last entries of evidence that a terminal event shows.
const EVIDENCE_SHOWN: usize = 50;

/// The requests as evidence.
pub(super) fn entries(requests: &[Sent]) -> Vec<EvidenceEntry> {
    let entry = |sent: &Sent| EvidenceEntry {
        at: sent.at,
        call: sent.call.clone(),
        answer: sent.answer.clone(),
        trace: sent.trace.clone(),
    };
    requests.iter().map(entry).collect()
}

fn told(entry: &EvidenceEntry) -> Told {
    Told { at: entry.at, call: entry.call.clone(), answer: entry.answer.clone(), trace: entry.trace.clone() }
}

impl Progress<'_> {
    /// Adds an event to `record`. A child publishes nothing itself: its end is a result of its parent.
    pub(super) fn tell(&self, record: &mut Record, detail: Detail, evidence: Vec<Told>) -> Result<(), EngineError> {
        if self.row.parent.is_some() {
            return Ok(());
        }
        let told = u32::try_from(record.events.len()).unwrap_or(u32::MAX);
        let sequence = self.row.last_sequence.saturating_add(told).saturating_add(1);
        let context = self.context(record, evidence);
        record.events.push(tell(&self.command, sequence, detail, &context)?);
        Ok(())
    }

    pub(super) fn say(&self, record: &mut Record, say: Say, evidence: &[Told]) -> Result<(), EngineError> {
        let detail = match say {
            Say::Pending => Detail::Pending(Pending {
                request: self.role_request(),
                since: record.at,
                awaits: self.awaits().to_owned(),
            }),
            Say::Left(results) => Detail::Progress(Part { results, ..Part::default() }),
            Say::Part { part, assets } => Detail::Progress(Part { part: Some(part), assets, ..Part::default() }),
        };
        self.tell(record, detail, evidence.to_vec())
    }

    /// Who decides an open claim or invitation.
    fn awaits(&self) -> &'static str {
        if let Body::Invite { .. } = self.command.body {
            return "the invited person accepts the invitation that Meta has sent by e-mail";
        }
        let kind = match self.command.body.targets() {
            Some(Targets::One(asset)) => Some(asset.kind),
            Some(Targets::List(_) | Targets::All) | None => None,
        };
        if let Body::Share { .. } = self.command.body {
            return approves_share(kind);
        }
        match kind.and_then(Claimable::of) {
            Some(Claimable::AdAccount) => {
                "an admin of the ad account or of the business that owns it approves the request"
            }
            Some(Claimable::Page) | None => "an admin of the Page or of the business that owns it approves the request",
        }
    }

    /// The end: the outcome and its terminal event are one record.
    pub(super) async fn finish(&mut self, record: &mut Record, mut outcome: Outcome) -> Result<(), EngineError> {
        // Of a rehearsal only what kept it from being announced is worth telling.
        let fanned_out = self.row.children.total > 0 || self.row.state == State::AwaitingChildren;
        let has_results = fanned_out && (!self.is_rehearsal() || outcome.phase == Phase::Incomplete);
        self.bring_rechecks(record, &outcome).await?;
        if has_results {
            let own = std::mem::take(&mut outcome.results);
            outcome.results = self.results(record, own).await?;
        }
        if (has_results && self.command.dry_run) || (fanned_out && outcome.plan.is_some()) {
            let own = outcome.plan.take();
            outcome.plan = Some(self.whole_plan(record, own).await?);
        }
        outcome.results = once_an_asset(outcome.results);
        if let Some(guard) = outcome.error.as_ref().and_then(|error| guard(&error.code)) {
            telemetry::guard_refused(guard);
        }
        let text = serde_json::to_string(&outcome).map_err(EngineError::Json)?;
        record.evidence.push(self.seal(record.at, &text).entry(outcome.phase));
        let evidence = self.shown(record).await?;
        record.state = State::Ended(Ended { phase: outcome.phase, changed: outcome.changed, outcome: text });
        record.watch = WatchChange::Remove;
        self.tell(record, Detail::from(outcome), evidence)?;
        self.left = Some(Left::Ended);
        Ok(())
    }

    /// What the calls alone do not tell, bound to the chain by its last entry.
    fn seal<'s>(&'s self, finished_at: Timestamp, outcome: &'s str) -> Seal<'s> {
        Seal {
            accepted_at: self.row.accepted_at,
            asked: &self.row.body,
            facts: &self.facts,
            finished_at,
            outcome,
            parent: self.row.parent.as_ref().map(CommandId::as_str),
            published_by: self.row.published_by.as_deref(),
            traceparent: self.row.traceparent.as_deref(),
        }
    }

    pub(super) fn watch(&mut self, record: &mut Record, watch: &Watch) -> Result<(), EngineError> {
        // A transfer claims as the owner, who has all tasks.
        let none = Tasks::default();
        let asked = if let Body::Claim { permitted_tasks, .. } = &self.command.body { permitted_tasks } else { &none };
        record.state = State::Pending;
        record.watch = WatchChange::Set(WatchRow {
            command: self.command.id.clone(),
            business: watch.business.clone(),
            asset: watch.asset.clone(),
            access: watch.access,
            partner: None,
            tasks: serde_json::to_string(asked).map_err(EngineError::Json)?,
            sent_at: watch.sent_at,
            absences: serde_json::to_string(&Followed::default()).map_err(EngineError::Json)?,
        });
        self.left = Some(Left::Outside);
        Ok(())
    }

    /// A share waits for whoever must approve it.
    pub(super) fn watch_share(&mut self, record: &mut Record, watch: ShareWatch) -> Result<(), EngineError> {
        let so_far = Followed { shown: watch.shown, ..Followed::default() };
        record.state = State::Pending;
        record.watch = WatchChange::Set(WatchRow {
            command: self.command.id.clone(),
            business: watch.business,
            asset: watch.asset,
            access: Access::Agency,
            partner: Some(watch.partner),
            tasks: serde_json::to_string(&watch.tasks).map_err(EngineError::Json)?,
            sent_at: watch.sent_at,
            absences: serde_json::to_string(&so_far).map_err(EngineError::Json)?,
        });
        self.left = Some(Left::Outside);
        Ok(())
    }

    /// An invitation waits for the person, whatever its command is.
    pub(super) fn watch_invitation(&mut self, record: &mut Record, watch: InvitationWatch) -> Result<(), EngineError> {
        record.state = State::Pending;
        record.watch = WatchChange::Invite(InvitationRow {
            command: self.command.id.clone(),
            business: watch.business,
            email: watch.email,
            sent_at: watch.sent_at,
            absences: serde_json::to_string(&Followed::default()).map_err(EngineError::Json)?,
        });
        self.left = Some(Left::Outside);
        Ok(())
    }

    pub(super) fn children(&self, commands: &[Command]) -> Result<Vec<New>, EngineError> {
        // Those of a rehearsal, and of an earlier wave, have the numbers before.
        (self.row.children.total.saturating_add(1)..)
            .zip(commands)
            .map(|(ordinal, command)| self.child(ordinal, command))
            .collect()
    }

    /// Children run as soon as they are journaled.
    pub(super) fn put_on_board(&self, children: &[Command]) {
        for (seq, child) in self.spawned.iter().zip(children) {
            self.shared.arrive(*seq, child);
        }
    }

    fn child(&self, ordinal: u32, command: &Command) -> Result<New, EngineError> {
        let parent = Some(self.command.id.clone());
        Ok(New { parent, ordinal: Some(ordinal), ..self.own(command) })
    }

    /// A command of our own, as the journal takes it in.
    pub(super) fn own(&self, command: &Command) -> New {
        let body = command.to_json().to_string();
        let mark = fingerprint(body.as_bytes()).to_string();
        let mut new = New::command(command.id.clone(), mark, body, self.shared.clock.now());
        new.business = command.business.clone();
        new.lane = lane(command);
        new.priority = command.priority;
        (new.not_before, new.expires_at) = (command.not_before, command.expires_at);
        new.traceparent = self.row.traceparent.clone();
        new.dry_run = command.dry_run;
        new
    }

    fn context(&self, record: &Record, evidence: Vec<Told>) -> EventContext {
        let mut context = EventContext::new(&*self.shared.config.events.source, record.at, self.row.accepted_at);
        let total = self.row.evidence_total + u64::try_from(record.evidence.len()).unwrap_or(u64::MAX);
        context.traceparent = self.row.traceparent.clone();
        context.published_by = self.row.published_by.clone();
        context.graph_calls = self.graph_calls(record, total);
        context.polls = self.polls();
        context.people = self.people();
        context.role_request = self.role_request();
        context.evidence = evidence;
        context.evidence_total = total;
        context.evidence_head = Some(head_after(&self.row.evidence_head, &record.evidence));
        context
    }

    /// Entries that are calls: neither the ends of children nor the seal.
    fn graph_calls(&self, record: &Record, total: u64) -> u32 {
        let seals = record.evidence.iter().filter(|entry| entry.call == SEAL).count();
        let settled = self.row.children.total - self.row.children.open;
        let others = u64::from(settled) + u64::try_from(seals).unwrap_or(u64::MAX);
        u32::try_from(total.saturating_sub(others)).unwrap_or(u32::MAX)
    }

    fn polls(&self) -> u32 {
        let polls = self.seen.iter().map(|seen| if let Observation::Settled { polls, .. } = seen { *polls } else { 0 });
        polls.sum()
    }

    /// The last of the chain, with what this record adds.
    pub(super) async fn shown(&mut self, record: &Record) -> Result<Vec<Told>, EngineError> {
        let mut all = match self.recent.take() {
            Some(known) => known,
            None => {
                let rows = self.shared.journal.evidence(&self.command.id, Some(EVIDENCE_SHOWN)).await?;
                rows.into_iter().map(|row| told(&row.entry)).collect()
            }
        };
        self.recent = Some(all.clone());
        all.extend(record.evidence.iter().map(told));
        Ok(all.split_off(all.len().saturating_sub(EVIDENCE_SHOWN)))
    }

    /// What `record` adds to the chain is shown by the next event too.
    pub(super) fn remember(&mut self, record: &Record) {
        if let Some(recent) = &mut self.recent {
            recent.extend(record.evidence.iter().map(told));
            recent.drain(..recent.len().saturating_sub(EVIDENCE_SHOWN));
        }
    }
}

/// Who decides an open share, as far as Meta's guides tell it.
fn approves_share(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::AdAccount) => "another admin of the business approves it (Business settings > Requests)",
        Some(Kind::Pixel) => "the partner accepts the request",
        Some(Kind::Page | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog) | None => {
            "another admin of the business, or the partner, approves it"
        }
    }
}

/// The guard that an error's code speaks for.
fn guard(code: &str) -> Option<&'static str> {
    match code {
        "would_orphan" => Some("never_orphan"),
        "protected" => Some("protected"),
        _ => None,
    }
}

/// When a walk of `business` is due again: kept here so that `sweep` and tests agree on it.
pub(super) fn gap(
    age: std::time::Duration,
    first: std::time::Duration,
    max: std::time::Duration,
) -> std::time::Duration {
    age.clamp(first, max)
}

/// How old something is.
pub(super) fn age(since: Timestamp, now: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
