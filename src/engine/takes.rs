//! What a write takes away: for the blast radius before it leaves, for the journal once Meta has it.

use super::progress::Progress;
use crate::contract::{Asset, Body, Kind, PersonId, Targets};
use crate::journal::Removal;
use crate::meta::kinds::manages;
use crate::meta::{Answer, Call, GroupId, Removable, Reply};
use crate::procedures::Observation;

/// An asset, a person, a person from an asset, or a partner from one (told as the asset alone).
type Taken = (Option<Asset>, Option<PersonId>);

impl Progress<'_> {
    /// What is gone once Meta has made `call`. A request that is taken back was never held.
    pub(super) fn takes(&self, call: &Call) -> Vec<Taken> {
        match call {
            Call::Unassign { asset, person } => vec![(Some(asset.clone()), Some(person.clone()))],
            Call::LeaveGroup { group, person } => {
                self.assets_in(group).into_iter().map(|asset| (Some(asset), Some(person.clone()))).collect()
            }
            // Who manages no more is not counted on as a manager.
            Call::Assign { asset, person, tasks, .. } if !manages(asset.kind, tasks) && self.manages(asset, person) => {
                vec![(Some(asset.clone()), Some(person.clone()))]
            }
            Call::Remove { what, .. } if !matches!(self.command.body, Body::Claim { .. }) => {
                vec![(self.asset_of(what), None)]
            }
            Call::RemovePerson { person } => vec![(None, Some(person.clone()))],
            // A partner from an asset; what nobody has approved yet was never held.
            Call::Unshare { asset, .. } if !matches!(self.command.body, Body::Share { .. }) => {
                vec![(Some(asset.clone()), None)]
            }
            Call::Assign { .. }
            | Call::Remove { .. }
            | Call::Claim { .. }
            | Call::Find { .. }
            | Call::ListPart { .. }
            | Call::ListAll { .. }
            | Call::PeopleOn { .. }
            | Call::RolesOn { .. }
            | Call::FindPerson { .. }
            | Call::AssetsOf { .. }
            | Call::GroupsOf { .. }
            | Call::GroupsOfPerson { .. }
            | Call::InGroup { .. }
            | Call::Directory { .. }
            | Call::LinksOf { .. }
            | Call::Myself { .. }
            | Call::InstagramUser { .. }
            | Call::Numbers { .. }
            | Call::AppsOn { .. }
            // An app and a number are neither people nor assets of a business.
            | Call::Unsubscribe { .. }
            | Call::Deregister { .. }
            | Call::Members { .. }
            | Call::Invitations { .. }
            | Call::MyPeople
            | Call::Invite { .. }
            | Call::PartnersOn { .. }
            | Call::Share { .. }
            | Call::Unshare { .. }
            | Call::CallOff { .. }
            | Call::StaffedPart { .. } => Vec::new(),
        }
    }

    /// What an observation says is gone, or may be.
    pub(super) fn removals(&self, seen: &Observation) -> Vec<Removal> {
        let Observation::Asked { call, began, reply: Reply::Answer(Answer::Done) | Reply::Unknown } = seen else {
            return Vec::new();
        };
        self.takes(call).into_iter().map(|(asset, person)| Removal { asset, person, at: *began }).collect()
    }

    /// Whether the person managed the asset when this command looked last.
    fn manages(&self, asset: &Asset, person: &PersonId) -> bool {
        let of = |seen: &Observation| {
            let Observation::Asked { call: Call::PeopleOn { asset: asked, .. }, reply, .. } = seen else { return None };
            let Reply::Answer(Answer::People(people)) = reply else { return None };
            (asked == asset).then(|| people.iter().any(|on| on.id == *person && manages(asset.kind, &on.tasks)))
        };
        self.seen.iter().rev().find_map(of).unwrap_or(false)
    }

    /// What a group holds, as this command has seen it.
    fn assets_in(&self, group: &GroupId) -> Vec<Asset> {
        let of = |seen: &Observation| {
            let Observation::Asked { call: Call::InGroup { group: asked, what }, reply, .. } = seen else {
                return Vec::new();
            };
            let Reply::Answer(Answer::Assets(rows)) = reply else { return Vec::new() };
            let held = rows.iter().filter(|_| asked == group);
            held.map(|held| Asset { kind: what.kind(), id: held.id.clone() }).collect()
        };
        let mut assets: Vec<Asset> = self.seen.iter().flat_map(of).collect();
        assets.sort();
        assets.dedup();
        assets
    }

    /// The asset that is let go of: where Meta's call takes another id, it is the one that the command names.
    fn asset_of(&self, what: &Removable) -> Option<Asset> {
        match what {
            Removable::Page(id) => Some(Asset { kind: Kind::Page, id: id.clone() }),
            Removable::AdAccount(id) => Some(Asset { kind: Kind::AdAccount, id: id.clone() }),
            Removable::InstagramUser(_) => match self.command.body.targets() {
                Some(Targets::One(asset)) => Some(asset.clone()),
                Some(Targets::List(_) | Targets::All) | None => None,
            },
        }
    }
}
