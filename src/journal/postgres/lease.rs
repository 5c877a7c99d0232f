//! One worker a journal: a row that says who, until when, and under which epoch.
//!
//! Database time decides; no clock of a worker's machine is asked. Nothing here belongs to a session: a pooler may give
//! each transaction to another one.
//!
//! - *The worker was killed.* Another one may take the journal when the lease has ended. On the same machine it need not
//!   wait: that process is seen to be gone (its boot, its space of process ids, its pid and the time of its birth).
//! - *The worker was frozen for longer than its lease, and another took the journal.* Its epoch is over: each of its
//!   transactions locks the row under that epoch first, and finds none.
//! - *The database was away for longer than the lease.* Nobody could take it; whoever comes first has it, and it is ours
//!   as long as the epoch is.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Row};

use super::sql::{self, params};
use crate::journal::JournalError;
use crate::journal::decode::Columns;

/// Journals that this very process has open, by the nonce of their taking.
static OPEN_HERE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The right to write to a journal.
pub(super) struct Lease {
    epoch: i64,
    lasts: Duration,
    at: String,
    renewed: Instant,
    _open: OpenHere,
}

/// Who has a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    nonce: String,
    host: String,
    machine: String,
    pid: i64,
    born: i64,
}

impl Lease {
    /// Takes the journal at `at` for a worker that shows life at least every `lasts`.
    ///
    /// # Errors
    /// `Locked` where another worker has it and is not seen to be gone.
    pub(super) async fn take(client: &Client, at: &str, lasts: Duration) -> Result<Self, JournalError> {
        let before = holder(client).await?;
        let gone = before.as_ref().filter(|holder| holder.is_gone()).map(|holder| holder.nonce.as_str());
        let ours = Holder::this_process();
        let open = OpenHere::enter(&ours.nonce);
        let renewed = Instant::now();
        let lasts_ms = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let row = params![ours.nonce, ours.host, ours.machine, ours.pid, ours.born, lasts_ms, gone];
        let epoch = sql::first(client, TAKE, row, |row| Columns(row).integer("epoch")).await?;
        match epoch {
            Some(epoch) => Ok(Self { epoch, lasts, at: at.to_owned(), renewed, _open: open }),
            None => Err(locked(at, holder(client).await?.or(before))),
        }
    }

    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Whether it is ours still; it stays so until the transaction that asks ends.
    pub(super) async fn is_ours(&self, client: &Client) -> Result<bool, JournalError> {
        let select = "SELECT epoch FROM bindery.lease WHERE epoch = $1 FOR SHARE";
        let found = sql::first(client, select, params![self.epoch], |_| Ok(())).await?;
        Ok(found.is_some())
    }

    /// How long until the lease is to be renewed: at a third of its life, so that two failures do no harm.
    pub(super) fn left_until_renewal(&self) -> Duration {
        (self.lasts / 3).saturating_sub(self.renewed.elapsed())
    }

    /// Renews it in a transaction that was begun under our epoch, once a third of its life is over.
    pub(super) async fn renew_if_due(&self, client: &Client) -> Result<bool, JournalError> {
        let due = self.left_until_renewal().is_zero();
        if due {
            let update =
                "UPDATE bindery.lease SET until = clock_timestamp() + $2 * interval '1 millisecond' WHERE epoch = $1";
            let lasts_ms = i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX);
            sql::run(client, update, params![self.epoch, lasts_ms]).await?;
        }
        Ok(due)
    }

    /// The transaction that renewed it is committed.
    pub(super) fn was_renewed(&mut self) {
        self.renewed = Instant::now();
    }

    /// That it is another's now.
    pub(super) async fn lost(&self, client: &Client) -> JournalError {
        match holder(client).await {
            Ok(holder) => locked(&self.at, holder),
            Err(error) => error,
        }
    }

    /// Gives it back; where that cannot be said it ends by itself.
    pub(super) async fn give_back(&self, client: &Client) {
        let update = "UPDATE bindery.lease SET nonce = NULL WHERE epoch = $1";
        if let Err(error) = sql::run(client, update, params![self.epoch]).await {
            tracing::warn!(%error, "the journal's lease was not given back, and ends by itself");
        }
    }
}

/// Free, over, or that of a worker who is seen to be gone.
const TAKE: &str =
    "UPDATE bindery.lease SET epoch = epoch + 1, nonce = $1, host = $2, machine = $3, pid = $4, born = $5,
         until = clock_timestamp() + $6 * interval '1 millisecond'
     WHERE nonce IS NULL OR until < clock_timestamp() OR nonce = $7
     RETURNING epoch";

/// Who has the journal now.
pub(super) async fn holder(client: &Client) -> Result<Option<Holder>, JournalError> {
    let select = "SELECT nonce, host, machine, pid, born FROM bindery.lease
         WHERE nonce IS NOT NULL AND until >= clock_timestamp()";
    sql::first(client, select, params![], Holder::of_row).await
}

fn locked(at: &str, holder: Option<Holder>) -> JournalError {
    let (pid, host) = holder.map(|holder| (u32::try_from(holder.pid).ok(), holder.host)).unzip();
    JournalError::Locked { at: at.to_owned(), pid: pid.flatten(), host }
}

impl Holder {
    /// The process id, where it is one.
    pub(super) fn pid(&self) -> Option<u32> {
        u32::try_from(self.pid).ok()
    }

    fn of_row(row: &Row) -> Result<Self, JournalError> {
        let columns = Columns(row);
        Ok(Self {
            nonce: columns.text("nonce")?,
            host: columns.text("host")?,
            machine: columns.text("machine")?,
            pid: columns.integer("pid")?,
            born: columns.integer("born")?,
        })
    }

    fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            nonce: nonce(),
            host: read("/proc/sys/kernel/hostname").unwrap_or_else(|| "an unnamed machine".to_owned()),
            machine: this_machine(),
            pid: i64::from(pid),
            born: born(i64::from(pid)).unwrap_or(0),
        }
    }

    /// Whether it is known to be gone: seen from the same boot and the same space of process ids, or closed in here.
    pub(super) fn is_gone(&self) -> bool {
        if self.machine.is_empty() || self.machine != this_machine() {
            return false;
        }
        let lives = born(self.pid).is_some_and(|born| born == self.born);
        let open_here = OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.nonce);
        !lives || (self.pid == i64::from(std::process::id()) && !open_here)
    }
}

/// While it lives this process has a journal open under a nonce.
struct OpenHere(String);

impl OpenHere {
    fn enter(nonce: &str) -> Self {
        OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner).insert(nonce.to_owned());
        Self(nonce.to_owned())
    }
}

impl Drop for OpenHere {
    fn drop(&mut self) {
        OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Tells this taking from every other one.
fn nonce() -> String {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;
    let chance = RandomState::new().hash_one(std::process::id());
    let more = RandomState::new().hash_one(Instant::now());
    format!("{chance:016x}{more:016x}")
}

/// One boot of one machine, as the processes of one space of process ids see it; empty where the system does not say.
fn this_machine() -> String {
    let space = std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
    match (read("/proc/sys/kernel/random/boot_id"), space) {
        (Some(boot), Ok(space)) => format!("{boot} {space}"),
        _ => String::new(),
    }
}

/// When a process began, in the kernel's own count since its boot; `None` where there is no such process, or only what
/// is left of it.
fn born(pid: i64) -> Option<i64> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name may hold anything, so what follows is counted from its last bracket on.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
