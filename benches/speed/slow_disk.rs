//! The slow disk: a small C library that is preloaded into the worker and makes each fsync take 2 ms more.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The library, compiled.
pub(crate) struct SlowDisk {
    library: PathBuf,
}

impl SlowDisk {
    /// Compiles it into `folder`; none, with a line that says why, where there is no C compiler.
    ///
    /// # Errors
    /// When the compiler is there and fails.
    pub(crate) async fn compile(folder: &Path) -> Result<Option<Self>> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed/slow_fsync.c");
        let library = folder.join("slow_fsync.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-Wall", "-o"]).arg(&library).arg(source).arg("-ldl");
        match cc.status().await {
            Ok(status) => ensure!(status.success(), "cc could not compile slow_fsync.c: {status}"),
            Err(error) => {
                println!("SKIPPED: the drains with a slow fsync, as no C compiler `cc` is here ({error})");
                return Ok(None);
            }
        }
        Ok(Some(Self { library }))
    }

    /// Has the program of `command` work on the slow disk; `folder` gets the count.
    pub(crate) fn put_under(&self, command: &mut Command, folder: &Path) {
        command.env("LD_PRELOAD", &self.library).env("BENCH_FSYNCS", counted(folder));
    }

    /// How many there were, once the program has ended in order.
    ///
    /// # Errors
    /// When there were none: then the library was not in force.
    pub(crate) fn syncs(folder: &Path) -> Result<u64> {
        let text = std::fs::read_to_string(counted(folder)).context("the slow disk has counted nothing")?;
        let syncs = text.trim().parse()?;
        ensure!(syncs > 0, "the worker has made no fsync, so the slow disk was not under it");
        Ok(syncs)
    }
}

fn counted(folder: &Path) -> PathBuf {
    folder.join("fsyncs")
}
