//! `offboard`: all that a leaver has goes to the successor, and the leaver goes; what cannot be done is named.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Holder, How, Scripted, Token, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, OWNER, Story, TOKEN, cancel, ends, fails, order, phase, world};

pub const PAGES: &[&str] = &["1001", "1002", "1003"];

/// Anna manages three Pages of the business, and has a task on a client's.
pub fn annas() -> World {
    let world = PAGES
        .iter()
        .fold(world(), |world, page| world.page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER)));
    world.page("1009", |p| {
        p.owned_by(OWNER).assign(OWNER, "3901", MANAGER).shared_with(BUSINESS, &["ANALYZE"]).assign(
            BUSINESS,
            ANNA,
            &["ANALYZE"],
        )
    })
}

/// Anna leaves, Ben takes over.
pub fn offboard(id: &str, fields: Value) -> Value {
    let mut order = json!({"id": id, "command": "offboard", "business": BUSINESS, "user": ANNA, "successor": BEN});
    if let (Some(order), Value::Object(fields)) = (order.as_object_mut(), fields) {
        order.extend(fields);
        order.retain(|_, value| !value.is_null());
    }
    order
}

pub fn is_there(story: &Story, person: &str) -> bool {
    story.meta.world().businesses[BUSINESS].users.contains_key(person)
}

fn has(story: &Story, person: &str) -> Vec<String> {
    story.meta.world().pages_of(BUSINESS, person)
}

fn codes(event: &Value) -> Result<Vec<(String, Value)>> {
    let rows = event["data"]["results"].as_array().with_context(|| format!("no results: {event:#}"))?;
    let mut codes: Vec<(String, Value)> = rows
        .iter()
        .map(|row| (row["asset"]["id"].as_str().unwrap_or_default().to_owned(), row["error"]["code"].clone()))
        .collect();
    codes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(codes)
}

#[tokio::test]
async fn all_that_the_leaver_had_is_with_the_successor_and_the_leaver_is_gone() -> Result<()> {
    let mut story = Story::of(annas()).await?;
    let event = story.ask(&offboard("hr", json!({"user": "Anna@Northwind.example"}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!((has(&story, BEN).len(), is_there(&story, ANNA)), (4, false));
    assert_eq!(event["subject"], json!("user/3001"));
    assert_eq!(event["data"]["user"], json!({"id": ANNA, "email": "anna@northwind.example"}));
    assert_eq!(codes(&event)?.len(), 4);
    assert_eq!(story.endings_of("hr").len(), 1);
    story.stop().await
}

#[tokio::test]
async fn a_leaver_who_stays_in_the_business_only_loses_the_assets() -> Result<()> {
    let story = Story::of(annas()).await?;
    let stays = json!({"remove_from_business": false, "protected": ["page/1002"]});
    let event = story.ask(&offboard("hr", stays)).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!((has(&story, ANNA), is_there(&story, ANNA)), (vec!["1002".to_owned()], true));
    assert_eq!(codes(&event)?[1], ("1002".to_owned(), json!("protected")));
    Ok(())
}

#[tokio::test]
async fn what_is_protected_is_left_and_named_and_keeps_the_leaver() -> Result<()> {
    let story = Story::with(annas(), &[("PROTECTED", "[\"page/1001\"]")]).await?;
    let event = story.ask(&offboard("hr", json!({"protected": ["page/1003"]}))).await?;
    ends(&event, "incomplete", json!(true))?;
    let told: Vec<_> =
        codes(&event)?.into_iter().filter(|(_, code)| code == "protected").map(|(page, _)| page).collect();
    assert_eq!(told, ["1001", "1003"]);
    assert_eq!((has(&story, ANNA), is_there(&story, ANNA)), (vec!["1001".to_owned(), "1003".to_owned()], true));
    let touched = |page: &str| story.writes().iter().any(|call| call.path.contains(page));
    assert!(!touched("1001") && !touched("1003"));
    Ok(())
}

#[tokio::test]
async fn a_protected_person_is_taken_from_nothing() -> Result<()> {
    let story = Story::with(annas(), &[("PROTECTED", "[\"anna@northwind.example\"]")]).await?;
    fails(&story.ask(&offboard("hr", json!({}))).await?, "conflict", "protected")?;
    assert_eq!(story.writes().len(), 0);
    Ok(())
}

#[tokio::test]
async fn without_a_successor_the_last_manager_stays_on_the_page_and_in_the_business() -> Result<()> {
    let shared =
        annas().page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER).assign(BUSINESS, BEN, MANAGER));
    let story = Story::of(shared).await?;
    let event = story.ask(&offboard("hr", json!({"successor": null}))).await?;
    ends(&event, "incomplete", json!(true))?;
    let orphan = json!("would_orphan");
    let expected = [("1001", orphan.clone()), ("1002", Value::Null), ("1003", orphan), ("1009", Value::Null)];
    assert_eq!(codes(&event)?, expected.map(|(page, code)| (page.to_owned(), code)));
    assert!(is_there(&story, ANNA));
    Ok(())
}

/// F44.
#[tokio::test]
async fn the_last_admin_is_refused_before_the_first_write() -> Result<()> {
    let story = Story::of(annas()).await?;
    let root = offboard("hr", json!({"user": "root@northwind.example"}));
    fails(&story.ask(&root).await?, "needs_human", "last_admin")?;
    let mut plan = root.clone();
    (plan["id"], plan["dry_run"]) = (json!("dry"), json!(true));
    fails(&story.ask(&plan).await?, "needs_human", "last_admin")?;
    assert_eq!(story.writes().len(), 0);
    Ok(())
}

/// F44.
#[tokio::test]
async fn the_person_behind_the_credential_is_refused_before_the_first_write() -> Result<()> {
    let own = annas().business(BUSINESS, |b| {
        b.admin("3000", "Root", "root@northwind.example").admin(ANNA, "Anna", "anna@northwind.example").person(
            BEN,
            "Ben",
            "ben@northwind.example",
        )
    });
    let own = own.token(TOKEN, Token::of(Holder::User { account: format!("8{ANNA}") }));
    let story = Story::of(own).await?;
    fails(&story.ask(&offboard("hr", json!({}))).await?, "needs_human", "own_credential")?;
    assert_eq!(story.writes().len(), 0);
    Ok(())
}

#[tokio::test]
async fn nobody_and_several_of_a_name_are_no_person_to_offboard() -> Result<()> {
    let twice = annas().business(BUSINESS, |b| {
        b.person("3011", "Ann", "ann@northwind.example").person("3012", "Ann", "ann@northwind.example")
    });
    let story = Story::of(twice).await?;
    for (id, user) in [("a", "ann@northwind.example"), ("b", "nobody@northwind.example"), ("c", "3999")] {
        fails(&story.ask(&offboard(id, json!({"user": user}))).await?, "invalid", "person_not_found")?;
    }
    assert_eq!(story.writes().len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_open_invitation_is_taken_back() -> Result<()> {
    let story = Story::of(annas()).await?;
    let now = story.meta.now();
    story.meta.edit(|world| {
        let open = bindery::graph_sim::Invitation {
            email: "eve@northwind.example".to_owned(),
            role: bindery::graph_sim::BusinessRole::Employee,
            user: "3501".to_owned(),
            since: now,
            expires: now + std::time::Duration::from_secs(3_600),
        };
        world.businesses.get_mut(BUSINESS).map(|place| place.invitations.insert("6001".to_owned(), open))
    });
    let event = story.ask(&offboard("hr", json!({"user": "eve@northwind.example"}))).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["subject"], json!("user/6001"));
    assert!(story.meta.world().businesses[BUSINESS].invitations.is_empty());
    Ok(())
}

/// F45.
#[tokio::test]
async fn a_removal_that_fails_for_ever_leaves_both_in_place_and_the_leaver_in_the_business() -> Result<()> {
    let story = Story::of(annas()).await?;
    let refused = Scripted { code: 200, subcode: None, is_transient: Some(false), status: 400, message: None };
    story.meta.break_next(Break::next(Verb::Delete, "/1002/assigned_users", How::Error(refused)).times(1_000));
    let event = story.ask(&offboard("hr", json!({}))).await?;
    ends(&event, "incomplete", json!(true))?;
    assert_eq!(codes(&event)?[1], ("1002".to_owned(), json!("200")));
    assert_eq!((has(&story, ANNA), is_there(&story, ANNA)), (vec!["1002".to_owned()], true));
    assert!(has(&story, BEN).contains(&"1002".to_owned()), "the successor is in place");
    Ok(())
}

#[tokio::test]
async fn what_is_given_to_the_leaver_meanwhile_is_handed_over_as_well() -> Result<()> {
    let story = Story::of(annas().page("1010", |p| p.owned_by(BUSINESS).assign(BUSINESS, "3000", MANAGER))).await?;
    story.meta.break_next(Break::next(Verb::Delete, "/1001/assigned_users", How::TimeoutAfter));
    story.send(&offboard("hr", json!({}))).await?;
    story.call("a removal", |call| call.is(Verb::Delete, "assigned_users")).await?;
    story.meta.edit(|world| {
        let page = world.page_mut("1010").expect("it is there");
        page.assigned.entry(BUSINESS.to_owned()).or_default().insert(ANNA.to_owned(), ["ANALYZE".to_owned()].into());
    });
    let event = story.event_of("hr").await?;
    ends(&event, "completed", json!(true))?;
    assert!(has(&story, BEN).contains(&"1010".to_owned()) && !is_there(&story, ANNA), "{event:#}");
    Ok(())
}

#[tokio::test]
async fn whoever_grants_a_leaver_something_meets_a_conflict() -> Result<()> {
    let story = Story::of(annas().page("1010", |p| p.owned_by(BUSINESS).assign(BUSINESS, BEN, MANAGER))).await?;
    story.meta.break_next(Break::next(Verb::Post, "/1001/assigned_users", How::TimeoutBefore));
    story.send(&offboard("hr", json!({"user": "anna@northwind.example"}))).await?;
    story.call("a grant", |call| call.is(Verb::Post, "assigned_users")).await?;
    let grant = order("assign", "a", "1010", json!({"user": ANNA, "tasks": ["ANALYZE"]}));
    fails(&story.ask(&grant).await?, "conflict", "being_offboarded")?;
    let hand_over = order("reassign", "r", "1010", json!({"from": BEN, "to": "anna@northwind.example"}));
    fails(&story.ask(&hand_over).await?, "conflict", "being_offboarded")?;
    ends(&story.event_of("hr").await?, "completed", json!(true))
}

#[tokio::test]
async fn a_second_offboarding_of_the_same_person_waits_and_finds_nobody() -> Result<()> {
    let mut story = Story::of(annas()).await?;
    story.meta.break_next(Break::next(Verb::Post, "/1001/assigned_users", How::TimeoutBefore));
    story.send(&offboard("hr", json!({}))).await?;
    story.call("a grant", |call| call.is(Verb::Post, "assigned_users")).await?;
    story.send(&offboard("again", json!({}))).await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("hr").await?, "completed", json!(true))?;
    let again = story.event_of("again").await?;
    ensure!(["completed", "failed"].contains(&phase(&again)) && again["data"]["changed"] == false, "{again:#}");
    assert_eq!(story.writes().iter().filter(|call| call.path == "/3001" && call.effect.is_some()).count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_offboarding_stops_where_it_is() -> Result<()> {
    let story = Story::of(annas()).await?;
    story.meta.break_next(Break::next(Verb::Post, "/1001/assigned_users", How::TimeoutAfter));
    story.send(&offboard("hr", json!({}))).await?;
    story.call("a grant", |call| call.is(Verb::Post, "assigned_users") && call.path.contains("1001")).await?;
    story.ask(&cancel("stop", "hr")).await?;
    let event = story.event_of("hr").await?;
    ensure!(phase(&event) == "cancelled", "{event:#}");
    assert!(is_there(&story, ANNA));
    assert_eq!(story.meta.world().orphans().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_deadline_leaves_a_rest_that_is_told() -> Result<()> {
    let story = Story::of(annas()).await?;
    let lost = Break::next(Verb::Post, "/1002/assigned_users", How::TimeoutBefore).times(1_000);
    story.meta.break_next(lost);
    let soon = jiff::Timestamp::now() + std::time::Duration::from_secs(3);
    let event = story.ask(&offboard("hr", json!({"expires_at": soon.to_string()}))).await?;
    ends(&event, "incomplete", json!(true))?;
    let left: Vec<_> = codes(&event)?;
    assert_eq!(left.len(), 4, "{event:#}");
    assert!(is_there(&story, ANNA));
    Ok(())
}

#[tokio::test]
async fn access_that_came_back_is_taken_again_by_the_rechecks() -> Result<()> {
    let settings = [("OFFBOARDING__RECHECK_FIRST", "2s"), ("OFFBOARDING__RECHECK_LAST", "6s")];
    let mut story = Story::with(annas(), &settings).await?;
    ends(&story.ask(&offboard("hr", json!({"remove_from_business": false}))).await?, "completed", json!(true))?;
    story.meta.edit(|world| {
        let page = world.page_mut("1003").expect("it is there");
        page.assigned.entry(BUSINESS.to_owned()).or_default().insert(ANNA.to_owned(), ["ANALYZE".to_owned()].into());
    });
    story.kill().await?;
    story.restart().await?;
    let first = story.event_of("hr~recheck-1").await?;
    ends(&first, "completed", json!(true))?;
    assert_eq!(first["data"]["resurfaced"], json!(true), "{first:#}");
    assert_eq!((first["data"]["follows"].clone(), first["data"]["actor"].clone()), (json!("hr"), json!("bindery")));
    assert_eq!(codes(&first)?, [("1003".to_owned(), Value::Null)]);
    let last = story.event_of("hr~recheck-2").await?;
    ends(&last, "completed", json!(false))?;
    assert_eq!(last["data"]["resurfaced"], Value::Null);
    assert_eq!(has(&story, ANNA), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn who_comes_back_into_the_business_is_taken_out_again() -> Result<()> {
    let settings = [("OFFBOARDING__RECHECK_FIRST", "1s"), ("OFFBOARDING__RECHECK_LAST", "2s")];
    let story = Story::with(annas(), &settings).await?;
    ends(&story.ask(&offboard("hr", json!({}))).await?, "completed", json!(true))?;
    story.meta.edit(|world| {
        let back = bindery::graph_sim::Person { email: "anna@northwind.example".to_owned(), ..Default::default() };
        world.businesses.get_mut(BUSINESS).map(|place| place.users.insert("3777".to_owned(), back))
    });
    story.event_of("hr~recheck-2").await?;
    let rechecks = [story.event_of("hr~recheck-1").await?, story.event_of("hr~recheck-2").await?];
    let told = rechecks.iter().filter(|event| event["data"]["resurfaced"] == true).count();
    assert_eq!((told, is_there(&story, "3777")), (1, false), "{rechecks:#?}");
    Ok(())
}
