//! `cancel`: tells another command to stop, and tells how it ended.

use super::observation::{Fact, Query, StopCause};
use super::script::{Run, Script};
use crate::contract::{Category, CommandId, ErrorInfo, Outcome, Phase};

pub(super) fn run(script: &mut Script<'_>, target: &CommandId) -> Run<Outcome> {
    if script.dry_run() {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    let told = script.consult(&Query::Stop { target: target.clone(), cause: StopCause::Cancelled })?;
    if told == Fact::NotAllowed {
        return Ok(Outcome::failed(false, not_allowed(target)));
    }
    if told != Fact::Told(None) {
        // Finished already, or not here yet: nothing was changed.
        return Ok(Outcome::of(Phase::Completed, false));
    }
    let (ended, _) = script.end_of(target)?;
    if ended == Phase::Cancelled {
        return Ok(Outcome::of(Phase::Completed, true));
    }
    Ok(Outcome::failed(
        false,
        ErrorInfo {
            category: Category::Conflict,
            code: "ended_otherwise".to_owned(),
            subcode: None,
            message: format!("{target} had gone too far to be cancelled and ended as {}", ended.word()),
            trace: None,
            remedy: "Look at the target's own terminal event; to take back what it did, send the opposite command."
                .to_owned(),
        },
    ))
}

fn not_allowed(target: &CommandId) -> ErrorInfo {
    ErrorInfo {
        category: Category::Unauthorised,
        code: "unauthorised".to_owned(),
        subcode: None,
        message: format!(
            "who published this may not give the command of {target} for its business, and so not cancel it"
        ),
        trace: None,
        remedy: "Let a user cancel it who may give that command for that business, or add both to \"publishers\"."
            .to_owned(),
    }
}
