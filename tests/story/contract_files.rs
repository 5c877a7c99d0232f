//! The contract as files: what is published in `docs/contract` is what the program says, and what others' tools read.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use bindery::contract::schema::{closed, event, sample_events};
use jsonschema::Validator;
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{BUSINESS, Story, TOKEN, agency_claim, clients_page, ends, orders};
use crate::rabbit::eventually;

/// Both made by `make test` from what stands in `tests/sdk`.
const PYTHON: &str = "target/sdk-venv/bin/python";
const NODE_MODULES: &str = "target/sdk-node";

const PAGE: &str = "1001";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static EVENT: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::options().should_validate_formats(true).build(&closed(event())).expect("a schema"));

/// Checks that an event has all that the published schema asks, and nothing that it does not name.
pub fn told_as_documented(event: &Value) -> Result<()> {
    match EVENT.iter_errors(event).next() {
        Some(fault) => bail!("not as documented: {fault} at {}: {event:#}", fault.instance_path()),
        None => Ok(()),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn published() -> PathBuf {
    root().join("docs/contract")
}

/// Runs a program to its end: whether it ended well, and all that it said.
async fn run(program: &mut Command) -> Result<(Option<i32>, String)> {
    let out = program.output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Ok((out.status.code(), said))
}

async fn schema(arguments: &[&str]) -> Result<(Option<i32>, String)> {
    run(Command::new(env!("CARGO_BIN_EXE_bindery")).arg("schema").args(arguments)).await
}

/// `tests/sdk/contract.py`, which must end well.
async fn python(arguments: &[&str]) -> Result<String> {
    let python = root().join(PYTHON);
    ensure!(python.exists(), "{} is missing: `make test` makes it", python.display());
    let (code, said) = run(Command::new(python).arg(root().join("tests/sdk/contract.py")).args(arguments)).await?;
    ensure!(code == Some(0) && said.contains("all as it should be"), "{said}");
    Ok(said)
}

#[test]
fn an_event_that_is_not_as_documented_is_found_out() -> Result<()> {
    for sample in sample_events() {
        told_as_documented(&sample.message)?;
        for (pointer, value) in
            [("/data/mood", json!("good")), ("/data/changed", json!("yes")), ("/source", json!(null))]
        {
            let mut other = sample.message.clone();
            let (parent, name) = pointer.rsplit_once('/').context("a pointer")?;
            other.pointer_mut(parent).context("an object")?[name] = value;
            ensure!(told_as_documented(&other).is_err(), "{} with another {pointer} passed", sample.name);
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_published_is_what_the_program_says() -> Result<()> {
    let (code, said) = schema(&["--check", &published().to_string_lossy()]).await?;
    ensure!(code == Some(0), "`bindery schema` writes docs/contract anew:\n{said}");
    ensure!(said.is_empty(), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_differs_or_is_missing_is_named_and_nothing_is_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().to_string_lossy().into_owned();
    let (code, said) = schema(&["--out", &place]).await?;
    ensure!(code == Some(0) && said.lines().count() == 6, "{said}");
    std::fs::remove_file(folder.path().join("event.schema.json"))?;
    let changed = folder.path().join("command.schema.json");
    let older = std::fs::read_to_string(&changed)?.replace("successor", "heir");
    std::fs::write(&changed, &older)?;
    let (code, said) = schema(&["--check", &place]).await?;
    ensure!(code == Some(1) && said.lines().count() == 2, "{said}");
    ensure!(said.contains("command.schema.json differs") && said.contains("event.schema.json is missing"), "{said}");
    assert_eq!(std::fs::read_to_string(&changed)?, older);
    let (code, said) = schema(&["--check", &place, "--out", &place]).await?;
    ensure!(code == Some(2), "one of the two: {said}");
    Ok(())
}

#[tokio::test]
async fn validators_that_others_wrote_take_the_schemas_and_all_examples() -> Result<()> {
    python(&["files", &published().to_string_lossy()]).await.map(|_| ())
}

#[tokio::test]
async fn the_parser_of_asyncapi_understands_the_document() -> Result<()> {
    let modules = root().join(NODE_MODULES);
    ensure!(modules.exists(), "{} is missing: `make test` makes it (it needs node and npm)", modules.display());
    let script = root().join("tests/sdk/asyncapi.cjs");
    let mut node = Command::new("node");
    let parse = node.arg(script).arg(modules).arg(published().join("asyncapi.json"));
    let (code, said) =
        run(parse).await.context("node is missing: on Debian or Ubuntu, sudo apt-get install nodejs npm")?;
    ensure!(code == Some(0) && said.contains("the parser understood all of it"), "{said}");
    for line in
        ["channel bindery.dead: dead", "operation receiveCommand: receive bindery.commands", "channel reply_to: event"]
    {
        ensure!(said.lines().any(|said| said == line), "no {line:?} in\n{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_consumer_with_the_cloudevents_sdk_reads_what_is_in_the_queues() -> Result<()> {
    let story = Story::with(clients_page(PAGE), &[("EVENTS__ACCEPTED", "true")]).await?;
    let (_connection, channel) = story.vhost.channel().await?;
    let none = FieldTable::default;
    channel.queue_declare("python".into(), QueueDeclareOptions::default(), none()).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind("python".into(), "bindery.events".into(), "#".into(), bind, none()).await?;
    story.send_traced(&agency_claim("c", PAGE), TRACE).await?;
    story.told("c", "pending").await?;
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))?;
    story.ask(&orders("unbind", "two", &[PAGE, "404"], json!({"unmanaged": true}))).await?;
    story.send_raw("claim", br#"{"id": "odd", "command": "claim", "business": 2001}"#).await?;
    story.send_raw("claim", b"\xff no json").await?;
    story.event_of("odd").await?;
    eventually("both dead letters", || async {
        let dead = channel.queue_declare("bindery.dead".into(), passive(), none()).await?;
        let told = channel.queue_declare("python".into(), passive(), none()).await?;
        Ok(dead.message_count() == 2 && told.message_count() as usize == story.events().len())
    })
    .await?;
    let said = python(&["queue", &published().to_string_lossy(), &story.vhost.url, "python", "bindery.dead"]).await?;
    for wanted in ["events: accepted pending confirmed accepted", " rejected", "dead letters: wrong_type not_utf8"] {
        ensure!(said.contains(wanted), "no {wanted:?} in\n{said}");
    }
    ensure!(!said.contains(TOKEN), "{said}");
    assert_eq!(story.told("c", "confirmed").await?["traceparent"], TRACE);
    Ok(())
}

fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() }
}
