//! One run of a fault: work is sent, something breaks, work ends, and all that was left behind is looked over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bindery::contract::CommandId;
use bindery::graph_sim::World;
use bindery::journal::{CommandRow, Filter, Journal, State, StateName, portable};
use lapin::BasicProperties;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::accounting::Accounting;
use super::checker::{Seen, is_parked};
use super::lock::Locked;
use crate::harness::{Story, phase};
use crate::rabbit::{self, Vhost, eventually};

/// Progress is back this long after a fault has ended (I9).
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Bounds of a worker under the loads here (I8): a build without optimisation, 300 commands.
const MEMORY_MOST_KB: u64 = 300 * 1024;
const THREADS_MOST: usize = 64;
/// A connection for each call that may be out, and what a worker always has open.
const FILES_MOST: usize = 96;
/// Calls that may be out at once.
const IN_FLIGHT: &str = "48";

/// Whether waits have the length that the matrix names, as `make soak` asks, or one that a developer waits for.
pub fn scaled(short: Duration, full: Duration) -> Duration {
    if is_full() { full } else { short }
}

/// Whether `make soak` asks for the full length.
pub fn is_full() -> bool {
    std::env::var_os("BINDERY_FAULTS_FULL").is_some()
}

/// A story with books.
pub struct Trial {
    pub story: Story,
    name: &'static str,
    before: World,
    /// Every command that was tried, and whether the broker took it.
    sent: BTreeMap<String, bool>,
    /// Open when a fault struck.
    struck: BTreeSet<String>,
    /// Those that may wait visibly at the end.
    may_wait: BTreeSet<String>,
    /// No commands: they are answered as deliveries.
    rejected: BTreeSet<String>,
    has_died: bool,
}

impl Trial {
    /// The worker is up, in a vhost of its own on the shared node.
    pub async fn of(name: &'static str, world: World, settings: &[(&str, &str)]) -> Result<Self> {
        let mut trial = Self::prepared(name, rabbit::vhost().await?, world, settings).await?;
        trial.story.restart().await?;
        Ok(trial)
    }

    /// All but the worker.
    pub async fn prepared(name: &'static str, vhost: Vhost, world: World, settings: &[(&str, &str)]) -> Result<Self> {
        let mut story = Story::prepared(vhost, world, settings).await?;
        story.set("LIMITS__IN_FLIGHT", IN_FLIGHT);
        let before = story.meta.world();
        let (sent, struck, may_wait, rejected) = Default::default();
        Ok(Self { story, name, before, sent, struck, may_wait, rejected, has_died: false })
    }

    /// The worker reaches Graph at this port of `graph.story`, a name that the shim resolves; from its next start on.
    pub fn graph_at(&mut self, port: u16) {
        let url = format!("http://graph.story:{port}");
        self.story.meta.known_as(&url);
        self.story.set("GRAPH__BASE_URL", &url);
    }

    /// Sends a command; the broker takes it.
    pub async fn send(&mut self, command: &Value) -> Result<()> {
        self.sent.entry(id_of(command)).or_default();
        self.story.send(command).await?;
        self.sent.insert(id_of(command), true);
        Ok(())
    }

    /// Sends a command with properties of its own.
    pub async fn send_with(&mut self, command: &Value, properties: BasicProperties) -> Result<()> {
        self.sent.entry(id_of(command)).or_default();
        let key = command["command"].as_str().unwrap_or_default();
        let properties = properties.with_delivery_mode(2);
        self.story.vhost.publish("bindery.commands", key, command.to_string(), properties).await?;
        self.sent.insert(id_of(command), true);
        Ok(())
    }

    /// Tries to send a command; whether the broker took it.
    pub async fn try_to_send(&mut self, command: &Value) -> bool {
        self.sent.entry(id_of(command)).or_default();
        let taken = matches!(timeout(Duration::from_secs(2), self.story.send(command)).await, Ok(Ok(())));
        if taken {
            self.sent.insert(id_of(command), true);
        }
        taken
    }

    /// Sends a command and waits for its end.
    pub async fn ask(&mut self, command: &Value) -> Result<Value> {
        self.send(command).await?;
        self.story.event_of(&id_of(command)).await
    }

    /// A fault strikes now: whatever has not ended is hit by it.
    pub fn strikes(&mut self) {
        let open = self.sent.keys().filter(|id| self.story.endings_of(id).is_empty()).cloned();
        self.struck.extend(open.collect::<Vec<_>>());
    }

    /// The worker is killed by a fault, now.
    pub async fn kill(&mut self) -> Result<()> {
        self.strikes();
        self.has_died = true;
        self.story.kill().await
    }

    /// The worker dies by itself, as it must.
    pub async fn dies(&mut self) -> Result<std::process::ExitStatus> {
        self.has_died = true;
        let ended = self.story.death().await?;
        self.strikes();
        Ok(ended)
    }

    /// The worker is made to leave calls in the air: it cannot know of all that left.
    pub fn has_died(&mut self) {
        self.has_died = true;
    }

    /// A message under this id is no command, and is answered as a delivery.
    pub fn expects_rejection(&mut self, id: &str) {
        self.rejected.insert(id.to_owned());
    }

    /// The worker's log says so.
    pub async fn is_told(&self, text: &str) -> Result<()> {
        eventually(&format!("the log tells of {text:?}"), || async { Ok(self.story.log_text().contains(text)) }).await
    }

    /// This command may wait visibly at the end of the run.
    pub fn may_wait(&mut self, id: &str) {
        self.may_wait.insert(id.to_owned());
    }

    /// The fault has ended: the worker is ready again in time, without a restart (I9, I12).
    pub async fn is_back(&self) -> Result<()> {
        let ended = Instant::now();
        eventually("the worker is ready again", || async { Ok(self.story.is_ready()) })
            .await
            .with_context(|| self.story.state_of_things())?;
        let after = ended.elapsed();
        let late = || {
            format!(
                "{}: I9: ready only {after:?} after the fault had ended\n{}",
                self.name,
                self.story.state_of_things()
            )
        };
        ensure!(after <= BACK_WITHIN, late());
        Ok(())
    }

    /// The worker says that it is not ready, and why (I12).
    pub async fn is_not_ready(&self, why: &str) -> Result<()> {
        eventually(&format!("readiness tells of {why:?}"), || async {
            let told = self.story.readiness();
            Ok(told.starts_with("HTTP/1.1 503") && told.contains(why))
        })
        .await
        .with_context(|| format!("it says: {}", self.story.readiness()))
    }

    /// So many events wait in the outbox, or more.
    pub async fn waits_in_outbox(&self, events: u64) -> Result<()> {
        let journal = Journal::open_read_only(self.story.journal()).await?;
        eventually(&format!("{events} events wait in the outbox"), || async {
            Ok(journal.outbox_depth().await?.count >= events)
        })
        .await
        .with_context(|| self.story.state_of_things())?;
        journal.close().await;
        Ok(())
    }

    /// The outbox is empty: whatever was told has been taken.
    pub async fn outbox_is_empty(&self) -> Result<()> {
        let journal = Journal::open_read_only(self.story.journal()).await?;
        eventually("the outbox is empty", || async { Ok(journal.outbox_depth().await?.count == 0) })
            .await
            .with_context(|| self.story.state_of_things())?;
        journal.close().await;
        Ok(())
    }

    /// So many commands have ended, by the journal alone.
    pub async fn journal_has_ended(&self, commands: usize) -> Result<()> {
        let journal = Journal::open_read_only(self.story.journal()).await?;
        let ended = Filter { state: Some(StateName::Ended), business: None, before: None, limit: commands.try_into()? };
        let enough = || async { Ok(journal.list(&ended).await?.len() == commands) };
        eventually(&format!("{commands} commands have ended"), enough)
            .await
            .with_context(|| self.story.state_of_things())?;
        journal.close().await;
        Ok(())
    }

    /// So many deliveries of commands are open, by the node's own count.
    pub async fn expect_unacknowledged(&self, count: u32) -> Result<()> {
        let line = format!("bindery.commands\t{count}");
        let held = eventually(&line, || async { Ok(self.story.vhost.held().await?.lines().any(|told| told == line)) });
        match held.await {
            Ok(()) => Ok(()),
            Err(error) => {
                Err(error.context(format!("{}\n{}", self.story.vhost.held().await?, self.story.state_of_things())))
            }
        }
    }

    /// Locks the journal's file, as another process can.
    pub fn lock_journal(&self) -> Result<Locked> {
        Locked::take(&self.story.folder().join("bindery.db"))
    }

    /// Every command that was sent has ended in `phase`.
    pub async fn ends_in(&self, ids: &[&str], in_phase: &str) -> Result<()> {
        for id in ids {
            let event = self.story.event_of(id).await?;
            ensure!(phase(&event) == in_phase, "{}: {id} should be {in_phase}: {event:#}", self.name);
        }
        Ok(())
    }

    /// Waits for every end, stops the worker in order, looks all over and prints the account; it must be sound.
    pub async fn settles(mut self) -> Result<Accounting> {
        self.await_ends().await?;
        let mut unexpected = self.bounds()?;
        if self.story.pid().is_some() {
            self.is_back().await?;
            self.story.stop().await?;
        }
        let (journal, rows) = self.journal().await?;
        self.await_events(&journal, &rows).await?;
        let seen = self.seen(&journal, rows).await?;
        unexpected.extend(seen.breaches());
        let accounting = self.count(&seen, unexpected);
        let mut out = std::io::stdout().lock();
        // Past the test's capture: `make test` shows every run's account.
        writeln!(out, "{}: {accounting}", self.name)?;
        drop(out);
        ensure!(
            accounting.is_sound(),
            "{}: lost {:#?}, unexpected {:#?}\n{}",
            self.name,
            accounting.lost,
            accounting.unexpected,
            self.story.state_of_things()
        );
        Ok(accounting)
    }

    async fn await_ends(&self) -> Result<()> {
        for id in self.acked().filter(|id| !self.may_wait.contains(*id)) {
            self.story.event_of(id).await.with_context(|| self.name)?;
        }
        Ok(())
    }

    fn acked(&self) -> impl Iterator<Item = &String> {
        self.sent.iter().filter(|(_, acked)| **acked).map(|(id, _)| id)
    }

    /// Memory, threads and open files of the worker that runs (I8).
    fn bounds(&self) -> Result<Vec<String>> {
        let Some(pid) = self.story.pid() else { return Ok(Vec::new()) };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let memory: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
        let count = |what: &str| Ok::<_, anyhow::Error>(std::fs::read_dir(format!("/proc/{pid}/{what}"))?.count());
        let (threads, files) = (count("task")?, count("fd")?);
        let mut breaches = Vec::new();
        if memory > MEMORY_MOST_KB || threads > THREADS_MOST || files > FILES_MOST {
            breaches.push(format!("I8: the worker has taken {memory} KiB, {threads} threads, {files} files"));
        }
        Ok(breaches)
    }

    async fn journal(&self) -> Result<(Journal, Vec<CommandRow>)> {
        let journal = Journal::open_read_only(self.story.journal()).await?;
        let everything = Filter { state: None, business: None, before: None, limit: 1_000_000 };
        let mut rows = journal.list(&everything).await?;
        rows.reverse();
        Ok((journal, rows))
    }

    /// What the journal says was told has come to the listener: the last events may still be on their way.
    async fn await_events(&self, journal: &Journal, rows: &[CommandRow]) -> Result<()> {
        let waiting: BTreeSet<String> =
            journal.outbox_due(0, 10_000).await?.into_iter().map(|row| row.event.event_id).collect();
        ensure!(waiting.is_empty(), "{}: a worker that stopped in order left events: {waiting:?}", self.name);
        for row in rows.iter().filter(|row| row.parent.is_none()) {
            for event in journal.events_of(&row.id).await? {
                let id = event.event_id;
                self.story.event(&format!("event {id} of {}", row.id), |event| event["id"] == id.as_str()).await?;
            }
        }
        Ok(())
    }

    async fn seen(&self, journal: &Journal, rows: Vec<CommandRow>) -> Result<Seen> {
        let mut chains = BTreeMap::new();
        for row in &rows {
            let entries = journal.evidence(&row.id, None).await?.into_iter().map(|row| row.entry).collect();
            chains.insert(row.id.clone(), (journal.verify(&row.id).await?, entries));
        }
        let mut files = Vec::new();
        for file in std::fs::read_dir(self.story.folder())? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("bindery.db") {
                files.push((name, std::fs::read(path)?));
            }
        }
        // Whatever store it is, it is searched for secrets as a whole.
        let mut exported = Vec::new();
        portable::export(&self.story.journal(), &mut exported).await?;
        files.push(("the journal's export".to_owned(), exported));
        Ok(Seen {
            events: self.story.events(),
            calls: self.story.meta.calls(),
            rows,
            chains,
            log: self.story.log_text(),
            files,
            before: self.before.clone(),
            after: self.story.meta.world(),
            has_died: self.has_died,
        })
    }

    /// I1: each acknowledged command has its one end, or waits visibly with a reason.
    fn count(&self, seen: &Seen, unexpected: Vec<String>) -> Accounting {
        let standing: BTreeMap<&CommandId, &CommandRow> = seen.rows.iter().map(|row| (&row.id, row)).collect();
        let mut accounting = Accounting { attempted: self.sent.len(), unexpected, ..Accounting::default() };
        for id in self.acked() {
            accounting.acked += 1;
            let row = id.parse().ok().and_then(|id: CommandId| standing.get(&id).copied());
            let ended = row.is_some_and(|row| matches!(row.state, State::Ended(_)));
            match (ended && self.story.endings_of(id).len() == 1, row.is_some_and(is_parked)) {
                (true, _) => accounting.terminal += 1,
                (false, true) => accounting.parked += 1,
                (false, false) => accounting.lost.push(format!("{id}: {:?}", row.map(|row| &row.state))),
            }
        }
        let strangers = self.story.events().into_iter().filter_map(|event| {
            let id = event["data"]["command_id"].as_str()?.to_owned();
            (!self.sent.contains_key(&id) && !self.rejected.contains(&id))
                .then(|| format!("an event of {id}, which nobody sent"))
        });
        accounting.unexpected.extend(strangers.collect::<BTreeSet<_>>());
        let mut once = BTreeSet::new();
        accounting.duplicated =
            seen.events.iter().filter(|event| !once.insert(event["id"].as_str().unwrap_or_default())).count();
        accounting.recovered = self.struck.iter().filter(|id| self.story.endings_of(id).len() == 1).count();
        accounting
    }
}

fn id_of(command: &Value) -> String {
    command["id"].as_str().unwrap_or_default().to_owned()
}
