//! What counts no more of what was seen: a command that has waited for an operator reads anew.

use super::observation::{Observation, Query};

/// What no procedure asks for: what was told on the way, which is for the engine, and what is to be read anew.
///
/// A wait takes its command back to where it stood when something was done or decided last. As that is a beginning of
/// what was seen, the procedure has been there before: nothing is left over that it would not ask for again.
pub(super) fn passed_over(seen: &[Observation]) -> Vec<bool> {
    let told = |seen: &Observation| matches!(seen, Observation::Told { .. } | Observation::WaitTold { .. });
    let mut passed: Vec<bool> = seen.iter().map(told).collect();
    for (index, _) in seen.iter().enumerate().filter(|(_, seen)| matches!(seen, Observation::ReadAnew { .. })) {
        passed[index] = true;
        let kept = (0..index).rev().find(|earlier| !passed[*earlier] && !only_read(&seen[*earlier]));
        passed[kept.map_or(0, |kept| kept + 1)..index].fill(true);
    }
    passed
}

/// Whether something was merely looked at, or waited for.
fn only_read(seen: &Observation) -> bool {
    match seen {
        Observation::Asked { call, .. } => !call.is_write(),
        Observation::Consulted { query, .. } => !matches!(query, Query::Stop { .. }),
        Observation::Passed { .. } => true,
        Observation::Started { .. }
        | Observation::Settled { .. }
        | Observation::Stop { .. }
        | Observation::Spawned { .. }
        | Observation::Told { .. }
        | Observation::Children { .. }
        | Observation::Announced { .. }
        | Observation::NoticeOver { .. }
        | Observation::Rehearsed { .. }
        | Observation::ReadAnew { .. }
        | Observation::WaitTold { .. }
        | Observation::Ended { .. } => false,
    }
}
