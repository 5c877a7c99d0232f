//! `/metrics`: what it tells, in the form that Prometheus reads.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, How, Verb, World};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{BUSINESS, Story, WORKER, agency_claim, clients_page, ends, fails, order, owner_claim, world};
use crate::rabbit::eventually;

const PAGE: &str = "50010011";
const TAKEN: &str = "50010012";

/// One answer of `/metrics`.
pub struct Metrics {
    pub text: String,
}

impl Metrics {
    /// The value of the one series that has these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |line: &str| labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")));
        let of = |line: &&str| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "));
        let line = self.text.lines().filter(of).find(|line| has(line))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// Asks as Prometheus does.
pub async fn scrape(story: &Story) -> Result<Metrics> {
    let answer = get(story, "127.0.0.1", "/metrics").await?;
    let (head, text) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    Ok(Metrics { text: text.to_owned() })
}

async fn get(story: &Story, host: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(story.address()).await?;
    let asked = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Waits until a series has a value.
async fn shows(story: &Story, name: &str, labels: &[(&str, &str)], value: f64) -> Result<()> {
    let what = format!("{name} {labels:?} is {value}");
    eventually(&what, || async { Ok(scrape(story).await?.value(name, labels) == Some(value)) }).await?;
    Ok(())
}

fn both_pages() -> World {
    clients_page(PAGE).page(TAKEN, |p| p.direct_admin(WORKER))
}

#[tokio::test]
async fn what_became_of_commands_is_counted_by_bounded_labels() -> Result<()> {
    let story = Story::of(both_pages()).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    let open = [("operation", "claim"), ("phase", "waiting_approval")];
    shows(&story, "bindery_commands_open", &open, 1.0).await?;
    shows(&story, "bindery_claims_pending", &[("asset_kind", "page"), ("age_band", "1h")], 1.0).await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;

    let ended = [("operation", "claim"), ("asset_kind", "page"), ("outcome", "confirmed")];
    shows(&story, "bindery_commands_total", &ended, 1.0).await?;
    shows(&story, "bindery_command_duration_seconds_count", &ended, 1.0).await?;
    shows(&story, "bindery_commands_open", &open, 0.0).await?;
    shows(&story, "bindery_outbox_pending", &[], 0.0).await?;
    shows(&story, "bindery_claims_pending", &[("asset_kind", "page"), ("age_band", "1h")], 0.0).await?;
    let metrics = scrape(&story).await?;
    ensure!(metrics.value("bindery_poll_claims_settled_per_read_count", &[("asset_kind", "page")]) >= Some(1.0));
    ensure!(metrics.value("bindery_build_info", &[("graph_version", "v26.0")]) == Some(1.0), "{}", metrics.text);
    ensure!(metrics.value("bindery_journal_commit_changes_count", &[]) >= Some(2.0), "{}", metrics.text);
    for id in [PAGE, BUSINESS, "\"c\""] {
        ensure!(!metrics.text.contains(id), "{id} is in the metrics:\n{}", metrics.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_counted_with_how_it_was_settled() -> Result<()> {
    let pages = both_pages().page("60000", |p| p.direct_admin(WORKER)).page("60001", |p| p.direct_admin(WORKER));
    let story = Story::of(pages).await?;
    for (n, (how, resolution)) in
        [(How::TimeoutAfter, "took_effect"), (How::Html502, "repeated")].into_iter().enumerate()
    {
        let id = format!("c{n}");
        story.meta.break_next(Break::next(Verb::Post, "/owned_pages", how));
        let page = format!("6000{n}");
        ends(&story.ask(&owner_claim(&id, &page)).await?, "confirmed", json!(true))?;
        let labels = [("operation", "claim"), ("resolution", resolution)];
        shows(&story, "bindery_unknown_outcomes_resolved_total", &labels, 1.0).await?;
    }
    shows(&story, "bindery_unknown_outcomes_total", &[("operation", "claim")], 2.0).await
}

#[tokio::test]
async fn a_throttled_business_is_shown_as_paused_with_the_seconds_that_are_left() -> Result<()> {
    let story = Story::with(both_pages(), &[("PACE__UNSTATED", "1h")]).await?;
    story.meta.break_next(Break::next(Verb::Get, "/2001/", How::error(80_009)));
    story.send(&owner_claim("c", TAKEN)).await?;
    story.told("c", "waiting").await?;
    let paused = [("bucket_kind", "business"), ("cause", "throttled")];
    shows(&story, "bindery_graph_paused_buckets", &paused, 1.0).await?;
    shows(&story, "bindery_commands_open", &[("phase", "waiting_quota")], 1.0).await?;
    let metrics = scrape(&story).await?;
    let left = metrics.value("bindery_graph_pause_left_seconds", &paused).context("no seconds left")?;
    ensure!((3_000.0..=3_600.0).contains(&left), "{left} s are left");
    let error = [("code", "80009"), ("class", "throttle_business")];
    ensure!(metrics.value("bindery_graph_errors_total", &error) == Some(1.0), "{}", metrics.text);
    Ok(())
}

#[tokio::test]
async fn a_guard_that_keeps_a_page_from_being_orphaned_is_counted() -> Result<()> {
    let lonely =
        world().page(PAGE, |p| p.owned_by(BUSINESS).assign(BUSINESS, crate::harness::ANNA, crate::harness::MANAGER));
    let story = Story::of(lonely).await?;
    let event = story.ask(&order("unassign", "u", PAGE, json!({"user": crate::harness::ANNA}))).await?;
    fails(&event, "needs_human", "would_orphan")?;
    shows(&story, "bindery_guard_refusals_total", &[("guard", "never_orphan")], 1.0).await
}

#[tokio::test]
async fn an_error_that_the_table_does_not_know_makes_no_label_of_its_own() -> Result<()> {
    let story = Story::of(both_pages()).await?;
    story.meta.break_next(Break::next(Verb::Get, "/2001/", How::error(987_654)));
    let event = story.ask(&owner_claim("c", TAKEN)).await?;
    let metrics = scrape(&story).await?;
    let unknown = metrics.value("bindery_graph_errors_total", &[("code", "other"), ("class", "unknown")]);
    ensure!(unknown == Some(1.0), "{}\nafter {event:#}", metrics.text);
    ensure!(!metrics.text.contains("987654"), "{}", metrics.text);
    Ok(())
}

#[tokio::test]
async fn promtool_has_nothing_to_say_against_what_a_busy_worker_tells() -> Result<()> {
    let story = Story::of(both_pages()).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::TimeoutAfter));
    ends(&story.ask(&owner_claim("c", TAKEN)).await?, "confirmed", json!(true))?;
    story.send(&agency_claim("d", PAGE)).await?;
    story.told("d", "pending").await?;
    story.send_raw("claim", b"no command").await?;
    story.event("a refusal", |event| event["data"]["phase"] == "rejected").await?;
    let text = scrape(&story).await?.text;
    let said = tokio::task::spawn_blocking(move || promtool(&text)).await??;
    ensure!(said.is_empty(), "promtool says:\n{said}");
    Ok(())
}

/// What `promtool` finds wrong; nothing where all is well.
fn promtool(text: &str) -> Result<String> {
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool =
        tool.spawn().context("no promtool: install Debian's package prometheus, as `make test` does for root")?;
    tool.stdin.take().context("no stdin")?.write_all(text.as_bytes())?;
    let done = tool.wait_with_output()?;
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    ensure!(done.status.success(), "{said}");
    Ok(said)
}

#[tokio::test]
async fn a_page_in_a_browser_is_not_shown_the_metrics_and_nobody_off_loopback_without_the_token() -> Result<()> {
    let mut story = Story::with(world(), &[("HTTP__TOKEN", "0123456789abcdef-never-to-be-shown")]).await?;
    let answer = get(&story, "rebound.example", "/metrics").await?;
    ensure!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    story.listen_everywhere().await?;
    let answer = get(&story, "127.0.0.1", "/metrics").await?;
    ensure!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    Ok(())
}
