//! A process that is measured from outside: its CPU time and its resident memory, by the kernel's own accounting.

use std::fs;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// `shutdown_within` is 25 s.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);
/// USER_HZ, on every Linux that one meets.
const TICKS_A_SECOND: f64 = 100.0;

/// A child; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pid: u32,
}

/// Resident memory in MB (a million bytes).
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: f64,
    /// Of that, what no file backs: heap, stacks, caches.
    pub(crate) anonymous: f64,
    /// The highest so far.
    pub(crate) peak: f64,
}

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// When there is no such program.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.kill_on_drop(true).spawn().with_context(|| format!("{:?}", command.as_std()))?;
        let pid = child.id().context("a child without a pid")?;
        Ok(Self { child, pid })
    }

    /// User and system time so far, all threads.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(self.pid)
    }

    /// Resident memory.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = proc(self.pid, "status")?;
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
            anyhow::Ok(kibibytes * 1024.0 / 1e6)
        };
        let (resident, anonymous, peak) = (megabytes("VmRSS:")?, megabytes("RssAnon:")?, megabytes("VmHWM:")?);
        Ok(Memory { resident, anonymous, peak })
    }

    /// Tells it to stop, by the end of its stdin where we hold that, else by SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        // Its last acknowledgements are still on their way through the broker's log.
        sleep(ACKNOWLEDGED_WITHIN).await;
        if self.child.stdin.take().is_none() {
            let told = Command::new("kill").arg("-TERM").arg(self.pid.to_string()).status().await?;
            ensure!(told.success(), "kill -TERM {}", self.pid);
        }
        let ended: ExitStatus = timeout(ENDS_WITHIN, self.child.wait()).await.context("it does not stop")??;
        ensure!(ended.success(), "it ended with {ended}");
        Ok(())
    }

    /// SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// User and system time of a process so far, all threads.
///
/// # Errors
/// When it has ended.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    let stat = proc(pid, "stat")?;
    // The name in parentheses may hold anything; after it come the fields from the third on.
    let (_, fields) = stat.rsplit_once(')').context("stat without a name")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(Duration::from_secs_f64(ticks.iter().sum::<f64>() / TICKS_A_SECOND))
}

fn proc(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid} has ended"))
}
