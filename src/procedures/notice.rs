//! `notice`: what a command would do is told first, and done when the notice is over, unless it is cancelled.
//!
//! The procedure is rehearsed as a dry run, children too. A rehearsal that meets a refusal ends the command with it:
//! there is nothing to announce. After the notice the command begins anew, and nothing that the rehearsal saw counts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::observation::{Announcement, Move, Next, Observation};
use super::script::{Rules, Run, Script};
use super::{play, run};
use crate::contract::{Command, EmailAddress, Outcome, PersonId, PersonSeen, Phase};
use crate::meta::{Answer, Call, Reply};

/// The next move of a command that is to be announced first.
pub(super) fn next(command: &Command, notice: Duration, rules: &Rules, seen: &[Observation], now: Timestamp) -> Next {
    match seen.iter().position(|seen| matches!(seen, Observation::NoticeOver { .. })) {
        None => {
            let rehearsal = Command { dry_run: true, notice: None, ..command.clone() };
            play(Script::new(&rehearsal, rules, seen, now), |script| announce(script, notice))
        }
        Some(over) => {
            let (rehearsal, anew) = seen.split_at(over);
            let command = Command { notice: None, ..command.clone() };
            play(Script::new(&command, rules, anew, now).after_rehearsal(children_of(rehearsal)), run)
        }
    }
}

/// How many children the rehearsal made.
fn children_of(rehearsal: &[Observation]) -> u32 {
    let of = |seen: &Observation| if let Observation::Children { tally, .. } = seen { tally.total } else { 0 };
    rehearsal.iter().map(of).sum()
}

fn announce(script: &mut Script<'_>, notice: Duration) -> Run<Outcome> {
    let outcome = match run(script) {
        Ok(outcome) => script.with_plan(outcome),
        Err(needed) => needed.finished()?,
    };
    if let Some(cause) = script.stop_cause() {
        return Ok(script.stopped(&cause));
    }
    // Of several assets those that can be done are announced; what became of the others is told at the end.
    let some_go = outcome.phase == Phase::Incomplete && script.good_children() > 0;
    let plan = match outcome.plan {
        Some(plan) => plan,
        None if some_go => script.planned(),
        None => return Ok(outcome),
    };
    let addresses = addresses(script)?;
    let people = script.concerned().iter().map(|person| seen(person, &addresses)).collect();
    let at = script.announced(|| Announcement { plan, people })?;
    script.safe_point()?;
    Err(Box::new(Move::Notice(at + notice)))
}

/// The addresses of the business's people. Where the list cannot be read the ids must do.
fn addresses(script: &mut Script<'_>) -> Run<BTreeMap<PersonId, EmailAddress>> {
    if script.concerned().is_empty() {
        return Ok(BTreeMap::new());
    }
    let (_, reply) = script.ask(&Call::Directory { business: script.business().clone() })?;
    match reply {
        Reply::Answer(Answer::Directory(people)) => Ok(people.into_iter().collect()),
        Reply::Answer(_) | Reply::Refused(_) | Reply::Unknown | Reply::GaveUp(_) => Ok(BTreeMap::new()),
    }
}

fn seen(person: &PersonId, addresses: &BTreeMap<PersonId, EmailAddress>) -> PersonSeen {
    PersonSeen { id: Some(person.clone()), email: addresses.get(person).cloned() }
}
