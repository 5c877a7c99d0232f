//! `assign`, `unassign` and `reassign`: who may do what on a Page.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Call, Verb};
use serde_json::json;

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, OUTSIDER, OWNER, Story, annas_page, ends, fails, order, phase, world,
};

const PAGE: &str = "1001";

fn tasks_on(story: &Story, person: &str) -> Vec<String> {
    let world = story.meta.world();
    let people = world.pages[PAGE].assigned.get(BUSINESS);
    people.and_then(|people| people.get(person)).into_iter().flatten().cloned().collect()
}

fn number_of(calls: &[Call], what: &str, wanted: impl Fn(&Call) -> bool) -> Result<u64> {
    calls.iter().find(|call| wanted(call)).map(|call| call.n).with_context(|| format!("no {what} in {calls:#?}"))
}

#[tokio::test]
async fn a_person_is_assigned_and_then_has_exactly_these_tasks() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("assign", "a", PAGE, json!({"user": BEN, "tasks": ["ANALYZE"]}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, BEN), ["ANALYZE"]);
    let event = story.ask(&order("assign", "b", PAGE, json!({"user": BEN, "tasks": ["ADVERTISE"]}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, BEN), ["ADVERTISE"]);
    Ok(())
}

#[tokio::test]
async fn a_person_who_has_the_tasks_already_is_left_alone() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("assign", "a", PAGE, json!({"user": ANNA, "tasks": MANAGER}))).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_person_is_found_by_their_address() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"user": "ben@northwind.example", "tasks": ["ANALYZE"]});
    ends(&story.ask(&order("assign", "a", PAGE, fields)).await?, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, BEN), ["ANALYZE"]);
    assert!(!story.log_text().contains("ben@northwind.example"), "logs carry the id alone");
    Ok(())
}

#[tokio::test]
async fn an_address_that_nobody_has_is_invalid() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"user": "nobody@northwind.example", "tasks": ["ANALYZE"]});
    let event = story.ask(&order("assign", "a", PAGE, fields)).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["category"] == "invalid", "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_address_that_two_people_have_is_invalid_and_nothing_is_guessed() -> Result<()> {
    let twice = annas_page(PAGE).business(BUSINESS, |b| {
        b.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example").person(
            "3003",
            "Ben",
            "ben@northwind.example",
        )
    });
    let story = Story::of(twice).await?;
    let fields = json!({"user": "ben@northwind.example", "tasks": ["ANALYZE"]});
    let event = story.ask(&order("assign", "a", PAGE, fields)).await?;
    ensure!(phase(&event) == "failed" && event["data"]["error"]["category"] == "invalid", "{event:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn a_person_of_another_business_cannot_be_assigned() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("assign", "a", PAGE, json!({"user": "3901", "tasks": ["ANALYZE"]}))).await?;
    ensure!(phase(&event) == "failed" && event["data"]["changed"] == false, "{event:#}");
    assert_eq!(tasks_on(&story, "3901"), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn an_agency_cannot_give_more_than_it_was_given() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ANALYZE"]))).await?;
    let event = story.ask(&order("assign", "a", PAGE, json!({"user": BEN, "tasks": MANAGER}))).await?;
    ensure!(phase(&event) == "failed" && event["data"]["changed"] == false, "{event:#}");
    Ok(())
}

#[tokio::test]
async fn a_person_is_taken_off_where_another_manages() -> Result<()> {
    let story = Story::of(
        annas_page(PAGE)
            .page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER)),
    )
    .await?;
    ends(&story.ask(&order("unassign", "u", PAGE, json!({"user": ANNA}))).await?, "completed", json!(true))?;
    assert_eq!((tasks_on(&story, ANNA).len(), tasks_on(&story, BEN).len()), (0, 3));
    Ok(())
}

#[tokio::test]
async fn some_tasks_are_taken_and_the_others_stay() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("unassign", "u", PAGE, json!({"user": ANNA, "tasks": ["ANALYZE"]}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(tasks_on(&story, ANNA), ["ADVERTISE", "MANAGE"]);
    Ok(())
}

#[tokio::test]
async fn a_person_who_is_not_there_is_taken_off_without_a_write() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    ends(&story.ask(&order("unassign", "u", PAGE, json!({"user": BEN}))).await?, "completed", json!(false))?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn the_last_manager_stays() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let off = order("unassign", "u", PAGE, json!({"user": ANNA}));
    let without_manage = order("unassign", "t", PAGE, json!({"user": ANNA, "tasks": ["MANAGE"]}));
    let fewer = order("assign", "a", PAGE, json!({"user": ANNA, "tasks": ["ANALYZE"]}));
    for command in [off, without_manage, fewer] {
        let event = story.ask(&command).await?;
        fails(&event, "needs_human", "would_orphan").with_context(|| command.to_string())?;
    }
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn the_last_manager_of_the_business_may_go_where_an_outsider_manages() -> Result<()> {
    let story =
        Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).direct_admin(OUTSIDER)))
            .await?;
    ends(&story.ask(&order("unassign", "u", PAGE, json!({"user": ANNA}))).await?, "completed", json!(true))
}

#[tokio::test]
async fn somebody_who_is_protected_stays() -> Result<()> {
    let both =
        world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::with(both, &[("PROTECTED", "person/3001")]).await?;
    let event = story.ask(&order("unassign", "u", PAGE, json!({"user": ANNA}))).await?;
    fails(&event, "conflict", "protected")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn the_successor_is_seen_in_place_before_the_leaver_goes() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(
        (tasks_on(&story, ANNA).len(), tasks_on(&story, BEN)),
        (0, MANAGER.iter().map(ToString::to_string).collect())
    );
    let calls = story.meta.calls();
    let edge = "assigned_users";
    let granted = number_of(&calls, "grant", |call| call.is(Verb::Post, edge) && call.param("user") == Some(BEN))?;
    let seen = number_of(&calls, "look", |call| call.is(Verb::Get, edge) && call.n > granted)?;
    let removed = number_of(&calls, "removal", |call| call.is(Verb::Delete, edge))?;
    let seen_gone = number_of(&calls, "last look", |call| call.is(Verb::Get, edge) && call.n > removed)?;
    assert!(granted < seen && seen < removed && removed < seen_gone);
    Ok(())
}

#[tokio::test]
async fn the_leaver_stays_until_a_lagging_list_shows_the_successor() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.meta.lag_of("assigned_users", std::time::Duration::from_millis(600));
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    ends(&event, "completed", json!(true))?;
    let calls = story.meta.calls();
    let granted = number_of(&calls, "grant", |call| call.is(Verb::Post, "assigned_users"))?;
    let removed = number_of(&calls, "removal", |call| call.is(Verb::Delete, "assigned_users"))?;
    let looks =
        calls.iter().filter(|call| call.is(Verb::Get, "assigned_users") && call.n > granted && call.n < removed);
    assert!(looks.count() >= 2, "the list lagged");
    assert_eq!(story.writes().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_grant_that_is_refused_leaves_the_leaver_in_place() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": "3901"}))).await?;
    ensure!(phase(&event) == "failed" && event["data"]["changed"] == false, "{event:#}");
    assert_eq!(tasks_on(&story, ANNA), MANAGER);
    Ok(())
}

#[tokio::test]
async fn a_successor_who_would_not_manage_does_not_replace_the_last_manager() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"from": ANNA, "to": BEN, "tasks": ["ANALYZE"]});
    fails(&story.ask(&order("reassign", "r", PAGE, fields)).await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_asset_group_with_other_assets_is_not_left() -> Result<()> {
    let grouped = annas_page(PAGE).page("1002", |p| p.owned_by(BUSINESS)).business(BUSINESS, |b| {
        b.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example").group(
            "5001",
            &[PAGE, "1002"],
            &[(ANNA, MANAGER)],
        )
    });
    let story = Story::of(grouped).await?;
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    fails(&event, "needs_human", "in_asset_group")?;
    let message = event["data"]["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("page/1002"), "names what else is in it: {message}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_asset_group_with_this_asset_alone_is_left_first() -> Result<()> {
    let grouped = annas_page(PAGE).business(BUSINESS, |b| {
        b.person(ANNA, "Anna", "anna@northwind.example").person(BEN, "Ben", "ben@northwind.example").group(
            "5001",
            &[PAGE],
            &[(ANNA, MANAGER)],
        )
    });
    let story = Story::of(grouped).await?;
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?;
    ends(&event, "completed", json!(true))?;
    let world = story.meta.world();
    assert!(!world.businesses[BUSINESS].groups["5001"].users.contains_key(ANNA));
    assert_eq!((tasks_on(&story, ANNA).len(), tasks_on(&story, BEN).len()), (0, 3));
    Ok(())
}

#[tokio::test]
async fn a_dry_run_of_a_reassignment_tells_both_steps_and_takes_none() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"from": ANNA, "to": BEN, "dry_run": true});
    let event = story.ask(&order("reassign", "r", PAGE, fields)).await?;
    ends(&event, "completed", json!(false))?;
    let steps = event["data"]["plan"]["steps"].as_array().context("no steps")?;
    let methods: Vec<_> = steps.iter().filter_map(|step| step["method"].as_str()).collect();
    assert_eq!(methods, ["POST", "DELETE"]);
    assert_eq!(story.writes(), []);
    Ok(())
}
