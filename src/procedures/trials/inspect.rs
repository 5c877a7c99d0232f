//! `inspect` of 100 000 assets: parts are said with the observation that brought them, so that neither the journal
//! nor the memory holds more than one.

use super::paper::{command, dry_run, page, play};
use crate::contract::{Category, Kind, Outcome, Phase, Tasks};
use crate::meta::{Answer, AssetList, Call, Holding, Refusal, Reply};
use crate::procedures::inspect;
use crate::procedures::script::{Run, Script};
use crate::procedures::{Say, Tally};

fn inspect_pages(script: &mut Script<'_>) -> Run<Outcome> {
    inspect::run(script, &[Kind::Page])
}

fn world(pages: u32) -> impl FnMut(&Call) -> Reply {
    move |call| {
        let Call::ListPart { list, after, .. } = call else { panic!("inspect reads parts only, not {call:?}") };
        let from: u32 = after.as_ref().map_or(0, |cursor| cursor.parse().unwrap());
        let of = if *list == AssetList::Owned(Kind::Page) { pages } else { 0 };
        let until = (from + 1_000).min(of);
        let rows = (from..until)
            .map(|n| Holding { id: page(&(1_000 + n).to_string()).id, tasks: Tasks::default() })
            .collect::<Vec<_>>();
        let next = (until < of).then(|| until.to_string());
        Reply::Answer(Answer::Part { count: until - from, next, rows })
    }
}

const NO_CHILDREN: Tally = Tally { total: 0, good: 0, changed: false };

#[test]
fn a_hundred_thousand_assets_are_told_in_parts_once_each_and_the_journal_stays_small() {
    let paper = play(&command(), inspect_pages, world(100_000), NO_CHILDREN);
    let told: Vec<usize> =
        paper.said.iter().map(|say| if let Say::Part { assets, .. } = say { assets.len() } else { 0 }).collect();
    let inspection = paper.outcome.inspection.unwrap();
    assert_eq!(told.iter().sum::<usize>() + inspection.assets.len(), 100_000);
    assert_eq!(inspection.totals[&Kind::Page], 100_000);
    assert!(told.iter().all(|rows| *rows <= 1_000));
    assert!(paper.journal_bytes < 30_000, "the journal holds {} bytes", paper.journal_bytes);
    assert_eq!(paper.outcome.phase, Phase::Completed);
}

#[test]
fn a_dry_run_of_an_inspection_reads_the_same_and_plans_nothing() {
    let paper = play(&dry_run(), inspect_pages, world(1_500), NO_CHILDREN);
    assert_eq!(paper.calls.len(), 3);
    assert_eq!(paper.outcome.plan.map(|plan| plan.steps.len()), Some(0));
}

#[test]
fn an_empty_business_is_told_as_empty() {
    let paper = play(&command(), inspect_pages, world(0), NO_CHILDREN);
    assert_eq!(paper.calls.len(), 2);
    assert_eq!(paper.outcome.phase, Phase::Completed);
}

/// Meta refuses these lists, and the others are empty.
fn refuses(lists: &'static [&'static str]) -> impl FnMut(&Call) -> Reply {
    move |call| {
        let Call::ListPart { list, .. } = call else { panic!("inspect reads parts only, not {call:?}") };
        if !lists.contains(&list.edge()) {
            return Reply::Answer(Answer::Part { count: 0, next: None, rows: Vec::new() });
        }
        Reply::Refused(Refusal {
            code: 200,
            subcode: None,
            category: Category::Permission,
            state: false,
            message: "no".to_owned(),
            trace: None,
            remedy: "Ask for the right.".to_owned(),
        })
    }
}

#[test]
fn a_list_that_meta_refuses_is_named_and_the_others_are_told() {
    let all = |script: &mut Script<'_>| inspect::run(script, &Kind::ALL);
    let paper = play(&command(), all, refuses(&["owned_pixels", "client_pixels"]), NO_CHILDREN);
    let seen = paper.outcome.inspection.unwrap();
    let unread: Vec<&str> = seen.unread.iter().map(|unread| unread.list.as_str()).collect();
    assert_eq!((paper.outcome.phase, unread), (Phase::Completed, vec!["owned_pixels", "client_pixels"]));
    assert_eq!((seen.totals.len(), seen.totals.contains_key(&Kind::Pixel)), (Kind::ALL.len() - 1, false));
}

#[test]
fn an_inspection_of_which_no_list_can_be_read_fails_with_the_reason() {
    let paper = play(&command(), inspect_pages, refuses(&["owned_pages", "client_pages"]), NO_CHILDREN);
    assert_eq!((paper.outcome.phase, paper.outcome.error.unwrap().code.as_str()), (Phase::Failed, "200"));
}
