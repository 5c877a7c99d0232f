//! Secrets in files: read again when they change, and a change of one is nobody's trouble.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Holder, How, Token, Verb, World};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Story, TOKEN, ends, owner_claim, phase, world};

const APP_SECRET: &str = "app-secret-never-to-be-shown";

/// As secrets are replaced by those who care: whole, or not at all.
fn replace(file: &Path, content: &str) -> Result<()> {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, content)?;
    Ok(std::fs::rename(fresh, file)?)
}

fn generation(n: usize) -> String {
    format!("generation-{n}-never-to-be-shown")
}

fn pages(count: usize) -> World {
    (0..count).fold(world(), |world, n| world.page(&format!("5{n:03}"), |p| p.direct_admin(crate::harness::WORKER)))
}

#[tokio::test]
async fn f38_a_token_that_is_swapped_while_calls_are_out_fails_no_call() -> Result<()> {
    const CLAIMS: usize = 60;
    const SWAPS: usize = 6;
    let world = (0..=SWAPS).fold(pages(CLAIMS), |world, n| world.token(&generation(n), Token::of(Holder::Anyone)));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    replace(&file, &generation(0))?;
    let path = file.to_string_lossy();
    let story = Story::with(world, &[("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", &*path)]).await?;
    for swap in 1..=SWAPS {
        let before = story.last_call();
        for n in (swap - 1) * CLAIMS / SWAPS..swap * CLAIMS / SWAPS {
            story.send(&owner_claim(&format!("c{n}"), &format!("5{n:03}"))).await?;
        }
        // In the midst of it, wherever that is: each of these claims takes three calls or more.
        story.call("work under way", |call| call.n >= before + 5).await?;
        replace(&file, &generation(swap))?;
        // Whoever is out with the old one now is refused.
        story.meta.token(&generation(swap - 1), Some(460))?;
    }
    for n in 0..CLAIMS {
        ends(&story.event_of(&format!("c{n}")).await?, "confirmed", json!(true))?;
    }
    let held_back: Vec<_> = story.events().into_iter().filter(|event| phase(event) == "waiting").collect();
    ensure!(held_back.is_empty(), "a rotation held commands back: {held_back:#?}");
    let log = story.log_text();
    ensure!(!log.contains("is suspended"), "a rotation suspended the credential");
    ensure!(!log.contains("never-to-be-shown"), "a secret is in the log");
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_out_with_the_old_token_ends_well_while_the_next_goes_with_the_new_one() -> Result<()> {
    let world = pages(2).token(&generation(1), Token::of(Holder::Anyone));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    replace(&file, TOKEN)?;
    let path = file.to_string_lossy();
    let settings = [("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", &*path), ("GRAPH__CALL_WITHIN", "10s")];
    let story = Story::with(world, &settings).await?;
    story.meta.break_next(Break::next(Verb::Post, "/owned_pages", How::Slow(1)));
    story.send(&owner_claim("c0", "5000")).await?;
    story.call("the write", |call| call.is(Verb::Post, "owned_pages")).await?;
    replace(&file, &generation(1))?;
    story.meta.token(TOKEN, Some(460))?;
    ends(&story.event_of("c0").await?, "confirmed", json!(true))?;
    ends(&story.ask(&owner_claim("c1", "5001")).await?, "confirmed", json!(true))?;
    ensure!(story.posts("owned_pages") == 2, "each write once");
    ensure!(story.events().iter().all(|event| phase(event) != "waiting"), "{:#?}", story.events());
    Ok(())
}

#[tokio::test]
async fn an_app_secret_in_a_file_is_read_again_when_it_changes() -> Result<()> {
    let with_secret = |secret: &str| Token { app_secret: Some(secret.to_owned()), ..Token::of(Holder::Anyone) };
    let story_world = pages(2).token(TOKEN, with_secret(APP_SECRET));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret");
    replace(&file, APP_SECRET)?;
    let path = file.to_string_lossy();
    let story = Story::with(story_world, &[("CREDENTIALS__STORY__APP_SECRET_FILE", &*path)]).await?;
    ends(&story.ask(&owner_claim("c0", "5000")).await?, "confirmed", json!(true))?;
    replace(&file, "another-secret-never-to-be-shown")?;
    story.meta.edit(|world| world.tokens.insert(TOKEN.to_owned(), with_secret("another-secret-never-to-be-shown")));
    ends(&story.ask(&owner_claim("c1", "5001")).await?, "confirmed", json!(true))?;
    ensure!(!story.log_text().contains("never-to-be-shown"), "a secret is in the log");
    Ok(())
}

#[tokio::test]
async fn a_token_file_that_is_gone_for_a_while_makes_commands_wait_and_fails_none() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    replace(&file, TOKEN)?;
    let path = file.to_string_lossy();
    let story = Story::with(pages(1), &[("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", &*path)]).await?;
    std::fs::remove_file(&file)?;
    story.send(&owner_claim("c", "5000")).await?;
    story.told("c", "waiting").await?;
    // A subcommand that is run now finds the configuration wrong; the worker goes on, and says why it waits.
    story.cli(&["explain", "c"], &[]).await?.ends(2, &["could not read the file it names"])?;
    let why = get(&story, "/api/v1/commands/c/explain", "").await?;
    ensure!(why.contains("credential story cannot be read"), "{why}");
    replace(&file, TOKEN)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

/// A GET with a header; the whole answer.
async fn get(story: &Story, path: &str, header: &str) -> Result<String> {
    let mut stream = TcpStream::connect(story.address()).await?;
    let text = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{header}connection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn the_token_of_the_api_is_the_one_that_its_file_holds_now() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("http-token");
    let [old, new] = ["old-http-token-never-to-be-shown", "new-http-token-never-to-be-shown"];
    replace(&file, old)?;
    let path = file.to_string_lossy();
    let mut story = Story::with(world(), &[("HTTP__TOKEN_FILE", &*path)]).await?;
    story.listen_everywhere().await?;
    let status = async |token: &str| -> Result<String> {
        let answer = get(&story, "/api/v1/commands", &format!("authorization: Bearer {token}\r\n")).await?;
        answer.get(9..12).map(ToOwned::to_owned).context("no status")
    };
    assert_eq!((status(old).await?, status(new).await?), ("200".to_owned(), "401".to_owned()));
    story.cli(&["events", "replay", "--reason", "a story"], &[]).await?.ends(0, &["no event is unrouted"])?;
    replace(&file, new)?;
    assert_eq!((status(old).await?, status(new).await?), ("401".to_owned(), "200".to_owned()));
    story.cli(&["events", "replay", "--reason", "a story"], &[]).await?.ends(0, &["no event is unrouted"])?;
    replace(&file, "short")?;
    assert_eq!((status("short").await?, status(new).await?), ("503".to_owned(), "503".to_owned()));
    Ok(())
}
