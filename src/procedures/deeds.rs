//! What a finished command has changed, read off what it has seen: the state before its writes, and after them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::observation::Observation;
use super::people::tasks_of;
use super::verdict::Verdict;
use crate::contract::{Access, Asset, Body, BusinessId, Command, PersonId, Phase, Targets, Tasks};
use crate::meta::{Answer, Call, GroupId, PartnerOn, PersonOn, Reply};

/// What is on record of a command's changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deeds {
    /// It has ended: all that it changed.
    Ended {
        /// The business that acted.
        business: BusinessId,
        /// Asset by asset, in the order of doing.
        deeds: Vec<Deed>,
    },
    /// It is still open.
    Open,
    /// It ended so long ago that what it saw is kept no longer.
    Forgotten,
    /// It is no command on single assets.
    Unfit {
        /// Its name.
        command: String,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// Of what.
    pub asset: Asset,
    /// How.
    pub done: Done,
}

/// What was done to an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A person's rights on it are others.
    Rights {
        /// Whose.
        person: PersonId,
        /// What they had.
        before: Tasks,
        /// What they had when the command was done.
        after: Tasks,
    },
    /// It came to the business.
    Claimed {
        /// As what.
        access: Access,
    },
    /// A partner's access to it is another: none, or these tasks (none named where the list names none).
    Partner {
        /// Whose.
        partner: BusinessId,
        /// What they had.
        before: Option<Tasks>,
        /// What they had when the command was done.
        after: Option<Tasks>,
    },
    /// The business let go of it.
    LetGo,
    /// A number or the app was taken off a WhatsApp account.
    OffPlatform {
        /// Which.
        what: String,
    },
    /// A person left an asset group that gave rights on it.
    LeftGroup {
        /// Which.
        group: GroupId,
        /// Who.
        person: PersonId,
    },
}

impl Deeds {
    /// Whether `body` is a command on single assets, whose changes can be read off.
    #[must_use]
    pub fn can_be_told(body: &Body) -> bool {
        match body {
            Body::Claim { .. }
            | Body::Unbind { .. }
            | Body::Reassign { .. }
            | Body::Assign { .. }
            | Body::Unassign { .. }
            | Body::Share { .. }
            | Body::Revoke { .. } => true,
            Body::Invite { .. }
            | Body::Offboard { .. }
            | Body::Transfer { .. }
            | Body::Disconnect { .. }
            | Body::Inspect { .. }
            | Body::Undo { .. }
            | Body::Cancel { .. } => false,
        }
    }
}

/// What `command`, which ended as `phase`, has changed by itself; its children tell of themselves.
#[must_use]
pub fn deeds(command: &Command, phase: Phase, seen: &[Observation]) -> Vec<Deed> {
    // What a rehearsal saw is not what the command found.
    let anew = seen.iter().rposition(|seen| matches!(seen, Observation::NoticeOver { .. })).unwrap_or(0);
    let mut record = Record { assets: named(command), ..Record::default() };
    for observation in &seen[anew..] {
        if let Observation::Asked { call, reply, .. } = observation {
            record.take_in(call, reply);
        }
        if let Observation::Settled { verdict: Verdict::Granted(held), .. } = observation {
            record.granted(command, held);
        }
    }
    record.told(command, phase)
}

/// What has been seen and done so far.
#[derive(Default)]
struct Record {
    assets: Vec<Asset>,
    people: BTreeMap<Asset, Vec<PersonOn>>,
    /// Whose rights were touched, with what they had and what they came to have.
    rights: BTreeMap<(Asset, PersonId), (Tasks, Tasks)>,
    groups: BTreeSet<(GroupId, PersonId)>,
    /// With whom each asset was shared when it was looked at last.
    partners: BTreeMap<Asset, Vec<PartnerOn>>,
    /// Whose access was touched, likewise.
    shares: BTreeMap<(Asset, BusinessId), (Option<Tasks>, Option<Tasks>)>,
    claimed: bool,
    removed: bool,
    off_platform: Vec<String>,
}

impl Record {
    fn take_in(&mut self, call: &Call, reply: &Reply) {
        match (call, reply) {
            (Call::PeopleOn { asset, .. }, Reply::Answer(Answer::People(people))) => self.look(asset, people),
            (Call::PartnersOn { asset, .. }, Reply::Answer(Answer::Partners(partners))) => {
                self.look_at_partners(asset, partners);
            }
            (_, Reply::Refused(_) | Reply::GaveUp(_)) => {}
            (Call::Share { asset, partner, tasks }, _) => self.touch_partner(asset, partner, Some(tasks)),
            (Call::Unshare { asset, partner }, _) => self.touch_partner(asset, partner, None),
            (Call::Assign { asset, person, tasks, .. }, _) => self.touch(asset, person, tasks),
            (Call::Unassign { asset, person }, _) => self.touch(asset, person, &Tasks::default()),
            (Call::LeaveGroup { group, person }, _) => {
                self.groups.insert((group.clone(), person.clone()));
                for asset in self.assets.clone() {
                    self.touch(&asset, person, &Tasks::default());
                }
            }
            (Call::Claim { .. }, _) => self.claimed = true,
            (Call::Remove { .. }, _) => self.removed = true,
            (Call::Unsubscribe { .. }, _) => self.off_platform.push("the app".to_owned()),
            (Call::Deregister { number }, _) => self.off_platform.push(format!("number {number}")),
            (
                Call::Find { .. }
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
                | Call::StaffedPart { .. }
                | Call::InstagramUser { .. }
                | Call::Numbers { .. }
                | Call::AppsOn { .. }
                | Call::RemovePerson { .. }
                | Call::Members { .. }
                | Call::Invitations { .. }
                | Call::MyPeople
                | Call::Invite { .. }
                | Call::PartnersOn { .. }
                | Call::CallOff { .. },
                _,
            ) => {}
        }
    }

    /// What a list shows after a write is what the write came to.
    fn look(&mut self, asset: &Asset, people: &[PersonOn]) {
        for ((touched, person), (_, after)) in &mut self.rights {
            if touched == asset {
                *after = tasks_of(people, person);
            }
        }
        self.people.insert(asset.clone(), people.to_vec());
    }

    fn look_at_partners(&mut self, asset: &Asset, partners: &[PartnerOn]) {
        for ((touched, partner), (_, after)) in &mut self.shares {
            if touched == asset {
                *after = held_by(partners, partner);
            }
        }
        self.partners.insert(asset.clone(), partners.to_vec());
    }

    fn touch_partner(&mut self, asset: &Asset, partner: &BusinessId, to_have: Option<&Tasks>) {
        let had = || self.partners.get(asset).and_then(|partners| held_by(partners, partner));
        let (_, after) = self.shares.entry((asset.clone(), partner.clone())).or_insert_with_key(|_| (had(), None));
        *after = to_have.cloned();
    }

    /// Others have approved what the command asked for.
    fn granted(&mut self, command: &Command, held: &Tasks) {
        let Body::Share { targets: Targets::One(asset), partner, .. } = &command.body else { return };
        if let Some((_, after)) = self.shares.get_mut(&(asset.clone(), partner.clone())) {
            *after = Some(held.clone());
        }
    }

    fn touch(&mut self, asset: &Asset, person: &PersonId, to_have: &Tasks) {
        let had = || self.people.get(asset).map(|people| tasks_of(people, person)).unwrap_or_default();
        let (_, after) =
            self.rights.entry((asset.clone(), person.clone())).or_insert_with_key(|_| (had(), Tasks::default()));
        *after = to_have.clone();
    }

    fn told(self, command: &Command, phase: Phase) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let of = |asset: &Asset, done| Deed { asset: asset.clone(), done };
        match &command.body {
            Body::Claim { access, .. } if self.claimed && phase == Phase::Confirmed => {
                deeds.extend(self.assets.iter().map(|asset| of(asset, Done::Claimed { access: *access })));
            }
            Body::Unbind { .. } if self.removed => deeds.extend(self.assets.iter().map(|asset| of(asset, Done::LetGo))),
            Body::Claim { .. }
            | Body::Unbind { .. }
            | Body::Reassign { .. }
            | Body::Assign { .. }
            | Body::Unassign { .. }
            | Body::Invite { .. }
            | Body::Offboard { .. }
            | Body::Transfer { .. }
            | Body::Share { .. }
            | Body::Revoke { .. }
            | Body::Disconnect { .. }
            | Body::Inspect { .. }
            | Body::Undo { .. }
            | Body::Cancel { .. } => {}
        }
        for what in &self.off_platform {
            let off = |asset| of(asset, Done::OffPlatform { what: what.clone() });
            deeds.extend(self.assets.first().map(off));
        }
        for (group, person) in &self.groups {
            let left = |asset| of(asset, Done::LeftGroup { group: group.clone(), person: person.clone() });
            deeds.extend(self.assets.first().map(left));
        }
        // What others have not approved, or what was taken back, was never held.
        let held = !matches!(phase, Phase::Denied | Phase::Expired | Phase::Cancelled);
        let shares = self.shares.into_iter().filter(|(_, (before, after))| held && before != after);
        deeds.extend(
            shares.map(|((asset, partner), (before, after))| Deed {
                asset,
                done: Done::Partner { partner, before, after },
            }),
        );
        let changed = self.rights.into_iter().filter(|(_, (before, after))| before != after);
        deeds.extend(
            changed
                .map(|((asset, person), (before, after))| Deed { asset, done: Done::Rights { person, before, after } }),
        );
        deeds
    }
}

/// What a partner may do; nothing while somebody still has to approve it.
fn held_by(partners: &[PartnerOn], partner: &BusinessId) -> Option<Tasks> {
    partners.iter().find(|on| on.partner == *partner && !on.open).map(|on| on.tasks.clone())
}

/// The assets that a command names.
fn named(command: &Command) -> Vec<Asset> {
    match command.body.targets() {
        Some(Targets::One(asset)) => vec![asset.clone()],
        Some(Targets::List(assets)) => assets.clone(),
        Some(Targets::All) | None => Vec::new(),
    }
}
