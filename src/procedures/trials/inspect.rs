//! `inspect` of 100 000 assets: parts are said with the observation that brought them, so that neither the journal
//! nor the memory holds more than one.

use super::paper::{command, dry_run, page, play};
use crate::contract::{Kind, Phase, Tasks};
use crate::meta::{Answer, AssetList, Call, Holding, Reply};
use crate::procedures::inspect::run as inspect;
use crate::procedures::{Say, Tally};

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
    let paper = play(&command(), inspect, world(100_000), NO_CHILDREN);
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
    let paper = play(&dry_run(), inspect, world(1_500), NO_CHILDREN);
    assert_eq!(paper.calls.len(), 3);
    assert_eq!(paper.outcome.plan.map(|plan| plan.steps.len()), Some(0));
}

#[test]
fn an_empty_business_is_told_as_empty() {
    let paper = play(&command(), inspect, world(0), NO_CHILDREN);
    assert_eq!(paper.calls.len(), 2);
    assert_eq!(paper.outcome.phase, Phase::Completed);
}
