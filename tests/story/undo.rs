//! `undo`: what a finished command changed is taken back, or is named.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Page, Verb};
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, OUTSIDER, OWNER, Story, agency_claim, annas_page, cancel, clients_page, ends, fails,
    order, orders, phase, world,
};

const PAGE: &str = "1001";

fn undo(id: &str, target: &str) -> Value {
    json!({"id": id, "command": "undo", "target": target, "actor": "hr", "reason": "a mistake"})
}

/// Who may do what on a Page, and whose it is.
fn page(story: &Story, id: &str) -> Page {
    (*story.meta.world().pages[id]).clone()
}

/// Each result as its asset and its error's code.
fn codes(event: &Value) -> BTreeMap<String, String> {
    let code = |result: &Value| {
        let code = result["error"]["code"].as_str().unwrap_or("none");
        (result["asset"]["id"].as_str().unwrap_or_default().to_owned(), code.to_owned())
    };
    event["data"]["results"].as_array().into_iter().flatten().map(code).collect()
}

#[tokio::test]
async fn a_reassignment_is_taken_back_successor_first() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let before = page(&story, PAGE);
    ends(&story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?, "completed", json!(true))?;
    let done = story.last_call();
    let event = story.ask(&undo("u", "r")).await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!((event["subject"].as_str(), event["data"]["target"].as_str()), (Some("command/u"), Some("r")));
    assert_eq!(page(&story, PAGE), before);
    let calls = story.meta.calls_after(done);
    let first = |verb| calls.iter().position(|call| call.is(verb, "assigned_users")).context("no such call");
    ensure!(first(Verb::Post)? < first(Verb::Delete)?, "given before it is taken: {calls:#?}");
    // Once more there is nothing left to do.
    ends(&story.ask(&undo("u2", "r")).await?, "completed", json!(false))?;
    story.cli(&["evidence", "u"], &[]).await?.ends(0, &["u: undo r, ended as completed", "u~1: reassign page/1001"])
}

#[tokio::test]
async fn a_whole_list_is_taken_back_and_a_dry_run_says_how_without_a_write() -> Result<()> {
    let two = annas_page(PAGE).page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::of(two).await?;
    let before = [page(&story, PAGE), page(&story, "1002")];
    let list = orders("reassign", "r", &[PAGE, "1002"], json!({"from": ANNA, "to": BEN}));
    ends(&story.ask(&list).await?, "completed", json!(true))?;
    let done = story.last_call();
    let mut dry = undo("d", "r");
    dry["dry_run"] = json!(true);
    let planned = story.ask(&dry).await?;
    ends(&planned, "completed", json!(false))?;
    let planned: Vec<(String, String)> = planned["data"]["plan"]["steps"]
        .as_array()
        .context("no plan")?
        .iter()
        .filter_map(|step| Some((step["method"].as_str()?.to_owned(), step["path"].as_str()?.to_owned())))
        .collect();
    ensure!(story.meta.calls_after(done).iter().all(|call| !call.is_write()), "a dry run writes");
    ends(&story.ask(&undo("u", "r")).await?, "completed", json!(true))?;
    assert_eq!([page(&story, PAGE), page(&story, "1002")], before);
    let word = |verb| if verb == Verb::Post { "POST" } else { "DELETE" };
    let made = story.meta.calls_after(done).into_iter().filter(|call| call.is_write());
    let mut made: Vec<(String, String)> = made.map(|call| (word(call.method).to_owned(), call.path)).collect();
    let mut planned = planned;
    made.sort();
    planned.sort();
    assert_eq!(made, planned, "what was planned was done");
    Ok(())
}

#[tokio::test]
async fn what_somebody_changed_since_is_left_and_named() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let assign = order("assign", "a", PAGE, json!({"user": BEN, "tasks": ["ANALYZE"]}));
    ends(&story.ask(&assign).await?, "completed", json!(true))?;
    story.ask(&order("assign", "b", PAGE, json!({"user": BEN, "tasks": ["ADVERTISE"]}))).await?;
    let done = story.last_call();
    let event = story.ask(&undo("u", "a")).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(codes(&event), BTreeMap::from([(PAGE.to_owned(), "changed_since".to_owned())]));
    ensure!(story.meta.calls_after(done).iter().all(|call| !call.is_write()), "it was left alone");
    let first = story.events_of("u").into_iter().next().context("no event")?;
    ensure!(phase(&first) == "progress" && codes(&first) == codes(&event), "named before anything is done: {first:#}");
    Ok(())
}

#[tokio::test]
async fn what_an_undo_would_orphan_stays() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.ask(&order("assign", "a", PAGE, json!({"user": BEN, "tasks": MANAGER}))).await?;
    ends(&story.ask(&order("unassign", "b", PAGE, json!({"user": ANNA}))).await?, "completed", json!(true))?;
    let event = story.ask(&undo("u", "a")).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(codes(&event), BTreeMap::from([(PAGE.to_owned(), "would_orphan".to_owned())]));
    // What was done last can be taken back.
    ends(&story.ask(&undo("v", "b")).await?, "completed", json!(true))
}

#[tokio::test]
async fn a_claim_is_let_go_of_unless_people_were_put_on_it_or_it_is_gone() -> Result<()> {
    let two = clients_page(PAGE).page("1002", |p| p.owned_by(OWNER)).page("1003", |p| p.owned_by(OWNER));
    let story = Story::of(two).await?;
    let list =
        orders("claim", "c", &[PAGE, "1002", "1003"], json!({"access": "agency", "permitted_tasks": ["ANALYZE"]}));
    story.send(&list).await?;
    for page in [PAGE, "1002", "1003"] {
        story
            .call("the claim", |call| call.is(Verb::Post, "client_pages") && call.param("page_id") == Some(page))
            .await?;
        story.meta.approve(BUSINESS, page, None)?;
    }
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    story.ask(&order("assign", "a", "1002", json!({"user": BEN, "tasks": ["ANALYZE"]}))).await?;
    story.ask(&order("unbind", "b", "1003", json!({}))).await?;
    let event = story.ask(&undo("u", "c")).await?;
    ends(&event, "incomplete", json!(true))?;
    let expected = [(PAGE, "none"), ("1002", "changed_since"), ("1003", "changed_since")];
    assert_eq!(codes(&event), expected.map(|(id, code)| (id.to_owned(), code.to_owned())).into());
    ensure!(
        !page(&story, PAGE).agencies.contains_key(BUSINESS) && page(&story, "1002").agencies.contains_key(BUSINESS)
    );
    Ok(())
}

#[tokio::test]
async fn what_was_let_go_of_needs_a_claim_and_nothing_is_pretended() -> Result<()> {
    let story =
        Story::of(world().page(PAGE, |p| p.owned_by(BUSINESS).direct_admin(OUTSIDER).assign(BUSINESS, ANNA, MANAGER)))
            .await?;
    ends(&story.ask(&order("unbind", "b", PAGE, json!({}))).await?, "completed", json!(true))?;
    let done = story.last_call();
    let event = story.ask(&undo("u", "b")).await?;
    ends(&event, "incomplete", json!(false))?;
    assert_eq!(codes(&event), BTreeMap::from([(PAGE.to_owned(), "needs_claim".to_owned())]));
    assert_eq!(story.last_call(), done, "there is nothing to ask");
    Ok(())
}

#[tokio::test]
async fn what_is_open_unknown_or_no_command_on_assets_cannot_be_undone() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    fails(&story.ask(&undo("u1", "nobody")).await?, "invalid", "unknown_target")?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    fails(&story.ask(&undo("u2", "c")).await?, "conflict", "not_finished")?;
    ends(&story.ask(&cancel("x", "c")).await?, "completed", json!(true))?;
    fails(&story.ask(&undo("u3", "x")).await?, "unsupported", "not_undoable")?;
    // The claim changed nothing that stands: its request was taken back.
    ends(&story.ask(&undo("u4", "c")).await?, "completed", json!(false))
}

#[tokio::test]
async fn killed_in_the_middle_it_goes_on_and_does_nothing_twice() -> Result<()> {
    let mut story = Story::of(annas_page(PAGE)).await?;
    let before = page(&story, PAGE);
    ends(&story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN}))).await?, "completed", json!(true))?;
    let done = story.last_call();
    story.send(&undo("u", "r")).await?;
    story.call("its first write", |call| call.n > done && call.is(Verb::Post, "assigned_users")).await?;
    story.kill().await?;
    story.restart().await?;
    ends(&story.event_of("u").await?, "completed", json!(true))?;
    assert_eq!((page(&story, PAGE), story.endings_of("u").len()), (before, 1));
    let effects = story.meta.calls_after(done).into_iter().filter(|call| call.is_write() && call.effect.is_some());
    assert_eq!(effects.count(), 2, "given back once, taken once");
    Ok(())
}

/// Numbers as if by chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn tasks(&mut self) -> &'static [&'static str] {
        [MANAGER, &["ANALYZE"], &["ADVERTISE", "ANALYZE"], &["MODERATE"]][usize::try_from(self.of(4)).unwrap_or(0)]
    }
}

const PAGES: u64 = 60;

/// A Page of each kind of luck, and a command on it.
fn at_random(dice: &mut Dice) -> (bindery::graph_sim::World, Vec<Value>) {
    let (mut world, mut commands) = (world(), Vec::new());
    for n in 0..PAGES {
        let id = (5_000 + n).to_string();
        let (anna, ben) = (dice.tasks(), dice.tasks());
        let both = dice.of(2) == 0;
        world = world.page(&id, |p| {
            let p = p.owned_by(BUSINESS).direct_admin(OUTSIDER).assign(BUSINESS, ANNA, anna);
            if both { p.assign(BUSINESS, BEN, ben) } else { p }
        });
        let name = format!("t-{n}");
        commands.push(match dice.of(4) {
            0 => order("assign", &name, &id, json!({"user": BEN, "tasks": dice.tasks()})),
            1 => order("unassign", &name, &id, json!({"user": ANNA})),
            2 => order("unbind", &name, &id, json!({})),
            _ => order("reassign", &name, &id, json!({"from": ANNA, "to": BEN})),
        });
    }
    (world, commands)
}

#[tokio::test]
async fn sixty_commands_at_random_are_undone_or_named() -> Result<()> {
    let (world, commands) = at_random(&mut Dice(20_261_125));
    let story = Story::of(world).await?;
    let before = story.meta.world().pages;
    for command in &commands {
        story.send(command).await?;
    }
    for command in &commands {
        let event = story.event_of(command["id"].as_str().unwrap_or_default()).await?;
        ensure!(phase(&event) == "completed", "{event:#}");
    }
    for n in 0..PAGES {
        story.send(&undo(&format!("u-{n}"), &format!("t-{n}"))).await?;
    }
    for (n, command) in (0..PAGES).zip(&commands) {
        let event = story.event_of(&format!("u-{n}")).await?;
        let id = command["asset"]["id"].as_str().unwrap_or_default();
        let named = codes(&event).get(id).is_some_and(|code| code != "none");
        let as_before = story.meta.world().pages[id] == before[id];
        ensure!(as_before != named, "{command}: {:#?} became {:#?}, and {event:#}", before[id], page(&story, id));
        ensure!(named == (command["command"] == "unbind"), "only what was let go of cannot come back: {event:#}");
    }
    Ok(())
}
