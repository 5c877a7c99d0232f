//! What the runs stand on: a RabbitMQ node of our own, a folder on the disk under `target`, and the sides as processes.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::process::{Process, cpu_of};
use crate::settings::IN_FLIGHT;
use crate::slow_disk::SlowDisk;

const READY_WITHIN: Duration = Duration::from_secs(30);
/// `poll.first`, so that the pending claims can be looked at in a run of minutes.
const POLL_FIRST: &str = "10s";

/// Who works on the queue.
#[derive(Clone, Copy)]
pub(crate) enum Side<'a> {
    /// The yardstick.
    Bare,
    /// The worker.
    Worker,
    /// The worker on a slow disk.
    Slow(&'a SlowDisk),
}

/// The broker and the folder.
pub(crate) struct Ground {
    /// The node's URL.
    pub(crate) broker: String,
    node: Child,
    home: PathBuf,
    folder: TempDir,
    runs: Cell<u32>,
}

impl Ground {
    /// Boots the node in a new folder in `within`.
    ///
    /// # Errors
    /// When no node can be had.
    pub(crate) async fn lay(within: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(within)?;
        // Not removed by us, nor is its holder killed: the script ends the node with our end of its stdin, however we die.
        let home = tempfile::Builder::new().prefix("rabbit-").tempdir_in(within)?.keep();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rabbitmq-node.sh");
        let mut command = Command::new(script);
        let mut node = command.arg("hold").arg(&home).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let broker = first_line(node.stdout.take()).await.context("RabbitMQ did not start")?;
        Ok(Self { broker, node, home, folder, runs: Cell::new(0) })
    }

    /// Ends the node; its script removes what it wrote.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) async fn clear(mut self) -> Result<()> {
        drop(self.node.stdin.take());
        self.node.wait().await?;
        Ok(())
    }

    /// RabbitMQ's CPU time so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn broker_cpu(&self) -> Result<Duration> {
        cpu_of(fs::read_to_string(self.home.join("pid"))?.trim().parse()?)
    }

    /// A folder for one run.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn run_folder(&self) -> Result<PathBuf> {
        self.runs.set(self.runs.get() + 1);
        let folder = self.folder.path().join(self.runs.get().to_string());
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Starts `side`, with the worker's journal in `folder`; it works from now on.
    ///
    /// # Errors
    /// When it does not get ready.
    pub(crate) async fn start(&self, side: Side<'_>, graph: &str, folder: &Path) -> Result<Process> {
        let worker = self.start_cold(side, graph, folder)?;
        if let Some(health) = &worker.health {
            wait_until_ready(health).await?;
        }
        Ok(worker.process)
    }

    /// Starts `side`, and waits for nothing.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn start_cold(&self, side: Side<'_>, graph: &str, folder: &Path) -> Result<Started> {
        let mut command = match side {
            Side::Bare => {
                let process = Process::start(role("bare").args([&self.broker, graph]).stdin(Stdio::piped()))?;
                return Ok(Started { process, health: None });
            }
            Side::Worker | Side::Slow(_) => self.worker(graph, folder),
        };
        if let Side::Slow(disk) = side {
            disk.put_under(&mut command, folder);
        }
        let health = format!("127.0.0.1:{}", free_port()?);
        let process = Process::start(command.env("BINDERY__HTTP__LISTEN", &health))?;
        Ok(Started { process, health: Some(format!("http://{health}/readyz")) })
    }

    fn worker(&self, graph: &str, folder: &Path) -> Command {
        let mut worker = Command::new(env!("CARGO_BIN_EXE_bindery"));
        worker.arg("run").env_clear().current_dir(folder);
        worker
            .env("BINDERY__AMQP__URL", &self.broker)
            .env("BINDERY__JOURNAL__URL", "sqlite://bench.db")
            .env("BINDERY__GRAPH__BASE_URL", graph)
            .env("BINDERY__GRAPH__CALL_WITHIN", "15m") // the stub of the memory run answers nothing for ten minutes
            .env("BINDERY__LIMITS__IN_FLIGHT", IN_FLIGHT.to_string())
            .env("BINDERY__LIMITS__BACKLOG", "2000000")
            .env("BINDERY__POLL__FIRST", POLL_FIRST)
            .env("BINDERY__CLAIMS__OPEN_PER_BUSINESS", "1000000")
            .env("BINDERY__CLAIMS__NEW_PER_HOUR", "1000000")
            .env("BINDERY__CREDENTIALS__MAIN__ACCESS_TOKEN", "bench")
            .env("BINDERY__CREDENTIALS__MAIN__BUSINESSES", "*")
            .env("RUST_LOG", "warn");
        worker
    }
}

/// A side that was started.
pub(crate) struct Started {
    pub(crate) process: Process,
    /// Where a worker says that it is ready.
    health: Option<String>,
}

/// The stub of Graph, in a process of its own.
pub(crate) struct Graph {
    process: Process,
    /// Its base URL.
    pub(crate) url: String,
}

/// What the stub was asked, without `/me`.
#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) calls: u64,
    pub(crate) waited_seconds: f64,
    pub(crate) in_flight_at_most: u64,
}

impl Graph {
    /// A stub that answers each call after `latency`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(latency: Duration) -> Result<Self> {
        Self::of(latency, "granted").await
    }

    /// A stub that answers at once, and approves no claim.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn undecided() -> Result<Self> {
        Self::of(Duration::ZERO, "waiting").await
    }

    async fn of(latency: Duration, claims: &str) -> Result<Self> {
        let milliseconds = latency.as_millis().to_string();
        let mut process =
            Process::start(role("stub").args([&milliseconds, claims]).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let url = first_line(process.child.stdout.take()).await.context("the stub did not start")?;
        Ok(Self { process, url })
    }

    /// Its CPU time so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.process.cpu()
    }

    /// What it was asked so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) async fn asked(&self) -> Result<Asked> {
        let told = reqwest::get(format!("{}/_stub", self.url)).await?.bytes().await?;
        Ok(serde_json::from_slice(&told)?)
    }

    /// Ends it and tells what it was asked.
    ///
    /// # Errors
    /// When it has ended before.
    pub(crate) async fn stop(self) -> Result<Asked> {
        let told = self.asked().await?;
        self.process.kill().await?;
        Ok(told)
    }
}

/// This program again, in another role.
fn role(name: &str) -> Command {
    let this = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let mut command = Command::new(this);
    command.arg(name);
    command
}

async fn first_line(out: Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut line = String::new();
    BufReader::new(out.context("no stdout")?).read_line(&mut line).await?;
    ensure!(!line.is_empty(), "it said nothing");
    Ok(line.trim().to_owned())
}

async fn wait_until_ready(url: &str) -> Result<()> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        if reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{url} is not ready within {READY_WITHIN:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
