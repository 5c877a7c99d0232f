//! A Meta and a journal that answer by whim.

use jiff::Timestamp;

use super::super::trials::paper::{self, tasks};
use super::super::{Fact, OpenClaim, Query};
use super::{LEAVER, NEW, SUCCESSOR, page};
use crate::contract::{Access, Category, ErrorInfo};
use crate::meta::{Answer, Call, Claimed, Grouped, Holding, Invitation, Member, PartnerOn, PersonOn, Refusal, Reply};

/// Answers drawn from bytes, so that every sequence of them can come, sensible or not.
pub(super) struct Whims {
    bytes: Vec<u8>,
    at: usize,
}

impl Whims {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn byte(&mut self) -> u8 {
        let byte = self.bytes[self.at % self.bytes.len()];
        // Turns round the bytes differ, so that no run repeats itself for ever by construction.
        let turn = u8::try_from(self.at / self.bytes.len() % 251).unwrap();
        self.at += 1;
        byte.wrapping_add(turn)
    }

    pub(super) fn one_in(&mut self, n: u8) -> bool {
        self.byte().is_multiple_of(n)
    }

    pub(super) fn holding(&mut self) -> Holding {
        let words: &[&str] = if self.one_in(2) { &["ADVERTISE", "MANAGE"] } else { &["ANALYZE"] };
        Holding { id: page().id, tasks: tasks(words) }
    }

    pub(super) fn people(&mut self) -> Vec<PersonOn> {
        let mut people = Vec::new();
        for id in [LEAVER, SUCCESSOR, "73"] {
            if self.one_in(2) {
                people.push(PersonOn { id: id.parse().unwrap(), email: None, tasks: self.holding().tasks });
            }
        }
        people
    }

    fn partners(&mut self) -> Vec<PartnerOn> {
        let mut partners = Vec::new();
        for id in [NEW, "2003"] {
            if self.one_in(2) {
                let (tasks, open) = (self.holding().tasks, self.one_in(3));
                partners.push(PartnerOn { partner: id.parse().unwrap(), tasks, open });
            }
        }
        partners
    }

    pub(super) fn reply(&mut self, call: &Call) -> Reply {
        if call.is_write() {
            return self.reply_to_write(call);
        }
        if self.one_in(13) {
            return Reply::Refused(refusal());
        }
        if self.one_in(29) {
            return Reply::GaveUp(gave_up());
        }
        Reply::Answer(match call {
            Call::Find { .. } => Answer::Listed(if self.one_in(2) { Some(self.holding()) } else { None }),
            Call::InGroup { what: Grouped::Pages, .. } => {
                let foreign = self.one_in(6).then(|| paper::page("1099"));
                let pages = [Some(page()), Some(paper::page("1010")), foreign].into_iter().flatten();
                Answer::Assets(pages.map(|asset| Holding { id: asset.id, tasks: tasks(&[]) }).collect())
            }
            Call::InGroup { .. } if self.one_in(12) => {
                Answer::Assets(vec![Holding { id: "7700".parse().unwrap(), tasks: tasks(&[]) }])
            }
            Call::InGroup { .. } => Answer::Assets(Vec::new()),
            Call::ListAll { .. } | Call::AssetsOf { .. } => {
                Answer::Assets(if self.one_in(2) { vec![self.holding()] } else { Vec::new() })
            }
            Call::PeopleOn { .. } | Call::RolesOn { .. } => Answer::People(self.people()),
            Call::FindPerson { .. } => Answer::Persons(Vec::new()),
            Call::GroupsOf { .. } | Call::GroupsOfPerson { .. } => {
                Answer::Groups(if self.one_in(4) { vec!["90".parse().unwrap()] } else { Vec::new() })
            }
            Call::Directory { .. } => Answer::Directory(Vec::new()),
            Call::InstagramUser { .. } => Answer::Id(None),
            Call::Numbers { .. } => Answer::Numbers(Vec::new()),
            Call::AppsOn { .. } => Answer::Apps(Vec::new()),
            Call::Members { .. } => {
                let anna = Member { id: LEAVER.parse().unwrap(), email: None, admin: self.one_in(3) };
                let found = if self.one_in(3) { Vec::new() } else { vec![anna] };
                Answer::Members { found, other_admin: !self.one_in(4) }
            }
            Call::Invitations { .. } => Answer::Invitations(if self.one_in(3) {
                vec![Invitation { request: "88".parse().unwrap(), email: None }]
            } else {
                Vec::new()
            }),
            Call::MyPeople => Answer::Persons(if self.one_in(7) { vec![LEAVER.parse().unwrap()] } else { Vec::new() }),
            Call::PartnersOn { .. } => Answer::Partners(self.partners()),
            Call::LinksOf { .. } => Answer::Linked(self.one_in(4)),
            Call::Myself { .. } => Answer::Myself("71".parse().unwrap()),
            Call::StaffedPart { .. }
            | Call::ListPart { .. }
            | Call::Claim { .. }
            | Call::Remove { .. }
            | Call::Assign { .. }
            | Call::Unassign { .. }
            | Call::Unsubscribe { .. }
            | Call::Deregister { .. }
            | Call::LeaveGroup { .. }
            | Call::RemovePerson { .. }
            | Call::Invite { .. }
            | Call::Share { .. }
            | Call::Unshare { .. }
            | Call::CallOff { .. } => Answer::Done,
        })
    }

    fn reply_to_write(&mut self, call: &Call) -> Reply {
        match self.byte() % 6 {
            0 => Reply::Refused(Refusal { state: true, ..refusal() }),
            1 => Reply::Refused(refusal()),
            2 | 3 => Reply::Unknown,
            _ if matches!(call, Call::Claim { .. } | Call::Share { .. }) => {
                Reply::Answer(Answer::Claimed(if self.one_in(2) { Claimed::Pending } else { Claimed::Confirmed }))
            }
            _ => Reply::Answer(Answer::Done),
        }
    }

    pub(super) fn fact(&mut self, query: &Query) -> Fact {
        match query {
            Query::OpenClaims { .. } | Query::OpenShares { .. } if self.one_in(3) => {
                Fact::OpenClaims(vec![OpenClaim {
                    command: "other".parse().unwrap(),
                    access: Access::Agency,
                    tasks: tasks(&["ADVERTISE"]),
                    sent_at: Timestamp::UNIX_EPOCH,
                }])
            }
            Query::OpenClaims { .. } | Query::OpenShares { .. } => Fact::OpenClaims(Vec::new()),
            Query::LastDenial { .. } => Fact::Denied(self.one_in(5).then_some(Timestamp::UNIX_EPOCH)),
            Query::RemovedSince { .. } => {
                Fact::Removed(if self.one_in(3) { vec!["73".parse().unwrap()] } else { Vec::new() })
            }
            Query::Leaving { .. } | Query::IsLeaving { .. } => Fact::Leaving(None),
            Query::Deeds { .. } => Fact::NotKnown,
            Query::Stop { .. } => Fact::Told(None),
        }
    }
}

pub(super) fn refusal() -> Refusal {
    Refusal {
        code: 100,
        subcode: None,
        category: Category::Invalid,
        state: false,
        message: "no".to_owned(),
        trace: None,
        remedy: "Ask otherwise.".to_owned(),
    }
}

pub(super) fn gave_up() -> ErrorInfo {
    ErrorInfo {
        category: Category::Exhausted,
        code: "no_answer".to_owned(),
        subcode: None,
        message: "no answer".to_owned(),
        trace: None,
        remedy: "Wait.".to_owned(),
    }
}
