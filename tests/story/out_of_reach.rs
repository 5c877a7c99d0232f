//! A neighbour that cannot be reached at start: which and why, and exit code 3.

use std::process::{Command, Output};

use anyhow::{Result, ensure};

use crate::rabbit;

/// A port that nobody listens on.
fn nobody() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

async fn run(settings: Vec<(&'static str, String)>) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
    command
        .arg("run")
        .env("BINDERY__JOURNAL__URL", format!("sqlite://{}", folder.path().join("journal.db").display()))
        .env("BINDERY__START_WITHIN", "1s")
        .env("BINDERY__HTTP__LISTEN", nobody()?)
        .env("BINDERY__CREDENTIALS__STORY__ACCESS_TOKEN", "story-token-never-to-be-shown")
        .env("BINDERY__CREDENTIALS__STORY__BUSINESSES", "*");
    for (key, value) in settings {
        command.env(key, value);
    }
    let out = tokio::task::spawn_blocking(move || command.output()).await??;
    drop(folder);
    Ok(out)
}

fn ends_with_3(out: &Output, says: &[&str]) -> Result<()> {
    let told = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.code() == Some(3), "{:?}: {told}", out.status);
    for word in says {
        ensure!(told.contains(word), "{word:?} is not told: {told}");
    }
    ensure!(!told.contains("never-to-be-shown"), "a secret was told: {told}");
    Ok(())
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() -> Result<()> {
    let out = run(vec![("BINDERY__AMQP__URL", format!("amqp://guest:never-to-be-shown@{}/%2f", nobody()?))]).await?;
    ends_with_3(&out, &["could not reach the broker"])
}

#[tokio::test]
async fn graph_that_is_not_there_is_named() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let graph = format!("http://{}", nobody()?);
    let out = run(vec![("BINDERY__AMQP__URL", vhost.url.clone()), ("BINDERY__GRAPH__BASE_URL", graph.clone())]).await?;
    ends_with_3(&out, &["could not reach Graph", &graph])
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_named() -> Result<()> {
    let out = run(vec![("BINDERY__JOURNAL__URL", "sqlite:///nowhere/at/all.db".to_owned())]).await?;
    ends_with_3(&out, &["/nowhere/at/all.db"])
}
