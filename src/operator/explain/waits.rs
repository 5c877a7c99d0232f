//! What a waiting command waits for, and what lifts it.

use jiff::Timestamp;

use super::stands::Stands;
use super::{CredentialSeen, Situation, Step, length, time};
use crate::contract::{CommandId, WaitCause};
use crate::journal::Hold;

pub(super) fn waits(situation: &Situation, cause: &str, since: Timestamp, until: Option<Timestamp>) -> Stands {
    match WaitCause::ALL.into_iter().find(|known| known.word() == cause) {
        Some(WaitCause::Quota) => quota(situation, since, until),
        Some(WaitCause::Credential) => credential(situation, since),
        Some(WaitCause::Cap) => other(
            "our own limit on open or new claims of the business is reached",
            since,
            until,
            "it goes on when a claim has ended or an hour's claims have aged: `claims.open_per_business`, `claims.new_per_hour`",
        ),
        Some(WaitCause::Breaker) => breaker(situation, since),
        Some(WaitCause::Release) => other(
            "more removals than `offboarding.blast_radius` allows its business in an hour",
            since,
            until,
            &format!(
                "a person who wants it all the same says `bindery release {} --reason …`; it does not go on by itself",
                family(situation)
            ),
        ),
        Some(WaitCause::Hold) => hold(situation, since),
        Some(WaitCause::Outage) => {
            other("Meta is out of reach for everybody", since, until, "it goes on when Meta answers again")
        }
        None if cause == "notice" => other(
            "it is announced, and its notice runs",
            since,
            until,
            "it starts when the notice is over, unless cancelled",
        ),
        None => other(&format!("held back for {cause}"), since, until, "it goes on when that is over"),
    }
}

/// The command that a person releases: the one that fanned out, where it is a child.
fn family(situation: &Situation) -> &CommandId {
    situation.row().parent.as_ref().unwrap_or(&situation.row().id)
}

fn hold(situation: &Situation, since: Timestamp) -> Stands {
    let mut why = vec![format!("its next write met the stop switch, since {}", time(since))];
    let told =
        |hold: &Hold| format!("{} is on hold since {}, by {}: {}", hold.on, time(hold.since), hold.actor, hold.reason);
    let on_hold = || situation.holds.iter().filter(|hold| !hold.is_breaker());
    why.extend(on_hold().map(told));
    let lifts = |hold: &Hold| {
        let what = hold.on.business().map_or("--all", |id| id.as_str());
        Step::some_time(format!("a person says `bindery resume {what} --reason …`"))
    };
    let mut next: Vec<Step> = on_hold().map(lifts).collect();
    next.push(Step::some_time(
        "it reads anew what it knew before its next write, and goes on; it keeps its place in the lane",
    ));
    Stands { why, next }
}

fn breaker(situation: &Situation, since: Timestamp) -> Stands {
    let mut why =
        vec![format!("Meta took something of its business for abuse: its claims are stopped, since {}", time(since))];
    let open = || situation.holds.iter().filter(|hold| hold.is_breaker());
    why.extend(open().map(|hold| format!("the breaker is open since {}: {}", time(hold.since), hold.reason)));
    let lifts = |hold: &Hold| {
        let business = hold.on.business().map_or("BUSINESS", |id| id.as_str());
        Step::some_time(format!(
            "a person who has looked at what was claimed says `bindery breaker reset {business} --reason …`: nothing else closes it"
        ))
    };
    let mut next: Vec<Step> = open().map(lifts).collect();
    if next.is_empty() {
        next.push(Step::some_time("its breaker is closed again: it goes on within seconds"));
    }
    Stands { why, next }
}

fn quota(situation: &Situation, since: Timestamp, until: Option<Timestamp>) -> Stands {
    let mut why = vec![format!("a rate limit of Meta's, since {}", time(since))];
    why.extend(situation.row().why.clone());
    let told = |parked: &crate::journal::Parked| {
        format!("bucket {} is left alone until {}: {}", parked.bucket, time(parked.until), parked.why)
    };
    why.extend(situation.parked.iter().map(told));
    if situation.parked.is_empty() && situation.row().why.is_none() {
        why.push("no bucket of it is left alone any more".to_owned());
    }
    // A later throttle of the same bucket moves the time on: the bucket knows better than the command.
    let free = situation.parked.iter().map(|parked| parked.until).chain(until).max();
    let what = "its call is made then; it keeps its place in the lane";
    Stands { why, next: vec![free.map_or_else(|| Step::some_time(what), |at| Step::at(at, what))] }
}

fn credential(situation: &Situation, since: Timestamp) -> Stands {
    let (name, known) = match &situation.credential {
        CredentialSeen::Suspended { refused, is_new: false } => (
            refused.credential.clone(),
            format!("Meta refused credential {} at {}: {}", refused.credential, time(refused.since), refused.why),
        ),
        CredentialSeen::Suspended { refused, is_new: true } => (
            refused.credential.clone(),
            format!("credential {} has new content since Meta refused it", refused.credential),
        ),
        CredentialSeen::Unreadable { name, why } => (name.clone(), format!("credential {name} cannot be read: {why}")),
        CredentialSeen::Good(name) => (name.clone(), format!("credential {name} is good again as far as is known")),
        CredentialSeen::None(business) => {
            ("NAME".to_owned(), format!("no credential of this configuration is for business {business}"))
        }
        CredentialSeen::NotNeeded => ("NAME".to_owned(), "its credential is not known".to_owned()),
    };
    let is_mended =
        matches!(situation.credential, CredentialSeen::Good(_) | CredentialSeen::Suspended { is_new: true, .. });
    let mend = if is_mended {
        Step::some_time("it goes on within seconds")
    } else {
        Step::some_time(format!(
            "give credentials.{name} a new token: a changed file is seen within seconds, a variable at the next start"
        ))
    };
    let give_up = situation.retry.give_up_after;
    let end = Step::at(
        since + give_up,
        format!("after {} of waiting it ends as failed, category credential", length(give_up)),
    );
    Stands { why: vec![format!("a dead credential, since {}", time(since)), known], next: vec![mend, end] }
}

fn other(why: &str, since: Timestamp, until: Option<Timestamp>, lifts: &str) -> Stands {
    let next = until.map_or_else(|| Step::some_time(lifts), |at| Step::at(at, lifts));
    Stands::new(format!("{why}, since {}", time(since)), next)
}
