//! A whole journal as lines of JSON, from one store into another.
//!
//! The first line says what it is; each row is a line, `["table", value, …]`, in the order of `TABLES`; the last line has a
//! count and a SHA-256 for each table, over its lines. What was read is held against it, and what was written is read back
//! and held against it again: only then does the import stand.
//!
//! Values are what a journal is made of: numbers, texts, yes or no, and bytes as hex. What belongs to a store alone (its
//! lease, its migrations, the row of its pulse) stays behind.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Address, JournalError, postgres, sqlite};

/// What the first line calls it, with the version of these tables.
pub(super) const FORMAT: &str = "bindery-journal-1";
/// Rows that are on their way at once.
pub(super) const BATCH: usize = 500;

/// One table of a journal.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name in every store.
    pub(super) name: &'static str,
    /// Its columns, with what is in them.
    pub(super) columns: &'static [(&'static str, Of)],
    /// The columns that order it: parents come before their children.
    pub(super) by: &'static str,
    /// The column that numbers its rows, where the store counts them.
    pub(super) counted: Option<&'static str>,
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Whole numbers.
    Integer,
    /// Texts.
    Text,
    /// Yes or no.
    Flag,
    /// Bytes.
    Bytes,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// None.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row, its values in the order of the table's columns.
pub(super) type Cells = Vec<Cell>;

/// A part of a journal on its way.
#[derive(Debug)]
pub(super) enum Part {
    /// Some rows of a table.
    Rows(&'static Table, Vec<Cells>),
    /// There are no more: what all of them must add up to.
    End(Sums),
}

macro_rules! tables {
    ($($name:literal by $by:literal $(counted $counted:literal)? { $($of:ident: $($column:ident)+;)+ })+) => {
        /// Every table, each before those that point at it.
        pub(super) const TABLES: &[Table] = &[$(Table {
            name: $name,
            columns: &[$($((stringify!($column), Of::$of),)+)+],
            by: $by,
            counted: tables!(@counted $($counted)?),
        }),+];
    };
    (@counted) => { None };
    (@counted $counted:literal) => { Some($counted) };
}

tables! {
    "commands" by "seq" counted "seq" {
        Integer: seq priority not_before expires_at ordinal accepted_at until since due attempts intent_at observed
            evidence_total last_sequence children_total children_open children_well children_changed settled ended_at
            released;
        Text: id fingerprint body business lane parent correlation_id traceparent published_by state cause target why
            cancelled_by intent_call evidence_head phase outcome in_lane;
        Flag: dry_run changed;
    }
    "observations" by "command, n" { Integer: command n; Text: observed; }
    "evidence" by "command, n" { Integer: command n at; Text: call answer trace hash; }
    "replies" by "command, reply_to, correlation_id" { Text: command reply_to correlation_id; }
    "events" by "n" counted "n" {
        Integer: n sequence stored_at;
        Text: event_id command exchange routing_key headers correlation_id type content_type settled;
        Bytes: body;
        Flag: terminal mandatory;
    }
    "outbox" by "n" counted "n" { Integer: n event queued_at; Text: reply_to correlation_id; }
    "watches" by "command" { Text: command business asset access tasks absences partner; Integer: sent_at; }
    "invitations" by "command" { Text: command business email absences; Integer: sent_at; }
    "walks" by "n" counted "n" {
        Integer: n began ended pages rows;
        Text: business list traces hash;
        Flag: complete;
    }
    "denials" by "business, asset, access" { Text: business asset access command; Integer: at; }
    "removals" by "at, command, asset, person" { Text: asset person business command; Integer: at; }
    "cancels" by "target, by" { Text: target by published_by; Integer: until; }
    "parked" by "bucket" { Text: bucket why; Integer: until; }
    "suspended" by "credential" { Text: credential fingerprint why; Integer: since; }
    "holds" by "business" { Text: business actor reason; Integer: since; }
    "endings" by "seq" { Integer: seq ended_at evidence_total; Text: id fingerprint phase event_id evidence_head; }
    "operations" by "n" counted "n" { Integer: n at; Text: actor verb target reason nonce came; }
}

/// How many rows a table has, and the SHA-256 over their lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// The sums of all tables, by their names.
pub type Sums = BTreeMap<String, Sum>;

/// Adds lines up, table by table.
#[derive(Default)]
pub(super) struct Sums256(BTreeMap<&'static str, (u64, Sha256)>);

impl Sums256 {
    /// More rows of a table; always true, as there is always room for more.
    pub(super) fn add_all(&mut self, table: &'static Table, rows: &[Cells]) -> bool {
        rows.iter().for_each(|row| self.add(table, &line(table, row)));
        true
    }

    /// One more row of a table.
    pub(super) fn add(&mut self, table: &'static Table, line: &str) {
        let (rows, hash) = self.0.entry(table.name).or_default();
        *rows += 1;
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }

    /// Of every table, those without a row too.
    pub(super) fn end(mut self) -> Sums {
        let of = |table: &Table| {
            let (rows, hash) = self.0.remove(table.name).unwrap_or_default();
            (table.name.to_owned(), Sum { rows, sha256: hex::encode(hash.finalize()) })
        };
        TABLES.iter().map(of).collect()
    }
}

/// What was found, where it is what was expected.
///
/// # Errors
/// `NotAnExport` names the first table that is another, or says that the end is missing.
pub(super) fn compared(expected: Option<Sums>, found: Sums) -> Result<Sums, JournalError> {
    let bad = |reason: String| Err(JournalError::NotAnExport { reason });
    let Some(expected) = expected else { return bad("its end is missing".to_owned()) };
    for (name, sum) in &found {
        if expected.get(name) != Some(sum) {
            let said = expected.get(name).map_or(0, |sum| sum.rows);
            return bad(format!("{name} has {} rows and should have {said}, or other ones", sum.rows));
        }
    }
    if expected.len() == found.len() { Ok(found) } else { bad("it tells of tables that are not known here".to_owned()) }
}

/// Writes a whole journal, as of one moment, while a worker has it or without one; what it adds up to.
///
/// # Errors
/// As a reader has them, and `NotWritten` where `out` takes no more.
pub async fn export(at: &Address, out: &mut (impl Write + Send)) -> Result<Sums, JournalError> {
    let (to, mut parts) = mpsc::channel(2);
    let told = async {
        match at {
            Address::Sqlite(path) => sqlite::tell(path, to).await,
            Address::Postgres(server) => postgres::tell(server, to).await,
        }
    };
    let written = async {
        let mut sums = Sums256::default();
        writeln!(out, "{}", json!({ "format": FORMAT }))?;
        while let Some(part) = parts.recv().await {
            if let Part::Rows(table, rows) = part {
                for row in rows {
                    let line = line(table, &row);
                    sums.add(table, &line);
                    writeln!(out, "{line}")?;
                }
            }
        }
        Ok(sums.end())
    };
    let (told, written) = tokio::join!(told, written);
    told?;
    let unwritten = |error: std::io::Error| JournalError::NotWritten { reason: error.to_string() };
    let sums = written.map_err(unwritten)?;
    writeln!(out, "{}", json!({ "end": sums })).and_then(|()| out.flush()).map_err(unwritten)?;
    Ok(sums)
}

/// Reads what [`export`] has written into a journal that holds nothing, and that no worker has; what it adds up to.
///
/// # Errors
/// As a worker has them; `NotEmpty`, and `NotAnExport` where it is not whole or not what its sums say. Nothing stands
/// then.
pub async fn import(at: &Address, from: impl BufRead + Send + 'static) -> Result<Sums, JournalError> {
    let (to, parts) = mpsc::channel(2);
    let mut reading = JoinSet::new();
    reading.spawn_blocking(move || read(from, &to));
    let taken = match at {
        Address::Sqlite(path) => sqlite::take(path, parts).await,
        Address::Postgres(server) => postgres::take(server, parts).await,
    };
    // What was wrong with the lines is the reason for what was wrong with the rows.
    match reading.join_next().await {
        Some(Ok(Err(error))) => Err(error),
        Some(_) | None => taken,
    }
}

fn read(from: impl BufRead, to: &mpsc::Sender<Part>) -> Result<(), JournalError> {
    let bad = |reason: &dyn std::fmt::Display| JournalError::NotAnExport { reason: reason.to_string() };
    let mut lines = from.lines();
    let first = lines.next().ok_or_else(|| bad(&"it is empty"))?.map_err(|error| bad(&error))?;
    let format: Json = serde_json::from_str(&first).unwrap_or(Json::Null);
    if format["format"] != FORMAT {
        return Err(bad(&format!("its first line does not say {FORMAT}")));
    }
    // Where whoever takes them has given up the rest is read all the same: what is wrong with it is the better reason.
    let (mut sums, mut batch, mut of) = (Sums256::default(), Vec::new(), None);
    for line in lines {
        let line = line.map_err(|error| bad(&error))?;
        if line.starts_with('{') {
            let end: End = serde_json::from_str(&line).map_err(|error| bad(&error))?;
            let whole = compared(Some(end.end), sums.end())?;
            let last = of.map(|table| Part::Rows(table, batch)).into_iter().chain([Part::End(whole)]);
            last.for_each(|part| drop(to.blocking_send(part)));
            return Ok(());
        }
        let (table, cells) = row(&line)?;
        sums.add(table, &line);
        if batch.len() == BATCH || of.is_some_and(|before: &Table| before.name != table.name) {
            let full = std::mem::take(&mut batch);
            if let Some(before) = of {
                let _ = to.blocking_send(Part::Rows(before, full));
            }
        }
        of = Some(table);
        batch.push(cells);
    }
    Err(bad(&"its end is missing"))
}

/// The last line.
#[derive(Deserialize)]
struct End {
    end: Sums,
}

/// The table of that name.
pub(super) fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// A row as its line.
pub(super) fn line(table: &Table, cells: &[Cell]) -> String {
    let value = |cell: &Cell| match cell {
        Cell::Null => Json::Null,
        Cell::Integer(n) => json!(n),
        Cell::Text(text) => json!(text),
        Cell::Flag(flag) => json!(flag),
        Cell::Bytes(bytes) => json!(hex::encode(bytes)),
    };
    Json::Array(std::iter::once(json!(table.name)).chain(cells.iter().map(value)).collect()).to_string()
}

/// A line as its row.
///
/// # Errors
/// `NotAnExport` says what is wrong with it.
pub(super) fn row(line: &str) -> Result<(&'static Table, Cells), JournalError> {
    let bad = |reason: &str| JournalError::NotAnExport { reason: reason.to_owned() };
    let values: Vec<Json> = serde_json::from_str(line).map_err(|error| bad(&error.to_string()))?;
    let mut values = values.into_iter();
    let name = values.next().unwrap_or(Json::Null);
    let table = name.as_str().and_then(table).ok_or_else(|| bad("a line of no table of ours"))?;
    if values.len() != table.columns.len() {
        return Err(bad("a row has more or fewer values than its table has columns"));
    }
    let cells = values.zip(table.columns).map(|(value, (column, of))| {
        cell(value, *of).ok_or_else(|| bad(&format!("`{column}` of {} holds what it cannot hold", table.name)))
    });
    Ok((table, cells.collect::<Result<_, _>>()?))
}

fn cell(value: Json, of: Of) -> Option<Cell> {
    match (value, of) {
        (Json::Null, _) => Some(Cell::Null),
        (Json::Number(n), Of::Integer) => n.as_i64().map(Cell::Integer),
        (Json::String(text), Of::Text) => Some(Cell::Text(text)),
        (Json::Bool(flag), Of::Flag) => Some(Cell::Flag(flag)),
        (Json::String(text), Of::Bytes) => hex::decode(text).ok().map(Cell::Bytes),
        _ => None,
    }
}
