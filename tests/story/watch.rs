//! `bindery watch` and `bindery send --wait`: what people and scripts at a terminal see of events.

use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use bindery::broker;
use lapin::BasicProperties;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::{BUSINESS, NEIGHBOUR, Story, WORKER, owner_claim, world};
use crate::rabbit::{self, Node, PATIENCE, Vhost};

const PAGE: &str = "1001";

/// The binary at a terminal's place, line by line.
struct Terminal {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Terminal {
    fn run(vhost: &Vhost, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
        command.args(arguments).env_clear().env("BINDERY__AMQP__URL", &vhost.url).kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let err = BufReader::new(child.stderr.take().context("no stderr")?).lines();
        Ok(Self { child, out, err, said: Vec::new() })
    }

    /// A watch that has begun to hear.
    async fn watch(vhost: &Vhost, arguments: &[&str]) -> Result<Self> {
        let mut terminal = Self::run(vhost, &[&["watch"], arguments].concat())?;
        terminal.says("watching connection to the broker is up").await?;
        Ok(terminal)
    }

    /// The next line on stdout, which must come.
    async fn line(&mut self) -> Result<String> {
        let line = timeout(PATIENCE, self.out.next_line()).await.context("nothing was shown")??;
        line.context("the output has ended")
    }

    /// Reads stderr up to the line with these words, which must come.
    async fn says(&mut self, words: &str) -> Result<()> {
        loop {
            let line =
                timeout(PATIENCE, self.err.next_line()).await.with_context(|| format!("never said: {words}"))??;
            let Some(line) = line else { bail!("ended without saying {words}: {:#?}", self.said) };
            let found = line.contains(words);
            self.said.push(line);
            if found {
                return Ok(());
            }
        }
    }

    /// Its exit code, and all that it said to the end.
    async fn ends(mut self) -> Result<(Option<i32>, Vec<String>)> {
        while let Some(line) = timeout(PATIENCE, self.err.next_line()).await.context("it goes on")?? {
            self.said.push(line);
        }
        let ended = timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        Ok((ended.code(), self.said))
    }

    async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().context("it has ended by itself")?.to_string();
        ensure!(Command::new("kill").args([format!("-{name}"), pid]).status().await?.success(), "kill");
        Ok(())
    }
}

/// An event as the worker publishes it.
async fn publish(vhost: &Vhost, id: &str, business: &str) -> Result<Vec<u8>> {
    let body = serde_json::to_vec(&event(id, business))?;
    let properties = BasicProperties::default().with_delivery_mode(2).with_correlation_id(id.into());
    vhost.publish("bindery.events", "claim.page.confirmed", body.clone(), properties).await?;
    Ok(body)
}

fn event(id: &str, business: &str) -> Value {
    json!({
        "specversion": "1.0", "id": "13b8fe6d-3259-5faf-909d-4737116351c6", "source": "/bindery/default",
        "type": "bindery.claim.confirmed", "subject": "page/1009", "time": "2026-11-25T13:21:15Z",
        "datacontenttype": "application/json", "dataschema": "urn:bindery:schema:event:1",
        "data": {"command_id": id, "sequence": 1, "command": "claim", "phase": "confirmed", "terminal": true,
            "business": business, "asset": {"kind": "page", "id": "1009"}, "access": "agency", "changed": true,
            "actor": null, "reason": null, "evidence_head": null, "error": null},
    })
}

#[tokio::test]
async fn a_watch_shows_everything_or_what_it_was_asked_for() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    broker::reach(&vhost.config()).await?;
    let mut all = Terminal::watch(&vhost, &[]).await?;
    let mut one = Terminal::watch(&vhost, &["--command", "b"]).await?;
    let mut business = Terminal::watch(&vhost, &["--business", NEIGHBOUR]).await?;
    for (id, of) in [("a", BUSINESS), ("b", BUSINESS), ("c", NEIGHBOUR)] {
        publish(&vhost, id, of).await?;
    }
    for id in ["a", "b", "c"] {
        let line = all.line().await?;
        ensure!(line.starts_with(&format!("claim {id}: 2026-11-25")) && line.contains("confirmed page/1009"), "{line}");
    }
    ensure!(one.line().await?.starts_with("claim b: "), "another's");
    ensure!(business.line().await?.starts_with("claim c: "), "another business's");
    Ok(())
}

#[tokio::test]
async fn a_watch_for_scripts_shows_the_bytes_that_were_published() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    broker::reach(&vhost.config()).await?;
    let mut watch = Terminal::watch(&vhost, &["--json", "--business", BUSINESS]).await?;
    vhost.publish("bindery.events", "x", "no event at all", BasicProperties::default()).await?;
    let body = publish(&vhost, "a", BUSINESS).await?;
    assert_eq!(watch.line().await?.into_bytes(), body, "what is no event is nobody's");
    Ok(())
}

#[tokio::test]
async fn a_watch_lives_through_a_broker_that_dies_and_says_so_once() -> Result<()> {
    let node = Node::boot("").await?;
    let vhost = node.vhost().await?;
    broker::reach(&vhost.config()).await?;
    let mut watch = Terminal::watch(&vhost, &[]).await?;
    publish(&vhost, "before", BUSINESS).await?;
    ensure!(watch.line().await?.starts_with("claim before"), "not heard");
    node.kill().await?;
    watch.says("watching connection to the broker is down").await?;
    node.start_again().await?;
    watch.says("may be missing here").await?;
    publish(&vhost, "after", BUSINESS).await?;
    ensure!(watch.line().await?.starts_with("claim after"), "not heard");
    watch.signal("INT").await?;
    let (code, said) = watch.ends().await?;
    assert_eq!(code, Some(0));
    let times = |words: &str| said.iter().filter(|line| line.contains(words)).count();
    // One line a change of the reason, and at most two reasons: lost, then nobody there.
    ensure!((1..=3).contains(&times("connection to the broker is down")), "{said:#?}");
    assert_eq!((times("connection to the broker is up"), times("may be missing here")), (2, 1), "{said:#?}");
    Ok(())
}

#[tokio::test]
async fn a_watch_ends_well_when_told_to_or_when_nobody_reads() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    broker::reach(&vhost.config()).await?;
    for signal in ["INT", "TERM"] {
        let watch = Terminal::watch(&vhost, &[]).await?;
        watch.signal(signal).await?;
        assert_eq!(watch.ends().await?.0, Some(0), "{signal}");
    }
    let Terminal { child, out, err, said } = Terminal::watch(&vhost, &[]).await?;
    drop(out);
    publish(&vhost, "a", BUSINESS).await?;
    let mut child = child;
    let ended = timeout(PATIENCE, child.wait()).await.context("it goes on, for nobody")??;
    ensure!(ended.success(), "{ended}: {said:?}");
    drop(err);
    Ok(())
}

#[tokio::test]
async fn a_watch_where_no_worker_has_been_says_what_is_missing() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let (code, said) = Terminal::run(&vhost, &["watch"])?.ends().await?;
    assert_eq!(code, Some(3), "{said:?}");
    let said = said.join("\n");
    ensure!(said.contains("bindery.events") && said.contains("a worker declares"), "{said}");
    ensure!(!said.contains(rabbit::PASSWORD), "the password was told: {said}");
    Ok(())
}

#[tokio::test]
async fn send_and_wait_shows_the_end_of_its_own_command_alone() -> Result<()> {
    let story = Story::of(world().page(PAGE, |p| p.direct_admin(WORKER))).await?;
    let fields = ["--business", BUSINESS, "--asset", "page/1001", "--access", "owner"];
    let arguments = |id: &'static str| [&["send", "claim", "--id", id, "--wait", "--json"], &fields[..]].concat();
    let mut sent = Terminal::run(&story.vhost, &arguments("mine"))?;
    let event: Value = serde_json::from_str(&sent.line().await?)?;
    assert_eq!((&event["data"]["command_id"], &event["data"]["phase"]), (&json!("mine"), &json!("confirmed")));
    assert_eq!(sent.ends().await?.0, Some(0));
    // The same id for another content: the answer is to this delivery, and is not well.
    let mut other = owner_claim("mine", PAGE);
    other["reason"] = json!("another one's");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), other.to_string())?;
    let path = file.path().to_string_lossy().into_owned();
    let mut again = Terminal::run(&story.vhost, &["send", "--body", &path, "--wait", "--json"])?;
    let event: Value = serde_json::from_str(&again.line().await?)?;
    assert_eq!(event["data"]["error"]["code"], json!("id_reused"));
    assert_eq!(again.ends().await?.0, Some(1));
    Ok(())
}
