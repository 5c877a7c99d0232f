//! A worker whose journal is a database of PostgreSQL: the same commands, the same ends, and what only a server can do.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::json;

use crate::cluster::Cluster;
use crate::faults::broker::{load_is_done, send_load};
use crate::faults::trial::Trial;
use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, Store, Story, agency_claim, clients_page, ends, order, phase, world,
};
use crate::load;
use crate::rabbit;

const PAGE: &str = "1001";
/// A worker that is gone is not waited for long.
const SHORT_LEASE: (&str, &str) = ("JOURNAL__LEASE", "500ms");

/// A story on PostgreSQL, its worker up.
async fn story(world: World, settings: &[(&str, &str)]) -> Result<Story> {
    story_on(Store::Postgres, world, settings).await
}

async fn story_on(store: Store, world: World, settings: &[(&str, &str)]) -> Result<Story> {
    let mut story = Story::prepared(rabbit::vhost().await?, world, settings).await?;
    story.keep_in(store).await?;
    story.restart().await?;
    Ok(story)
}

/// A mixed load of so many on this store, the worker up.
async fn trial(name: &'static str, commands: usize, store: Store) -> Result<Trial> {
    let pages = (0..commands).fold(world(), load::with_page);
    let mut trial = Trial::prepared(name, rabbit::vhost().await?, pages, &[]).await?;
    trial.story.keep_in(store).await?;
    trial.story.restart().await?;
    Ok(trial)
}

#[tokio::test]
async fn claims_reassignments_and_unbinds_end_alike_on_every_store_and_a_kill_does_not_claim_again() -> Result<()> {
    tokio::try_join!(end_as_asked_on(Store::Sqlite), end_as_asked_on(Store::Postgres)).map(drop)
}

async fn end_as_asked_on(store: Store) -> Result<()> {
    let pages = clients_page(PAGE).page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let mut story = story_on(store, pages, &[]).await?;
    story.meta.break_next(Break::next(Verb::Post, "/client_pages", How::TimeoutAfter));
    story.send(&agency_claim("claim", PAGE)).await?;
    story.call("the claim", |call| call.is(Verb::Post, "client_pages")).await?;
    story.kill().await?;
    story.restart().await.context("a worker that was killed on this machine is not waited for")?;
    story.told("claim", "pending").await?;
    let moved = order("reassign", "move", "1002", json!({"from": ANNA, "to": BEN}));
    ends(&story.ask(&moved).await?, "completed", json!(true))?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("claim").await?, "confirmed", json!(true))?;
    ends(&story.ask(&order("unbind", "off", PAGE, json!({}))).await?, "completed", json!(true))?;
    assert_eq!((story.posts("client_pages"), story.endings_of("claim").len()), (1, 1));
    assert!(story.ask(&agency_claim("claim", PAGE)).await?["data"]["terminal"] == true, "known over the kill");
    Ok(())
}

#[tokio::test]
async fn a_load_goes_on_where_killed_workers_left_it_on_postgresql_too() -> Result<()> {
    let mut trial = trial("PostgreSQL, kills", 18, Store::Postgres).await?;
    for n in 0..3 {
        send_load(&mut trial, n * 6..n * 6 + 6).await?;
        let seen = trial.story.last_call();
        trial.story.call("work", |call| call.n > seen && call.is_write()).await?;
        trial.kill().await?;
        trial.story.restart().await?;
    }
    load_is_done(&trial, 18).await?;
    let again = load::sent_again(&trial.story.meta.calls());
    ensure!(again.is_empty(), "a look must show that it was done, or that it never left: {again:?}");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f49_f50_postgresql_crashes_and_goes_away_under_load_and_nothing_is_lost() -> Result<()> {
    let cluster = Cluster::start().await?;
    let database = cluster.new_database().await?;
    let mut trial = trial("F49 and F50", 18, Store::This(database)).await?;
    send_load(&mut trial, 0..6).await?;
    trial.story.call("work", |call| call.is_write()).await?;
    trial.strikes();
    trial.has_died();
    cluster.crash().await?;
    trial.is_back().await?;
    send_load(&mut trial, 6..12).await?;
    let seen = trial.story.last_call();
    trial.story.call("work after the crash", |call| call.n > seen).await?;
    cluster.stop().await?;
    trial.strikes();
    trial.is_not_ready("journal").await?;
    send_load(&mut trial, 12..18).await?;
    trial.expect_unacknowledged(6).await?;
    cluster.bring_back().await?;
    trial.is_back().await?;
    load_is_done(&trial, 18).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f11_a_worker_that_was_frozen_past_its_lease_writes_nothing_late_and_ends() -> Result<()> {
    let mut story = story(clients_page(PAGE), &[SHORT_LEASE]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.signal("STOP").await?;
    rabbit::eventually("its lease is over", || async { Ok(story.journal().held_by().await?.is_none()) }).await?;
    // Whoever comes next has the journal, by the database's time.
    story.cli(&["hold", BUSINESS, "--reason", "frozen"], &[]).await?.ends(0, &[])?;
    let last = story.last_call();
    story.signal("CONT").await?;
    let ended = story.death().await?;
    ensure!(ended.code() == Some(3), "{ended}: {}", story.state_of_things());
    ensure!(story.log_text().contains("another worker has the journal"), "{}", story.log_text());
    ensure!(!story.writes().iter().any(|call| call.n > last), "it wrote: {:#?}", story.writes());
    story.restart().await?;
    story.cli(&["resume", BUSINESS, "--reason", "thawed"], &[]).await?.ends(0, &[])?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ensure!(phase(&story.event_of("c").await?) == "confirmed", "{:#?}", story.events_of("c"));
    Ok(())
}

#[tokio::test]
async fn what_an_operator_asks_of_a_database_is_answered_beside_its_worker() -> Result<()> {
    let story = story(clients_page(PAGE), &[]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.cli(&["db", "status"], &[]).await?.ends(0, &["postgres://bindery@127.0.0.1", "up to date"])?;
    story.cli(&["db", "migrate", "--reason", "a look"], &[]).await?.ends(0, &["was up to date"])?;
    story.cli(&["status", "c"], &[]).await?.ends(0, &["pending"])?;
    let doctor = story.cli(&["doctor"], &[]).await?;
    for line in ["schema 2", "it can be written to", "its schema is sound", "has the journal"] {
        ensure!(doctor.out.contains(line), "{line:?} is not told: {doctor:#?}");
    }
    let second = story.cli(&["run"], &[("START_WITHIN", "1s"), ("HTTP__LISTEN", "127.0.0.1:0")]).await?;
    second.ends(3, &["is held by another worker (process", "stop it first"])?;
    let file = story.folder().join("moved.jsonl").display().to_string();
    story.cli(&["journal", "export", &file], &[]).await?.ends(0, &["as its counts and hashes say"])?;
    story.cli(&["journal", "export", &file], &[]).await?.ends(2, &["File exists"])?;
    let elsewhere = format!("sqlite://{}/moved.db", story.folder().display());
    let there = [("JOURNAL__URL", elsewhere.as_str())];
    story.cli(&["journal", "import", &file, "--reason", "we move"], &there).await?.ends(0, &["moved.db"])?;
    story
        .cli(&["journal", "import", &file, "--reason", "we move"], &there)
        .await?
        .ends(1, &["holds something already"])?;
    story.cli(&["status", "c"], &there).await?.ends(0, &["pending"])?;
    story.cli(&["db", "status", "--json"], &there).await?.ends(0, &["\"usable\":true"])
}
