//! Rechecks: access that came back after an offboarding is found and taken again, by commands of our own.

use std::time::Duration;

use jiff::Timestamp;

use crate::contract::{Asset, Body, Command, Outcome, Person, PersonSeen, Phase, Protected};

/// The commands that look again after `command` has ended with `outcome`, one after each of `gaps`.
///
/// What the offboarding left (`left`) is known, and a recheck does not touch it: it tells what came back. Where the
/// person stayed, so they do.
#[must_use]
pub fn rechecks(
    command: &Command,
    outcome: &Outcome,
    whom: &PersonSeen,
    left: Vec<Asset>,
    now: Timestamp,
    gaps: &[Duration],
) -> Vec<Command> {
    let is_done = matches!(outcome.phase, Phase::Completed | Phase::Incomplete);
    if !is_done || command.dry_run || !command.id.is_publishers() {
        return Vec::new();
    }
    let Body::Offboard { successor, remove_from_business, protected, .. } = &command.body else { return Vec::new() };
    let gone = *remove_from_business && outcome.phase == Phase::Completed;
    let (id, email) = (whom.id.clone().map(Person::Id), whom.email.clone().map(Person::Email));
    // Who has left comes back under the same address and, it may be, another id.
    let Some(user) = (if gone { email.or(id) } else { id.or(email) }) else { return Vec::new() };
    let mut untouched = protected.clone();
    untouched.extend(left.into_iter().map(Protected::Asset).filter(|asset| !protected.contains(asset)));
    let body = Body::Offboard {
        user,
        successor: successor.clone(),
        remove_from_business: gone,
        protected: untouched,
        plan: None,
    };
    let recheck = |(n, gap): (u32, &Duration)| Command {
        id: command.id.recheck(n),
        actor: Some("bindery".to_owned()),
        not_before: Some(now + *gap),
        expires_at: None,
        notice: None,
        body: body.clone(),
        ..command.clone()
    };
    (1..).zip(gaps).map(recheck).collect()
}
