//! What a write takes away: for the blast radius before it leaves, for the journal once Meta has it.

use super::progress::Progress;
use crate::contract::{Asset, Body, Kind, ObjectId, PersonId};
use crate::journal::Removal;
use crate::meta::{Answer, Call, GroupId, Reply};
use crate::procedures::Observation;

/// An asset, a person, or a person from an asset.
type Taken = (Option<Asset>, Option<PersonId>);

impl Progress<'_> {
    /// What is gone once Meta has made `call`. A request that is taken back was never held.
    pub(super) fn takes(&self, call: &Call) -> Vec<Taken> {
        match call {
            Call::Unassign { page, person } => vec![(Some(of_page(page)), Some(person.clone()))],
            Call::LeaveGroup { group, person } => {
                self.pages_in(group).iter().map(|page| (Some(of_page(page)), Some(person.clone()))).collect()
            }
            // Who manages no more is not counted on as a manager.
            Call::Assign { page, person, tasks, .. } if !tasks.manage() && self.manages(page, person) => {
                vec![(Some(of_page(page)), Some(person.clone()))]
            }
            Call::RemovePage { page, .. } if !matches!(self.command.body, Body::Claim { .. }) => {
                vec![(Some(of_page(page)), None)]
            }
            Call::RemovePerson { person } => vec![(None, Some(person.clone()))],
            Call::Assign { .. }
            | Call::RemovePage { .. }
            | Call::ClaimPage { .. }
            | Call::FindPage { .. }
            | Call::ListPages { .. }
            | Call::ListPart { .. }
            | Call::PeopleOn { .. }
            | Call::FindPerson { .. }
            | Call::StaffedPart { .. }
            | Call::Directory { .. }
            | Call::RolesOn { .. }
            | Call::PagesOf { .. }
            | Call::GroupsOf { .. }
            | Call::GroupsOfPerson { .. }
            | Call::ContainedIn { .. }
            | Call::PagesInGroup { .. } => Vec::new(),
        }
    }

    /// What an observation says is gone, or may be.
    pub(super) fn removals(&self, seen: &Observation) -> Vec<Removal> {
        let Observation::Asked { call, began, reply: Reply::Answer(Answer::Done) | Reply::Unknown } = seen else {
            return Vec::new();
        };
        self.takes(call).into_iter().map(|(asset, person)| Removal { asset, person, at: *began }).collect()
    }

    /// Whether the person managed the Page when this command looked last.
    fn manages(&self, page: &ObjectId, person: &PersonId) -> bool {
        let of = |seen: &Observation| {
            let Observation::Asked { call: Call::PeopleOn { page: asked, .. }, reply, .. } = seen else { return None };
            let Reply::Answer(Answer::People(people)) = reply else { return None };
            (asked == page).then(|| people.iter().any(|on| on.id == *person && on.tasks.manage()))
        };
        self.seen.iter().rev().find_map(of).unwrap_or(false)
    }

    /// The Pages of a group, as this command has seen them.
    fn pages_in(&self, group: &GroupId) -> Vec<ObjectId> {
        let of = |seen: &Observation| {
            let Observation::Asked { call: Call::PagesInGroup { group: asked }, reply, .. } = seen else { return None };
            let Reply::Answer(Answer::Pages(pages)) = reply else { return None };
            (asked == group).then(|| pages.iter().map(|held| held.page.clone()).collect())
        };
        self.seen.iter().rev().find_map(of).unwrap_or_default()
    }
}

fn of_page(page: &ObjectId) -> Asset {
    Asset { kind: Kind::Page, id: page.clone() }
}
