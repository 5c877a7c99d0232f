//! An offboarding that was planned: the plan is what is done, and nothing else; and one that is far from quiet.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Awkward, Call, Verb};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, Story, ends, fails, phase, world};
use crate::offboard::{annas, is_there, offboard};

/// Method, path and parameters of every write, in an order of our own.
fn written(story: &Story) -> Vec<String> {
    let mut writes: Vec<String> =
        story.writes().iter().map(|call| format!("{:?} {} {:?}", call.method, call.path, call.params)).collect();
    writes.sort();
    writes
}

fn planned(event: &Value) -> Vec<String> {
    let steps = event["data"]["plan"]["steps"].as_array().cloned().unwrap_or_default();
    let step = |step: &Value| {
        let verb = if step["method"] == "POST" { Verb::Post } else { Verb::Delete };
        let params: BTreeMap<String, String> = serde_json::from_value(step["params"].clone()).unwrap_or_default();
        format!("{verb:?} {} {params:?}", step["path"].as_str().unwrap_or_default())
    };
    let mut steps: Vec<String> = steps.iter().map(step).collect();
    steps.sort();
    steps
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_its_plan_is_what_the_run_then_does() -> Result<()> {
    let story = Story::of(annas()).await?;
    let dry = story.ask(&offboard("dry", json!({"dry_run": true}))).await?;
    ends(&dry, "completed", json!(false))?;
    assert_eq!(story.writes().len(), 0);
    let run = offboard("hr", json!({"plan": dry["data"]["plan"]["digest"]}));
    ends(&story.ask(&run).await?, "completed", json!(true))?;
    assert_eq!(written(&story), planned(&dry));
    assert!(!is_there(&story, ANNA) && planned(&dry).len() == 9, "{dry:#}");
    Ok(())
}

/// F43.
#[tokio::test]
async fn a_plan_that_was_overtaken_is_not_done_and_the_new_one_is_told() -> Result<()> {
    let mut story = Story::of(annas()).await?;
    let dry = story.ask(&offboard("dry", json!({"dry_run": true}))).await?;
    story.meta.edit(|world| {
        let page = world.page_mut("1002").expect("it is there");
        page.assigned.entry(BUSINESS.to_owned()).or_default().insert(BEN.to_owned(), ["ANALYZE".to_owned()].into());
        page.assigned.entry(BUSINESS.to_owned()).or_default().insert(ANNA.to_owned(), ["MODERATE".to_owned()].into());
        page.roles.insert(
            "8999".to_owned(),
            bindery::graph_sim::DirectRole {
                name: "Outsider".to_owned(),
                tasks: MANAGER.iter().map(|task| (*task).to_owned()).collect(),
                since: jiff::Timestamp::UNIX_EPOCH,
            },
        );
    });
    let overtaken = story.ask(&offboard("hr", json!({"plan": dry["data"]["plan"]["digest"]}))).await?;
    fails(&overtaken, "conflict", "plan_changed")?;
    assert_eq!((story.writes().len(), is_there(&story, ANNA)), (0, true));
    let again = story.ask(&offboard("dry-2", json!({"dry_run": true}))).await?;
    assert_eq!(overtaken["data"]["plan"], again["data"]["plan"]);
    ensure!(again["data"]["plan"]["digest"] != dry["data"]["plan"]["digest"], "the plan is the same");
    story.send(&offboard("hr-2", json!({"plan": again["data"]["plan"]["digest"]}))).await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("hr-2").await?, "completed", json!(true))?;
    assert_eq!(written(&story), planned(&again));
    Ok(())
}

#[tokio::test]
async fn a_notice_tells_the_plan_and_the_plan_still_holds_when_it_is_over() -> Result<()> {
    let story = Story::of(annas()).await?;
    let dry = story.ask(&offboard("dry", json!({"dry_run": true}))).await?;
    let digest = dry["data"]["plan"]["digest"].clone();
    story.send(&offboard("hr", json!({"notice": "1s", "plan": digest}))).await?;
    let announced = story.told("hr", "announced").await?;
    assert_eq!(announced["data"]["plan"], dry["data"]["plan"]);
    ends(&story.event_of("hr").await?, "completed", json!(true))?;
    assert_eq!(written(&story), planned(&dry));
    Ok(())
}

/// How many Pages the leaver has, and how often the worker is killed.
const HELD: usize = 500;
const KILLS: usize = 3;

fn page(n: usize) -> String {
    format!("{}", 20_000 + n)
}

/// The least calls that an offboarding of `HELD` Pages needs where nothing fails.
///
/// For the command: the person, their successor's address is an id, the credential's own people, the list of Pages
/// (a call a hundred) and of each of the five other kinds, the groups; after the children these lists once more (empty
/// now), the open invitations, the removal and the look after it. For each Page: its people, what the business may give on it, the groups through
/// which it is reached, the grant, the look, the removal, the look.
fn least_without_failures() -> usize {
    let lists = HELD.div_ceil(100) + 5 + 1;
    (1 + 1 + lists) + (6 + 1 + 1 + 1 + 1) + 7 * HELD
}

/// What each failure that was injected costs at least: a read once more; a write whose effect is unknown one look, and
/// where it did not happen the write once more. The look after a write that did happen is the one that it needs anyway.
fn least_for_failures(calls: &[Call]) -> usize {
    let failed = calls.iter().filter(|call| call.fault.is_some());
    failed
        .map(|call| match (call.is_write(), call.effect.is_some()) {
            (false, _) => 1,
            (true, true) => 0,
            (true, false) => 2,
        })
        .sum()
}

/// The end of work that takes longer than anybody's patience, but tells on the way that it goes on.
async fn end_of_long_work(story: &Story, id: &str) -> Result<Value> {
    let is_of = |event: &Value| event["data"]["command_id"] == id;
    loop {
        let told = story.events_of(id);
        if let Some(end) = told.iter().find(|event| event["data"]["terminal"] == true) {
            return Ok(end.clone());
        }
        story.events_told(told.len() + 1, is_of).await?;
    }
}

#[tokio::test]
async fn five_hundred_pages_are_handed_over_through_failures_and_kills_with_few_calls_more_than_the_least() -> Result<()>
{
    let held = (0..HELD)
        .fold(world(), |world, n| world.page(&page(n), |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    let settings = [("LIMITS__IN_FLIGHT", "16"), ("POLL__SETTLE", "2s"), ("OFFBOARDING__BLAST_RADIUS", "1000000")];
    let mut story = Story::with(held, &settings).await?;
    story.meta.awkward(Awkward { per_mille: 100, timeouts: false });
    let before = story.last_call();
    story.send(&offboard("hr", json!({}))).await?;
    for kill in 1..=KILLS {
        let at = before + u64::try_from(kill * HELD * 3 / 2)?;
        story.call("work", |call| call.n >= at).await?;
        story.kill().await?;
        story.start()?;
    }
    let event = end_of_long_work(&story, "hr").await?;
    ensure!(["completed", "incomplete"].contains(&phase(&event)), "{event:#}");
    let world = story.meta.world();
    let with_anna = world.pages_of(BUSINESS, ANNA);
    let rows = event["data"]["results"].as_array().cloned().unwrap_or_default();
    let mut left: Vec<String> = rows
        .iter()
        .filter(|row| row["phase"] != "completed")
        .map(|row| row["asset"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    left.sort();
    assert_eq!((rows.len(), left), (HELD, with_anna.clone()), "the rest is told exactly");
    assert_eq!(is_there(&story, ANNA), phase(&event) != "completed");
    assert_eq!((world.orphans().len(), story.endings_of("hr").len()), (0, 1));
    let calls: Vec<Call> = story.calls();
    let least: usize = least_without_failures() + least_for_failures(&calls);
    println!(
        "{HELD} Pages, {KILLS} SIGKILLs: {}; {} calls, {} of them failed, the least is {least}: {:.3}x",
        phase(&event),
        calls.len(),
        calls.iter().filter(|call| call.fault.is_some()).count(),
        calls.len() as f64 / least as f64
    );
    ensure!(calls.len() * 10 <= least * 12, "{} calls where {least} would do", calls.len());
    Ok(())
}
