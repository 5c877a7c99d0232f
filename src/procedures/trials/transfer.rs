//! `transfer`: the old business lets go, the new one claims. What if the claim fails after the release?

use super::paper::{command, dry_run, page, play, tasks};
use crate::contract::{Access, Asset, BusinessId, Category, ErrorInfo, Outcome, Phase};
use crate::meta::{Answer, AssetList, Call, Claimable, Claimed, Holding, Refusal, Removable, Reply};
use crate::procedures::Tally;
use crate::procedures::bring_about::{Brought, Look, Sent, bring_about};
use crate::procedures::claim::listed;
use crate::procedures::script::{Run, Script};

const COOL_DOWN: std::time::Duration = std::time::Duration::from_secs(120);

fn transfer(script: &mut Script<'_>) -> Run<Outcome> {
    let (old, new, asset): (BusinessId, BusinessId, Asset) =
        (script.business().clone(), "2002".parse().unwrap(), page("1009"));
    let release = Call::Remove { business: old.clone(), what: Removable::Page(asset.id.clone()) };
    let gone = |script: &mut Script<'_>, sent: &Sent<'_>| {
        let (began, found) = listed(script, &old, AssetList::Owned(asset.kind), &asset.id)?;
        Ok(if found.is_none() { Look::Seen(sent.left) } else { Look::NotYet(began) })
    };
    match bring_about(script, &release, "the old business lets go", gone)? {
        Brought::Seen(left) => script.wait_until(left + COOL_DOWN)?,
        Brought::Planned => {}
        Brought::Refused(refusal) => return Err(script.refused(&refusal)),
    }
    let (kind, id, access) = (Claimable::Page, asset.id.clone(), Access::Owner);
    let claim = Call::Claim { business: new.clone(), kind, id, access, tasks: tasks(&[]) };
    let held = |script: &mut Script<'_>, _: &Sent<'_>| {
        let (began, found) = listed(script, &new, AssetList::Owned(asset.kind), &asset.id)?;
        Ok(found.map_or(Look::NotYet(began), Look::Seen))
    };
    match bring_about(script, &claim, "the new business claims", held)? {
        Brought::Seen(_) | Brought::Planned => Ok(Outcome::of(Phase::Confirmed, script.changed())),
        Brought::Refused(refusal) => Ok(Outcome::failed(script.changed(), stranded(&asset, &old, &refusal))),
    }
}

fn stranded(asset: &Asset, old: &BusinessId, refusal: &Refusal) -> ErrorInfo {
    ErrorInfo {
        message: format!("{asset} has left business {old} and belongs to none: {}", refusal.message),
        ..refusal.info()
    }
}

struct World {
    owner: Option<&'static str>,
    claims_are_refused: bool,
    lost_answers: u32,
}

impl World {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a paper world answers what its trial asks and panics at all else"
    )]
    fn answer(&mut self, call: &Call) -> Reply {
        match call {
            Call::Remove { .. } => {
                self.owner = None;
                self.or_lost(Answer::Done)
            }
            Call::Claim { .. } if self.claims_are_refused => Reply::Refused(not_an_admin()),
            Call::Claim { .. } => {
                self.owner = Some("2002");
                self.or_lost(Answer::Claimed(Claimed::Confirmed))
            }
            Call::Find { business, .. } => {
                let found = self.owner == Some(business.as_str());
                let holding = Holding { id: page("1009").id, tasks: tasks(&[]) };
                Reply::Answer(Answer::Listed(found.then_some(holding)))
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

fn not_an_admin() -> Refusal {
    Refusal {
        code: 3977,
        subcode: None,
        category: Category::Permission,
        state: false,
        message: "not an admin of the Page".to_owned(),
        trace: None,
        remedy: "Make the token's person an admin of the Page.".to_owned(),
    }
}

const NO_CHILDREN: Tally = Tally { total: 0, good: 0, changed: false };

#[test]
fn a_transfer_that_let_go_and_cannot_claim_says_where_the_asset_is() {
    let mut world = World { owner: Some("2001"), claims_are_refused: true, lost_answers: 0 };
    let paper = play(&command(), transfer, |call| world.answer(call), NO_CHILDREN);
    assert_eq!((paper.outcome.phase, paper.outcome.changed), (Phase::Failed, true));
    assert!(paper.outcome.error.unwrap().message.contains("belongs to none"));
}

#[test]
fn lost_answers_to_both_writes_are_settled_by_looking_and_neither_is_sent_twice() {
    let mut world = World { owner: Some("2001"), claims_are_refused: false, lost_answers: 2 };
    let paper = play(&command(), transfer, |call| world.answer(call), NO_CHILDREN);
    assert_eq!((paper.outcome.phase, paper.outcome.changed), (Phase::Confirmed, true));
    assert_eq!(paper.calls.iter().filter(|call| call.is_write()).count(), 2);
}

#[test]
fn a_dry_run_plans_the_release_and_the_claim_without_reading_back_or_waiting() {
    let mut world = World { owner: Some("2001"), claims_are_refused: true, lost_answers: 0 };
    let paper = play(&dry_run(), transfer, |call| world.answer(call), NO_CHILDREN);
    assert!(paper.calls.is_empty());
    let steps = paper.outcome.plan.unwrap().steps;
    assert_eq!(steps.iter().map(|step| step.path.as_str()).collect::<Vec<_>>(), ["/2001/pages", "/2002/owned_pages"]);
}
