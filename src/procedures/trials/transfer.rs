//! `transfer` on paper: what forbids it is found before anything is touched, and what goes wrong later says where the
//! Page is. Every run loses all but its journal at every step.

use super::paper::{command, page, play, tasks};
use crate::contract::{Body, Category, Command, Outcome, Phase, Targets};
use crate::meta::{Answer, AssetList, Call, Claimed, Holding, PersonOn, Refusal, Reply};
use crate::procedures::Tally;
use crate::procedures::transfer::run as transfer;

const NO_CHILDREN: Tally = Tally { total: 0, good: 0, changed: false };
/// Who acts for the new business.
const CLAIMER: &str = "92002";

fn moving() -> Command {
    let to_business = "2002".parse().unwrap();
    let body = Body::Transfer { targets: Targets::One(page("1009")), to_business, cool_down: None, unmanaged: false };
    Command { body, ..command() }
}

/// The same, where nobody outside needs to be seen.
fn unmanaged() -> Command {
    let to_business = "2002".parse().unwrap();
    let body = Body::Transfer { targets: Targets::One(page("1009")), to_business, cool_down: None, unmanaged: true };
    Command { body, ..command() }
}

struct World {
    owner: Option<&'static str>,
    /// Direct admins, where the edge tells them.
    admins: Option<Vec<&'static str>>,
    staff: Vec<&'static str>,
    linked: bool,
    claims_are_refused: bool,
    lost_answers: u32,
}

impl World {
    fn ready() -> Self {
        let admins = Some(vec!["8999", CLAIMER]);
        Self {
            owner: Some("2001"),
            admins,
            staff: vec!["71"],
            linked: false,
            claims_are_refused: false,
            lost_answers: 0,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a paper world answers what its trial asks and panics at all else"
    )]
    fn answer(&mut self, call: &Call) -> Reply {
        match call {
            Call::Find { business, list: AssetList::Owned(_), .. } => {
                let holding = Holding { id: page("1009").id, tasks: tasks(&[]) };
                Reply::Answer(Answer::Listed((self.owner == Some(business.as_str())).then_some(holding)))
            }
            Call::Find { .. } => Reply::Answer(Answer::Listed(None)),
            Call::LinksOf { .. } => Reply::Answer(Answer::Linked(self.linked)),
            Call::Myself { .. } => Reply::Answer(Answer::Myself(CLAIMER.parse().unwrap())),
            Call::RolesOn { .. } => match &self.admins {
                Some(admins) => Reply::Answer(Answer::People(admins.iter().map(|id| manager(id)).collect())),
                None => Reply::Refused(refusal(200)),
            },
            Call::PeopleOn { .. } => Reply::Answer(Answer::People(self.staff.iter().map(|id| manager(id)).collect())),
            Call::GroupsOf { .. } => Reply::Answer(Answer::Groups(Vec::new())),
            Call::Unassign { .. } => {
                self.staff.clear();
                self.or_lost(Answer::Done)
            }
            Call::Remove { .. } => {
                self.owner = None;
                self.or_lost(Answer::Done)
            }
            Call::Claim { .. } if self.claims_are_refused => Reply::Refused(refusal(3977)),
            Call::Claim { .. } => {
                self.owner = Some("2002");
                self.or_lost(Answer::Claimed(Claimed::Confirmed))
            }
            other => panic!("a transfer does not ask {other:?}"),
        }
    }

    /// The write took effect; whether anybody learns of it is another matter.
    fn or_lost(&mut self, answer: Answer) -> Reply {
        if self.lost_answers == 0 {
            return Reply::Answer(answer);
        }
        self.lost_answers -= 1;
        Reply::Unknown
    }
}

fn manager(id: &str) -> PersonOn {
    PersonOn { id: id.parse().unwrap(), email: None, tasks: tasks(&["MANAGE"]) }
}

fn refusal(code: i64) -> Refusal {
    Refusal {
        code,
        subcode: None,
        category: Category::Permission,
        state: false,
        message: "not an admin of the Page".to_owned(),
        trace: None,
        remedy: "Make the token's person an admin of the Page.".to_owned(),
    }
}

fn played(command: &Command, mut world: World) -> (Outcome, usize) {
    let paper = play(command, transfer, |call| world.answer(call), NO_CHILDREN);
    (paper.outcome, paper.calls.iter().filter(|call| call.is_write()).count())
}

#[test]
fn people_go_first_then_the_page_and_the_new_business_has_it_after_the_cool_down() {
    let (outcome, writes) = played(&moving(), World::ready());
    assert_eq!((outcome.phase, outcome.changed, writes), (Phase::Confirmed, true, 3));
}

#[test]
fn lost_answers_to_every_write_are_settled_by_looking_and_none_is_sent_twice() {
    let (outcome, writes) = played(&moving(), World { lost_answers: 3, ..World::ready() });
    assert_eq!((outcome.phase, outcome.changed, writes), (Phase::Confirmed, true, 3));
}

#[test]
fn what_forbids_it_is_found_before_anything_is_touched() {
    for (case, asked, world, code) in [
        ("linked", moving(), World { linked: true, ..World::ready() }, "instagram_linked"),
        ("nobody outside", moving(), World { admins: Some(vec![]), ..World::ready() }, "would_orphan"),
        (
            "nobody outside, and unmanaged",
            unmanaged(),
            World { admins: Some(vec![]), ..World::ready() },
            "would_orphan",
        ),
        ("the claimer is no admin", moving(), World { admins: Some(vec!["8999"]), ..World::ready() }, "no_page_admin"),
        ("nobody can be seen", moving(), World { admins: None, ..World::ready() }, "would_orphan"),
        ("somebody else's", moving(), World { owner: Some("2009"), ..World::ready() }, "not_owned"),
        ("nobody's", unmanaged(), World { owner: None, ..World::ready() }, "not_owned"),
    ] {
        let (outcome, writes) = played(&asked, world);
        let error = outcome.error.unwrap();
        assert_eq!((error.code.as_str(), outcome.changed, writes), (code, false, 0), "{case}");
    }
}

#[test]
fn where_nobody_can_be_seen_it_goes_on_only_as_unmanaged() {
    let (outcome, writes) = played(&unmanaged(), World { admins: None, ..World::ready() });
    assert_eq!((outcome.phase, writes), (Phase::Confirmed, 3));
}

#[test]
fn a_page_that_is_there_already_is_not_moved() {
    let (outcome, writes) = played(&moving(), World { owner: Some("2002"), ..World::ready() });
    assert_eq!((outcome.phase, outcome.changed, writes), (Phase::Confirmed, false, 0));
}

#[test]
fn one_that_let_go_and_cannot_claim_says_where_the_page_is() {
    let (outcome, _) = played(&moving(), World { claims_are_refused: true, ..World::ready() });
    assert_eq!((outcome.phase, outcome.changed), (Phase::Failed, true));
    let error = outcome.error.unwrap();
    assert!(error.message.contains("page/1009 has left business 2001 and is not in business 2002"), "{error:?}");
    assert!(error.remedy.contains("send a `claim` for business 2002"), "{error:?}");
}

#[test]
fn a_dry_run_plans_every_write_and_tells_of_the_seven_days() {
    let (outcome, writes) = played(&Command { dry_run: true, ..moving() }, World::ready());
    let steps = outcome.plan.unwrap().steps;
    let paths: Vec<&str> = steps.iter().map(|step| step.path.as_str()).collect();
    assert_eq!((paths, writes), (vec!["/1009/assigned_users", "/2001/pages", "/2002/owned_pages"], 0));
    assert!(steps[2].why.contains("more than 7 days"), "{steps:?}");
}
