//! F30 to F33, F38 to F41, F58: Meta, and the wire to it, answering late, wrongly, twice over, or not at all.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Call, Holder, How, ListingOddity, Oddity, Scripted, Token, Verb, World};
use tokio::task::JoinSet;

use super::broker::load_is_done;
use super::trial::{Trial, scaled};
use crate::harness::{BUSINESS, OWNER, TOKEN, agency_claim, clients_page, world};
use crate::load;

/// The mixed load, and the writes of each: a `reassign` and an `unbind` make two, and come twice.
const WRITES: [(usize, Verb, &str); 8] = [
    (0, Verb::Post, "page_id=10000"),
    (1, Verb::Post, "page_id=10001"),
    (2, Verb::Post, "page_id=10002"),
    (3, Verb::Post, "/10003/assigned_users"),
    (4, Verb::Post, "/10004/assigned_users"),
    (5, Verb::Delete, "/10005/assigned_users"),
    (10, Verb::Delete, "/10010/assigned_users"),
    (11, Verb::Delete, "page_id=10011"),
];
/// The commands of [`WRITES`].
const COMMANDS: usize = 12;

fn pages() -> World {
    (0..COMMANDS).fold(world(), load::with_page)
}

async fn send_all(trial: &mut Trial) -> Result<()> {
    for n in 0..COMMANDS {
        trial.send(&load::command(n)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn f30_a_write_that_timed_out_after_it_took_effect_is_found_and_never_sent_again() -> Result<()> {
    let mut trial = Trial::of("F30", pages(), &[]).await?;
    for (_, verb, write) in WRITES {
        trial.story.meta.break_next(Break::next(verb, write, How::TimeoutAfter));
    }
    send_all(&mut trial).await?;
    trial.strikes();
    load_is_done(&trial, COMMANDS).await?;
    let again = load::sent_again(&trial.story.meta.calls());
    ensure!(again.is_empty(), "{again:#?}");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f31_a_write_that_timed_out_before_it_took_effect_is_looked_for_and_sent_once_more() -> Result<()> {
    let mut trial = Trial::of("F31", pages(), &[]).await?;
    for (_, verb, write) in WRITES {
        trial.story.meta.break_next(Break::next(verb, write, How::TimeoutBefore));
    }
    send_all(&mut trial).await?;
    trial.strikes();
    load_is_done(&trial, COMMANDS).await?;
    let calls = trial.story.meta.calls();
    let again = load::sent_again(&calls);
    ensure!(again.len() == WRITES.len() && again.iter().all(|one| one.starts_with("2 times")), "{again:#?}");
    let blind = load::blind_repeats(&calls);
    ensure!(blind.is_empty(), "{blind:#?}");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f32_an_answer_that_is_none_is_neither_success_nor_denial() -> Result<()> {
    let mut ways = JoinSet::new();
    for (name, how) in [
        ("F32 reset in the body", How::Reset),
        ("F32 truncated JSON", How::Truncated),
        ("F32 HTML with 200", How::Html200),
        ("F32 empty 200", How::Empty200),
        ("F32 error object with 200", error(2, 200)),
        ("F32 empty error", How::EmptyError),
    ] {
        ways.spawn(async move { answers_nonsense(name, how).await.context(name) });
    }
    while let Some(way) = ways.join_next().await {
        way??;
    }
    Ok(())
}

/// Every write meets it, and reads in the middle of the work.
async fn answers_nonsense(name: &'static str, how: How) -> Result<()> {
    let mut trial = Trial::of(name, pages(), &[]).await?;
    for (_, verb, write) in WRITES {
        trial.story.meta.break_next(Break::next(verb, write, how.clone()));
    }
    trial.story.meta.break_next(Break::next(Verb::Get, "/", how).after(4).times(8));
    send_all(&mut trial).await?;
    trial.strikes();
    load_is_done(&trial, COMMANDS).await?;
    trial.settles().await.map(drop)
}

fn error(code: i64, status: u16) -> How {
    How::Error(Scripted { code, subcode: None, is_transient: Some(true), status, message: None })
}

#[tokio::test]
async fn f33_a_burst_of_errors_is_sat_out_and_fails_no_command() -> Result<()> {
    let burst = scaled(Duration::from_secs(3), Duration::from_secs(120));
    for (name, code) in [("F33 code 1", 1), ("F33 code 2", 2)] {
        let mut trial = Trial::of(name, pages(), &[]).await?;
        for verb in [Verb::Get, Verb::Post, Verb::Delete] {
            trial.story.meta.break_next(Break::next(verb, "/", error(code, 500)).times(u32::MAX));
        }
        send_all(&mut trial).await?;
        trial.strikes();
        let until = trial.story.meta.now() + burst;
        tokio::time::timeout(burst * 2 + Duration::from_secs(10), async {
            trial.story.meta.call_where(burst * 2, |call| call.at >= until).await
        })
        .await?
        .context("it gave up asking")?;
        let calls = trial.story.calls().len();
        // Gaps double from 50 ms to 500 ms: about two calls a second and command, with jitter.
        let most = COMMANDS * (usize::try_from(burst.as_secs())? * 4 + 8);
        ensure!(calls <= most, "{name}: {calls} calls within {burst:?} are a storm");
        ensure!(trial.story.events().iter().all(|event| event["data"]["terminal"] != true), "{name}: a command ended");
        trial.story.meta.heal();
        load_is_done(&trial, COMMANDS).await?;
        trial.settles().await?;
    }
    Ok(())
}

#[tokio::test]
async fn f33_while_meta_answers_nobody_a_probe_asks_for_all_and_no_attempt_is_used_up() -> Result<()> {
    // What is left of the tries would not last for this outage.
    let settings = [("RETRY__GIVE_UP_AFTER", "2s")];
    let mut trial = Trial::of("F33 outage", pages(), &settings).await?;
    for verb in [Verb::Get, Verb::Post, Verb::Delete] {
        trial.story.meta.break_next(Break::next(verb, "/", error(2, 500)).times(u32::MAX));
    }
    send_all(&mut trial).await?;
    trial.strikes();
    trial.story.events_told(COMMANDS, |event| event["data"]["waiting"]["cause"] == "outage").await?;
    let (told, until) = (trial.story.last_call(), trial.story.meta.now() + Duration::from_secs(4));
    let probed = |call: &Call| call.path == "/me" && call.at >= until;
    trial.story.call("a probe at the end of a longer outage", probed).await?;
    let by_commands = trial.story.calls().into_iter().filter(|call| call.n > told).count();
    let probes = trial.story.meta.calls().into_iter().filter(|call| call.n > told && call.path == "/me").count();
    ensure!(by_commands == 0 && probes <= 12, "{by_commands} calls by commands beside {probes} probes");
    ensure!(trial.story.events().iter().all(|event| event["data"]["terminal"] != true), "a command ended");
    trial.story.meta.heal();
    load_is_done(&trial, COMMANDS).await?;
    ensure!(trial.story.log_text().contains("Meta answers again"), "nobody was told");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f38_a_token_that_is_swapped_while_calls_are_out_costs_no_call() -> Result<()> {
    const FRESH: &str = "fresh-token-never-to-be-shown";
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN)?;
    let file = file.to_string_lossy().into_owned();
    let both = pages().token(FRESH, Token::of(Holder::Anyone));
    let settings = [("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", &*file), ("GRAPH__CALL_WITHIN", "5s")];
    let mut trial = Trial::of("F38", both, &settings).await?;
    trial.story.meta.break_next(Break::next(Verb::Post, "/", How::Slow(1)).times(4));
    send_all(&mut trial).await?;
    trial.story.call("a write that takes its time", |call| call.is_write()).await?;
    trial.strikes();
    std::fs::write(&file, FRESH)?;
    let swapped = trial.story.last_call();
    // Each command may have the old one in its hand for the call that it is about to make: Meta lets a token live on for
    // a while when it is rotated.
    trial.story.call("a call after the swap", |call| call.n > swapped + COMMANDS as u64).await?;
    trial.story.meta.token(TOKEN, Some(460))?;
    load_is_done(&trial, COMMANDS).await?;
    let refused = trial.story.calls().into_iter().filter(|call| call.code == Some(190) && call.subcode == Some(460));
    ensure!(refused.count() == 0, "the old token was used after the rotation");
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f39_lists_that_show_the_old_state_for_a_while_cause_no_failure_and_no_second_write() -> Result<()> {
    let lag = scaled(Duration::from_millis(900), Duration::from_secs(60));
    let settle = format!("{}ms", lag.as_millis() + 200);
    let mut trial = Trial::of("F39", pages(), &[("POLL__SETTLE", &settle)]).await?;
    trial.story.meta.lag(lag);
    send_all(&mut trial).await?;
    trial.strikes();
    load_is_done(&trial, COMMANDS).await?;
    let again = load::sent_again(&trial.story.meta.calls());
    ensure!(again.is_empty(), "{again:#?}");
    trial.settles().await.map(drop)
}

/// So many open requests that a list has three pages; the Page 1999 is last.
fn long_list() -> World {
    let open = (0..220).fold(world(), |world, n| {
        let page = format!("1{n:03}");
        let request = format!("7{n:03}");
        let world = world.page(&page, |p| p.owned_by(OWNER));
        world.pending(&request, bindery::graph_sim::Access::Agency, BUSINESS, &page, &["ANALYZE"])
    });
    open.page("1999", |p| p.owned_by(OWNER))
}

#[tokio::test]
async fn f40_a_list_that_pages_strangely_denies_nothing() -> Result<()> {
    let mut ways = JoinSet::new();
    for (name, how) in [
        ("F40 empty middle page", Oddity::EmptyMiddlePage),
        ("F40 repeated cursor", Oddity::RepeatCursor),
        ("F40 cursor that expires", Oddity::ExpireCursor),
        ("F40 next on another host", Oddity::ForeignNext),
    ] {
        ways.spawn(async move { pages_strangely(name, how).await.context(name) });
    }
    while let Some(way) = ways.join_next().await {
        way??;
    }
    Ok(())
}

async fn pages_strangely(name: &'static str, how: Oddity) -> Result<()> {
    let mut trial = Trial::of(name, long_list(), &[]).await?;
    trial.send(&agency_claim("c", "1999")).await?;
    trial.story.told("c", "pending").await?;
    trial.strikes();
    trial.story.meta.listing(ListingOddity { list: None, business: None, how, times: None });
    let asked = trial.story.meta.now();
    let late = |call: &bindery::graph_sim::Call| call.at > asked + Duration::from_secs(4);
    trial.story.call("looks after the lists have settled twice", late).await?;
    ensure!(trial.story.endings_of("c").is_empty(), "{:#?}", trial.story.events_of("c"));
    trial.story.meta.heal();
    trial.story.meta.approve(BUSINESS, "1999", None)?;
    trial.ends_in(&["c"], "confirmed").await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f40_a_list_that_shrinks_while_it_is_read_denies_nothing() -> Result<()> {
    let mut trial = Trial::of("F40 shrinking list", long_list(), &[]).await?;
    trial.send(&agency_claim("c", "1999")).await?;
    trial.story.told("c", "pending").await?;
    trial.strikes();
    for _ in 0..6 {
        let seen = trial.story.last_call();
        trial
            .story
            .call("the first page of a walk", |call| {
                call.n > seen && call.is(Verb::Get, "pending_client_pages") && call.param("after").is_none()
            })
            .await?;
        trial.story.meta.edit(|world| {
            let gone: Vec<_> = world.requests.keys().filter(|id| id.starts_with('7')).take(7).cloned().collect();
            gone.iter().for_each(|id| _ = world.requests.remove(id));
        });
    }
    ensure!(trial.story.endings_of("c").is_empty(), "{:#?}", trial.story.events_of("c"));
    trial.story.meta.approve(BUSINESS, "1999", None)?;
    trial.ends_in(&["c"], "confirmed").await?;
    trial.settles().await.map(drop)
}

#[tokio::test]
async fn f41_a_claim_that_is_approved_and_revoked_between_two_looks_is_reported_as_the_lists_show_it() -> Result<()> {
    let mut trial = Trial::of("F41", clients_page("1001"), &[]).await?;
    trial.send(&agency_claim("c", "1001")).await?;
    trial.story.told("c", "pending").await?;
    trial.strikes();
    trial.story.meta.approve(BUSINESS, "1001", None)?;
    trial.story.meta.edit(|world| {
        world.pages.get_mut("1001").map(|page| std::sync::Arc::make_mut(page).agencies.remove(BUSINESS));
    });
    let event = trial.story.event_of("c").await?;
    ensure!(["denied", "confirmed"].contains(&crate::harness::phase(&event)), "{event:#}");
    let inferred = crate::harness::phase(&event) == "denied";
    ensure!(!inferred || event["data"]["inferred"] == true, "nobody said so, it was concluded: {event:#}");
    let evidence = event["data"]["evidence"].to_string();
    ensure!(evidence.contains("pending_client_pages") && evidence.contains("/client_pages"), "both lists: {evidence}");
    trial.settles().await.map(drop)
}
