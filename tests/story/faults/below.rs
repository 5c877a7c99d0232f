//! F51 to F53, F58: the disk, the clock, and names: what lies below the worker.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};

use super::broker::{load_is_done, load_is_done_of, send_load};
use super::lock::integrity;
use super::shim::{Disk, Names, Shim};
use super::trial::{Trial, scaled};
use crate::harness::{BUSINESS, agency_claim, clients_page, world};
use crate::load;
use crate::proxy::{ANY, Proxy, Way};
use crate::rabbit;

/// A mixed load of so many, with a shim under the worker, which is up.
async fn with_shim(name: &'static str, commands: usize, settings: &[(&str, &str)]) -> Result<(Trial, Shim)> {
    let pages = (0..commands).fold(world(), load::with_page);
    let mut trial = Trial::prepared(name, rabbit::vhost().await?, pages, settings).await?;
    let shim = Shim::under(&mut trial).await?;
    trial.story.restart().await?;
    Ok((trial, shim))
}

fn is_whole(trial: &Trial) -> Result<()> {
    let said = integrity(&trial.story.folder().join("bindery.db"))?;
    ensure!(said == "ok", "the journal is damaged: {said}");
    Ok(())
}

#[tokio::test]
async fn f51_what_a_full_or_read_only_disk_cannot_store_is_not_acknowledged() -> Result<()> {
    let full = refuses_to_store("F51 full disk", Disk::Full);
    let read_only = refuses_to_store("F51 read-only disk", Disk::ReadOnly);
    tokio::try_join!(full, read_only).map(drop)
}

async fn refuses_to_store(name: &'static str, disk: Disk) -> Result<()> {
    let (mut trial, shim) = with_shim(name, 18, &[]).await?;
    send_load(&mut trial, (0..6).filter(leaves_a_sign)).await?;
    trial.is_told("accepted unbind cmd-5").await?;
    shim.disk(disk)?;
    trial.strikes();
    // A read that was out just then has no line in the evidence: its answer could not be stored, and is read again.
    trial.has_died();
    trial.is_not_ready("journal").await?;
    send_load(&mut trial, (6..18).filter(leaves_a_sign)).await?;
    trial.is_not_ready("paused").await?;
    trial.expect_unacknowledged(10).await?;
    let last = trial.story.last_call();
    let asked = trial.story.meta.call_where(Duration::from_secs(2), |call| call.n > last).await;
    ensure!(asked.is_none(), "Meta is asked what cannot be recorded: {asked:?}");
    shim.disk(Disk::Healthy)?;
    trial.is_back().await?;
    load_is_done_of(&trial, (0..18).filter(leaves_a_sign)).await?;
    is_whole(&trial)?;
    let accounting = trial.settles().await?;
    ensure!(accounting.duplicated <= 15, "events were published again and again: {accounting}");
    Ok(())
}

/// A claim whose answer cannot be stored and that is denied before anybody can look leaves no sign that it was made.
fn leaves_a_sign(n: &usize) -> bool {
    load::expected(*n) != "denied"
}

#[tokio::test]
async fn f51_a_journal_that_another_process_locks_is_waited_for_and_nothing_is_acknowledged() -> Result<()> {
    let mut trial = Trial::of("F51 busy", (0..12).fold(world(), load::with_page), &[]).await?;
    send_load(&mut trial, 0..6).await?;
    trial.is_told("accepted unbind cmd-5").await?;
    let locked = trial.lock_journal()?;
    trial.strikes();
    trial.has_died();
    send_load(&mut trial, 6..12).await?;
    trial.is_not_ready("journal").await?;
    trial.expect_unacknowledged(6).await?;
    locked.release()?;
    trial.is_back().await?;
    load_is_done(&trial, 12).await?;
    is_whole(&trial)?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f51_a_power_cut_in_the_middle_of_a_checkpoint_damages_nothing() -> Result<()> {
    let (mut trial, shim) = with_shim("F51 cut in a checkpoint", 24, &[]).await?;
    send_load(&mut trial, 0..12).await?;
    trial.story.call("work", |call| call.n >= 30).await?;
    shim.disk(Disk::CutInCheckpoint)?;
    // The log is folded into the database at the latest when the worker ends.
    trial.story.signal("TERM").await?;
    let ended = trial.dies().await?;
    ensure!(!ended.success(), "it was not killed in a checkpoint: {ended}");
    shim.disk(Disk::Healthy)?;
    trial.story.restart().await?;
    is_whole(&trial)?;
    send_load(&mut trial, 12..24).await?;
    load_is_done(&trial, 24).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f52_a_disk_that_hangs_holds_everything_up_and_loses_nothing() -> Result<()> {
    let (mut trial, shim) = with_shim("F52 stuck disk", 18, &[]).await?;
    send_load(&mut trial, 0..12).await?;
    trial.is_told("accepted unbind cmd-11").await?;
    shim.disk(Disk::Stuck)?;
    trial.strikes();
    trial.is_not_ready("has not committed within").await?;
    send_load(&mut trial, 12..18).await?;
    trial.expect_unacknowledged(6).await?;
    shim.disk(Disk::Healthy)?;
    trial.is_back().await?;
    load_is_done(&trial, 18).await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f52_a_walk_that_gets_no_answer_ends_by_its_deadline_and_the_sweep_goes_on() -> Result<()> {
    let mut trial = Trial::of("F52 stuck walk", clients_page("1001"), &[]).await?;
    trial.send(&agency_claim("c", "1001")).await?;
    trial.story.told("c", "pending").await?;
    trial.strikes();
    trial.story.meta.break_next(Break::next(Verb::Get, "pending_client_pages", How::TimeoutBefore).times(3));
    let seen = trial.story.last_call();
    trial.story.call("the last stuck walk", |call| call.n > seen && call.fault.is_some()).await?;
    trial.story.meta.approve(BUSINESS, "1001", None)?;
    trial.ends_in(&["c"], "confirmed").await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f53_a_clock_that_jumps_an_hour_removes_nothing_early_and_holds_nothing_up() -> Result<()> {
    for (name, jump) in [("F53 an hour on", 3_600), ("F53 an hour back", -3_600)] {
        let (mut trial, shim) = with_shim(name, 12, &[]).await?;
        // Lists lag, and writes get no answer: an hour that has not passed must not count as the time to settle.
        trial.story.meta.lag(Duration::from_millis(700));
        for write in ["page_id=10000", "/10003/assigned_users", "/10004/assigned_users", "page_id=10006"] {
            trial.story.meta.break_next(Break::next(Verb::Post, write, How::TimeoutAfter));
        }
        send_load(&mut trial, 0..12).await?;
        trial.story.call("a write", |call| call.is_write()).await?;
        shim.clock(jump)?;
        trial.strikes();
        load_is_done(&trial, 12).await?;
        let again = load::sent_again(&trial.story.meta.calls());
        ensure!(again.is_empty(), "{name}: {again:#?}");
        trial.is_told("the system's clock has jumped").await?;
        trial.settles().await?;
    }
    Ok(())
}

#[tokio::test]
async fn f53_a_deadline_in_the_hour_in_which_summer_time_begins_is_kept_to_the_second() -> Result<()> {
    let mut trial = Trial::prepared("F53 summer time", rabbit::vhost().await?, clients_page("1001"), &[]).await?;
    let shim = Shim::under(&mut trial).await?;
    trial.story.surround("TZ", "Europe/Berlin");
    // Two seconds before 2027-03-28 02:00 in Berlin, which is followed by 03:00.
    let begins: Timestamp = "2027-03-28T01:00:00Z".parse()?;
    let ahead = begins.as_second() - Timestamp::now().as_second();
    shim.clock(ahead - 4)?;
    trial.story.restart().await?;
    let mut claim = agency_claim("c", "1001");
    claim["expires_at"] = json!("2027-03-28T03:00:03+02:00");
    let event = trial.ask(&claim).await?;
    ensure!(event["data"]["phase"] == "expired" && event["data"]["expired_because"] == "deadline", "{event:#}");
    let finished: Timestamp = event["data"]["finished_at"].as_str().context("no time")?.parse()?;
    let late = finished.duration_since(begins + SignedDuration::from_secs(3));
    ensure!((0..5).contains(&late.as_secs()), "expired {late} after its deadline: {event:#}");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f58_graph_out_of_reach_by_name_wire_or_silence_is_waited_out() -> Result<()> {
    let pages = (0..18).fold(world(), load::with_page);
    let mut trial = Trial::prepared("F58", rabbit::vhost().await?, pages, &[]).await?;
    let proxy = Proxy::to(trial.story.meta.addr()).await?;
    let shim = Shim::under(&mut trial).await?;
    trial.graph_at(proxy.address().port());
    trial.story.restart().await?;
    let lasts = scaled(Duration::from_secs(1), Duration::from_secs(60));
    for (n, what) in ["names fail", "the wire is refused", "all is swallowed"].into_iter().enumerate() {
        send_load(&mut trial, n * 6..n * 6 + 6).await?;
        trial
            .story
            .call("work", |call| call.is_write() && call.n > trial.story.last_call().saturating_sub(1))
            .await
            .context(what)?;
        trial.strikes();
        match n {
            0 => {
                shim.names(Names::Fail)?;
                proxy.cut(ANY);
            }
            1 => proxy.refuse().await?,
            _ => proxy.swallow(ANY, Way::Both),
        }
        tokio::time::sleep(lasts).await;
        shim.names(Names::Resolve)?;
        proxy.pass();
        load_is_done(&trial, n * 6 + 6).await.context(what)?;
    }
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f58_an_address_that_swallows_every_connection_is_gone_round() -> Result<()> {
    let pages = (0..6).fold(world(), load::with_page);
    let mut trial = Trial::prepared("F58 black hole", rabbit::vhost().await?, pages, &[]).await?;
    let shim = Shim::under(&mut trial).await?;
    let port = trial.story.meta.addr().port();
    let Some(_hole) = black_hole(port).await? else {
        // Without IPv6 there is no such hole to fall into.
        return Ok(());
    };
    shim.names(Names::BlackHoleFirst)?;
    trial.graph_at(port);
    trial.story.restart().await?;
    send_load(&mut trial, 0..6).await?;
    load_is_done(&trial, 6).await?;
    trial.settles().await.map(drop)
}

/// A port of `::1` that answers no SYN any more: its queue of connections is full, and nobody takes them.
async fn black_hole(port: u16) -> Result<Option<(tokio::net::TcpListener, TcpStream)>> {
    let socket = TcpSocket::new_v6()?;
    if socket.bind(format!("[::1]:{port}").parse()?).is_err() {
        return Ok(None);
    }
    let listener = socket.listen(0)?;
    let filled = TcpStream::connect(listener.local_addr()?).await?;
    Ok(Some((listener, filled)))
}

#[tokio::test]
async fn f58_graph_that_cannot_be_reached_at_start_is_named_with_the_reason() -> Result<()> {
    for (name, url, reason) in [
        ("F58 no such name", "http://graph.invalid", "graph.invalid"),
        ("F58 no TLS", "https://graph.story:{port}", "Graph"),
    ] {
        let mut trial = Trial::prepared(name, rabbit::vhost().await?, world(), &[("START_WITHIN", "2s")]).await?;
        let _shim = Shim::under(&mut trial).await?;
        let url = url.replace("{port}", &trial.story.meta.addr().port().to_string());
        trial.story.set("GRAPH__BASE_URL", &url);
        trial.story.start()?;
        let ended = trial.story.death().await?;
        let log = trial.story.log_text();
        ensure!(ended.code() == Some(3), "{name}: {ended}: {log}");
        ensure!(log.contains("could not reach Graph") && log.contains(reason), "{name}: {log}");
        trial.settles().await?;
    }
    Ok(())
}
