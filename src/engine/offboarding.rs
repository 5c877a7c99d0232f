//! What the engine does for an `offboard` beside its steps: the rechecks that follow its end, and whom it is about.

use super::error::EngineError;
use super::progress::Progress;
use crate::contract::{Body, CommandId, ItemResult, Outcome, Person, PersonSeen};
use crate::journal::Record;
use crate::meta::{Answer, Call, Reply};
use crate::procedures::{Observation, rechecks};

impl Progress<'_> {
    /// The rechecks are journaled with the end that they follow.
    pub(super) async fn bring_rechecks(&mut self, record: &mut Record, outcome: &Outcome) -> Result<(), EngineError> {
        let Body::Offboard { user, .. } = &self.command.body else { return Ok(()) };
        let people = self.people();
        let asked = PersonSeen::from(user);
        let is_user = |seen: &&PersonSeen| seen.id == asked.id || (asked.email.is_some() && seen.email == asked.email);
        let whom = people.iter().find(is_user).unwrap_or(&asked);
        let own: Vec<ItemResult> = outcome.results.iter().filter(|result| result.error.is_some()).cloned().collect();
        let left = self.left_over(&own).await?;
        let offboarding = &self.shared.config.offboarding;
        let gaps = [offboarding.recheck_first, offboarding.recheck_last];
        let followers = rechecks(&self.command, outcome, whom, left, record.at, &gaps);
        record.followers = followers.iter().map(|command| self.own(command)).collect();
        self.followers = followers;
        Ok(())
    }

    /// Followers wait for their time in the journal, as what was published does.
    pub(super) fn count_followers(&mut self, places: &[(i64, CommandId)]) {
        let mut followers = std::mem::take(&mut self.followers);
        followers.retain(|follower| places.iter().any(|(_, id)| *id == follower.id));
        self.count_own(&followers);
    }

    /// The people who have been looked up: the command's words for them, completed.
    pub(super) fn people(&self) -> Vec<PersonSeen> {
        self.seen.iter().filter_map(looked_up).collect()
    }

    /// The open invitation of an `invite`.
    pub(super) fn role_request(&self) -> Option<String> {
        let Body::Invite { .. } = &self.command.body else { return None };
        self.seen.iter().rev().find_map(|seen| match answer_to(seen) {
            Some((_, Answer::Invitations(open))) => open.first().map(|invitation| invitation.request.to_string()),
            Some(_) | None => None,
        })
    }
}

fn answer_to(seen: &Observation) -> Option<(&Call, &Answer)> {
    let Observation::Asked { call, reply: Reply::Answer(answer), .. } = seen else { return None };
    Some((call, answer))
}

/// The one person whom a look-up found; of somebody who is only invited the role request is known.
fn looked_up(seen: &Observation) -> Option<PersonSeen> {
    let (call, answer) = answer_to(seen)?;
    if let (Call::FindPerson { email, .. }, Answer::Persons(found)) = (call, answer) {
        let [one] = found.as_slice() else { return None };
        return Some(PersonSeen { id: Some(one.clone()), email: Some(email.clone()) });
    }
    if let (Call::Members { who: Some(who), .. }, Answer::Members { found, .. }) = (call, answer) {
        let [one] = found.as_slice() else { return None };
        return Some(PersonSeen { id: Some(one.id.clone()), email: one.email.clone().or_else(|| email_of(who)) });
    }
    if let (Call::Invitations { who: Some(who), .. }, Answer::Invitations(open)) = (call, answer) {
        let [one] = open.as_slice() else { return None };
        let id = one.request.as_str().parse().ok();
        return Some(PersonSeen { id, email: one.email.clone().or_else(|| email_of(who)) });
    }
    None
}

fn email_of(person: &Person) -> Option<crate::contract::EmailAddress> {
    match person {
        Person::Id(_) => None,
        Person::Email(email) => Some(email.clone()),
    }
}
