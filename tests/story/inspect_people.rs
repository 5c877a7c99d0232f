//! Who may do what on which Page: told with each Page, and where it cannot be read that is said.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, ListingOddity, Oddity, Scripted, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, OUTSIDER, OWNER, Story, cancel, ends, phase, world};

fn inspection() -> Value {
    json!({"id": "i", "command": "inspect", "business": BUSINESS, "kinds": ["page"], "people": true})
}

/// Every asset that was told, in parts and at the end, by its id. None may be told twice.
fn assets(story: &Story) -> Result<BTreeMap<String, Value>> {
    let mut assets = BTreeMap::new();
    let (mut events, mut parts) = (BTreeSet::new(), BTreeSet::new());
    for event in story.events_of("i") {
        if !events.insert(event["id"].to_string()) {
            continue;
        }
        let part = event["data"]["part"].as_u64();
        ensure!(part.is_none_or(|part| parts.insert(part)), "part {part:?} was told twice");
        for asset in event["data"]["assets"].as_array().into_iter().flatten() {
            let id = asset["id"].as_str().context("no id")?.to_owned();
            ensure!(assets.insert(id.clone(), asset.clone()).is_none(), "{id} was told twice");
        }
    }
    ensure!(parts.iter().copied().eq(1..=parts.len() as u64), "parts {parts:?}");
    Ok(assets)
}

fn owned(count: usize) -> (World, Vec<String>) {
    let names: Vec<String> = (0..count).map(|n| format!("{}", 1_700 + n)).collect();
    let pages = names
        .iter()
        .fold(world(), |world, page| world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    (pages, names)
}

#[tokio::test]
async fn the_people_of_each_page_are_told_with_id_address_and_rights() -> Result<()> {
    let pages = world()
        .page("1001", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, &["ANALYZE"]))
        .page("1002", |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER))
        .page("1003", |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ANALYZE"]).assign(BUSINESS, BEN, &["ANALYZE"]));
    let story = Story::of(pages).await?;
    let event = story.ask(&inspection()).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(event["data"]["totals"], json!({"page": 3}));
    let assets = assets(&story)?;
    let ben = json!({"id": BEN, "email": "ben@northwind.example", "tasks": ["ANALYZE"]});
    assert_eq!(
        assets["1001"]["people"],
        json!([{"id": ANNA, "email": "anna@northwind.example", "tasks": MANAGER}, ben.clone()])
    );
    assert_eq!((&assets["1001"]["direct"], &assets["1002"]["people"]), (&json!([]), &json!([])));
    assert_eq!(assets["1002"]["direct"][0]["id"], json!(OUTSIDER));
    assert_eq!((&assets["1003"]["people"], assets["1003"].get("direct")), (&json!([ben]), None));
    ensure!(assets.values().all(|asset| asset.get("unread").is_none()), "{assets:#?}");
    ensure!(!story.log_text().contains("northwind.example"), "logs carry ids alone");
    ensure!(!story.log_text().contains("\"Anna\""), "names never stand in logs");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn roles_that_a_page_refuses_are_unknown_and_not_nobody() -> Result<()> {
    let pages = world().page("1001", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).refuses_roles());
    let story = Story::of(pages).await?;
    ends(&story.ask(&inspection()).await?, "completed", json!(false))?;
    let page = assets(&story)?.remove("1001").context("no Page")?;
    assert_eq!(page["people"].as_array().map(Vec::len), Some(1));
    ensure!(page.get("direct").is_none() && page["unread"][0]["list"] == "direct", "{page:#}");
    ensure!(page["unread"][0]["error"]["category"] == "unsupported", "{page:#}");
    Ok(())
}

#[tokio::test]
async fn a_list_of_people_that_breaks_in_the_middle_is_said_and_its_beginning_is_not_taken_for_all() -> Result<()> {
    let crowd: Vec<String> = (0..230).map(|n| format!("{}", 40_000 + n)).collect();
    let business = |b: bindery::graph_sim::BusinessBuilder| {
        let b = b.admin("3000", "Root", "root@northwind.example").person(ANNA, "Anna", "anna@northwind.example");
        crowd.iter().fold(b, |b, id| b.person(id, "One", &format!("p{id}@northwind.example")))
    };
    let pages = world()
        .business(BUSINESS, business)
        .page("1001", |p| p.owned_by(BUSINESS))
        .page("1002", |p| crowd.iter().fold(p.owned_by(BUSINESS), |p, id| p.assign(BUSINESS, id, &["ANALYZE"])));
    for how in [Oddity::RepeatCursor, Oddity::ForeignNext, Oddity::ExpireCursor] {
        let story = Story::of(pages.clone()).await?;
        let (list, node) = (Some("assigned_users".to_owned()), Some("1002".to_owned()));
        story.meta.listing(ListingOddity { list, business: node, how, times: None });
        ends(&story.ask(&inspection()).await?, "completed", json!(false))?;
        let assets = assets(&story)?;
        let (whole, broken) = (&assets["1001"], &assets["1002"]);
        ensure!(whole.get("unread").is_none(), "{how:?}: {whole:#}");
        ensure!(
            broken.get("people").is_none() && broken["unread"][0]["error"]["code"] == "broken_list",
            "{how:?}: {broken:#}"
        );
    }
    let story = Story::of(pages).await?;
    ends(&story.ask(&inspection()).await?, "completed", json!(false))?;
    assert_eq!(assets(&story)?["1002"]["people"].as_array().map(Vec::len), Some(230));
    Ok(())
}

#[tokio::test]
async fn a_throttle_in_mid_part_costs_time_and_neither_loses_nor_repeats_a_page() -> Result<()> {
    let (pages, names) = owned(60);
    let story = Story::of(pages).await?;
    for page in ["/1710/assigned_users", "/1724/roles", "/1725/assigned_users"] {
        let throttle = Scripted { code: 32, subcode: None, is_transient: None, status: 400, message: None };
        story.meta.break_next(Break::next(Verb::Get, page, How::Error(throttle)).times(2));
    }
    let event = story.ask(&inspection()).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(event["data"]["totals"], json!({"page": 60}));
    let assets = assets(&story)?;
    ensure!(names.iter().all(|page| assets.contains_key(page)) && assets.len() == 60, "{} assets", assets.len());
    ensure!(assets.values().all(|asset| asset["people"][0]["id"] == ANNA), "somebody is missing");
    let waited = story.events_of("i").iter().any(|event| phase(event) == "waiting");
    ensure!(waited, "the throttle was told");
    Ok(())
}

#[tokio::test]
async fn a_directory_that_meta_refuses_ends_the_inspection_rather_than_telling_half() -> Result<()> {
    let (pages, _) = owned(3);
    let story = Story::of(pages).await?;
    let no = Scripted { code: 200, subcode: None, is_transient: None, status: 403, message: None };
    story.meta.break_next(Break::next(Verb::Get, "/business_users", How::Error(no)));
    let event = story.ask(&inspection()).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["code"] == "200", "{event:#}");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_killed_goes_on_with_the_part_that_it_had_not_told() -> Result<()> {
    let (pages, _) = owned(60);
    let mut story = Story::of(pages).await?;
    story.send(&inspection()).await?;
    for page in ["/1710/roles", "/1740/roles"] {
        story.call("a read", |call| call.path == page).await?;
        story.kill().await?;
        story.restart().await?;
    }
    let event = story.event_of("i").await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!((&event["data"]["totals"], assets(&story)?.len()), (&json!({"page": 60}), 60));
    assert_eq!(story.endings_of("i").len(), 1);
    Ok(())
}

#[tokio::test]
async fn lists_that_break_off_for_a_moment_are_read_again() -> Result<()> {
    let (pages, _) = owned(30);
    let story = Story::of(pages).await?;
    for how in [How::Html502, How::Truncated, How::EmptyError, How::Reset] {
        story.meta.break_next(Break::next(Verb::Get, "/assigned_users", how).after(7));
    }
    ends(&story.ask(&inspection()).await?, "completed", json!(false))?;
    let assets = assets(&story)?;
    ensure!(assets.len() == 30 && assets.values().all(|asset| asset.get("unread").is_none()), "{assets:#?}");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_inspection_ends_between_two_parts() -> Result<()> {
    let (pages, _) = owned(60);
    let story = Story::with(pages, &[("GRAPH__CALL_WITHIN", "9s")]).await?;
    story.meta.break_next(Break::next(Verb::Get, "/1726/assigned_users", How::Slow(2)));
    story.send(&inspection()).await?;
    story.call("the second part", |call| call.path == "/1726/assigned_users").await?;
    story.send(&cancel("stop", "i")).await?;
    ends(&story.event_of("i").await?, "cancelled", json!(false))?;
    ensure!(assets(&story)?.len() >= 25, "what was told stays told");
    Ok(())
}
