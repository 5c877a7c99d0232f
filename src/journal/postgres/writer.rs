//! Group commit: one task writes, and takes all that is queued into one transaction.
//!
//! What must hold: nobody is answered before the commit that holds their change has returned; a change that fails takes
//! nothing of itself into the commit and nothing from its neighbours; whoever was replaced by another worker changes
//! nothing.
//!
//! - *A change fails half-way.* PostgreSQL then takes nothing more in that transaction. A group is tried without savepoints
//!   first; where one of it fails, all is rolled back and made anew with a savepoint a change.
//! - *Another transaction was in the way* (serialization, deadlock, a lock that was not had in time). The group is made
//!   anew from its beginning: changes are asked again, nothing is kept of the first time.
//! - *The connection is lost before the commit was sent.* Nothing stands. The group is made anew on another one, for
//!   [`TRIED_FOR`]; then everybody is told that nothing stands.
//! - *The connection is lost after that.* Nobody knows what became of the commit, so it is looked up by the
//!   transaction's number, for as long as it takes: "it failed" would be a lie in half of the cases. A server that was
//!   restored from an older copy meanwhile may not know the number; then nothing stands, as in that copy.
//! - *We were frozen, and another worker has taken the journal.* Every transaction begins by locking the row of the lease
//!   under our epoch. It is another's then: the group fails, and each one after it.
//! - *The asker has gone.* The change stands all the same; a failure is logged here, as nobody else can.
//!
//! No timer: while a commit runs the next group gathers.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::error::{Remedy, Silent, remedy};
use super::lease::Lease;
use super::pool::Work;
use super::server::{Link, Server};
use crate::journal::JournalError;
use crate::telemetry;

/// Most changes in one commit: enough to hide a slow disk, few enough to keep the wait short.
pub(super) const GROUP_MAX: usize = 256;
/// Two groups: one in the transaction's way, one gathering behind it. Whoever finds it full waits.
const QUEUE_MAX: usize = 2 * GROUP_MAX;
/// How long a group is tried anew where the server is away.
const TRIED_FOR: Duration = Duration::from_secs(2);
/// Between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// Between two signs of life while none gets through.
const BETWEEN_SIGNS: Duration = Duration::from_millis(500);
/// How long a whole group may take by our clock. The server ends a statement after 10 s by itself.
const GROUP_WITHIN: Duration = Duration::from_secs(30);

/// Changes that are made together.
type Group = Vec<Box<dyn Change>>;

/// The way to the one task that writes.
pub(super) struct Writer {
    /// Gone once closed: the task ends when it has made what was queued.
    queue: RwLock<Option<mpsc::Sender<Box<dyn Change>>>>,
    task: Mutex<JoinSet<()>>,
    closing: CancellationToken,
    lost: CancellationToken,
}

impl Writer {
    /// Starts the task on a connection that is its alone.
    pub(super) fn start(server: Server, link: Link, lease: Lease) -> Self {
        let (queue, changes) = mpsc::channel(QUEUE_MAX);
        let (closing, lost) = (CancellationToken::new(), CancellationToken::new());
        let shift = Shift { server, link: Some(link), lease, closing: closing.clone(), lost: lost.clone() };
        let mut task = JoinSet::new();
        task.spawn(shift.run(changes));
        Self { queue: RwLock::new(Some(queue)), task: Mutex::new(task), closing, lost }
    }

    /// Queues a change to `about`; its answer comes after the commit.
    pub(super) async fn queue<D, T, F>(
        &self,
        about: D,
        work: F,
    ) -> Result<oneshot::Receiver<Result<T, JournalError>>, JournalError>
    where
        D: Send + Sync + 'static,
        T: Send + Sync + 'static,
        F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Asked { about, work, done: None, reply });
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(JournalError::Closed)?;
        queue.send(change).await.map_err(|_| JournalError::Closed)?;
        Ok(answer)
    }

    /// Ends when another worker has the journal.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Takes no more, commits what is queued, gives the lease back and waits until that is done.
    pub(super) async fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        self.closing.cancel();
        while self.task.lock().await.join_next().await.is_some() {}
    }
}

/// The writer at work.
struct Shift {
    server: Server,
    link: Option<Link>,
    lease: Lease,
    closing: CancellationToken,
    lost: CancellationToken,
}

/// Why a group was not committed.
struct Failed {
    error: JournalError,
    /// The number of the transaction whose commit was sent and not answered.
    unanswered: Option<String>,
}

impl From<JournalError> for Failed {
    fn from(error: JournalError) -> Self {
        Self { error, unanswered: None }
    }
}

impl Shift {
    async fn run(mut self, mut changes: mpsc::Receiver<Box<dyn Change>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut healthy = true;
        while self.gather(&mut changes, &mut group, if healthy { Duration::ZERO } else { BETWEEN_SIGNS }).await {
            let began = Instant::now();
            let committed = self.commit(&mut group).await;
            if committed.is_ok() {
                telemetry::committed(group.len(), began.elapsed());
            }
            note(&committed, &mut healthy);
            if let Err(JournalError::Locked { .. }) = &committed {
                self.lost.cancel();
            }
            let failure = committed.err().map(|error| error.to_string());
            for change in group.drain(..) {
                change.answer(failure.as_deref());
            }
        }
        if let Some(link) = &self.link {
            self.lease.give_back(&link.client).await;
        }
    }

    /// Waits for changes, or for the time at which the lease must be renewed: an empty group does that.
    async fn gather(
        &self,
        changes: &mut mpsc::Receiver<Box<dyn Change>>,
        group: &mut Group,
        at_least: Duration,
    ) -> bool {
        match timeout(self.lease.left_until_renewal().max(at_least), changes.recv_many(group, GROUP_MAX)).await {
            Ok(count) => count > 0,
            Err(_) => true,
        }
    }

    async fn commit(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
        let until = Instant::now() + TRIED_FOR;
        loop {
            let Err(failed) = self.attempt(group).await else { return Ok(()) };
            let mut error = failed.error;
            if remedy(&error) == Remedy::Reconnect {
                self.link = None;
            }
            if let Some(number) = failed.unanswered {
                match self.look_up(&number).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(unknown) => error = unknown,
                }
            }
            if remedy(&error) == Remedy::None || Instant::now() >= until {
                return Err(error);
            }
            sleep(BETWEEN_TRIES).await;
        }
    }

    async fn attempt(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), Failed> {
        if self.link.as_ref().is_none_or(|link| link.client.is_closed()) {
            self.link = Some(self.server.connect().await?);
        }
        let Some(link) = &self.link else { return Err(JournalError::Closed.into()) };
        let mut number = None;
        let transaction = transaction(&link.client, &mut self.lease, group, &mut number);
        let done = timeout(GROUP_WITHIN, transaction).await.unwrap_or_else(|_| Err(Silent(GROUP_WITHIN).into()));
        done.map_err(|error| {
            let lost = remedy(&error) == Remedy::Reconnect;
            Failed { error, unanswered: number.filter(|_| lost) }
        })
    }

    /// Whether a transaction was committed whose answer was lost; asked for as long as nobody can say.
    async fn look_up(&mut self, number: &str) -> Result<bool, JournalError> {
        loop {
            match timeout(GROUP_WITHIN, self.ask_for(number)).await {
                Ok(Ok(Some(committed))) => return Ok(committed),
                Ok(Err(error)) if remedy(&error) == Remedy::None => return Err(error),
                Ok(Ok(None) | Err(_)) | Err(_) => {}
            }
            if self.closing.run_until_cancelled(sleep(BETWEEN_TRIES)).await.is_none() {
                let reason =
                    "the server went away in the middle of a commit, and was not back to say what became of it";
                return Err(JournalError::CommitFailed { reason: reason.to_owned() });
            }
        }
    }

    /// `None` while it is still under way.
    async fn ask_for(&mut self, number: &str) -> Result<Option<bool>, JournalError> {
        let link = self.server.connect().await?;
        let asked = format!("SELECT coalesce(pg_xact_status('{number}'::xid8), 'aborted') AS status");
        let status = values(&link.client, &asked, "status").await?.pop();
        self.link = Some(link);
        Ok(match status.as_deref() {
            Some("committed") => Some(true),
            Some("in progress") => None,
            Some(_) | None => Some(false),
        })
    }
}

/// All of `group` in one transaction, whose number is in `number` from the moment on at which its commit is sent.
async fn transaction(
    client: &Client,
    lease: &mut Lease,
    group: &mut [Box<dyn Change>],
    number: &mut Option<String>,
) -> Result<(), JournalError> {
    let mut begun = begin(client, lease).await?;
    if !all_at_once(client, group).await? {
        client.batch_execute("ROLLBACK").await?;
        begun = begin(client, lease).await?;
        one_by_one(client, group).await?;
    }
    let renewed = lease.renew_if_due(client).await?;
    *number = Some(begun);
    client.batch_execute("COMMIT").await?;
    if renewed {
        lease.was_renewed();
    }
    Ok(())
}

/// Begins a transaction under our epoch; its number.
async fn begin(client: &Client, lease: &Lease) -> Result<String, JournalError> {
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
         SET LOCAL statement_timeout = 10000; SET LOCAL lock_timeout = 5000;
         SET LOCAL idle_in_transaction_session_timeout = 10000;
         SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
         SELECT pg_current_xact_id()::text AS number FROM (SELECT 1 FROM bindery.lease WHERE epoch = {} FOR SHARE) ours",
        lease.epoch(),
    );
    let begun = values(client, &begin, "number").await;
    match begun.map(|mut found| found.pop()) {
        Ok(Some(number)) => Ok(number),
        Ok(None) => {
            client.batch_execute("ROLLBACK").await?;
            Err(lease.lost(client).await)
        }
        Err(error) => {
            // A statement of it failed, and the transaction that it began stands in the way of the next.
            if remedy(&error) != Remedy::Reconnect {
                client.batch_execute("ROLLBACK").await?;
            }
            Err(error)
        }
    }
}

/// A column of all rows that plain statements brought.
async fn values(client: &Client, sql: &str, column: &str) -> Result<Vec<String>, JournalError> {
    let told = client.simple_query(sql).await?;
    let value = |message: &SimpleQueryMessage| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        row.try_get(column).ok().flatten().map(ToOwned::to_owned)
    };
    Ok(told.iter().filter_map(value).collect())
}

/// Whether all were made; where not, the transaction is spoilt.
async fn all_at_once(client: &Client, group: &mut [Box<dyn Change>]) -> Result<bool, JournalError> {
    for change in group {
        match change.make(client).await {
            Made::Whole => {}
            Made::Refused => return Ok(false),
            Made::NotYet(error) => {
                return Err(undone(client, error).await);
            }
        }
    }
    Ok(true)
}

async fn one_by_one(client: &Client, group: &mut [Box<dyn Change>]) -> Result<(), JournalError> {
    for change in group {
        client.batch_execute("SAVEPOINT change").await?;
        match change.make(client).await {
            Made::Whole => client.batch_execute("RELEASE change").await?,
            Made::Refused => client.batch_execute("ROLLBACK TO change; RELEASE change").await?,
            Made::NotYet(error) => return Err(undone(client, error).await),
        }
    }
    Ok(())
}

/// Rolls back where there still is somebody to do so; the error that made it necessary.
async fn undone(client: &Client, error: JournalError) -> JournalError {
    if remedy(&error) == Remedy::Again
        && let Err(worse) = client.batch_execute("ROLLBACK").await
    {
        return worse.into();
    }
    error
}

/// Says once that commits fail, once that they succeed again.
fn note(committed: &Result<(), JournalError>, healthy: &mut bool) {
    match committed {
        Ok(()) if !*healthy => info!("the journal commits again"),
        Err(error) if *healthy => warn!(%error, code = error.code(), "the journal cannot commit"),
        Ok(()) | Err(_) => {}
    }
    *healthy = committed.is_ok();
}

/// What became of a change in a transaction.
enum Made {
    /// It was made.
    Whole,
    /// It was refused: what it asked for cannot be, or a statement of it failed.
    Refused,
    /// Neither: the transaction cannot go on, and may be begun anew.
    NotYet(JournalError),
}

/// A change as the writer sees it: make it, then tell the asker.
trait Change: Send {
    /// Makes it, for the first time or again; what it came to is kept for the answer.
    fn make<'c>(&'c mut self, client: &'c Client) -> std::pin::Pin<Box<dyn Future<Output = Made> + Send + 'c>>;
    /// Answers.
    fn answer(self: Box<Self>, failure: Option<&str>);
}

struct Asked<D, F, T> {
    about: D,
    work: F,
    done: Option<Result<T, JournalError>>,
    reply: oneshot::Sender<Result<T, JournalError>>,
}

impl<D, F, T> Change for Asked<D, F, T>
where
    D: Send + Sync + 'static,
    T: Send + Sync + 'static,
    F: for<'c> Fn(&'c Client, &'c D) -> Work<'c, T> + Send + Sync + 'static,
{
    fn make<'c>(&'c mut self, client: &'c Client) -> std::pin::Pin<Box<dyn Future<Output = Made> + Send + 'c>> {
        Box::pin(async move {
            match (self.work)(client, &self.about).await {
                Err(error) if remedy(&error) != Remedy::None => Made::NotYet(error),
                done => {
                    let made = if done.is_ok() { Made::Whole } else { Made::Refused };
                    self.done = Some(done);
                    made
                }
            }
        })
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
