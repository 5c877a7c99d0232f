//! A command on several Pages: each ends for itself, one report tells of all.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, OWNER, Story, WORKER, ends, orders, phase, world};

const PAGES: &[&str] = &["1001", "1002", "1003"];

/// Phase, change and error code of each Page's result.
fn results(event: &Value) -> Result<Vec<(String, String, Value, Value)>> {
    let results = event["data"]["results"].as_array().with_context(|| format!("no results: {event:#}"))?;
    let mut told: Vec<_> = results
        .iter()
        .map(|one| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&one["asset"]["id"]), text(&one["phase"]), one["changed"].clone(), one["error"]["code"].clone())
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(told)
}

fn row(page: &str, phase: &str, changed: Value, code: Value) -> (String, String, Value, Value) {
    (page.to_owned(), phase.to_owned(), changed, code)
}

#[tokio::test]
async fn a_list_of_claims_is_confirmed_once_for_all() -> Result<()> {
    let ours = PAGES.iter().fold(world(), |world, page| world.page(page, |p| p.direct_admin(WORKER)));
    let mut story = Story::of(ours).await?;
    let event = story.ask(&orders("claim", "f", PAGES, json!({"access": "owner"}))).await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!(
        results(&event)?,
        PAGES.iter().map(|page| row(page, "confirmed", json!(true), Value::Null)).collect::<Vec<_>>()
    );
    assert_eq!(event["subject"], json!("assets/2001"));
    assert_eq!(story.endings_of("f").len(), 1);
    let others: Vec<_> = story.events().into_iter().filter(|event| event["data"]["command_id"] != "f").collect();
    assert_eq!(others, Vec::<Value>::new(), "children tell nobody");
    story.stop().await
}

#[tokio::test]
async fn one_page_that_fails_makes_the_whole_incomplete_and_is_named() -> Result<()> {
    let mixed = world()
        .page("1001", |p| p.direct_admin(WORKER))
        .page("1002", |p| p.owned_by(OWNER))
        .page("1003", |p| p.owned_by(BUSINESS));
    let story = Story::of(mixed).await?;
    let event = story.ask(&orders("claim", "f", PAGES, json!({"access": "owner"}))).await?;
    ends(&event, "incomplete", json!(true))?;
    let rows = results(&event)?;
    assert_eq!(rows[0], row("1001", "confirmed", json!(true), Value::Null));
    assert_eq!(rows[1], row("1002", "failed", json!(false), json!("3918")));
    assert_eq!(rows[2], row("1003", "confirmed", json!(false), Value::Null));
    Ok(())
}

#[tokio::test]
async fn the_last_manager_of_one_page_does_not_keep_the_others_from_it() -> Result<()> {
    let pages = world()
        .page("1001", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))
        .page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::of(pages).await?;
    let event = story.ask(&orders("unassign", "f", &["1001", "1002"], json!({"user": ANNA}))).await?;
    ends(&event, "incomplete", json!(true))?;
    let rows = results(&event)?;
    assert_eq!(rows[0], row("1001", "failed", json!(false), json!("would_orphan")));
    assert_eq!(rows[1], row("1002", "completed", json!(true), Value::Null));
    Ok(())
}

#[tokio::test]
async fn all_that_a_leaver_has_goes_to_the_successor() -> Result<()> {
    let annas = PAGES
        .iter()
        .fold(world(), |world, page| world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    let story = Story::of(annas.page("1004", |p| p.owned_by(BUSINESS).assign(BUSINESS, BEN, MANAGER))).await?;
    let all = json!({
        "id": "r", "command": "reassign", "business": BUSINESS, "assets": "all", "from": ANNA,
        "to": "ben@northwind.example",
    });
    let event = story.ask(&all).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(results(&event)?.len(), 3);
    for page in PAGES {
        let people = &story.meta.world().pages[*page].assigned[BUSINESS];
        assert!(!people.contains_key(ANNA) && people.contains_key(BEN), "{page}: {people:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_leaver_who_has_nothing_is_done_at_once() -> Result<()> {
    let story = Story::of(world()).await?;
    let all = json!({
        "id": "r", "command": "reassign", "business": BUSINESS, "assets": "all", "from": ANNA, "to": BEN,
    });
    ends(&story.ask(&all).await?, "completed", json!(false))
}

#[tokio::test]
async fn a_cancelled_list_takes_its_open_requests_back() -> Result<()> {
    let pages = world().page("1001", |p| p.owned_by(OWNER)).page("1002", |p| p.owned_by(OWNER));
    let story = Story::of(pages).await?;
    let fields = json!({"access": "agency", "permitted_tasks": ["ANALYZE"]});
    story.send(&orders("claim", "f", &["1001", "1002"], fields)).await?;
    story
        .call("the second claim", |call| {
            call.effect.is_some() && call.is_write() && call.param("page_id") == Some("1002")
        })
        .await?;
    story.send(&crate::harness::cancel("stop", "f")).await?;
    let event = story.event_of("f").await?;
    ensure!(["cancelled", "incomplete"].contains(&phase(&event)), "{event:#}");
    story.event_of("stop").await?;
    assert!(story.meta.world().requests.is_empty(), "{:#?}", story.meta.world().requests);
    Ok(())
}

#[tokio::test]
async fn a_dry_run_of_a_list_plans_for_each_page() -> Result<()> {
    let pages = world().page("1001", |p| p.direct_admin(WORKER)).page("1002", |p| p.direct_admin(WORKER));
    let story = Story::of(pages).await?;
    let event =
        story.ask(&orders("claim", "f", &["1001", "1002"], json!({"access": "owner", "dry_run": true}))).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(story.writes(), []);
    let steps = event["data"]["plan"]["steps"].as_array().with_context(|| format!("no plan: {event:#}"))?;
    assert_eq!(steps.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_list_that_is_pending_at_its_deadline_is_incomplete_and_leaves_no_request() -> Result<()> {
    let pages = world().page("1001", |p| p.owned_by(OWNER).approves_after(0)).page("1002", |p| p.owned_by(OWNER));
    let story = Story::of(pages).await?;
    let at = jiff::Timestamp::now() + std::time::Duration::from_secs(3);
    let fields = json!({"access": "agency", "permitted_tasks": ["ANALYZE"], "expires_at": at.to_string()});
    let event = story.ask(&orders("claim", "f", &["1001", "1002"], fields)).await?;
    ends(&event, "incomplete", json!(true))?;
    let rows = results(&event)?;
    assert_eq!((rows[0].1.as_str(), rows[1].1.as_str()), ("confirmed", "expired"));
    assert!(story.meta.world().requests.is_empty(), "withdrawn at Meta");
    Ok(())
}

#[tokio::test]
async fn a_list_that_names_a_page_twice_asks_meta_once() -> Result<()> {
    let story = Story::of(world().page("1001", |p| p.direct_admin(WORKER))).await?;
    let event = story.ask(&orders("claim", "f", &["1001", "1001"], json!({"access": "owner"}))).await?;
    ensure!(["confirmed", "rejected"].contains(&phase(&event)), "{event:#}");
    assert!(story.writes().len() <= 1);
    Ok(())
}

#[tokio::test]
async fn a_list_that_goes_on_after_a_kill_reports_once_with_all_results() -> Result<()> {
    let names: Vec<String> = (0..25).map(|n| format!("14{n:02}")).collect();
    let ours = names.iter().fold(world(), |world, page| world.page(page, |p| p.direct_admin(WORKER)));
    let mut story = Story::of(ours).await?;
    let pages: Vec<&str> = names.iter().map(String::as_str).collect();
    story.send(&orders("claim", "f", &pages, json!({"access": "owner"}))).await?;
    for nth in [1, 12] {
        let claims = |story: &Story| story.posts("owned_pages");
        story.call("claims", |_| claims(&story) >= nth).await?;
        story.kill().await?;
        story.restart().await?;
    }
    let event = story.event_of("f").await?;
    ends(&event, "confirmed", json!(true))?;
    assert_eq!((results(&event)?.len(), story.endings_of("f").len()), (25, 1));
    Ok(())
}
