//! The lever of `shim.c`: what goes wrong below the worker's process.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;

use super::trial::Trial;

/// What the disk does with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Disk {
    Healthy = 0,
    Full = 1,
    ReadOnly = 2,
    Stuck = 3,
    /// The next write into the database itself is half done, and the process is killed.
    CutInCheckpoint = 4,
}

/// What the name `graph.story` resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Names {
    /// To 127.0.0.1.
    Resolve = 0,
    Fail = 1,
    /// To `::1`, and then to 127.0.0.1.
    BlackHoleFirst = 2,
}

/// Orders to the shim of one worker.
pub struct Shim(File);

impl Shim {
    /// The worker of this trial has a shim from its next start on.
    pub async fn under(trial: &mut Trial) -> Result<Self> {
        let library = library().await?;
        let orders = trial.story.folder().join("orders");
        std::fs::write(&orders, [0; 16])?;
        trial.story.surround("LD_PRELOAD", &library.to_string_lossy());
        trial.story.surround("BINDERY_SHIM", &orders.to_string_lossy());
        Ok(Self(File::options().write(true).open(&orders)?))
    }

    /// The system's clock goes ahead by so much, or back.
    pub fn clock(&self, seconds: i64) -> Result<()> {
        Ok(self.0.write_all_at(&seconds.to_ne_bytes(), 0)?)
    }

    pub fn disk(&self, disk: Disk) -> Result<()> {
        Ok(self.0.write_all_at(&(disk as i32).to_ne_bytes(), 8)?)
    }

    pub fn names(&self, names: Names) -> Result<()> {
        Ok(self.0.write_all_at(&(names as i32).to_ne_bytes(), 12)?)
    }
}

/// Compiled by the first story that needs it.
async fn library() -> Result<&'static PathBuf> {
    static LIBRARY: OnceCell<PathBuf> = OnceCell::const_new();
    LIBRARY.get_or_try_init(|| async { tokio::task::spawn_blocking(compile).await? }).await
}

fn compile() -> Result<PathBuf> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/story/faults/shim.c");
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let done = cc.output().context("cc")?;
    ensure!(done.status.success(), "cc: {}", String::from_utf8_lossy(&done.stderr));
    Ok(library)
}
