//! The worker's throughput and CPU a command, beside a bare loop of lapin and reqwest that makes the same calls.
//!
//! `make bench`: a real RabbitMQ node of its own, the simulator in a process of its own, the worker as the release
//! binary. Both sides take the same commands from a queue, make the same three requests for each (is it held, claim it,
//! is it held now), publish an event and acknowledge. The bare loop keeps nothing: no journal, no
//! idempotency, no evidence. Figures are ratios of one run on one machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

const BUSINESSES: usize = 100;
const PAGES: usize = 10;
const AT_ONCE: usize = 64;
const WITHIN: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    let node = Node::start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bare = runtime.block_on(measure(&node, folder.path(), Side::Bare))?;
    let worker = runtime.block_on(measure(&node, folder.path(), Side::Worker))?;
    let commands = (BUSINESSES * PAGES) as f64;
    println!("commands                  {commands}");
    println!("bare loop                 {:.0} commands/s", commands / bare.seconds);
    println!("worker                    {:.0} commands/s", commands / worker.seconds);
    println!("worker / bare loop        {:.2} of its throughput", bare.seconds / worker.seconds);
    if let Some(cpu) = worker.cpu_seconds {
        println!("worker CPU a command      {:.0} µs", cpu / commands * 1e6);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Bare,
    Worker,
}

struct Figures {
    seconds: f64,
    cpu_seconds: Option<f64>,
}

async fn measure(node: &Node, folder: &Path, side: Side) -> Result<Figures> {
    let sim = Sim::start(folder).await?;
    let connection = Connection::connect(&node.url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    match side {
        Side::Bare => bare(&channel, &sim.url).await,
        Side::Worker => worker(&channel, node, folder, &sim.url).await,
    }
}

async fn bare(channel: &Channel, graph: &str) -> Result<Figures> {
    channel.queue_declare("bench".into(), quorum(), quorum_arguments()).await?;
    channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await?;
    channel.basic_qos(256, BasicQosOptions::default()).await?;
    for body in commands() {
        channel.basic_publish("".into(), "bench".into(), BasicPublishOptions::default(), &body, persistent()).await?;
    }
    let http = reqwest::Client::new();
    let began = Instant::now();
    let consumer = channel
        .basic_consume("bench".into(), "bare".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let all = consumer.take(BUSINESSES * PAGES).map(|delivery| one(channel, &http, graph, delivery));
    let done = all.buffer_unordered(AT_ONCE).collect::<Vec<Result<()>>>();
    for result in tokio::time::timeout(WITHIN, done).await? {
        result?;
    }
    Ok(Figures { seconds: began.elapsed().as_secs_f64(), cpu_seconds: None })
}

async fn one(
    channel: &Channel,
    http: &reqwest::Client,
    graph: &str,
    delivery: lapin::Result<lapin::message::Delivery>,
) -> Result<()> {
    let delivery = delivery?;
    let command: serde_json::Value = serde_json::from_slice(&delivery.data)?;
    let (business, page) = (text(&command["business"])?, text(&command["asset"]["id"])?);
    let list = |edge: &str| http.get(format!("{graph}/v26.0/{business}/{edge}?limit=100")).bearer_auth("sim-token");
    list("owned_pages").send().await?.bytes().await?;
    let claim = http.post(format!("{graph}/v26.0/{business}/owned_pages")).bearer_auth("sim-token");
    let answer = claim.form(&[("page_id", page)]).send().await?.text().await?;
    ensure!(answer.contains("CONFIRMED"), "the simulator did not confirm: {answer}");
    list("owned_pages").send().await?.bytes().await?;
    let options = BasicPublishOptions::default();
    let confirm =
        channel.basic_publish("amq.topic".into(), "claim.page.confirmed".into(), options, b"{}", persistent());
    confirm.await?.await?;
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}

async fn worker(channel: &Channel, node: &Node, folder: &Path, graph: &str) -> Result<Figures> {
    let mut worker = Worker::start(node, folder, graph)?;
    worker.wait_until_ready().await?;
    let events = channel.queue_declare(
        "".into(),
        QueueDeclareOptions { exclusive: true, ..Default::default() },
        FieldTable::default(),
    );
    let events = events.await?.name().clone();
    let bind = channel.queue_bind(
        events.clone(),
        "bindery.events".into(),
        "#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bind.await?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let told = channel.basic_consume(events, "told".into(), options, FieldTable::default()).await?;
    let before = worker.cpu_seconds()?;
    let began = Instant::now();
    for body in commands() {
        let options = BasicPublishOptions::default();
        channel.basic_publish("bindery.commands".into(), "claim".into(), options, &body, persistent()).await?;
    }
    let ended = told.take(BUSINESSES * PAGES).collect::<Vec<_>>();
    for event in tokio::time::timeout(WITHIN, ended).await.context("not every command ended")? {
        let event: serde_json::Value = serde_json::from_slice(&event?.data)?;
        ensure!(event["data"]["phase"] == "confirmed", "a claim ended otherwise: {event}");
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Figures { seconds, cpu_seconds: Some(worker.cpu_seconds()? - before) })
}

fn commands() -> impl Iterator<Item = Vec<u8>> {
    pages().map(|(business, page)| {
        let asset = serde_json::json!({ "kind": "page", "id": page });
        let id = format!("bench-{page}");
        let command =
            serde_json::json!({ "id": id, "command": "claim", "business": business, "asset": asset, "access": "owner" });
        command.to_string().into_bytes()
    })
}

/// Every Page with the business that claims it.
fn pages() -> impl Iterator<Item = (String, String)> {
    (0..BUSINESSES * PAGES).map(|n| ((2_000 + n % BUSINESSES).to_string(), (500_000 + n).to_string()))
}

/// A world in which each business's system user has long been an admin of the Pages it will claim.
fn world() -> serde_json::Value {
    let mut businesses = serde_json::Map::new();
    let mut roles = serde_json::Map::new();
    for (business, page) in pages() {
        let user = format!("9{business}");
        let users = serde_json::json!({ &user: { "name": "Bot", "role": "ADMIN" } });
        businesses.insert(business.clone(), serde_json::json!({ "name": business, "system_users": users }));
        let role = serde_json::json!({ "name": "Bot", "tasks": ["MANAGE"], "since": "2020-01-01T00:00:00Z" });
        roles.insert(page, serde_json::json!({ "name": "Page", "roles": { &user: role } }));
    }
    let token = serde_json::json!({ "holder": { "kind": "anyone" } });
    serde_json::json!({ "businesses": businesses, "pages": roles, "tokens": { "sim-token": token } })
}

fn text(value: &serde_json::Value) -> Result<&str> {
    value.as_str().context("no text")
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

fn quorum() -> QueueDeclareOptions {
    QueueDeclareOptions { durable: true, ..Default::default() }
}

fn quorum_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), lapin::types::AMQPValue::LongString("quorum".into()));
    arguments
}

/// A private RabbitMQ node, stopped at the end.
struct Node {
    folder: String,
    url: String,
}

impl Node {
    fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("rabbitmq").display().to_string();
        let out = Command::new("bash").args(["deploy/rabbitmq-node.sh", "start", &folder]).output()?;
        ensure!(out.status.success(), "no RabbitMQ node: {}", String::from_utf8_lossy(&out.stderr));
        let url = String::from_utf8(out.stdout)?.lines().last().context("no URL")?.to_owned();
        Ok(Self { folder, url })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = Command::new("bash").args(["deploy/rabbitmq-node.sh", "stop", &self.folder]).output();
    }
}

/// The simulator in a process of its own, so that its work is not counted.
struct Sim {
    child: Child,
    url: String,
}

impl Sim {
    async fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let file = folder.join("world.json");
        fs::write(&file, world().to_string())?;
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
        let command = command.args(["graph-sim", "--listen", &listen, "--world"]).arg(file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let sim = Self { child, url: format!("http://{listen}") };
        answers(&format!("{}/_sim", sim.url)).await?;
        Ok(sim)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Worker {
    child: Child,
    health: String,
}

impl Worker {
    fn start(node: &Node, folder: &Path, graph: &str) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
        command
            .arg("run")
            .env("BINDERY__AMQP__URL", &node.url)
            .env("BINDERY__JOURNAL__URL", format!("sqlite://{}", folder.join("bench.db").display()))
            .env("BINDERY__GRAPH__BASE_URL", graph)
            .env("BINDERY__HTTP__LISTEN", &listen)
            .env("BINDERY__CREDENTIALS__MAIN__ACCESS_TOKEN", "sim-token")
            .env("BINDERY__CREDENTIALS__MAIN__BUSINESSES", "*")
            .env("RUST_LOG", "warn");
        let child = command.stderr(Stdio::inherit()).spawn()?;
        Ok(Self { child, health: format!("http://{listen}/readyz") })
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        answers(&self.health).await
    }

    /// User and system time so far, from the process's own accounting.
    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("odd stat")?.1.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / 100.0) // USER_HZ is 100 on Linux
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answers(url: &str) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match reqwest::get(url).await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            _ => ensure!(Instant::now() < until, "{url} does not answer"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
