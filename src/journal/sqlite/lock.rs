//! One worker a journal: a lock on the file beside it.

use crate::journal::JournalError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who only asks whether the journal is held (`held_by`) holds the lock for a moment: that is no other worker.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The right to write to a journal; the system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the journal at `path` and writes our process id into it.
    ///
    /// # Errors
    /// `Locked` with the holder's id where another worker has it, `CannotOpen` where the file cannot be made.
    pub(super) async fn take(path: &Path) -> Result<Self, JournalError> {
        for _ in 1..TRIES {
            match Self::try_take(path) {
                Err(JournalError::Locked { .. }) => tokio::time::sleep(BETWEEN_TRIES).await,
                taken => return taken,
            }
        }
        Self::try_take(path)
    }

    fn try_take(path: &Path) -> Result<Self, JournalError> {
        let cannot =
            |error: std::io::Error| JournalError::CannotOpen { path: path.to_owned(), reason: error.to_string() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(lock_path(path)).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    at: path.display().to_string(),
                    pid: holder(&mut file),
                    host: None,
                });
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        sign(&mut file).map_err(cannot)?;
        Ok(Self { _file: file })
    }
}

/// Whether a worker holds the journal at `path` now, and which: its process id where it can be read.
#[must_use]
pub(in crate::journal) fn held_by(path: &Path) -> Option<Option<u32>> {
    let mut file = File::open(lock_path(path)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Beside the file itself, so that a link to a journal is not another journal.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(".lock");
    name.into()
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
