//! How a command ended, and what a person does now.

use super::stands::Stands;
use super::{Situation, Step, time};
use crate::contract::{ErrorInfo, ExpiredBecause, ItemResult, Outcome, Phase};
use crate::journal::Ended;

/// Results that are named one by one.
const RESULTS_SHOWN: usize = 5;

/// Whether a command that ended so ended well.
pub(super) fn is_well(phase: Phase) -> bool {
    matches!(phase, Phase::Confirmed | Phase::Completed)
}

pub(super) fn ended(situation: &Situation, ended: &Ended) -> Stands {
    let changed = if ended.changed { "something was changed at Meta" } else { "nothing was changed at Meta" };
    let at = situation.row().ended_at.map_or_else(String::new, |at| format!(" at {}", time(at)));
    let mut why = vec![format!("it ended as {}{at}: {changed}", ended.phase.word())];
    let Ok(outcome) = serde_json::from_str::<Outcome>(&ended.outcome) else {
        why.push("the rest of its outcome cannot be read by this version".to_owned());
        return Stands { why, next: vec![nothing_follows()] };
    };
    why.extend(facts(&outcome));
    let mut next = Vec::new();
    if let Some(error) = &outcome.error {
        why.push(told(error));
        next.push(Step::some_time(error.remedy.clone()));
    }
    let unwell: Vec<&ItemResult> = outcome.results.iter().filter(|result| !is_well(result.phase)).collect();
    why.extend(unwell.iter().take(RESULTS_SHOWN).map(|result| result_line(result)));
    if unwell.len() > RESULTS_SHOWN {
        why.push(format!("and {} more that did not end well: `bindery status` has all", unwell.len() - RESULTS_SHOWN));
    }
    next.push(nothing_follows());
    Stands { why, next }
}

fn nothing_follows() -> Step {
    Step::some_time("nothing follows under this id; to have it done again, send it under an id of its own")
}

fn facts(outcome: &Outcome) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(tasks) = &outcome.granted_tasks {
        facts.push(format!(
            "granted: {}",
            serde_json::json!(tasks).to_string().replace(['[', ']', '"'], "").replace(',', " ")
        ));
    }
    if outcome.inferred {
        facts.push("Meta gave no sign of it: whole walks over its lists were the proof".to_owned());
    }
    facts.extend(outcome.expired_because.map(|because| because_of(because).to_owned()));
    facts.extend(outcome.superseded_by.as_ref().map(|by| format!("{by} took its request at Meta over")));
    facts.extend(
        outcome
            .plan
            .as_ref()
            .map(|plan| format!("a run would make {} writes (plan {})", plan.steps.len(), plan.digest.as_str())),
    );
    facts
}

fn because_of(because: ExpiredBecause) -> &'static str {
    match because {
        ExpiredBecause::NotStarted => "its deadline came before its first write",
        ExpiredBecause::Deadline => "its deadline came on the way",
        ExpiredBecause::GivenUp => "nobody decided within poll.give_up_after",
    }
}

fn told(error: &ErrorInfo) -> String {
    let category = serde_json::to_value(error.category).unwrap_or_default();
    let code = error.subcode.as_ref().map_or_else(|| error.code.clone(), |subcode| format!("{}/{subcode}", error.code));
    let trace = error.trace.as_ref().map(|trace| format!(", trace {trace}")).unwrap_or_default();
    format!("{} ({}, {code}{trace})", error.message, category.as_str().unwrap_or_default())
}

fn result_line(result: &ItemResult) -> String {
    let error = result.error.as_ref().map(|error| format!(": {}", told(error))).unwrap_or_default();
    format!("{} {}{error}", result.asset, result.phase.word())
}
