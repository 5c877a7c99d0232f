//! The stage: simulator, journal, engine, a publisher of commands and a listener to events.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broker::{self, BrokerConfig, BrokerError, Exchange, Publication, Publisher, Reader, Settled};
use crate::cli::run::{broker_config, graph_config};
use crate::cli::{CliError, answer};
use crate::config::Config;
use crate::contract::{Event, Phase};
use crate::engine::{Clock, Engine};
use crate::graph::Graph;
use crate::graph_sim::{Sim, SimConfig};
use crate::journal::{Journal, JournalError};
use crate::operator::{Anchor, Finding, Report};

/// How long an event may let us wait before the story is off.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the engine may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Tasks shown of a long set.
const SHOWN: usize = 3;

/// Waits of seconds where Meta's people take days.
const SHORT: &str = r#"
[poll]
first = "300ms"
max = "600ms"
settle = "1500ms"
give_up_after = "1h"
[retry]
first = "200ms"
max = "1s"
give_up_after = "1m"
[pace]
unstated = "4s"
[events]
source = "/bindery/demo"
[credentials.northwind]
access_token = "sim-token-2001"
businesses = ["2001"]
[credentials.harbour]
access_token = "sim-token-2002"
businesses = ["2002"]
[credentials.pine]
access_token = "sim-token-2003"
businesses = ["2003"]
"#;

/// Why the story could not be told to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("stopped")]
    Stopped,
    #[error("no event told of {0} within {PATIENCE:?}")]
    Silence(String),
    #[error("the broker did not take a command: {0:?}")]
    NotTaken(Vec<Settled>),
    #[error("the simulator says: {0}")]
    Sim(#[from] crate::graph_sim::ControlError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("the journal could not be read: {0}")]
    Journal(#[from] JournalError),
    #[error("an event could not be read: {0}")]
    Event(#[from] serde_json::Error),
    #[error(transparent)]
    Answer(#[from] CliError),
}

/// Everything that takes part.
pub(super) struct Stage {
    pub(super) sim: Sim,
    /// Every event in the order of its first coming.
    pub(super) events: Vec<Event>,
    /// The number of the last call before the scenes in which none may be made.
    pub(super) quiet_from: Option<u64>,
    /// Whether the report of the offboarding was shown, and holds.
    pub(super) proved: bool,
    /// Ids of commands sent that can be read.
    pub(super) sent: BTreeSet<String>,
    listener: Reader,
    publisher: Publisher,
    broker: BrokerConfig,
    journal: Journal,
    folder: Folder,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Stage {
    /// Sets the stage at the broker of `config`, or at `url`.
    pub(super) async fn set(config: &Config, url: Option<&SecretString>) -> Result<Self, CliError> {
        let broker = names_of_its_own(broker_config(&config.amqp), url);
        let out_of_reach = |error: BrokerError| CliError::OutOfReach(error.to_string());
        broker::reach(&broker).await.map_err(out_of_reach)?;
        let listener = Reader::open(&broker, "#").await.map_err(out_of_reach)?;
        let failed = |what: &str, why: &dyn std::fmt::Display| CliError::Failed(format!("could not {what}: {why}"));
        let sim = Sim::start(SimConfig::default()).await.map_err(|why| failed("start the simulator", &why))?;
        let folder = Folder::new().map_err(|why| failed("make a temporary folder", &why))?;
        let mut short = Config::from_toml(SHORT)?;
        short.graph.base_url = sim.base_url().parse().map_err(|why| failed("read the simulator's address", &why))?;
        let journal = Journal::open(&folder.0.join("journal.db")).await;
        let journal = journal.map_err(|why| failed("open a journal", &why))?;
        let clock = Clock::default();
        let graph = Graph::new(&graph_config(&short)).map_err(|why| failed("set up the Graph client", &why))?;
        let graph = graph.with_clock(clock.reader());
        let stop = CancellationToken::new();
        let engine = Engine::new(short, journal.clone(), graph, clock, stop.clone()).await;
        let engine = engine.map_err(|why| failed("start the engine", &why))?;
        let (publisher, publishing) = Publisher::new(broker.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(publishing);
        let at = broker.clone();
        tasks.spawn(async move { engine.run(at, |_| ()).await });
        let (events, sent, proved) = (Vec::new(), BTreeSet::new(), false);
        Ok(Self {
            sim,
            events,
            quiet_from: None,
            proved,
            sent,
            listener,
            publisher,
            broker,
            journal,
            folder,
            stop,
            tasks,
        })
    }

    /// Publishes a command as an upstream system would, and shows it.
    pub(super) async fn send(&mut self, command: &Value) -> Result<(), Trouble> {
        let body = in_order(command);
        answer(&format!("  → {body}"))?;
        let text = |key: &str| command[key].as_str().unwrap_or("unknown").to_owned();
        self.sent.insert(text("id"));
        let message = Publication {
            exchange: Exchange::Commands,
            routing_key: text("command"),
            body: body.into_bytes(),
            message_id: text("id"),
            correlation_id: None,
            kind: None,
            content_type: Some("application/json".into()),
            headers: Vec::new(),
            mandatory: true,
        };
        let settled = self.publisher.publish_batch(vec![message]).await;
        if settled == [Settled::Confirmed] { Ok(()) } else { Err(Trouble::NotTaken(settled)) }
    }

    /// Shows events until the command `id` is in `phase`, which may have happened already.
    pub(super) async fn until(&mut self, id: &str, phase: Phase) -> Result<Event, Trouble> {
        self.until_any(id, |event| event.data.phase == phase, phase.word()).await
    }

    /// Shows events until the command `id` has ended, however it did.
    pub(super) async fn until_ended(&mut self, id: &str) -> Result<Event, Trouble> {
        self.until_any(id, Event::is_terminal, "an ending").await
    }

    /// The next event, a repeated one too.
    pub(super) async fn next(&mut self, awaited: &str) -> Result<Event, Trouble> {
        let told = self.listener.next(Instant::now() + PATIENCE).await?;
        let told = told.ok_or_else(|| Trouble::Silence(awaited.to_owned()))?;
        let event: Event = serde_json::from_slice(&told.body)?;
        if self.events.iter().any(|known| known.id == event.id) {
            answer(&format!("  ← {} again, under the same id {}", event.routing_key(), event.id))?;
        } else {
            show(&event)?;
            self.events.push(event.clone());
        }
        Ok(event)
    }

    /// The report of a command that has ended, in words, and whether it holds against the command's terminal event.
    pub(super) async fn report(&mut self, id: &str) -> Result<Option<(String, bool)>, Trouble> {
        let Ok(command) = id.parse() else { return Ok(None) };
        let Some(report) = Report::of(&self.journal, &command, jiff::Timestamp::now()).await? else { return Ok(None) };
        let event = self.until_ended(id).await?;
        let holds = Anchor::of_event(&event).map(|anchor| report.verify(Some(&anchor)));
        self.proved = matches!(holds, Some(Finding::Sound(_)));
        Ok(Some((report.in_words(), self.proved)))
    }

    /// Why the command `id` waits, as the worker's journal has it; nothing where it does not.
    pub(super) async fn why_it_waits(&self, id: &str) -> Result<Option<String>, Trouble> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(self.journal.find(&id).await?.and_then(|row| row.why))
    }

    /// Ends everything and leaves nothing behind.
    pub(super) async fn strike(mut self) {
        self.stop.cancel();
        drop(self.publisher);
        let _late = timeout(STOP_WITHIN, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.shutdown().await;
        self.journal.close().await;
        self.listener.close().await;
        if let Err(error) = broker::take_down(&self.broker).await {
            tracing::warn!("could not delete {}* at the broker: {error}", prefix());
        }
        self.sim.stop().await;
        drop(self.folder);
    }

    async fn until_any(&mut self, id: &str, wanted: impl Fn(&Event) -> bool, what: &str) -> Result<Event, Trouble> {
        let of = |event: &Event| event.data.command_id.as_ref().is_some_and(|known| known.to_string() == id);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.events.iter().find(|event| of(event) && wanted(event)) {
                return Ok(found.clone());
            }
            let awaited = format!("{what} of {id}");
            if Instant::now() >= deadline {
                return Err(Trouble::Silence(awaited));
            }
            self.next(&awaited).await?;
        }
    }
}

/// A folder of our own, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("bindery-demo-{}-{}", std::process::id(), stamp()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::warn!("could not remove {}: {error}", path.display());
        }
    }
}

fn stamp() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn prefix() -> String {
    format!("bindery-demo-{}", std::process::id())
}

fn names_of_its_own(mut broker: BrokerConfig, url: Option<&SecretString>) -> BrokerConfig {
    if let Some(url) = url {
        broker.url = url.clone();
    }
    let named = |what: &str| format!("{}.{what}", prefix());
    broker.names = broker::TopologyNames { commands: named("commands"), events: named("events"), dead: named("dead") };
    broker
}

/// One event in a line, and what it has to say below.
fn show(event: &Event) -> Result<(), CliError> {
    let data = &event.data;
    let id = data.command_id.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    answer(&format!("  ← {:<26} {id}, {}{}", event.routing_key(), event.subject, in_short(event)))?;
    let told = &data.told;
    if let Some(pending) = &told.pending {
        answer(&format!("      {}", pending.awaits))?;
    }
    for result in &told.results {
        let changed = if result.changed { "changed" } else { "unchanged" };
        answer(&format!("      {}: {}, {changed}", result.asset, result.phase.word()))?;
        if let Some(error) = &result.error {
            answer(&format!("        {} ({}): {}", word(error.category), error.code, error.remedy))?;
        }
    }
    if let Some(error) = &data.error {
        answer(&format!("      {} ({}): {}", word(error.category), error.code, error.message))?;
        answer(&format!("      what to do: {}", error.remedy))?;
    }
    Ok(())
}

fn in_short(event: &Event) -> String {
    let told = &event.data.told;
    let mut words = Vec::new();
    if let Some(changed) = told.changed {
        words.push(format!("changed: {changed}"));
    }
    if told.inferred {
        words.push("inferred from complete walks".into());
    }
    if let Some(tasks) = &told.granted_tasks {
        words.push(format!("granted {}", first_few(&serde_json::json!(tasks))));
    }
    if let Some(waiting) = &told.waiting {
        let until = waiting.until.map_or_else(String::new, |until| format!(" until {until:.0}"));
        words.push(format!("{}{until}", waiting.cause.word()));
    }
    if event.is_terminal() {
        words.push(format!("{} Graph calls", event.data.record.graph_calls));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// The first tasks and how many more.
fn first_few(tasks: &Value) -> String {
    let tasks: Vec<&str> = tasks.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let more = tasks.len().saturating_sub(SHOWN);
    let shown = tasks.into_iter().take(SHOWN).collect::<Vec<_>>().join(" ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// As a person writes it: who it is and what it wants first.
fn in_order(command: &Value) -> String {
    const FIRST: [&str; 7] = ["id", "command", "business", "asset", "assets", "from", "to"];
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut fields: Vec<(&String, &Value)> = command.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(key, _)| rank(key));
    let fields: Vec<String> =
        fields.into_iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()))).collect();
    format!("{{{}}}", fields.join(","))
}

fn word(category: crate::contract::Category) -> String {
    serde_json::json!(category).as_str().unwrap_or_default().to_owned()
}

/// The ids of the terminal events of the command `id`.
pub(super) fn terminals(events: &[Event], id: &str) -> BTreeSet<Uuid> {
    let of = |event: &&Event| event.data.command_id.as_ref().is_some_and(|known| known.to_string() == id);
    events.iter().filter(of).filter(|event| event.is_terminal()).map(|event| event.id).collect()
}
