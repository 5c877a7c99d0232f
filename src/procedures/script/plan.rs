//! What a dry run keeps: the writes that a run would make, and whom they concern.

use std::collections::BTreeMap;

use super::Script;
use crate::contract::{Outcome, PersonId, Phase, Plan, PlanStep};
use crate::meta::Call;

impl Script<'_> {
    /// A person whose rights the plan changes.
    pub(in crate::procedures) fn concerns(&mut self, person: &PersonId) {
        if self.dry_run() && !self.concerned.contains(person) {
            self.concerned.push(person.clone());
        }
    }

    /// Everybody whose rights the plan changes.
    pub(in crate::procedures) fn concerned(&self) -> &[PersonId] {
        &self.concerned
    }

    /// Notes that calls go only so far and a person does the rest: what a run ends with then is no refusal of what it
    /// did before.
    pub(in crate::procedures) fn goes_only_so_far(&mut self) {
        self.partly = true;
    }

    /// Gives the outcome of a dry run its plan.
    pub(in crate::procedures) fn with_plan(&mut self, outcome: Outcome) -> Outcome {
        let ends_well = matches!(outcome.phase, Phase::Confirmed | Phase::Completed);
        if !self.dry_run() || !(ends_well || self.partly) {
            return outcome;
        }
        let plan = self.planned();
        let concerned = self.concerned.clone();
        let phase = if ends_well { Phase::Completed } else { outcome.phase };
        Outcome { phase, changed: false, plan: Some(plan), concerned, ..outcome }
    }

    /// What is planned so far.
    pub(in crate::procedures) fn planned(&mut self) -> Plan {
        let steps = std::mem::take(&mut self.plan);
        Plan { digest: Plan::digest_of(&steps), steps }
    }

    /// Puts a write into the plan of a dry run.
    pub(in crate::procedures) fn plan(&mut self, call: &Call, why: &str) {
        let request = call.request();
        self.plan.push(PlanStep {
            method: request.method.word().to_owned(),
            path: request.path(),
            params: request.params.into_iter().collect::<BTreeMap<_, _>>(),
            why: why.to_owned(),
        });
    }
}
