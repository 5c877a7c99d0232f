//! Short words for the stories.

use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::cluster::{self, Database};

use crate::contract::{Access, Asset, BusinessId, CommandId, Phase};
use crate::journal::sqlite::Sqlite;
use crate::journal::{
    Accepted, Address, CommandRow, Ended, EvidenceEntry, Exchange, Journal, MayCancel, New, NewEvent, Record, State,
    Walk, WatchChange, WatchRow,
};

/// A store that can be opened, left and opened again.
pub(in crate::journal) trait Shelf {
    /// A store with nothing in it.
    fn empty() -> Self;
    /// Opens it, for the first time or again.
    async fn open(&self) -> Journal;
    /// Opens it to read, beside whoever has it.
    async fn open_read_only(&self) -> Journal;
}

/// SQLite in a folder of its own.
pub(in crate::journal) struct SqliteShelf(TempDir);

impl SqliteShelf {
    pub(in crate::journal) fn path(&self) -> PathBuf {
        self.0.path().join("bindery.db")
    }

    /// The store with what it alone can do.
    pub(in crate::journal) async fn sqlite(&self) -> Sqlite {
        Sqlite::open(&self.path()).await.unwrap()
    }
}

impl Shelf for SqliteShelf {
    fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> Journal {
        self.sqlite().await.into()
    }

    async fn open_read_only(&self) -> Journal {
        Journal::open_read_only(&self.path()).await.unwrap()
    }
}

/// PostgreSQL, a database of its own.
pub(in crate::journal) struct PgShelf(OnceCell<Database>);

impl PgShelf {
    pub(in crate::journal) async fn database(&self) -> &Database {
        self.0.get_or_init(async || cluster::database().await.unwrap()).await
    }

    pub(in crate::journal) async fn address(&self) -> Address {
        self.database().await.url().parse().unwrap()
    }
}

impl Shelf for PgShelf {
    fn empty() -> Self {
        Self(OnceCell::new())
    }

    async fn open(&self) -> Journal {
        Journal::open(self.address().await).await.unwrap()
    }

    async fn open_read_only(&self) -> Journal {
        Journal::open_read_only(self.address().await).await.unwrap()
    }
}

pub(in crate::journal) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(in crate::journal) fn id(text: &str) -> CommandId {
    text.parse().unwrap()
}

pub(in crate::journal) fn business() -> BusinessId {
    "2001".parse().unwrap()
}

pub(in crate::journal) fn page() -> Asset {
    "page/1009".parse().unwrap()
}

/// A command whose content is its id.
pub(in crate::journal) fn command(name: &str) -> New {
    let body = format!(r#"{{"id":"{name}"}}"#);
    New { business: Some(business()), ..New::command(id(name), format!("print of {name}"), body, at(0)) }
}

/// Every command may be cancelled.
pub(in crate::journal) fn anything() -> MayCancel {
    Box::new(|_: &CommandRow| true)
}

/// The `sequence`th event of a command.
pub(in crate::journal) fn event(name: &str, sequence: u32) -> NewEvent {
    NewEvent {
        event_id: format!("{name}/{sequence}"),
        command: Some(id(name)),
        sequence: Some(sequence),
        exchange: Exchange::Events,
        routing_key: "claim.page.pending".to_owned(),
        body: format!("event {sequence} of {name}").into_bytes(),
        headers: "{}".to_owned(),
        correlation_id: Some(name.to_owned()),
        r#type: "bindery.claim.pending".to_owned(),
        content_type: "application/cloudevents+json".to_owned(),
        terminal: false,
        mandatory: true,
    }
}

/// The same as the command's terminal event.
pub(in crate::journal) fn last_event(name: &str, sequence: u32) -> NewEvent {
    NewEvent { terminal: true, ..event(name, sequence) }
}

pub(in crate::journal) fn ended(phase: Phase) -> State {
    State::Ended(Ended { phase, changed: true, outcome: r#"{"phase":"…"}"#.to_owned() })
}

/// A command's end with its terminal event.
pub(in crate::journal) fn ending(name: &str, phase: Phase, sequence: u32) -> Record {
    Record { events: vec![last_event(name, sequence)], ..Record::new(at(9), ended(phase)) }
}

pub(in crate::journal) fn seen(call: &str) -> EvidenceEntry {
    EvidenceEntry { at: at(1), call: call.to_owned(), answer: "200".to_owned(), trace: Some("A1b2".to_owned()) }
}

pub(in crate::journal) fn watch(name: &str) -> WatchRow {
    WatchRow {
        command: id(name),
        business: business(),
        asset: page(),
        access: Access::Agency,
        partner: None,
        tasks: r#"["ADVERTISE"]"#.to_owned(),
        sent_at: at(2),
        absences: "[]".to_owned(),
    }
}

pub(in crate::journal) fn pending(name: &str) -> Record {
    Record { watch: WatchChange::Set(watch(name)), ..Record::new(at(2), State::Pending) }
}

pub(in crate::journal) fn walk(list: &str, began: i64) -> Walk {
    Walk {
        business: business(),
        list: list.to_owned(),
        began: at(began),
        ended: at(began + 1),
        pages: 2,
        rows: 137,
        complete: true,
        traces: r#"["A1b2"]"#.to_owned(),
    }
}

/// The bodies that wait for the broker, in order, with where each goes.
pub(in crate::journal) async fn waiting(journal: &Journal) -> Vec<(String, String)> {
    let rows = journal.outbox_due(0, 1_000).await.unwrap();
    let told = |event: NewEvent| {
        let to = if event.exchange == Exchange::Reply { event.routing_key } else { event.exchange.word().to_owned() };
        (String::from_utf8(event.body).unwrap(), to)
    };
    rows.into_iter().map(|row| told(row.event)).collect()
}

/// A new command is taken in.
pub(in crate::journal) async fn accept(journal: &Journal, name: &str) {
    let accepted = journal.accept(command(name)).await.unwrap();
    assert!(matches!(accepted, Accepted::New { .. }), "{name} was not new: {accepted:?}");
}

/// An observation as JSON.
pub(in crate::journal) fn noted(what: &str) -> String {
    format!(r#"{{"saw":"{what}"}}"#)
}
