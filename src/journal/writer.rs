//! Group commit: one task writes, and takes all that is queued into one transaction.
//!
//! What must hold: nobody is answered before the commit that holds their change has returned; a change that fails
//! takes nothing of itself into the commit and nothing from its neighbours; a commit that fails is everybody's failure.
//!
//! - *A change fails half-way.* That is rare, and a savepoint for each is dear: every statement is a round trip to
//!   SQLite's thread. So a group is tried plainly first; where one of it fails, all is rolled back and the group is made
//!   anew with a savepoint a change: the one that fails is rolled back to, and the rest goes on.
//! - *SQLite has rolled the whole transaction back* (disk full, I/O error). Then the savepoint is gone too, rolling
//!   back to it fails, and the group fails as one: no neighbour is told of success in a transaction that is no more.
//! - *The asker has gone.* The change stands all the same; the answer goes nowhere. A failure is then logged here,
//!   as nobody else can.
//! - *The worker is killed between commit and answer.* The change stands unanswered; who asked looks again at start.
//!
//! No timer: while a commit runs the next group gathers, so the group grows with the disk's slowness by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::JournalError;

/// Most changes in one commit: enough to hide a slow disk, few enough to keep the wait short.
pub const GROUP_MAX: usize = 256;
/// Two groups: one in the transaction's way, one gathering behind it. Whoever finds it full waits.
const QUEUE_MAX: usize = 2 * GROUP_MAX;

/// What a change's statements come to.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'c>>;
/// A change's statements. They may be run twice, the first time rolled back: `D` is lent, not given.
pub(super) type Make<D, T> = for<'c> fn(&'c mut SqliteConnection, &'c D) -> Work<'c, T>;

/// How much the writer has done, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Transactions committed.
    pub commits: u64,
    /// Changes that stand in them.
    pub changes: u64,
    /// Changes refused or failed.
    pub failures: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    changes: AtomicU64,
    failures: AtomicU64,
}

/// The way to the one task that writes.
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Change>>,
    stop: CancellationToken,
    task: Mutex<JoinSet<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the task on a connection that is its alone.
    pub(super) fn start(connection: SqliteConnection, options: sqlx::sqlite::SqliteConnectOptions) -> Self {
        let (queue, changes) = mpsc::channel(QUEUE_MAX);
        let (stop, counters) = (CancellationToken::new(), Arc::new(Counters::default()));
        let mut task = JoinSet::new();
        let shift = Shift { connection, options, counters: Arc::clone(&counters) };
        task.spawn(shift.run(changes, stop.clone()));
        Self { queue, stop, task: Mutex::new(task), counters }
    }

    /// Queues a change; its answer comes after the commit.
    pub(super) async fn queue<D, T>(
        &self,
        data: D,
        make: Make<D, T>,
    ) -> Result<oneshot::Receiver<Result<T, JournalError>>, JournalError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Asked { data, make, done: None, reply });
        self.queue.send(change).await.map_err(|_| JournalError::Closed)?;
        Ok(answer)
    }

    /// What has been done so far.
    pub(super) fn stats(&self) -> WriterStats {
        WriterStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            changes: self.counters.changes.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }

    /// Takes no more, commits what is queued and waits until that is done.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let mut task = self.task.lock().await;
        while let Some(ended) = task.join_next().await {
            if let Err(error) = ended {
                warn!(%error, "the journal's writer did not end by itself");
            }
        }
    }
}

/// The writer at work.
struct Shift {
    connection: SqliteConnection,
    options: sqlx::sqlite::SqliteConnectOptions,
    counters: Arc<Counters>,
}

impl Shift {
    async fn run(mut self, mut changes: mpsc::Receiver<Box<dyn Change>>, stop: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut healthy = true;
        loop {
            // Safe to drop: `recv_many` takes nothing out unless it returns.
            if stop.run_until_cancelled(changes.recv_many(&mut group, GROUP_MAX)).await.is_none() {
                changes.close();
                changes.recv_many(&mut group, GROUP_MAX).await;
            }
            if group.is_empty() {
                break;
            }
            let committed = self.commit(&mut group).await;
            self.note(&committed, &mut healthy).await;
            self.answer(&mut group, committed.err().map(|error| error.to_string()));
        }
        if let Err(error) = self.connection.close().await {
            warn!(%error, "could not close the journal's connection in order");
        }
    }

    async fn commit(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
        let outcome = match self.plainly(group).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                sqlx::query("ROLLBACK").execute(&mut self.connection).await?;
                self.one_by_one(group).await
            }
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // Where SQLite has rolled back by itself this says "no transaction is active", which is as well.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        }
        outcome
    }

    /// Whether all were made and are committed.
    async fn plainly(&mut self, group: &mut [Box<dyn Change>]) -> Result<bool, JournalError> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await?;
        for change in group {
            if !change.make(&mut self.connection).await {
                return Ok(false);
            }
        }
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        Ok(true)
    }

    /// A savepoint a change. Each one's end goes out together with the next one's beginning: half the round trips.
    async fn one_by_one(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
        let mut first = "BEGIN IMMEDIATE; SAVEPOINT change";
        for change in group {
            sqlx::query(first).execute(&mut self.connection).await?;
            let made = change.make(&mut self.connection).await;
            first = if made { "RELEASE change; SAVEPOINT change" } else { "ROLLBACK TO change" };
        }
        sqlx::query(first).execute(&mut self.connection).await?;
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        Ok(())
    }

    fn answer(&self, group: &mut Vec<Box<dyn Change>>, failure: Option<String>) {
        self.counters.commits.fetch_add(u64::from(failure.is_none()), Ordering::Relaxed);
        for change in group.drain(..) {
            let stands = change.answer(failure.as_deref());
            let counter = if stands { &self.counters.changes } else { &self.counters.failures };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says once that commits fail, once that they succeed again, and tries a new connection in between.
    async fn note(&mut self, committed: &Result<(), JournalError>, healthy: &mut bool) {
        match committed {
            Ok(()) if !*healthy => info!("the journal commits again"),
            Err(error) if *healthy => warn!(%error, code = error.code(), "the journal cannot commit"),
            Ok(()) | Err(_) => {}
        }
        *healthy = committed.is_ok();
        if committed.is_err()
            && let Ok(fresh) = self.options.connect().await
        {
            self.connection = fresh;
        }
    }
}

/// A change as the writer sees it: make it, then tell the asker.
trait Change: Send {
    /// Whether it was made; what it came to is kept for the answer.
    fn make<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> Pin<Box<dyn Future<Output = bool> + Send + 'c>>;
    /// Answers; returns whether the change stands.
    fn answer(self: Box<Self>, failure: Option<&str>) -> bool;
}

struct Asked<D, T> {
    data: D,
    make: Make<D, T>,
    done: Option<Result<T, JournalError>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<D, T> Change for Asked<D, T>
where
    D: Send + Sync + 'static,
    T: Send + 'static,
{
    fn make<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> Pin<Box<dyn Future<Output = bool> + Send + 'c>> {
        Box::pin(async move { self.done.insert((self.make)(connection, &self.data).await).is_ok() })
    }

    fn answer(self: Box<Self>, failure: Option<&str>) -> bool {
        let answer = match (failure, self.done) {
            (None, Some(done)) => done,
            (Some(reason), _) => Err(JournalError::CommitFailed { reason: reason.to_owned() }),
            (None, None) => Err(JournalError::Closed),
        };
        let stands = answer.is_ok();
        if let Err(Err(error)) = self.reply.send(answer) {
            warn!(%error, code = error.code(), "a change that nobody waited for was not made");
        }
        stands
    }
}
