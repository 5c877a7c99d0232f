//! A real PostgreSQL for tests: one server for a test binary, started when the first one asks, a database each.
//!
//! Whatever becomes of this process, the server ends with it: `deploy/postgres-server.sh hold` lives as long as our end
//! of its stdin. A database that a test has done with is emptied for the next one, which takes a hundredth of the time
//! of making one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

static SHARED: OnceCell<Cluster> = OnceCell::const_new();
/// Numbers of databases that no test uses now.
static FREE: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static NEXT: Mutex<u32> = Mutex::new(0);

/// A running server.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    _holder: Child,
}

/// A database with nothing in it, until it is dropped.
pub(crate) struct Database {
    number: u32,
    port: u16,
}

/// A database of its own on the server that all tests of this binary share.
pub(crate) async fn database() -> Result<Database> {
    let cluster = SHARED.get_or_try_init(Cluster::start).await?;
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    if let Some(number) = free {
        let database = Database { number, port: cluster.port };
        database.empty().await?;
        return Ok(database);
    }
    cluster.new_database().await
}

impl Cluster {
    /// Starts a server of its own, for a story that stops it.
    pub(crate) async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(Self::start_blocking).await?
    }

    fn start_blocking() -> Result<Self> {
        // Not removed by us: the script does so when the server has ended.
        let folder = tempfile::Builder::new().prefix("bindery-postgres-").tempdir()?.keep();
        let mut holder = Command::new(script())
            .arg("hold")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("deploy/postgres-server.sh")?;
        let mut url = String::new();
        BufReader::new(holder.stdout.take().context("no stdout")?).read_line(&mut url)?;
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("PostgreSQL did not start, it said {url:?}"))?;
        Ok(Self { folder, port, _holder: holder })
    }

    /// One more database on it.
    pub(crate) async fn new_database(&self) -> Result<Database> {
        let number = {
            let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next
        };
        let (client, _driver) = connect(&format!("postgres://bindery@127.0.0.1:{}/postgres", self.port)).await?;
        client.batch_execute(&format!("CREATE DATABASE d{number}")).await?;
        Ok(Database { number, port: self.port })
    }

    /// Stops it as a crash would, and brings it back on the same port.
    pub(crate) async fn crash(&self) -> Result<()> {
        self.script("kill").await?;
        self.bring_back().await
    }

    /// Stops it in order.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.script("stop").await
    }

    /// Starts it anew, on the same port.
    pub(crate) async fn bring_back(&self) -> Result<()> {
        self.script("start").await
    }

    async fn script(&self, verb: &'static str) -> Result<()> {
        let folder = self.folder.clone();
        let ran = tokio::task::spawn_blocking(move || {
            Command::new(script()).arg(verb).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).status()
        });
        let status = ran.await??;
        ensure!(status.success(), "postgres-server.sh {verb}: {status}");
        Ok(())
    }
}

impl Database {
    /// Where it is, for `journal.url`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bindery@127.0.0.1:{}/d{}", self.port, self.number)
    }

    /// A connection of an outsider, and what must be kept with it.
    pub(crate) async fn meddler(&self) -> Result<(Client, JoinSet<()>)> {
        connect(&self.url()).await
    }

    /// Ends what is still connected, and takes every row away but those that the schema begins with.
    async fn empty(&self) -> Result<()> {
        let (client, _driver) = self.meddler().await?;
        let ends = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.batch_execute(ends).await?;
        let tables = "SELECT string_agg(format('DELETE FROM bindery.%I;', relname), ' ') FROM pg_class
             WHERE relnamespace = to_regnamespace('bindery') AND relkind = 'r'
                 AND relname NOT IN ('migrations', 'lease', 'pulse')";
        let deletes: Option<String> = client.query_one(tables, &[]).await?.get(0);
        if let Some(deletes) = deletes {
            let all =
                format!("SET session_replication_role = replica; {deletes} UPDATE bindery.lease SET nonce = NULL");
            client.batch_execute(&all).await?;
        }
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Only those of the shared server are used again.
        if SHARED.get().is_some_and(|cluster| cluster.port == self.port) {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        }
    }
}

async fn connect(url: &str) -> Result<(Client, JoinSet<()>)> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Its end is the client's business.
        let _ = connection.await;
    });
    Ok((client, driver))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/postgres-server.sh")
}
