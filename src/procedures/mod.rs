//! Procedures decide: a pure function of the command and of what has been observed so far, to the next move.
//!
//! No I/O, no clock (`now` is an argument), no await. This room knows `contract` and `meta` alone. A procedure is
//! written as a `script`: straight-line code that is run from its beginning each time over the journaled
//! observations, until it needs something that has not been observed yet; that need is the next move.

mod anew;
mod bring_about;
mod cancel;
mod claim;
mod deeds;
mod disconnect;
mod fan_out;
mod groups;
mod inspect;
mod invite;
mod leaving;
mod manager;
mod notice;
mod observation;
mod offboard;
mod partners;
mod people;
#[cfg(test)]
mod properties;
mod reassign;
mod revoke;
mod rules;
mod script;
mod share;
mod together;
mod transfer;
#[cfg(test)]
mod trials;
mod unbind;
mod undo;
pub mod verdict;
mod whatsapp;
mod withdraw;

use jiff::Timestamp;

pub use deeds::{Deed, Deeds, Done, deeds};
pub use notice::{counts_from, is_rehearsal};
pub use observation::{
    Announcement, Fact, InvitationWatch, Move, Next, Observation, OpenClaim, Query, Say, ShareWatch, StopCause, Tally,
    Watch,
};
pub use offboard::rechecks;
pub use partners::{Shown, sight_of_share};
pub use rules::Rules;

use crate::contract::{Body, Command, Outcome, Targets};
use script::{Run, Script};

/// The next move of `command`, after `seen`.
///
/// The same `seen` always gives the same move, but for waits that `now` has reached.
#[must_use]
pub fn next(command: &Command, rules: &Rules, seen: &[Observation], now: Timestamp) -> Next {
    notice::next(command, rules, seen, now)
}

/// Runs `procedure` as far as it comes.
fn play(mut script: Script<'_>, procedure: impl FnOnce(&mut Script<'_>) -> Run<Outcome>) -> Next {
    let then = match procedure(&mut script) {
        Ok(outcome) => Move::Finish(Box::new(script.with_plan(outcome))),
        Err(needed) => *needed,
    };
    Next { say: script.said(), then }
}

fn run(script: &mut Script<'_>) -> Run<Outcome> {
    script.started()?;
    script.safe_point()?;
    let command = script.command();
    match command.body.targets() {
        // A child never fans out: several assets of one child are bound together by asset groups.
        Some(Targets::List(assets)) if command.id.is_child() => return together::run(script, assets),
        Some(targets @ (Targets::List(_) | Targets::All)) => return fan_out::run(script, targets),
        Some(Targets::One(_)) | None => {}
    }
    match &command.body {
        Body::Claim { .. } => claim::run(script),
        Body::Unbind { .. } => unbind::run(script),
        Body::Assign { .. } | Body::Unassign { .. } => people::run(script),
        Body::Reassign { .. } => reassign::run(script),
        Body::Transfer { .. } => transfer::run(script),
        Body::Cancel { target } => cancel::run(script, target),
        Body::Undo { target } => undo::run(script, target),
        Body::Inspect { kinds, people: true } => inspect::run_with_people(script, kinds),
        Body::Inspect { kinds, people: false } => inspect::run(script, kinds),
        Body::Offboard { .. } => offboard::run(script),
        Body::Invite { .. } => invite::run(script),
        Body::Share { .. } => share::run(script),
        Body::Revoke { .. } => revoke::run(script),
        Body::Disconnect { .. } => disconnect::run(script),
    }
}
