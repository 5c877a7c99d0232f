//! `bindery evidence`, as the real binary over journals that a real worker leaves; and F60: whoever alters them is found.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{
    ANNA, BEN, BUSINESS, MANAGER, Story, agency_claim, annas_page, cancel, clients_page, ends, order, orders, world,
};
use crate::rabbit::eventually;

const PAGE: &str = "1001";

/// The report and the terminal event as files, as an auditor has them.
async fn files(story: &Story, id: &str, event: &Value) -> Result<(PathBuf, PathBuf)> {
    let told = story.cli(&["evidence", id, "--json"], &[]).await?;
    told.ends(0, &[])?;
    let (report, told_then) = (story.folder().join("report.json"), story.folder().join("event.json"));
    std::fs::write(&report, &told.out)?;
    std::fs::write(&told_then, event.to_string())?;
    Ok((report, told_then))
}

/// What `evidence verify` says of a command now, against the event of then.
async fn verified(story: &Story, id: &str, event: &Value, code: i32, says: &[&str]) -> Result<()> {
    let (report, event) = files(story, id, event).await?;
    let (report, event) = (report.to_string_lossy().into_owned(), event.to_string_lossy().into_owned());
    let told = story.cli(&["evidence", "verify", &report, "--event", &event], &[]).await?;
    told.ends(code, says)
}

/// An auditor's nightmare: somebody with a shell on the worker's machine.
fn by_hand(story: &Story, statement: &str) -> Result<()> {
    let journal = Connection::open(story.folder().join("bindery.db"))?;
    let rows = journal.execute(statement, [])?;
    ensure!(rows > 0, "{statement} changed nothing");
    Ok(())
}

#[tokio::test]
async fn an_auditor_reads_who_asked_what_was_seen_done_and_seen_after() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let fields = json!({"from": ANNA, "to": "ben@northwind.example", "actor": "hr", "reason": "Anna <left>"});
    let event = story.ask(&order("reassign", "r", PAGE, fields)).await?;
    ends(&event, "completed", json!(true))?;
    let told = story.cli(&["evidence", "r"], &[]).await?;
    told.ends(0, &["r: reassign page/1001, ended as completed", "hr, as the publisher says", "Anna <left>"])?;
    told.ends(0, &["POST /1001/assigned_users", "DELETE /1001/assigned_users", "seal: completed"])?;
    let place = |name: &str| told.out.find(&format!("  {name} ")).with_context(|| format!("{name}: {}", told.out));
    ensure!(place("before")? < place("done")? && place("done")? < place("after")?, "{}", told.out);
    let page = story.cli(&["evidence", "r", "--html"], &[]).await?;
    page.ends(0, &["<!doctype html>", "Anna &lt;left&gt;", "ben@northwind.example"])?;
    verified(&story, "r", &event, 0, &["sound: ", "nothing was rewritten since"]).await?;
    ensure!(!story.log_text().contains("ben@northwind.example"), "a name is told in the log");
    Ok(())
}

#[tokio::test]
async fn f60_whatever_row_is_altered_by_hand_is_named() -> Result<()> {
    let mut story = Story::of(annas_page(PAGE)).await?;
    let event = story.ask(&order("reassign", "r", PAGE, json!({"from": ANNA, "to": BEN, "actor": "hr"}))).await?;
    ends(&event, "completed", json!(true))?;
    story.stop().await?;
    let honest = std::fs::read(story.folder().join("bindery.db"))?;
    let end = event["data"]["evidence_total"].as_u64().context("no total")?;
    let seal = format!("altered: entry {end} of r");
    for (statement, named) in [
        ("UPDATE evidence SET answer = '200, 7 rows' WHERE n = 2", "altered: entry 2 of r"),
        ("UPDATE evidence SET at = at + 1 WHERE n = 1", "altered: entry 1 of r"),
        ("UPDATE evidence SET trace = 'Aother' WHERE n = 3", "altered: entry 3 of r"),
        ("DELETE FROM evidence WHERE n = 2", "altered: entry 2 of r"),
        ("UPDATE observations SET observed = replace(observed, '3001', '3009')", &seal),
        ("DELETE FROM observations WHERE n = 2", &seal),
        ("UPDATE commands SET body = replace(body, '\"hr\"', '\"it\"')", &seal),
        ("UPDATE commands SET published_by = 'somebody'", &seal),
        ("UPDATE commands SET accepted_at = accepted_at - 1000000", &seal),
        ("UPDATE commands SET outcome = replace(outcome, 'true', 'false')", &seal),
        ("UPDATE commands SET phase = 'failed'", &seal),
    ] {
        by_hand(&story, statement)?;
        verified(&story, "r", &event, 1, &[named]).await.context(statement)?;
        std::fs::write(story.folder().join("bindery.db"), &honest)?;
    }
    verified(&story, "r", &event, 0, &["sound: "]).await
}

#[tokio::test]
async fn a_denial_names_the_walks_that_proved_it_and_they_are_in_the_chain_of_the_business() -> Result<()> {
    let mut story = Story::of(clients_page(PAGE)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    story.meta.deny(BUSINESS, PAGE)?;
    let event = story.event_of("c").await?;
    ends(&event, "denied", json!(true))?;
    let report = story.cli(&["evidence", "c", "--json"], &[]).await?.json()?;
    let lists: Vec<&str> =
        report["walks"].as_array().context("no walks")?.iter().filter_map(|walk| walk["list"].as_str()).collect();
    let [pending, held] = ["pending_client_pages", "client_pages"];
    assert_eq!(lists, [pending, held, pending, held], "the first absence and the last: {report:#}");
    verified(&story, "c", &event, 0, &["sound: ", "4 shared walks"]).await?;
    story.stop().await?;
    by_hand(&story, "UPDATE walks SET rows = rows + 1 WHERE n = (SELECT max(n) FROM walks)")?;
    verified(&story, "c", &event, 1, &["altered: entry ", "its walk over client_pages"]).await
}

#[tokio::test]
async fn a_fan_out_is_proved_with_all_of_its_children() -> Result<()> {
    let two = annas_page(PAGE).page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let mut story = Story::of(two).await?;
    let event = story.ask(&orders("reassign", "r", &[PAGE, "1002"], json!({"from": ANNA, "to": BEN}))).await?;
    ends(&event, "completed", json!(true))?;
    ensure!(event["data"]["graph_calls"].as_u64() < event["data"]["evidence_total"].as_u64(), "{event:#}");
    let told = story.cli(&["evidence", "r"], &[]).await?;
    told.ends(0, &["r~1 completed, chain sha256:", "r~2: reassign page/1002, ended as completed", "as a part of r"])?;
    verified(&story, "r", &event, 0, &["in 3 chains"]).await?;
    story.stop().await?;
    // The child's chain is made to fit; its parent's tells it all the same.
    by_hand(&story, "UPDATE commands SET evidence_head = 'sha256:' || hex(zeroblob(32)) WHERE id = 'r~2'")?;
    verified(&story, "r", &event, 1, &["altered: entry ", "r~2"]).await
}

#[tokio::test]
async fn a_command_that_is_forgotten_is_still_proved_by_its_chain() -> Result<()> {
    let forgetful = [("RETENTION__COMMANDS", "300ms"), ("RETENTION__IDS", "1h"), ("RETENTION__EVIDENCE", "1h")];
    let two = annas_page(PAGE).page("1002", |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER));
    let story = Story::with(two, &forgetful).await?;
    let event = story.ask(&orders("reassign", "r", &[PAGE, "1002"], json!({"from": ANNA, "to": BEN}))).await?;
    eventually("it is forgotten", || async { Ok(story.cli(&["explain", "r"], &[]).await?.code == Some(1)) }).await?;
    let told = story.cli(&["evidence", "r"], &[]).await?;
    told.ends(0, &["r, ended as completed", "held no longer", "r~1, ended as completed", "POST /1001/assigned_users"])?;
    verified(&story, "r", &event, 0, &["in 3 chains", "not proved: what r was asked"]).await
}

#[tokio::test]
async fn an_open_command_has_evidence_too_and_no_seal() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("POLL__FIRST", "1h"), ("POLL__MAX", "1h")]).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    let pending = story.told("c", "pending").await?;
    story.cli(&["evidence", "c"], &[]).await?.ends(0, &["c: claim page/1001, is open", "it is not known yet"])?;
    verified(&story, "c", &pending, 0, &["sound: "]).await?;
    let event = story.ask(&cancel("x", "c")).await?;
    ends(&event, "completed", json!(true))?;
    story
        .cli(&["evidence", "c"], &[])
        .await?
        .ends(0, &["ended as cancelled", "told to stop by x", "told to stop: cancelled"])
}

#[tokio::test]
async fn what_is_no_report_or_not_there_is_told_by_its_exit_code() -> Result<()> {
    let story = Story::of(world()).await?;
    story.cli(&["evidence", "nobody"], &[]).await?.ends(1, &["no evidence of nobody", "retention.evidence"])?;
    story.cli(&["evidence"], &[]).await?.ends(2, &[])?;
    story.cli(&["evidence", "a", "--json", "--html"], &[]).await?.ends(2, &[])?;
    story.cli(&["evidence", "verify", "/nowhere/at/all"], &[]).await?.ends(2, &["could not read"])?;
    let file = story.folder().join("file.json");
    let name = file.to_string_lossy().into_owned();
    for text in ["", "[]", "{}", "not json", r#"{"format": "bindery evidence 1"}"#] {
        std::fs::write(&file, text)?;
        story.cli(&["evidence", "verify", &name], &[]).await?.ends(2, &["no report"])?;
    }
    story
        .cli(&["evidence", "a"], &[("JOURNAL__URL", "sqlite:///nowhere/at/all.db")])
        .await?
        .ends(3, &["/nowhere/at/all.db"])
}
