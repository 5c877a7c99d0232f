//! What the worker forgets, and what it knows all the same.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::config::Config;
use bindery::engine::{Clock, Engine};
use bindery::graph::{Graph, GraphConfig};
use bindery::journal::Journal;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::harness::{Story, WORKER, agency_claim, cancel, clients_page, ends, owner_claim, phase, world};
use crate::rabbit::{PATIENCE, eventually};

const PAGE: &str = "1001";
/// Commands are forgotten at once, their ids in an hour.
const FORGETFUL: &[(&str, &str)] =
    &[("RETENTION__COMMANDS", "300ms"), ("RETENTION__IDS", "1h"), ("RETENTION__EVIDENCE", "1h")];

/// Commands forgotten so far, as the worker says.
fn forgotten(story: &Story) -> usize {
    let batch = |line: &str| {
        let (_, rest) = line.split_once("forgot a batch of ")?;
        rest.split_once(" commands").and_then(|(count, _)| count.parse::<usize>().ok())
    };
    story.log_text().lines().filter_map(batch).sum()
}

async fn forgets(story: &Story, commands: usize) -> Result<()> {
    eventually("it is forgotten", || async { Ok(forgotten(story) >= commands) }).await
}

#[tokio::test]
async fn a_duplicate_of_what_ended_long_ago_is_told_how_it_ended() -> Result<()> {
    let story = Story::with(world().page(PAGE, |p| p.direct_admin(WORKER)), FORGETFUL).await?;
    let claim = owner_claim("c", PAGE);
    let ended = story.ask(&claim).await?;
    let done = story.last_call();
    forgets(&story, 1).await?;
    story.send(&claim).await?;
    let rejected = story.told("c", "rejected").await?;
    let data = &rejected["data"];
    assert_eq!((&data["error"]["category"], &data["error"]["code"]), (&json!("conflict"), &json!("already_ended")));
    assert_eq!((&data["ended"]["phase"], &data["ended"]["event_id"]), (&json!("confirmed"), &ended["id"]));
    ensure!(data["ended"]["fingerprint"].as_str().is_some_and(|print| print.starts_with("sha256:")), "{rejected:#}");
    let mut other = claim.clone();
    other["reason"] = json!("something else");
    story.send(&other).await?;
    story.event("the other content", |event| event["data"]["error"]["code"] == "id_reused").await?;
    assert_eq!((story.last_call(), story.vhost.depth("bindery.dead").await?), (done, 0), "no call and no dead letter");
    Ok(())
}

#[tokio::test]
async fn an_id_older_than_ids_is_new() -> Result<()> {
    let shorter: Vec<_> = FORGETFUL.iter().map(|(name, _)| (*name, "300ms")).collect();
    let story = Story::with(world().page(PAGE, |p| p.direct_admin(WORKER)), &shorter).await?;
    let claim = owner_claim("c", PAGE);
    ends(&story.ask(&claim).await?, "confirmed", json!(true))?;
    forgets(&story, 1).await?;
    eventually("the id is forgotten", || async { Ok(story.log_text().contains("1 ids")) }).await?;
    story.send(&claim).await?;
    let anew = |event: &Value| event["data"]["command_id"] == "c" && event["data"]["changed"] == false;
    let event = story.event("the second end", anew).await?;
    assert_eq!(phase(&event), "confirmed", "done anew, and nothing was left to do");
    Ok(())
}

#[tokio::test]
async fn what_is_pending_is_not_forgotten_however_long_it_takes() -> Result<()> {
    let story = Story::with(clients_page(PAGE), FORGETFUL).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.ask(&cancel("x", "nobody")).await?;
    forgets(&story, 1).await?;
    story.meta.approve(crate::harness::BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

const DAY: Duration = Duration::from_secs(86_400);

/// An engine in this process, by way of a pipe: its clock is ours to move.
#[tokio::test]
async fn a_month_and_a_year_pass_by_the_workers_own_clock() -> Result<()> {
    // An error means that another story was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    let journal = Journal::open(&folder.path().join("journal.db")).await?;
    let (clock, stop) = (Clock::default(), CancellationToken::new());
    let engine = Engine::new(Config::from_toml("")?, journal.clone(), nobodys_graph()?, clock.clone(), stop).await?;
    let (bodies, mut coming) = mpsc::channel::<Vec<u8>>(1);
    let (told, mut events) = mpsc::unbounded_channel();
    let bodies_coming = futures_util::stream::poll_fn(move |context| coming.poll_recv(context));
    let sink = move |event: &[u8]| told.send(event.to_vec()).map_err(std::io::Error::other);
    let (body, id) = (cancel("c", "nobody").to_string().into_bytes(), "c".parse()?);
    let story = async move {
        let mut ask = async || -> Result<Value> {
            bodies.send(body.clone()).await?;
            let event = timeout(PATIENCE, events.recv()).await?.context("the engine has ended")?;
            Ok(serde_json::from_slice(&event)?)
        };
        let first = ask().await?;
        clock.advance(29 * DAY);
        assert_eq!(ask().await?, first, "29 days are not 30");
        clock.advance(2 * DAY);
        eventually("its end alone is known", || async { Ok(journal.ending(&id).await?.is_some()) }).await?;
        let rejected = ask().await?;
        assert_eq!(rejected["data"]["error"]["code"], json!("already_ended"));
        assert_eq!(rejected["data"]["ended"]["event_id"], first["id"]);
        clock.advance(370 * DAY);
        eventually("nothing is known", || async { Ok(journal.ending(&id).await?.is_none()) }).await?;
        let anew = ask().await?;
        ensure!(phase(&anew) == "completed" && anew["time"] != first["time"], "{anew:#}");
        Ok(())
    };
    let (_, story) = tokio::join!(engine.pipe(bodies_coming, sink), story);
    story
}

/// Nothing in this story asks Meta.
fn nobodys_graph() -> Result<Graph> {
    let config = GraphConfig {
        base_url: "http://127.0.0.1:9".to_owned(),
        api_version: "v26.0".to_owned(),
        call_within: Duration::from_secs(1),
        page_limit: 100,
    };
    Ok(Graph::new(&config)?)
}

/// Enough for several batches.
const MANY: usize = 300;

#[tokio::test]
async fn a_worker_killed_while_it_forgets_goes_on_where_it_stood_and_does_nothing_twice() -> Result<()> {
    let mut story = Story::with(world(), &[&FORGETFUL[1..], &[("RETENTION__COMMANDS", "3s")]].concat()).await?;
    let id = |n: usize| format!("c-{n}");
    for n in 0..MANY {
        story.send(&cancel(&id(n), &format!("nobody-{n}"))).await?;
    }
    for n in 0..MANY {
        ends(&story.event_of(&id(n)).await?, "completed", json!(false))?;
    }
    forgets(&story, 1).await?;
    story.kill().await?;
    let before = forgotten(&story);
    ensure!(before < MANY, "it was killed too late to tell anything: {before}");
    story.restart().await?;
    let began = Instant::now();
    forgets(&story, MANY).await?;
    for n in 0..MANY {
        story.send(&cancel(&id(n), &format!("nobody-{n}"))).await?;
    }
    let known = |event: &Value| event["data"]["error"]["code"] == "already_ended";
    story.events_told(MANY, known).await?;
    ensure!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    for n in 0..MANY {
        let events = story.events_of(&id(n));
        let ended = events.iter().filter(|event| phase(event) == "completed").count();
        let context = || format!("{}: {events:#?}", id(n));
        ensure!(ended == 1 && events.len() == 2, "{}", context());
        story.endings_of(&id(n)).first().with_context(context)?;
    }
    Ok(())
}
