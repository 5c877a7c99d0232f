//! The machine's facts, without which no figure means anything.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::figures::percentile;

/// Synchronised writes whose median is told.
const WRITES: usize = 100;

/// A line each; `folder` is on the disk that the journal will be on.
///
/// # Errors
/// When the disk cannot be written to.
pub(crate) fn facts(folder: &Path) -> Result<Vec<String>> {
    let cores = std::thread::available_parallelism()?;
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(2).collect();
    let disk = disk(folder)?.as_secs_f64() * 1e3;
    Ok(vec![
        format!("{cores} cores of {}, {memory} of memory", field("/proc/cpuinfo", "model name").unwrap_or_default()),
        format!("Linux {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim()),
        format!("a synchronised write of 4 KiB takes {disk:.2} ms (median of {WRITES})"),
        format!("load before the bench, of 1 and 5 minutes: {}", load.join(", ")),
        format!("{}, commit {}", said(&["rustc", "--version"]), said(&["git", "describe", "--always", "--dirty"])),
    ])
}

/// How long the disk takes to say that a block is safe.
fn disk(folder: &Path) -> Result<Duration> {
    let path = folder.join("synchronised");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(percentile(&times, 50.0))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn said(command: &[&str]) -> String {
    let out = Command::new(command[0]).args(&command[1..]).output();
    out.map_or_else(|_| format!("no {}", command[0]), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
