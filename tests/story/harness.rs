//! A story of the whole worker: the real binary between a real RabbitMQ and a simulator of Meta in this process.
//!
//! Nothing here waits for time to pass: a story waits for an event, or for a call that arrives at the simulator.

mod cast;
mod told;

pub use cast::{
    ANNA, BEN, BUSINESS, MANAGER, NEIGHBOUR, OUTSIDER, OWNER, TOKEN, WORKER, agency_claim, annas_page, cancel,
    clients_page, ends, fails, order, orders, owner_claim, phase, world,
};
pub use told::Told;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail, ensure};
use bindery::graph_sim::{Call, Sim, SimConfig, Verb, World};
use bindery::journal::Address;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cluster::{self, Database};
use crate::contract_files::told_as_documented;
use crate::rabbit::{self, PATIENCE, Vhost, eventually};
use told::{EVENTS_QUEUE, is_of, line, read_events, short};

/// What every story's worker is told, unless a story says otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("POLL__FIRST", "200ms"),
    ("POLL__MAX", "500ms"),
    ("POLL__SETTLE", "1s"),
    ("RETRY__FIRST", "50ms"),
    ("RETRY__MAX", "500ms"),
    ("GRAPH__CALL_WITHIN", "1s"),
    ("PACE__LOOK_AGAIN", "1s"),
    ("PACE__UNSTATED", "1s"),
    ("SHUTDOWN_WITHIN", "5s"),
    // Mixed loads take more away in an hour than an agency should.
    ("OFFBOARDING__BLAST_RADIUS", "1000000"),
    // And claim more.
    ("CLAIMS__OPEN_PER_BUSINESS", "1000000"),
    ("CLAIMS__NEW_PER_HOUR", "1000000"),
];

/// What keeps the journal of a story.
pub enum Store {
    /// A file of its own.
    Sqlite,
    /// A database of its own, on the server that all stories share.
    Postgres,
    /// This database.
    This(Database),
}

static PORTS: AtomicU16 = AtomicU16::new(0);

/// The worker, its neighbours, and all that it has told.
pub struct Story {
    pub meta: Sim,
    pub vhost: Vhost,
    folder: TempDir,
    listen: String,
    settings: Vec<(String, String)>,
    /// Variables that are no settings.
    surroundings: Vec<(String, String)>,
    worker: Option<Child>,
    /// Where its journal is, where that is no file of its own.
    database: Option<Database>,
    commands: (Connection, Channel),
    events: watch::Receiver<Vec<Value>>,
    _reader: JoinSet<()>,
}

impl Story {
    /// The worker is up and listens.
    pub async fn of(world: World) -> Result<Self> {
        Self::with(world, &[]).await
    }

    /// With settings of its own, by their variables without the prefix; `{folder}` is the story's folder.
    pub async fn with(world: World, settings: &[(&str, &str)]) -> Result<Self> {
        Self::at_with(rabbit::vhost().await?, world, settings).await
    }

    /// In a vhost of a node of its own.
    pub async fn at(vhost: Vhost, world: World) -> Result<Self> {
        Self::at_with(vhost, world, &[]).await
    }

    async fn at_with(vhost: Vhost, world: World, settings: &[(&str, &str)]) -> Result<Self> {
        let mut story = Self::prepared(vhost, world, settings).await?;
        story.restart().await?;
        Ok(story)
    }

    /// All but the worker, which [`restart`](Self::restart) or [`start`](Self::start) starts.
    pub async fn prepared(vhost: Vhost, world: World, settings: &[(&str, &str)]) -> Result<Self> {
        let meta = Sim::start(SimConfig::of(world)).await?;
        let folder = tempfile::Builder::new().prefix("bindery-story-").tempdir()?;
        let (events, reader) = read_events(&vhost, Vec::new()).await?;
        let commands = vhost.channel().await?;
        commands.1.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut story = Self {
            listen: free_address()?,
            settings: Vec::new(),
            surroundings: Vec::new(),
            worker: None,
            database: None,
            _reader: reader,
            meta,
            vhost,
            folder,
            commands,
            events,
        };
        story.set("CREDENTIALS__STORY__BUSINESSES", "*");
        if !settings.iter().any(|(name, _)| name.starts_with("CREDENTIALS__STORY__ACCESS_TOKEN")) {
            story.set("CREDENTIALS__STORY__ACCESS_TOKEN", TOKEN);
        }
        for (name, value) in SETTINGS.iter().chain(settings) {
            story.set(name, value);
        }
        Ok(story)
    }

    /// Its journal is kept in `store` from its next start on.
    pub async fn keep_in(&mut self, store: Store) -> Result<()> {
        self.database = match store {
            Store::Sqlite => None,
            Store::Postgres => Some(cluster::database().await?),
            Store::This(database) => Some(database),
        };
        Ok(())
    }

    /// Where its journal is.
    pub fn journal(&self) -> Address {
        match &self.database {
            Some(database) => database.url().parse().expect("a URL of the harness"),
            None => Address::from(&self.folder.path().join("bindery.db")),
        }
    }

    /// A setting of the worker from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// A variable of the worker's process from its next start on; none where the value is empty.
    pub fn surround(&mut self, name: &str, value: &str) {
        self.surroundings.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.surroundings.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Publishes a command, and sees it confirmed by the broker.
    pub async fn send(&self, command: &Value) -> Result<()> {
        self.send_raw(command["command"].as_str().unwrap_or("unknown"), command.to_string().as_bytes()).await
    }

    pub async fn send_raw(&self, key: &str, body: &[u8]) -> Result<()> {
        self.publish(key, body, BasicProperties::default()).await
    }

    /// As [`send`](Self::send), within a trace.
    pub async fn send_traced(&self, command: &Value, traceparent: &str) -> Result<()> {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
        self.send_with(command, headers).await
    }

    /// As [`send`](Self::send), with these headers.
    pub async fn send_with(&self, command: &Value, headers: FieldTable) -> Result<()> {
        let properties = BasicProperties::default().with_headers(headers);
        let key = command["command"].as_str().unwrap_or("unknown");
        self.publish(key, command.to_string().as_bytes(), properties).await
    }

    async fn publish(&self, key: &str, body: &[u8], properties: BasicProperties) -> Result<()> {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = properties.with_delivery_mode(2);
        let channel = &self.commands.1;
        let confirm = channel.basic_publish("bindery.commands".into(), key.into(), options, body, properties).await?;
        let confirm = timeout(PATIENCE, confirm).await??;
        ensure!(confirm.is_ack() && confirm.take_message().is_none(), "no queue took {key}");
        Ok(())
    }

    /// Sends a command and waits for its end.
    pub async fn ask(&self, command: &Value) -> Result<Value> {
        self.send(command).await?;
        self.event_of(command["id"].as_str().context("a command without an id")?).await
    }

    /// The terminal event of a command, which must come.
    pub async fn event_of(&self, id: &str) -> Result<Value> {
        self.event(&format!("the end of {id}"), |event| is_of(event, id) && event["data"]["terminal"] == true).await
    }

    /// The first event of a command in a phase, which must come.
    pub async fn told(&self, id: &str, in_phase: &str) -> Result<Value> {
        self.event(&format!("{in_phase} of {id}"), |event| is_of(event, id) && phase(event) == in_phase).await
    }

    /// The first event, past or to come, that `wanted` is true of.
    pub async fn event(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut events = self.events.clone();
        let came = timeout(PATIENCE, events.wait_for(|all| all.iter().any(&wanted))).await;
        let found = came.ok().and_then(Result::ok).and_then(|all| all.iter().find(|event| wanted(event)).cloned());
        match found {
            Some(event) => Ok(event),
            None => bail!("waited {PATIENCE:?} in vain for {what}\n{}", self.state_of_things()),
        }
    }

    /// Waits until so many events were told that `wanted` is true of.
    pub async fn events_told(&self, count: usize, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        let mut events = self.events.clone();
        let enough = |all: &Vec<Value>| all.iter().filter(|event| wanted(event)).count() >= count;
        let came = timeout(PATIENCE, events.wait_for(enough)).await.is_ok_and(|told| told.is_ok());
        ensure!(came, "waited {PATIENCE:?} in vain for {count} events\n{}", self.state_of_things());
        Ok(self.events().into_iter().filter(|event| wanted(event)).collect())
    }

    /// All that was told so far.
    pub fn events(&self) -> Vec<Value> {
        self.events.borrow().clone()
    }

    /// All that was told of a command so far, in the order in which it came.
    pub fn events_of(&self, id: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| is_of(event, id)).collect()
    }

    /// The ids of the terminal events of a command: the contract says there is one. A `rejected` answers a delivery.
    pub fn endings_of(&self, id: &str) -> BTreeSet<String> {
        let is_end = |event: &Value| event["data"]["terminal"] == true && event["data"]["sequence"].is_u64();
        let terminal = self.events_of(id).into_iter().filter(is_end);
        terminal.filter_map(|event| event["id"].as_str().map(ToOwned::to_owned)).collect()
    }

    /// The first call at Meta, past or to come, that `wanted` is true of; it must come.
    pub async fn call(&self, what: &str, wanted: impl Fn(&Call) -> bool) -> Result<Call> {
        let call = self.meta.call_where(PATIENCE, wanted).await;
        call.with_context(|| format!("waited {PATIENCE:?} in vain for {what}\n{}", self.state_of_things()))
    }

    /// All calls that Meta got for commands: at its start a worker asks who it is, to see that Graph answers.
    pub fn calls(&self) -> Vec<Call> {
        self.meta.calls().into_iter().filter(|call| call.path != "/me").collect()
    }

    /// All writes that Meta got.
    pub fn writes(&self) -> Vec<Call> {
        self.meta.calls().into_iter().filter(Call::is_write).collect()
    }

    /// How many POSTs an edge got.
    pub fn posts(&self, edge: &str) -> usize {
        self.meta.calls().iter().filter(|call| call.is(Verb::Post, edge)).count()
    }

    /// The number of Meta's last call.
    pub fn last_call(&self) -> u64 {
        self.meta.calls().last().map_or(0, |call| call.n)
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut worker) = self.worker.take() {
            worker.kill().await?;
        }
        Ok(())
    }

    /// Starts the worker, on the journal that is there.
    pub async fn restart(&mut self) -> Result<()> {
        self.start()?;
        eventually("the worker is ready", || async { Ok(self.is_ready()) })
            .await
            .with_context(|| self.state_of_things())
    }

    /// Starts the worker and does not wait for it.
    pub fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut worker = self.bindery();
        worker.arg("run").kill_on_drop(true);
        worker.env("RUST_LOG", "bindery=debug").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
        let folder = self.folder.path().to_string_lossy().into_owned();
        worker.envs(self.surroundings.iter().map(|(name, value)| (name, value.replace("{folder}", &folder))));
        self.worker = Some(worker.spawn()?);
        Ok(())
    }

    /// The binary with the worker's configuration.
    fn bindery(&self) -> Command {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let mut bindery = Command::new(env!("CARGO_BIN_EXE_bindery"));
        bindery.env_clear().current_dir(self.folder.path());
        bindery.env("BINDERY__AMQP__URL", &self.vhost.url).env("BINDERY__GRAPH__BASE_URL", self.meta.base_url());
        let journal = self.database.as_ref().map(Database::url);
        bindery.env("BINDERY__JOURNAL__URL", journal.unwrap_or_else(|| format!("sqlite://{folder}/bindery.db")));
        bindery.env("BINDERY__HTTP__LISTEN", &self.listen);
        for (name, value) in &self.settings {
            // The standard variables of telemetry have no prefix of ours.
            let name = if name.starts_with("OTEL_") { name.clone() } else { format!("BINDERY__{name}") };
            bindery.env(name, value.replace("{folder}", &folder));
        }
        bindery
    }

    /// Runs a subcommand with the worker's configuration, but for these settings, and waits for its end.
    pub async fn cli(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Told> {
        let mut bindery = self.bindery();
        bindery.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        for (name, value) in settings {
            bindery.env(format!("BINDERY__{name}"), value);
        }
        let ended = timeout(PATIENCE, bindery.output()).await.context("the subcommand did not end")??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let told = Told { code: ended.status.code(), out: text(&ended.stdout), err: text(&ended.stderr) };
        ensure!(!format!("{told:?}").contains("never-to-be-shown"), "a secret was told: {told:?}");
        Ok(told)
    }

    /// Where the worker answers HTTP.
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// Starts the worker anew where others reach it too; it is still called on loopback.
    pub async fn listen_everywhere(&mut self) -> Result<()> {
        self.stop().await?;
        let port = self.listen.rsplit(':').next().context("no port")?.to_owned();
        self.set("HTTP__LISTEN", &format!("0.0.0.0:{port}"));
        self.restart().await
    }

    /// Where its journal and its secrets are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// SIGTERM: the worker ends well, in time.
    pub async fn stop(&mut self) -> Result<()> {
        let mut worker = self.worker.take().context("no worker runs")?;
        let pid = worker.id().context("the worker has ended by itself")?;
        let told = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        ensure!(told.success(), "kill -TERM {pid}");
        let ended = timeout(PATIENCE, worker.wait()).await.context("the worker did not stop")??;
        ensure!(ended.success(), "the worker ended with {ended}\n{}", self.state_of_things());
        Ok(())
    }

    /// Waits until the worker has ended, as it must; how it did.
    pub async fn death(&mut self) -> Result<ExitStatus> {
        let mut worker = self.worker.take().context("no worker runs")?;
        let ended = timeout(PATIENCE, worker.wait()).await;
        Ok(ended.with_context(|| format!("the worker lives on\n{}", self.state_of_things()))??)
    }

    /// The process of the worker that runs.
    pub fn pid(&self) -> Option<u32> {
        self.worker.as_ref().and_then(Child::id)
    }

    /// Whether the worker has ended by itself, and nobody has asked how.
    pub fn has_ended(&self) -> bool {
        let stat = self.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        stat.is_none_or(|stat| stat.contains(") Z "))
    }

    /// Sends the worker a signal by its name.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid().context("no worker runs")?.to_string();
        let told = Command::new("kill").arg(format!("-{name}")).arg(&pid).status().await?;
        ensure!(told.success(), "kill -{name} {pid}");
        Ok(())
    }

    /// The broker closes every connection, as an operator can; ours are opened anew, and the listener begins again.
    pub async fn drop_connections(&mut self) -> Result<()> {
        self.vhost.close_connections().await?;
        self.connect_again().await
    }

    /// The story's own connections anew; the listener goes on with what waits in its queue.
    pub async fn connect_again(&mut self) -> Result<()> {
        let (events, reader) = read_events(&self.vhost, self.events()).await?;
        (self.events, self._reader) = (events, reader);
        self.commands = self.vhost.channel().await?;
        self.commands.1.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(())
    }

    /// Nobody is bound for events from now on.
    pub async fn deaf(&self) -> Result<()> {
        let (_connection, channel) = self.vhost.channel().await?;
        let none = FieldTable::default();
        channel.queue_unbind(EVENTS_QUEUE.into(), "bindery.events".into(), "#".into(), none).await?;
        Ok(())
    }

    /// The story hears events again.
    pub async fn hear_again(&self) -> Result<()> {
        let (_connection, channel) = self.vhost.channel().await?;
        let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(EVENTS_QUEUE.into(), "bindery.events".into(), "#".into(), bind, none).await?;
        Ok(())
    }

    /// All that the worker logged.
    pub fn log_text(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.log()) {
            let _ = file.read_to_string(&mut text);
        }
        text
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("worker.log")
    }

    /// Whether the worker calls itself ready.
    pub fn is_ready(&self) -> bool {
        self.readiness().starts_with("HTTP/1.1 200")
    }

    /// What `/readyz` answers; empty where nobody does.
    pub fn readiness(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.listen) else { return String::new() };
        let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: story\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        match asked.and_then(|()| stream.read_to_string(&mut answer)) {
            Ok(_) => answer,
            Err(_) => String::new(),
        }
    }

    pub fn state_of_things(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        let told: Vec<String> = self.events().iter().map(short).collect();
        let calls: Vec<String> = self.meta.calls().iter().rev().take(15).rev().map(line).collect();
        format!(
            "the worker's log:\n{}\nevents:\n{}\ncalls:\n{}",
            lines[lines.len().saturating_sub(25)..].join("\n"),
            told[told.len().saturating_sub(15)..].join("\n"),
            calls.join("\n")
        )
    }
}

/// Every story's last word: all that it was told is as the published schema says.
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for event in self.events() {
            told_as_documented(&event).unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
}

/// Below the ports of the nodes and those that the kernel gives to outgoing connections.
fn free_address() -> Result<String> {
    let base = u16::try_from(std::process::id() % 60)? * 100;
    for _ in 0..1_000 {
        let address = format!("127.0.0.1:{}", 8_000 + (base + PORTS.fetch_add(1, Ordering::Relaxed)) % 8_000);
        if TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free port from 8000 to 16000")
}
