//! `bindery doctor`, as the real binary: what is wrong is named, with what to do, and nothing is changed by asking.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Holder, Token, World};
use bindery::journal::Journal;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;

use crate::harness::{Story, TOKEN, Told, agency_claim, clients_page, world};
use crate::rabbit::{self, Node, eventually};

const PAGE: &str = "1001";

/// The worker with a system user's token, as it should be.
fn sound() -> World {
    let user = Holder::SystemUser { business: "2001".to_owned(), user: "92001".to_owned() };
    clients_page(PAGE).token(TOKEN, Token::of(user))
}

async fn doctor(story: &Story, settings: &[(&str, &str)]) -> Result<Told> {
    story.cli(&["doctor"], settings).await
}

/// Without a story: no worker has ever run here.
async fn alone(url: String) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
    command.arg("doctor").env_clear().stdin(Stdio::null()).env("BINDERY__AMQP__URL", url);
    command.env("BINDERY__JOURNAL__URL", format!("sqlite://{}", folder.path().join("journal.db").display()));
    let told = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(!folder.path().join("journal.db").exists(), "a journal was made by asking");
    Ok(told)
}

fn says(told: &Output, code: i32, words: &[&str]) -> Result<()> {
    let text = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.code() == Some(code), "not {code}: {text}");
    for word in words {
        ensure!(text.contains(word), "{word:?} is not told: {text}");
    }
    ensure!(!text.contains("never-to-be-shown"), "a secret was told: {text}");
    Ok(())
}

#[tokio::test]
async fn a_sound_installation_is_told_so_line_by_line_and_left_as_it_is() -> Result<()> {
    let story = Story::of(sound()).await?;
    story.send_raw("claim", b"no command").await?;
    story.vhost.expect_depth("bindery.dead", 1).await?;
    let told = doctor(&story, &[]).await?;
    told.ends(
        0,
        &[
            "RabbitMQ 3.",
            "queue bindery.commands stands with the right type and arguments",
            "queue bindery.dead stands with the right type and arguments",
            "exchange bindery.events stands with the right type and arguments",
            "we may read from queue bindery.commands",
            "write to exchange bindery.events",
            "1 workers take them",
            "1 dead letters in bindery.dead",
            "schema ",
            "it can be written to",
            "its pages are sound",
            "has the journal locked and is ready",
            "credential story is good, a system user's",
            "has no end",
            "business_management",
            "our clock agrees with Meta's",
        ],
    )?;
    ensure!(!told.out.contains("failed"), "{told:#?}");
    story.vhost.expect_depth("bindery.dead", 1).await?;
    ensure!(story.writes().is_empty(), "it asked and changed nothing");
    ensure!(story.events().iter().all(|event| event["data"]["phase"] == "rejected"), "{:#?}", story.events());
    Ok(())
}

#[tokio::test]
async fn it_answers_in_json_with_a_remedy_where_one_is_needed() -> Result<()> {
    let story = Story::of(sound()).await?;
    story.meta.token(TOKEN, Some(463))?;
    let told = story.cli(&["doctor", "--json"], &[]).await?;
    told.ends(1, &[])?;
    let told = told.json()?;
    ensure!(told["ok"] == false, "{told:#}");
    let findings = told["findings"].as_array().cloned().unwrap_or_default();
    let bad: Vec<&Value> = findings.iter().filter(|finding| finding["verdict"] == "failed").collect();
    ensure!(bad.len() == 1 && bad[0]["area"] == "graph" && bad[0]["remedy"].is_string(), "{bad:#?}");
    Ok(())
}

#[tokio::test]
async fn a_dead_token_is_named_with_metas_reason() -> Result<()> {
    let story = Story::of(sound()).await?;
    story.meta.token(TOKEN, Some(460))?;
    doctor(&story, &[]).await?.ends(1, &["Meta refuses credential story: 190", "give credentials.story a new token"])
}

#[tokio::test]
async fn a_token_that_lacks_permissions_or_is_a_persons_or_ends_soon_is_named() -> Result<()> {
    let story = Story::of(sound()).await?;
    let soon = jiff::Timestamp::now() + Duration::from_secs(3 * 86_400);
    let person = Token { expires: Some(soon), ..Token::of(Holder::Anyone) };
    story.meta.edit(|world| world.tokens.insert(TOKEN.to_owned(), person.clone()));
    doctor(&story, &[])
        .await?
        .ends(0, &["warning", "of the type USER", "credential story ends at", "a changed file is seen at once"])?;
    let poor = Token { scopes: ["pages_show_list".to_owned()].into(), ..person };
    story.meta.edit(|world| world.tokens.insert(TOKEN.to_owned(), poor));
    doctor(&story, &[]).await?.ends(1, &["lacks the permission business_management"])
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_and_no_credential_at_all_are_named() -> Result<()> {
    let story = Story::of(sound()).await?;
    let broken =
        [("CREDENTIALS__STORY__ACCESS_TOKEN", ""), ("CREDENTIALS__STORY__ACCESS_TOKEN_FILE", "/nowhere/token")];
    // It is a matter of configuration already: the first file that cannot be read is told at the door.
    doctor(&story, &broken).await?.ends(2, &["ACCESS_TOKEN_FILE", "could not read the file it names"])?;
    says(&alone(story.vhost.url.clone()).await?, 0, &["no credential is set"])
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_is_a_failure() -> Result<()> {
    let story = Story::of(sound()).await?;
    story.meta.advance(Duration::from_secs(600));
    let told = doctor(&story, &[]).await?;
    told.ends(1, &["behind Meta's", "NTP"])?;
    ensure!(told.out.contains("our clock is 600 s") || told.out.contains("our clock is 599 s"), "{told:#?}");
    Ok(())
}

#[tokio::test]
async fn a_clock_that_is_a_minute_off_is_a_warning() -> Result<()> {
    let story = Story::of(sound()).await?;
    story.meta.advance(Duration::from_secs(60));
    doctor(&story, &[]).await?.ends(0, &["warning  graph", "behind Meta's"])
}

#[tokio::test]
async fn graph_out_of_reach_is_exit_3_and_the_rest_is_told_all_the_same() -> Result<()> {
    let story = Story::of(sound()).await?;
    let told = doctor(&story, &[("GRAPH__BASE_URL", "http://127.0.0.1:1")]).await?;
    told.ends(3, &["http://127.0.0.1:1 was not reached", "graph is out of reach", "queue bindery.commands stands"])
}

#[tokio::test]
async fn a_host_that_is_not_graph_is_not_taken_for_it() -> Result<()> {
    let story = Story::of(sound()).await?;
    let health = format!("http://{}", story.address());
    doctor(&story, &[("GRAPH__BASE_URL", &health)]).await?.ends(3, &["it does not answer as Graph does"])
}

#[tokio::test]
async fn a_broker_that_is_away_or_does_not_let_us_in_is_exit_3_with_the_reason() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    says(
        &alone("amqp://u:never-to-be-shown@127.0.0.1:1/%2f".to_owned()).await?,
        3,
        &["could not reach the broker at 127.0.0.1:1"],
    )?;
    let wrong = vhost.url.replace("never-to-be-shown", "another");
    says(&alone(wrong).await?, 3, &["refused the login of user", "set the right user and password in amqp.url"])?;
    let missing = vhost.url.clone() + "-missing";
    says(&alone(missing).await?, 3, &["has no vhost"])
}

#[tokio::test]
async fn one_that_accepts_and_says_nothing_is_given_up_in_time() -> Result<()> {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("amqp://u:never-to-be-shown@{}/%2f", silent.local_addr()?);
    says(&alone(url).await?, 3, &["accepted the connection but did not answer within 5s"])
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_and_not_touched() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let (_connection, channel) = vhost.channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut limited = FieldTable::default();
    limited.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    limited.insert("x-delivery-limit".into(), AMQPValue::LongInt(3));
    channel.queue_declare("bindery.commands".into(), durable, limited.clone()).await?;
    channel.queue_declare("bindery.dead".into(), durable, FieldTable::default()).await?;
    let told = alone(vhost.url.clone()).await?;
    says(
        &told,
        1,
        &[
            "queue bindery.commands exists with",
            "queue bindery.dead exists with x-queue-type",
            "exchange bindery.events is not there",
        ],
    )?;
    // Still as they were: the same declarations are taken.
    channel.queue_declare("bindery.commands".into(), durable, limited).await?;
    channel.queue_declare("bindery.dead".into(), durable, FieldTable::default()).await?;
    says(&alone(vhost.url.clone()).await?, 1, &["exchange bindery.events is not there"])
}

#[tokio::test]
async fn f25_a_missing_target_of_dead_letters_is_a_failure() -> Result<()> {
    let story = Story::of(sound()).await?;
    let (_connection, channel) = story.vhost.channel().await?;
    channel.exchange_delete("bindery.dead".into(), ExchangeDeleteOptions::default()).await?;
    doctor(&story, &[]).await?.ends(1, &["exchange bindery.dead is not there: dead letters stay", "restart a worker"])
}

#[tokio::test]
async fn what_the_user_may_not_do_is_named() -> Result<()> {
    let story = Story::of(sound()).await?;
    let stranger = story.vhost.url.replace("//bindery:", "//stranger:");
    story.vhost.permit("stranger", ["", "", ""]).await?;
    let told = doctor(&story, &[("AMQP__URL", &stranger)]).await?;
    let missing =
        ["read from queue bindery.commands", "write to exchange bindery.events", "write to exchange bindery.dead"];
    told.ends(1, &missing.map(|what| format!("we may not {what}")).iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(told.out.contains("grant user \"stranger\""), "{told:#?}");
    story.vhost.permit("stranger", ["", ".*", ".*"]).await?;
    let told = doctor(&story, &[("AMQP__URL", &stranger)]).await?;
    told.ends(0, &["this user may not compare its arguments", "we may read from queue bindery.commands"])
}

#[tokio::test]
async fn an_alarm_of_the_broker_is_told_with_its_reason() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    bindery::broker::reach(&vhost.config()).await?;
    node.raise_alarm().await?;
    let told = alone(vhost.url.clone()).await;
    node.end_alarm().await?;
    says(&told?, 1, &["an alarm holds back whoever publishes", "memory"])
}

#[tokio::test]
async fn a_journal_that_another_process_holds_is_told_with_that_process() -> Result<()> {
    let mut story = Story::of(sound()).await?;
    story.stop().await?;
    doctor(&story, &[]).await?.ends(0, &["no worker has the journal"])?;
    let held = Journal::open(&story.folder().join("bindery.db")).await?;
    let me = format!("process {} has the journal locked", std::process::id());
    doctor(&story, &[]).await?.ends(0, &[&me, "could not reach the worker"])?;
    held.close().await;
    Ok(())
}

#[tokio::test]
async fn a_journal_that_somebody_keeps_a_transaction_on_cannot_be_written_to() -> Result<()> {
    let mut story = Story::of(sound()).await?;
    story.stop().await?;
    let other = rusqlite::Connection::open(story.folder().join("bindery.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    doctor(&story, &[]).await?.ends(1, &["it cannot be written to", "locked"])?;
    other.execute_batch("ROLLBACK")?;
    doctor(&story, &[]).await?.ends(0, &["it can be written to"])
}

#[tokio::test]
async fn a_file_that_is_no_journal_and_a_folder_that_is_not_there_are_exit_3() -> Result<()> {
    let story = Story::of(sound()).await?;
    let file = story.folder().join("noise.db");
    std::fs::write(&file, "this is no database, and long enough to be taken for one at first sight")?;
    let url = format!("sqlite://{}", file.display());
    doctor(&story, &[("JOURNAL__URL", &url)]).await?.ends(3, &["noise.db", "journal is out of reach"])?;
    doctor(&story, &[("JOURNAL__URL", "sqlite:///nowhere/at/all.db")])
        .await?
        .ends(3, &["there is no folder /nowhere/at"])
}

#[tokio::test]
async fn a_worker_that_is_not_ready_is_told_with_its_reasons() -> Result<()> {
    let node = Node::boot("").await?;
    let story = Story::at(node.vhost().await?, world()).await?;
    node.kill().await?;
    rabbit::eventually("its worker has noticed", || async {
        let told = doctor(&story, &[]).await?;
        Ok(told.code == Some(3)
            && told.out.contains("is not ready: ")
            && told.out.contains("no connection to the broker"))
    })
    .await
}

#[tokio::test]
async fn health_tells_a_container_whether_the_worker_is_ready_and_why_not() -> Result<()> {
    let mut story = Story::with(sound(), &[("LIMITS__BACKLOG", "1")]).await?;
    story.cli(&["health"], &[]).await?.ends(0, &["ready"])?;
    story.send(&agency_claim("full", PAGE)).await?;
    story.told("full", "pending").await?;
    let full = || async { Ok(story.cli(&["health"], &[]).await?.code == Some(1)) };
    eventually("a worker that takes nothing more in is not ready", full).await?;
    let told = story.cli(&["health", "--json"], &[]).await?;
    ensure!(told.code == Some(1) && told.json()?["ready"] == false, "{told:?}");
    ensure!(told.json()?["reasons"][0].as_str().is_some_and(|why| why.contains("limits.backlog")), "{told:?}");
    story.stop().await?;
    story.cli(&["health"], &[]).await?.ends(3, &["could not reach the worker"])
}
