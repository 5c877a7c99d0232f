//! The HTTP API of a real worker, and everybody whom it does not let in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Story, annas_page, order};
use crate::rabbit::PATIENCE;

const PAGE: &str = "1001";
const REPLAY: &str = "/api/v1/events/replay";
const HTTP_TOKEN: &str = "http-token-never-to-be-shown";
const LOCAL: &str = "host: 127.0.0.1\r\n";
const ASKED: &str = "host: 127.0.0.1\r\nx-bindery: 1\r\ncontent-type: application/json\r\n";

/// What was answered.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

/// One request, byte by byte as told: no client puts anything right.
async fn say(story: &Story, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
    let length = body.len();
    let text =
        format!("{method} {path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(story.address()).await?;
    // A refusal may come before all is sent.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await??;
    let text = String::from_utf8(answer)?;
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text:?}"))?;
    let status = head.get(9..12).context("no status")?.parse()?;
    Ok(Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) })
}

/// A refusal says which it is and what to do, as problem JSON.
fn refused(answer: &Answer, status: u16, problem: &str) -> Result<()> {
    let told = format!("{} {:#}", answer.head, answer.body);
    ensure!(answer.status == status, "not {status}: {told}");
    ensure!(answer.head.contains("content-type: application/problem+json"), "no problem JSON: {told}");
    ensure!(answer.body["type"] == format!("urn:bindery:problem:{problem}"), "not {problem}: {told}");
    ensure!(answer.body["detail"].as_str().is_some_and(|detail| detail.len() > 20), "no detail: {told}");
    ensure!(!told.contains("never-to-be-shown"), "a secret was told: {told}");
    Ok(())
}

fn ordered() -> String {
    json!({"actor": "kim", "reason": "a story"}).to_string()
}

#[tokio::test]
async fn an_operator_at_home_reads_and_changes_without_a_token() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    story.ask(&order("unassign", "u", PAGE, json!({"user": "3002", "tasks": ["ANALYZE"]}))).await?;
    let one = say(&story, "GET", "/api/v1/commands/u", LOCAL, "").await?;
    ensure!(one.status == 200 && one.body["id"] == "u" && one.body["state"] == "ended", "{:#}", one.body);
    ensure!(one.body["events"].as_array().is_some_and(|events| !events.is_empty()), "{:#}", one.body);
    let all = say(&story, "GET", "/api/v1/commands?state=ended&limit=1", LOCAL, "").await?;
    ensure!(all.status == 200 && all.body["commands"].as_array().is_some_and(|all| all.len() == 1), "{:#}", all.body);
    let why = say(&story, "GET", "/api/v1/commands/u/explain", LOCAL, "").await?;
    ensure!(
        why.status == 200 && why.body["headline"].as_str().is_some_and(|told| told.starts_with("u has ended")),
        "{:#}",
        why.body
    );
    let done = say(&story, "POST", REPLAY, ASKED, &ordered()).await?;
    ensure!(done.status == 200 && done.body["queued"] == 0, "{:#}", done.body);
    let log = say(&story, "GET", "/api/v1/operations", LOCAL, "").await?;
    let line = &log.body["operations"][0];
    ensure!(line["actor"] == "kim" && line["reason"] == "a story" && line["verb"] == "events replay", "{line:#}");
    Ok(())
}

#[tokio::test]
async fn what_a_page_in_a_browser_could_send_changes_nothing() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let json = "content-type: application/json\r\n";
    for (headers, status, problem) in [
        (format!("host: 127.0.0.1\r\n{json}"), 403, "no_header"),
        (format!("host: evil.example\r\nx-bindery: 1\r\n{json}"), 403, "foreign_host"),
        (format!("host: 127.0.0.1.evil.example\r\nx-bindery: 1\r\n{json}"), 403, "foreign_host"),
        (format!("host: 127.0.0.1\r\nx-bindery: 1\r\nx-forwarded-for: 9.9.9.9\r\n{json}"), 403, "forwarded"),
        ("host: 127.0.0.1\r\nx-bindery: 1\r\ncontent-type: text/plain\r\n".to_owned(), 415, "json_only"),
    ] {
        refused(&say(&story, "POST", REPLAY, &headers, &ordered()).await?, status, problem).context(headers)?;
    }
    let rebound = say(&story, "GET", "/api/v1/commands", "host: evil.example\r\n", "").await?;
    refused(&rebound, 403, "foreign_host")?;
    let preflight = say(&story, "OPTIONS", REPLAY, "host: 127.0.0.1\r\norigin: https://evil.example\r\n", "").await?;
    ensure!(preflight.status >= 400 && !preflight.head.contains("access-control"), "{}", preflight.head);
    let log = say(&story, "GET", "/api/v1/operations", LOCAL, "").await?;
    ensure!(log.body["operations"] == json!([]), "something was done: {:#}", log.body);
    Ok(())
}

#[tokio::test]
async fn a_change_is_never_made_by_a_get() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    for path in [
        REPLAY,
        "/api/v1/dead/0123456789ab/discard",
        "/api/v1/dead/0123456789ab/replay",
        "/api/v1/hold",
        "/api/v1/resume",
        "/api/v1/commands/u/release",
    ] {
        let answer = say(&story, "GET", path, ASKED, "").await?;
        refused(&answer, 405, "post_only").context(path)?;
        ensure!(answer.head.contains("allow: post"), "{}", answer.head);
    }
    Ok(())
}

#[tokio::test]
async fn where_others_reach_it_nothing_goes_without_the_token() -> Result<()> {
    let settings = [("HTTP__TOKEN", HTTP_TOKEN)];
    let mut story = Story::with(annas_page(PAGE), &settings).await?;
    story.listen_everywhere().await?;
    for (path, method) in [("/api/v1/commands", "GET"), ("/api/v1/operations", "GET"), (REPLAY, "POST")] {
        refused(&say(&story, method, path, ASKED, &ordered()).await?, 401, "no_token").context(path)?;
        let wrong = format!("{ASKED}authorization: Bearer {}\r\n", "x".repeat(HTTP_TOKEN.len()));
        let answer = say(&story, method, path, &wrong, &ordered()).await?;
        refused(&answer, 401, "wrong_token").context(path)?;
        ensure!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        let right =
            format!("host: anywhere\r\ncontent-type: application/json\r\nauthorization: Bearer {HTTP_TOKEN}\r\n");
        ensure!(say(&story, method, path, &right, &ordered()).await?.status == 200, "{path}");
    }
    for path in ["/livez", "/readyz"] {
        ensure!(say(&story, "GET", path, "host: probe\r\n", "").await?.status == 200, "{path} needs no token");
    }
    ensure!(!story.log_text().contains("never-to-be-shown"), "a secret is in the log");
    Ok(())
}

#[tokio::test]
async fn a_worker_does_not_listen_where_others_reach_it_without_a_token() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let told = story.cli(&["config", "check"], &[("HTTP__LISTEN", "0.0.0.0:9464")]).await?;
    told.ends(2, &["http.token: required because http.listen is not loopback"])?;
    let short = story.cli(&["config", "check"], &[("HTTP__TOKEN", "short")]).await?;
    short.ends(2, &["BINDERY__HTTP__TOKEN: must have at least 16 characters"])
}

#[tokio::test]
async fn an_order_that_is_too_large_or_makes_no_sense_is_refused() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let large = json!({"actor": "kim", "reason": "x".repeat(70_000)}).to_string();
    for (body, status, problem) in [
        (large.as_str(), 413, "too_large"),
        ("", 400, "bad_request"),
        ("not json", 400, "bad_request"),
        (r#"{"actor":"kim"}"#, 400, "bad_request"),
        (r#"{"actor":"kim","reason":" "}"#, 400, "bad_request"),
        (r#"{"actor":"","reason":"why"}"#, 400, "bad_request"),
        (r#"{"actor":"kim","reason":"why","force":true}"#, 400, "bad_request"),
        (r#"{"actor":"kim","reason":"why","command":"not an id"}"#, 400, "bad_request"),
    ] {
        let answer = say(&story, "POST", REPLAY, ASKED, body).await?;
        refused(&answer, status, problem).with_context(|| body.chars().take(60).collect::<String>())?;
    }
    refused(&say(&story, "GET", "/api/v1/commands?state=nope", LOCAL, "").await?, 400, "bad_request")?;
    refused(&say(&story, "GET", "/api/v1/commands/nobody", LOCAL, "").await?, 404, "not_found")?;
    refused(&say(&story, "GET", "/api/v1/commands/nobody/explain", LOCAL, "").await?, 404, "not_found")?;
    refused(&say(&story, "GET", "/api/v2/commands", LOCAL, "").await?, 404, "not_found")
}

#[tokio::test]
async fn a_caller_that_never_ends_its_request_is_let_go_and_holds_up_nobody() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let mut slow = TcpStream::connect(story.address()).await?;
    slow.write_all(b"GET /api/v1/commands HTTP/1.1\r\nhost: 127.0.0.1\r\nx-never: en").await?;
    let mut body = TcpStream::connect(story.address()).await?;
    body.write_all(format!("POST {REPLAY} HTTP/1.1\r\n{ASKED}content-length: 50\r\n\r\n{{").as_bytes()).await?;
    ensure!(say(&story, "GET", "/readyz", LOCAL, "").await?.status == 200, "others are answered meanwhile");
    let mut answer = Vec::new();
    let ended = timeout(Duration::from_secs(15), slow.read_to_end(&mut answer)).await;
    ensure!(ended.is_ok(), "a head that never ends keeps its connection");
    let mut answer = vec![0; 4096];
    let read = timeout(Duration::from_secs(15), body.read(&mut answer))
        .await
        .context("an order that never comes is waited for")??;
    let told = String::from_utf8_lossy(&answer[..read]);
    ensure!(told.starts_with("HTTP/1.1 408") && told.contains("slow_order"), "{told}");
    Ok(())
}

#[tokio::test]
async fn the_description_of_the_api_names_every_path_and_each_answers() -> Result<()> {
    let story = Story::of(annas_page(PAGE)).await?;
    let described = say(&story, "GET", "/api/v1/openapi.json", LOCAL, "").await?;
    let paths = described.body["paths"].as_object().context("no paths")?.clone();
    for (path, methods) in &paths {
        for method in methods.as_object().context("no methods")?.keys() {
            let path = path.replace("{id}", "nobody").replace("{letter}", "0123456789ab");
            let answer = say(&story, &method.to_uppercase(), &path, ASKED, &ordered()).await?;
            let known = methods[method]["responses"].get(answer.status.to_string()).is_some();
            ensure!(known, "{method} {path} answered {}, which is not described", answer.status);
        }
    }
    ensure!(paths.len() >= 9, "{:?}", paths.keys());
    Ok(())
}
