//! What a fan-out tells of its children: results on the way, the report at the end, the plans of a dry run.
//!
//! A child's end nudges its parent, which looks a second later and tells all that has ended by then: however many end
//! in that second, it is one look and one event. How far it has told is journaled with the event.

use std::time::Duration;

use super::error::EngineError;
use super::progress::Progress;
use crate::contract::{
    Asset, Detail, Digest, ItemResult, Outcome, PersonId, Phase, Plan, PlanStep, Progress as Part, Targets, WaitCause,
    Waiting, parse_own,
};
use crate::journal::{ChildResult, Record, State};
use crate::procedures::{Observation, Tally, counts_from};

/// Results, or steps of a plan, in one event, at most.
const SHOWN: usize = 1_000;
/// Children that are read at once.
const READ: u32 = 1_000;
/// Between two events that tell how far a fan-out has come.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How far a fan-out has told.
struct Told {
    upto: u32,
    done: u32,
    due: Option<jiff::Timestamp>,
}

impl Progress<'_> {
    /// Tells what has ended since it was told last, if that is long enough ago.
    pub(super) async fn tell_on_the_way(&mut self) -> Result<(), EngineError> {
        let told = self.told();
        let settled = self.row.children.total - self.row.children.open;
        if self.is_rehearsal() || settled <= told.upto {
            return Ok(());
        }
        let now = self.shared.clock.now();
        if let Some(due) = told.due.filter(|due| *due > now) {
            self.shared.memory().board.nudge(&self.command.id, due);
            return Ok(());
        }
        let mut upto = told.upto;
        let mut results = Vec::new();
        for child in self.shared.journal.children_results(&self.command.id, told.upto, READ).await? {
            let of_child = results_of(&child)?;
            if !results.is_empty() && results.len() + of_child.len() > SHOWN {
                break;
            }
            upto = child.settled;
            results.extend(of_child);
        }
        let done = told.done.saturating_add(count(results.len()));
        self.note(Observation::Told { upto, done, at: now });
        let mut record = self.record(State::AwaitingChildren)?;
        self.tell_results(&mut record, done, &results)?;
        self.store(record).await?;
        if upto < settled {
            self.shared.memory().board.nudge(&self.command.id, now + TOLD_EVERY);
        }
        Ok(())
    }

    /// A child publishes nothing itself: that it waits for an operator is its parent's to tell.
    pub(super) fn tell_parent(&self, cause: WaitCause) {
        let Some(parent) = self.row.parent.as_ref().filter(|_| is_a_persons(cause)) else { return };
        let now = self.shared.clock.now();
        let mut memory = self.shared.memory();
        let waits = memory.children_wait.entry(parent.clone()).or_default();
        if waits.iter().all(|(known, _)| *known != cause) {
            waits.push((cause, now));
            memory.board.nudge(parent, now);
        }
    }

    /// Since when it waits for an operator, where that was told and is not over.
    pub(super) fn told_of(&self, cause: WaitCause) -> Option<jiff::Timestamp> {
        let goes_on = |seen: &&Observation| !matches!(seen, Observation::ReadAnew { .. });
        let of = |seen: &Observation| {
            let Observation::WaitTold { cause: known, at } = seen else { return None };
            (*known == cause).then_some(*at)
        };
        self.seen.iter().rev().take_while(goes_on).find_map(of)
    }

    /// Tells once of each cause that children wait for an operator.
    pub(super) async fn tell_what_children_wait_for(&mut self) -> Result<(), EngineError> {
        let waits = self.shared.memory().children_wait.get(&self.command.id).cloned().unwrap_or_default();
        for (cause, since) in waits {
            if self.told_of(cause).is_some() {
                continue;
            }
            self.note(Observation::WaitTold { cause, at: since });
            let mut record = self.record(State::AwaitingChildren)?;
            let evidence = self.shown(&record).await?;
            self.tell(&mut record, Detail::Waiting(Waiting::of(cause, since, None)), evidence)?;
            self.store(record).await?;
        }
        Ok(())
    }

    /// How the children ended; those of a rehearsal are not counted again.
    pub(super) fn tally(&self) -> Tally {
        let (all, rehearsed) = (self.row.children, self.rehearsed());
        Tally {
            total: all.total.saturating_sub(rehearsed.total),
            good: all.well.saturating_sub(rehearsed.good),
            changed: all.changed > 0,
        }
    }

    /// The children of rehearsals, where they count no more.
    pub(super) fn rehearsed(&self) -> Tally {
        let none = Tally { total: 0, good: 0, changed: false };
        let of = |seen: &Observation| if let Observation::Children { tally, .. } = seen { Some(*tally) } else { None };
        let rehearsals = self.seen[..counts_from(&self.command, &self.seen)].iter().filter_map(of);
        rehearsals.fold(none, |sum, one| Tally { total: sum.total + one.total, good: sum.good + one.good, ..sum })
    }

    /// Whom the plans of the children concern, each once; of a dry run alone.
    pub(super) async fn concerned(&self) -> Result<Vec<PersonId>, EngineError> {
        let mut concerned = Vec::new();
        if !self.command.dry_run && !self.is_rehearsal() {
            return Ok(concerned);
        }
        let mut known = std::collections::BTreeSet::new();
        for (_, outcome) in self.outcomes_of_children().await? {
            concerned.extend(outcome.concerned.into_iter().filter(|person| known.insert(person.clone())));
        }
        Ok(concerned)
    }

    /// The plans of the children, in their order, and then the command's `own`; more steps than an event holds come
    /// before it in parts.
    pub(super) async fn whole_plan(&self, record: &mut Record, own: Option<Plan>) -> Result<Plan, EngineError> {
        let plan = self.plan(own).await?;
        self.told_in_parts(record, plan)
    }

    /// The digest of the same plan.
    pub(super) async fn digest_of_plan(&self, own: Plan) -> Result<Digest, EngineError> {
        Ok(self.plan(Some(own)).await?.digest)
    }

    async fn plan(&self, own: Option<Plan>) -> Result<Plan, EngineError> {
        let outcomes = self.outcomes_of_children().await?;
        let plans = outcomes.into_values().filter_map(|outcome| outcome.plan).chain(own);
        let steps: Vec<PlanStep> = plans.flat_map(|plan| plan.steps).collect();
        Ok(Plan { digest: Plan::digest_of(&steps), steps })
    }

    /// The assets of children that did not end well, and those that the command itself left.
    pub(super) async fn left_over(&self, own: &[ItemResult]) -> Result<Vec<Asset>, EngineError> {
        let mut left: Vec<Asset> = own.iter().map(|result| result.asset.clone()).collect();
        let mut after = self.rehearsed().total;
        loop {
            let rows = self.shared.journal.children_results(&self.command.id, after, READ).await?;
            let Some(last) = rows.last() else { return Ok(left) };
            after = last.settled;
            for row in &rows {
                let bad = results_of(row)?.into_iter().filter(|result| result.phase != Phase::Completed);
                left.extend(bad.map(|result| result.asset));
            }
        }
    }

    /// The last of a plan; what an event does not hold is told before it, in parts.
    pub(super) fn told_in_parts(&self, record: &mut Record, plan: Plan) -> Result<Plan, EngineError> {
        let Plan { digest, steps } = plan;
        let mut parts: Vec<&[PlanStep]> = steps.chunks(SHOWN).collect();
        let last = parts.pop().unwrap_or_default().to_vec();
        for (part, steps) in (1..).zip(parts) {
            let plan = Some(Plan { digest: digest.clone(), steps: steps.to_vec() });
            self.tell(record, Detail::Progress(Part { part: Some(part), plan, ..Part::default() }), Vec::new())?;
        }
        Ok(Plan { digest, steps: last })
    }

    /// What became of each asset, after what the command says `own`: the last thousand for the terminal event, more
    /// before it in parts.
    pub(super) async fn results(
        &self,
        record: &mut Record,
        own: Vec<ItemResult>,
    ) -> Result<Vec<ItemResult>, EngineError> {
        let (mut after, mut part) = (self.rehearsed().total, 0);
        let mut waiting = own;
        loop {
            let rows = self.shared.journal.children_results(&self.command.id, after, READ).await?;
            let Some(last) = rows.last() else { return Ok(waiting) };
            after = last.settled;
            for row in &rows {
                waiting.extend(results_of(row)?);
            }
            waiting = once_an_asset(waiting);
            while waiting.len() > SHOWN {
                let rest = waiting.split_off(SHOWN);
                part += 1;
                let results = std::mem::replace(&mut waiting, rest);
                let progress = Part { part: Some(part), results, ..Part::default() };
                self.tell(record, Detail::Progress(progress), Vec::new())?;
            }
        }
    }

    fn tell_results(&self, record: &mut Record, done: u32, results: &[ItemResult]) -> Result<(), EngineError> {
        for results in results.chunks(SHOWN) {
            let progress = Part {
                done: Some(u64::from(done)),
                total: Some(u64::from(self.assets())),
                results: results.to_vec(),
                ..Part::default()
            };
            self.tell(record, Detail::Progress(progress), Vec::new())?;
        }
        Ok(())
    }

    fn told(&self) -> Told {
        let last = self.seen.iter().rev().find_map(|seen| match seen {
            Observation::Told { upto, done, at } => {
                Some(Told { upto: *upto, done: *done, due: Some(*at + TOLD_EVERY) })
            }
            Observation::Started { .. }
            | Observation::Asked { .. }
            | Observation::Consulted { .. }
            | Observation::Settled { .. }
            | Observation::Passed { .. }
            | Observation::Stop { .. }
            | Observation::Spawned { .. }
            | Observation::Children { .. }
            | Observation::Announced { .. }
            | Observation::Rehearsed { .. }
            | Observation::NoticeOver { .. }
            | Observation::ReadAnew { .. }
            | Observation::WaitTold { .. }
            | Observation::Ended { .. } => None,
        });
        last.unwrap_or_else(|| Told { upto: self.rehearsed().total, done: 0, due: None })
    }

    /// How many assets the children are about.
    fn assets(&self) -> u32 {
        let of = |seen: &Observation| if let Observation::Spawned { assets } = seen { Some(*assets) } else { None };
        let counting = &self.seen[counts_from(&self.command, &self.seen)..];
        let known: u32 = counting.iter().filter_map(of).sum();
        if known > 0 { known } else { self.tally().total }
    }

    async fn outcomes_of_children(&self) -> Result<std::collections::BTreeMap<u32, Outcome>, EngineError> {
        let mut outcomes = std::collections::BTreeMap::new();
        let mut after = self.rehearsed().total;
        loop {
            let rows = self.shared.journal.children_results(&self.command.id, after, READ).await?;
            let Some(last) = rows.last() else { return Ok(outcomes) };
            after = last.settled;
            for row in &rows {
                outcomes.insert(row.ordinal, outcome_of(row)?);
            }
        }
    }
}

/// Whether a person has to hear of it: to lift it, or because a limit of ours may hold it back for long.
pub(super) fn is_a_persons(cause: WaitCause) -> bool {
    match cause {
        WaitCause::Hold | WaitCause::Release | WaitCause::Breaker | WaitCause::Cap => true,
        WaitCause::Quota | WaitCause::Credential | WaitCause::Outage => false,
    }
}

fn outcome_of(child: &ChildResult) -> Result<Outcome, EngineError> {
    serde_json::from_str(&child.ended.outcome).map_err(EngineError::Json)
}

/// What became of each asset of a child. One that says nothing of an asset ended for all of them alike.
fn results_of(child: &ChildResult) -> Result<Vec<ItemResult>, EngineError> {
    let command = parse_own(child.body.as_bytes()).map_err(EngineError::Command)?;
    let outcome = outcome_of(child)?;
    if !outcome.results.is_empty() {
        return Ok(outcome.results);
    }
    let assets = match command.body.targets() {
        Some(Targets::One(asset)) => vec![asset.clone()],
        Some(Targets::List(assets)) => assets.clone(),
        Some(Targets::All) | None => unreachable!("a child is about assets that it names"),
    };
    let (phase, changed) = (child.ended.phase, child.ended.changed);
    let result = |asset| ItemResult { asset, phase, changed, error: outcome.error.clone() };
    Ok(assets.into_iter().map(result).collect())
}

/// An asset on which several parts worked is told once: as failed where one of them failed, with all that went wrong.
pub(super) fn once_an_asset(results: Vec<ItemResult>) -> Vec<ItemResult> {
    let mut places = std::collections::BTreeMap::new();
    let mut once: Vec<ItemResult> = Vec::with_capacity(results.len());
    for result in results {
        let Some(known) = places.get(&result.asset).and_then(|place: &usize| once.get_mut(*place)) else {
            places.insert(result.asset.clone(), once.len());
            once.push(result);
            continue;
        };
        known.changed |= result.changed;
        match (&mut known.error, result.error) {
            (Some(first), Some(other)) => first.message = format!("{}; {}", first.message, other.message),
            (None, Some(error)) => (known.phase, known.error) = (result.phase, Some(error)),
            (Some(_) | None, None) => {}
        }
    }
    once
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Category, ErrorInfo, Phase};

    fn result(asset: &str, error: Option<&str>) -> ItemResult {
        let error = error.map(|message| ErrorInfo {
            category: Category::Conflict,
            code: "code".to_owned(),
            subcode: None,
            message: message.to_owned(),
            trace: None,
            remedy: "Mend it.".to_owned(),
        });
        let phase = if error.is_some() { Phase::Failed } else { Phase::Completed };
        ItemResult { asset: asset.parse().unwrap(), phase, changed: error.is_none(), error }
    }

    #[test]
    fn an_asset_is_told_once_and_nothing_that_went_wrong_is_lost() {
        let all = vec![
            result("page/1", None),
            result("page/2", Some("a")),
            result("page/1", Some("b")),
            result("page/2", None),
            result("page/2", Some("c")),
            result("page/3", None),
        ];
        let once = once_an_asset(all);
        let told = once.iter().map(|one| {
            (one.asset.to_string(), one.phase, one.changed, one.error.as_ref().map(|error| error.message.as_str()))
        });
        let expected = [
            ("page/1".to_owned(), Phase::Failed, true, Some("b")),
            ("page/2".to_owned(), Phase::Failed, true, Some("a; c")),
            ("page/3".to_owned(), Phase::Completed, true, None),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
