//! F09, F10: told to stop while calls are out.

use std::time::Duration;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::broker::{load_is_done, send_load};
use super::trial::Trial;
use crate::harness::world;
use crate::load;

const COMMANDS: usize = 18;

/// Writes that take their time, or never end; more commands than those wait behind them.
async fn busy(name: &'static str, how: How, settings: &[(&str, &str)]) -> Result<Trial> {
    let pages = (0..COMMANDS).fold(world(), load::with_page);
    let mut trial = Trial::of(name, pages, settings).await?;
    for verb in [Verb::Post, Verb::Delete] {
        trial.story.meta.break_next(Break::next(verb, "/", how.clone()).times(3));
    }
    send_load(&mut trial, 0..COMMANDS).await?;
    trial.story.call("a write", |call| call.is_write()).await?;
    trial.strikes();
    Ok(trial)
}

/// Nothing began once the worker had heard the signal, nothing is a dead letter, and all ends with the next worker.
async fn goes_on(mut trial: Trial, told: jiff::Timestamp) -> Result<()> {
    let late: Vec<_> =
        trial.story.calls().into_iter().filter(|call| call.at > told + SignedDuration::from_millis(300)).collect();
    ensure!(late.is_empty(), "begun after the stop: {late:#?}");
    ensure!(trial.story.vhost.depth("bindery.dead").await? == 0, "a dead letter");
    trial.story.restart().await?;
    load_is_done(&trial, COMMANDS).await?;
    let blind = load::blind_repeats(&trial.story.meta.calls());
    ensure!(blind.is_empty(), "{blind:#?}");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f09_told_to_stop_with_slow_calls_out_the_worker_lets_them_end_and_begins_none() -> Result<()> {
    let mut trial = busy("F09 slow", How::Slow(1), &[("GRAPH__CALL_WITHIN", "5s")]).await?;
    let told = trial.story.meta.now();
    trial.story.stop().await?;
    goes_on(trial, told).await
}

#[tokio::test]
async fn f09_calls_that_never_end_are_left_within_the_grace_period_and_looked_up_later() -> Result<()> {
    let settings = [("GRAPH__CALL_WITHIN", "30s"), ("SHUTDOWN_WITHIN", "1s")];
    let mut trial = busy("F09 without an answer", How::TimeoutAfter, &settings).await?;
    trial.has_died();
    let (told, began) = (trial.story.meta.now(), Instant::now());
    trial.story.stop().await?;
    ensure!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    trial.story.set("GRAPH__CALL_WITHIN", "1s");
    goes_on(trial, told).await
}

#[tokio::test]
async fn f10_told_twice_the_worker_ends_at_once() -> Result<()> {
    for second in ["TERM", "INT"] {
        let settings = [("GRAPH__CALL_WITHIN", "30s"), ("SHUTDOWN_WITHIN", "25s")];
        let mut trial = busy(
            if second == "TERM" { "F10 SIGTERM twice" } else { "F10 SIGINT during drain" },
            How::TimeoutAfter,
            &settings,
        )
        .await?;
        trial.has_died();
        let (told, began) = (trial.story.meta.now(), Instant::now());
        trial.story.signal("TERM").await?;
        trial.is_told("letting running steps end").await?;
        trial.story.signal(second).await?;
        let ended = trial.story.death().await?;
        ensure!(ended.success() && began.elapsed() < Duration::from_secs(3), "{ended} after {:?}", began.elapsed());
        trial.story.set("GRAPH__CALL_WITHIN", "1s");
        goes_on(trial, told).await?;
    }
    Ok(())
}
