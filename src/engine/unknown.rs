//! Writes of which nobody knew whether Meta had made them, and how each was settled; for metrics alone.
//!
//! What follows from such a write is the procedure's affair. Here it is only read off what it did next: the same write
//! again (a look has shown no effect), something else (it has), or an end.

use super::census::Write;
use super::progress::Progress;
use crate::contract::Phase;
use crate::journal::State;
use crate::meta::{Call, Reply};
use crate::procedures::Observation;
use crate::telemetry;

/// The write that is in doubt, going by what a command has seen so far.
pub(super) fn in_doubt(seen: &[Observation], state: &State) -> Option<Call> {
    let last = seen.iter().rev().find_map(write)?;
    // A pending request has been seen, whatever the answer to its write was.
    (*last.1 == Reply::Unknown && *state != State::Pending).then(|| last.0.clone())
}

fn write(seen: &Observation) -> Option<(&Call, &Reply)> {
    let Observation::Asked { call, reply, .. } = seen else { return None };
    call.is_write().then_some((call, reply))
}

impl Progress<'_> {
    /// Something was seen.
    pub(super) fn weigh(&mut self, seen: &Observation) {
        let Some((call, reply)) = write(seen) else { return };
        let operation = self.command.body.name();
        if let Some(before) = self.doubt.take() {
            telemetry::unknown_resolved(operation, if before == *call { "repeated" } else { "took_effect" });
        }
        if *reply == Reply::Unknown {
            telemetry::unknown_outcome(operation);
            self.doubt = Some(call.clone());
        }
    }

    /// Where the state that the command has come to leaves no doubt, it is settled.
    pub(super) fn settle_doubt(&mut self) {
        let resolution = match &self.row.state {
            State::Pending => "took_effect",
            State::Ended(ended) if ended.phase == Phase::Failed => "given_up",
            State::Ended(ended) if ended.changed => "took_effect",
            State::Ended(_) => "no_effect",
            State::Ready
            | State::Running
            | State::Waiting { .. }
            | State::AwaitingChildren
            | State::Awaiting { .. } => return,
        };
        if self.doubt.take().is_some() {
            telemetry::unknown_resolved(self.command.body.name(), resolution);
        }
    }

    pub(super) fn last_write(&self) -> Write {
        match &self.doubt {
            Some(_) => Write::Unknown,
            None if self.seen.iter().any(|seen| write(seen).is_some()) => Write::Made,
            None => Write::None,
        }
    }
}
