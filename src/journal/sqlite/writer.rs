//! Group commit: one thread writes, and takes all that is queued into one transaction.
//!
//! What must hold: nobody is answered before the commit that holds their change has returned; a change that fails
//! takes nothing of itself into the commit and nothing from its neighbours; a commit that fails is everybody's failure.
//!
//! - *A change fails half-way.* That is rare, and savepoints copy every page that is touched. So a group is tried without
//!   them first; where one of it fails, all is rolled back and made anew with a savepoint a change: the one that fails is
//!   rolled back to, and the rest goes on.
//! - *SQLite has rolled the whole transaction back* (disk full, I/O error). Then the savepoint is gone too, rolling
//!   back to it fails, and the group fails as one: no neighbour is told of success in a transaction that is no more.
//! - *The asker has gone.* The change stands all the same; the answer goes nowhere. A failure is then logged here,
//!   as nobody else can.
//! - *The worker is killed between commit and answer.* The change stands unanswered; who asked looks again at start.
//!
//! No timer: while a commit runs the next group gathers, so the group grows with the disk's slowness by itself. A
//! thread and not a task: SQLite blocks whoever calls it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::{open, sql};
use crate::journal::JournalError;
use crate::telemetry;

/// Most changes in one commit: enough to hide a slow disk, few enough to keep the wait short.
pub(super) const GROUP_MAX: usize = 256;
/// Two groups: one in the transaction's way, one gathering behind it. Whoever finds it full waits.
const QUEUE_MAX: usize = 2 * GROUP_MAX;

/// The way to the one thread that writes.
pub(super) struct Writer {
    /// Gone once closed: the thread ends when it has made what was queued.
    queue: RwLock<Option<mpsc::Sender<Box<dyn Change>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection that is its alone.
    pub(super) fn start(connection: Connection, path: &Path) -> Result<Self, JournalError> {
        let (queue, changes) = mpsc::channel(QUEUE_MAX);
        let shift = Shift { connection, path: path.to_owned() };
        let named = std::thread::Builder::new().name("journal".to_owned());
        let thread = named
            .spawn(move || shift.run(changes))
            .map_err(|error| JournalError::CannotOpen { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { queue: RwLock::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a change; its answer comes after the commit.
    pub(super) async fn queue<T, F>(&self, work: F) -> Result<oneshot::Receiver<Result<T, JournalError>>, JournalError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Asked { work, done: None, reply });
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(JournalError::Closed)?;
        queue.send(change).await.map_err(|_| JournalError::Closed)?;
        Ok(answer)
    }

    /// Takes no more, commits what is queued and waits until that is done. Blocks its thread.
    pub(super) fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            warn!("the journal's writer did not end by itself");
        }
    }
}

/// The writer at work.
struct Shift {
    connection: Connection,
    path: PathBuf,
}

impl Shift {
    fn run(mut self, mut changes: mpsc::Receiver<Box<dyn Change>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut healthy = true;
        while changes.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let began = Instant::now();
            let committed = self.commit(&mut group);
            if committed.is_ok() {
                telemetry::committed(group.len(), began.elapsed());
            }
            self.note(&committed, &mut healthy);
            self.answer(&mut group, committed.err().map(|error| error.to_string()));
        }
        if let Err((_, error)) = self.connection.close() {
            warn!(%error, "could not close the journal's connection in order");
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
        let outcome = match self.all_at_once(group) {
            Ok(true) => return Ok(()),
            Ok(false) => self.one_by_one(group),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // Where SQLite has rolled back by itself this says "no transaction is active", which is as well.
            let _ = self.say("ROLLBACK");
        }
        outcome
    }

    /// Whether all were made and are committed; where not, nothing stands.
    fn all_at_once(&self, group: &mut [Box<dyn Change>]) -> Result<bool, JournalError> {
        self.say("BEGIN IMMEDIATE")?;
        if group.iter_mut().all(|change| change.make(&self.connection)) {
            return self.say("COMMIT").map(|()| true);
        }
        let rolled_back = self.say("ROLLBACK");
        // SQLite has done it by itself where there is no transaction any more.
        if self.connection.is_autocommit() { Ok(false) } else { rolled_back.map(|()| false) }
    }

    fn one_by_one(&self, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
        self.say("BEGIN IMMEDIATE")?;
        for change in group {
            self.say("SAVEPOINT change")?;
            if !change.make(&self.connection) {
                self.say("ROLLBACK TO change")?;
            }
            self.say("RELEASE change")?;
        }
        self.say("COMMIT")
    }

    fn say(&self, sql: &str) -> Result<(), JournalError> {
        sql::run(&self.connection, sql, []).map(drop)
    }

    fn answer(&self, group: &mut Vec<Box<dyn Change>>, failure: Option<String>) {
        for change in group.drain(..) {
            change.answer(failure.as_deref());
        }
    }

    /// Says once that commits fail, once that they succeed again, and tries a new connection in between.
    fn note(&mut self, committed: &Result<(), JournalError>, healthy: &mut bool) {
        match committed {
            Ok(()) if !*healthy => info!("the journal commits again"),
            Err(error) if *healthy => warn!(%error, code = error.code(), "the journal cannot commit"),
            Ok(()) | Err(_) => {}
        }
        *healthy = committed.is_ok();
        if committed.is_err()
            && let Ok(fresh) = open::connect_to_write(&self.path)
        {
            self.connection = fresh;
        }
    }
}

/// A change as the writer sees it: make it, then tell the asker.
trait Change: Send {
    /// Whether it was made, for the first time or again; what it came to is kept for the answer.
    fn make(&mut self, connection: &Connection) -> bool;
    /// Answers.
    fn answer(self: Box<Self>, failure: Option<&str>);
}

struct Asked<F, T> {
    work: F,
    done: Option<Result<T, JournalError>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<F, T> Change for Asked<F, T>
where
    T: Send + 'static,
    F: Fn(&Connection) -> Result<T, JournalError> + Send + 'static,
{
    fn make(&mut self, connection: &Connection) -> bool {
        self.done.insert((self.work)(connection)).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let answer = match (failure, self.done) {
            (None, Some(done)) => done,
            (Some(reason), _) => Err(JournalError::CommitFailed { reason: reason.to_owned() }),
            (None, None) => Err(JournalError::Closed),
        };
        if let Err(Err(error)) = self.reply.send(answer) {
            warn!(%error, code = error.code(), "a change that nobody waited for was not made");
        }
    }
}
