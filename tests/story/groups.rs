//! Asset groups that bind assets together: left once, by one command that covers them all, or not at all.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Call, How, Scripted, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, Story, cancel, ends, orders, world};

const GROUP: &str = "5001";
const BOTH: &[&str] = &["1001", "1002"];

/// Anna manages 1001 to 1003; `grouped` of them are in one asset group with her.
fn annas(grouped: &[&str]) -> World {
    let pages = ["1001", "1002", "1003"]
        .iter()
        .fold(world(), |world, page| world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    pages.business(BUSINESS, |b| people(b).group(GROUP, grouped, &[(ANNA, MANAGER)]))
}

fn people(business: bindery::graph_sim::BusinessBuilder) -> bindery::graph_sim::BusinessBuilder {
    let admin = business.admin("3000", "Root", "root@northwind.example");
    admin.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example")
}

fn reassign(id: &str, pages: &[&str]) -> Value {
    orders("reassign", id, pages, json!({"from": ANNA, "to": BEN}))
}

/// The error code of a Page's result; nothing where it went well.
fn code(event: &Value, page: &str) -> Result<Option<String>> {
    let rows = event["data"]["results"].as_array().with_context(|| format!("no results: {event:#}"))?;
    let mut of = rows.iter().filter(|row| row["asset"]["id"] == page);
    let row = of.next().with_context(|| format!("no result of {page}: {event:#}"))?;
    ensure!(of.next().is_none(), "{page} is told twice: {event:#}");
    Ok(row["error"]["code"].as_str().map(ToOwned::to_owned))
}

fn leavings(story: &Story) -> Vec<Call> {
    let left = |call: &Call| call.is(Verb::Delete, "assigned_users") && call.path.contains(GROUP);
    story.meta.calls().into_iter().filter(left).collect()
}

fn tasks_on(story: &Story, page: &str, person: &str) -> usize {
    let world = story.meta.world();
    world.pages[page].assigned.get(BUSINESS).and_then(|people| people.get(person)).map_or(0, |tasks| tasks.len())
}

fn is_in_group(story: &Story, person: &str) -> bool {
    story.meta.world().businesses[BUSINESS].groups[GROUP].users.contains_key(person)
}

#[tokio::test]
async fn the_group_is_left_after_every_successor_is_seen_and_before_anybody_is_taken_off() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    let event = story.ask(&reassign("r", &["1001", "1003", "1002"])).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["data"]["results"].as_array().map(Vec::len), Some(3));
    let bound = |call: &&Call| BOTH.iter().any(|page| call.path.contains(page));
    let calls = story.meta.calls();
    let leaving = leavings(&story).first().context("the group was not left")?.n;
    let grants: Vec<u64> =
        calls.iter().filter(bound).filter(|call| call.is(Verb::Post, "assigned_users")).map(|call| call.n).collect();
    let removals: Vec<u64> =
        calls.iter().filter(bound).filter(|call| call.is(Verb::Delete, "assigned_users")).map(|call| call.n).collect();
    ensure!(grants.len() == 2 && grants.iter().all(|n| *n < leaving), "{grants:?} {leaving}");
    ensure!(removals.len() == 2 && removals.iter().all(|n| *n > leaving), "{removals:?} {leaving}");
    for page in BOTH {
        let seen = calls.iter().any(|call| {
            call.is(Verb::Get, "assigned_users")
                && call.path.contains(page)
                && grants.iter().any(|n| *n < call.n)
                && call.n < leaving
        });
        ensure!(seen, "the successor on {page} was not looked for");
        assert_eq!((tasks_on(&story, page, ANNA), tasks_on(&story, page, BEN)), (0, 3));
    }
    assert_eq!((leavings(&story).len(), is_in_group(&story, ANNA)), (1, false));
    Ok(())
}

#[tokio::test]
async fn everything_of_a_leaver_is_bound_as_well() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    let all = json!({"id": "r", "command": "reassign", "business": BUSINESS, "assets": "all", "from": ANNA, "to": BEN});
    let event = story.ask(&all).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!((event["data"]["results"].as_array().map(Vec::len), leavings(&story).len()), (Some(3), 1));
    Ok(())
}

#[tokio::test]
async fn a_group_with_a_page_that_the_command_does_not_cover_is_not_left_and_the_page_is_named() -> Result<()> {
    let story = Story::of(annas(&["1001", "1002", "1003"])).await?;
    let event = story.ask(&reassign("r", BOTH)).await?;
    ends(&event, "incomplete", json!(false))?;
    for page in BOTH {
        assert_eq!(code(&event, page)?.as_deref(), Some("in_asset_group"));
    }
    ensure!(event["data"]["results"][0]["error"]["message"].as_str().is_some_and(|text| text.contains("page/1003")));
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_group_with_an_ad_account_is_not_left_by_a_command_on_pages() -> Result<()> {
    let grouped = annas(BOTH).business(BUSINESS, |b| {
        people(b).group(GROUP, BOTH, &[(ANNA, MANAGER)]).ad_account_in_group(GROUP, "act_7700")
    });
    let story = Story::of(grouped).await?;
    let event = story.ask(&reassign("r", BOTH)).await?;
    ends(&event, "incomplete", json!(false))?;
    let message = event["data"]["results"][0]["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("ad_account/7700"), "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn one_page_that_must_keep_the_person_keeps_them_on_all_of_the_group() -> Result<()> {
    let pages = annas(BOTH)
        .page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::of(pages).await?;
    let event = story.ask(&orders("unassign", "u", BOTH, json!({"user": ANNA}))).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(code(&event, "1001")?.as_deref(), Some("would_orphan"));
    assert_eq!(code(&event, "1002")?.as_deref(), Some("in_asset_group"));
    assert_eq!((story.writes().len(), is_in_group(&story, ANNA)), (0, true));
    Ok(())
}

#[tokio::test]
async fn a_group_is_not_left_where_a_manager_would_be_without_their_rights_for_a_moment() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    let event = story.ask(&orders("unassign", "u", BOTH, json!({"user": ANNA, "tasks": ["ANALYZE"]}))).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(code(&event, "1001")?.as_deref(), Some("would_orphan"));
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn what_somebody_is_to_keep_is_theirs_after_the_group_is_left() -> Result<()> {
    let pages = BOTH.iter().fold(annas(BOTH), |world, page| {
        world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER))
    });
    let story = Story::of(pages).await?;
    let event = story.ask(&orders("assign", "a", BOTH, json!({"user": ANNA, "tasks": ["ANALYZE"]}))).await?;
    ends(&event, "completed", json!(true))?;
    for page in BOTH {
        assert_eq!(tasks_on(&story, page, ANNA), 1);
    }
    assert_eq!(leavings(&story).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_grant_that_meta_refuses_on_one_page_leaves_the_group_as_it_is() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    let no = Scripted { code: 200, subcode: None, is_transient: None, status: 403, message: None };
    story.meta.break_next(Break::next(Verb::Post, "/1002/assigned_users", How::Error(no)));
    let event = story.ask(&reassign("r", BOTH)).await?;
    ends(&event, "incomplete", json!(true))?;
    assert_eq!(code(&event, "1002")?.as_deref(), Some("200"));
    assert_eq!(code(&event, "1001")?.as_deref(), Some("in_asset_group"));
    let changed = |page: &str| {
        let rows = event["data"]["results"].as_array().into_iter().flatten();
        rows.filter(|row| row["asset"]["id"] == page).any(|row| row["changed"] == true)
    };
    assert_eq!((changed("1001"), changed("1002")), (true, false), "{event:#}");
    assert_eq!((leavings(&story).len(), is_in_group(&story, ANNA)), (0, true));
    assert_eq!((tasks_on(&story, "1001", ANNA), tasks_on(&story, "1002", ANNA)), (3, 3));
    Ok(())
}

#[tokio::test]
async fn a_leaving_without_an_answer_is_looked_for_and_not_repeated() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    story.meta.break_next(Break::next(Verb::Delete, "/5001/assigned_users", How::TimeoutAfter));
    ends(&story.ask(&reassign("r", BOTH)).await?, "completed", json!(true))?;
    assert_eq!(leavings(&story).len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_killed_at_any_write_finishes_and_leaves_the_group_once() -> Result<()> {
    let mut story = Story::of(annas(BOTH)).await?;
    story.send(&reassign("r", BOTH)).await?;
    for nth in 1..=4 {
        story.call("a write", |_| story.writes().len() >= nth).await?;
        story.kill().await?;
        story.restart().await?;
    }
    ends(&story.event_of("r").await?, "completed", json!(true))?;
    for page in BOTH {
        assert_eq!((tasks_on(&story, page, ANNA), tasks_on(&story, page, BEN)), (0, 3));
    }
    let effects = leavings(&story).iter().filter(|call| call.effect.is_some()).count();
    assert_eq!((effects, story.endings_of("r").len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn two_lists_that_want_the_same_pages_the_other_way_round_do_not_block_each_other() -> Result<()> {
    let story = Story::of(annas(&["1001", "1002", "1003"])).await?;
    let pages = ["1001", "1002", "1003"];
    story.send(&reassign("there", &pages)).await?;
    let back = orders("reassign", "back", &["1003", "1002", "1001"], json!({"from": BEN, "to": ANNA}));
    story.send(&back).await?;
    ends(&story.event_of("there").await?, "completed", json!(true))?;
    story.event_of("back").await?;
    for page in pages {
        ensure!(tasks_on(&story, page, ANNA) + tasks_on(&story, page, BEN) == 3, "{page} has one manager");
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_between_the_grants_leaves_the_group_as_it_is() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    story.meta.lag_of("assigned_users", std::time::Duration::from_millis(1_500));
    story.send(&reassign("r", BOTH)).await?;
    story.call("a grant", |call| call.is(Verb::Post, "assigned_users")).await?;
    story.send(&cancel("stop", "r")).await?;
    ends(&story.event_of("r").await?, "cancelled", json!(true))?;
    assert_eq!((leavings(&story).len(), is_in_group(&story, ANNA)), (0, true));
    assert_eq!((tasks_on(&story, "1001", BEN), tasks_on(&story, "1002", BEN)), (3, 0), "one grant, in place");
    Ok(())
}

#[tokio::test]
async fn a_dry_run_plans_the_grants_then_the_leaving_then_the_removals() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    let event = story.ask(&orders("reassign", "r", BOTH, json!({"from": ANNA, "to": BEN, "dry_run": true}))).await?;
    ends(&event, "completed", json!(false))?;
    let steps = event["data"]["plan"]["steps"].as_array().context("no steps")?;
    let lines: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {}", step["method"].as_str().unwrap_or(""), step["path"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        lines,
        [
            "POST /1001/assigned_users",
            "POST /1002/assigned_users",
            "DELETE /5001/assigned_users",
            "DELETE /1001/assigned_users",
            "DELETE /1002/assigned_users",
        ]
    );
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_undo_gives_the_rights_back_one_by_one_and_names_the_group_that_stays_left() -> Result<()> {
    let story = Story::of(annas(BOTH)).await?;
    ends(&story.ask(&reassign("r", BOTH)).await?, "completed", json!(true))?;
    let event = story.ask(&json!({"id": "u", "command": "undo", "target": "r"})).await?;
    ends(&event, "incomplete", json!(true))?;
    let codes = [code(&event, "1001")?, code(&event, "1002")?];
    assert_eq!(codes, [Some("group_left".to_owned()), None]);
    for page in BOTH {
        assert_eq!((tasks_on(&story, page, ANNA), tasks_on(&story, page, BEN)), (3, 0));
    }
    ensure!(!is_in_group(&story, ANNA), "no call puts anybody into a group");
    Ok(())
}
