//! All rows out of a database, and into one that holds none.

use tokio::sync::mpsc;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Client, Row};

use super::lease::Lease;
use super::server::Server;
use super::sql::{self, Bound};
use super::{migrate, reached, steps};
use crate::journal::JournalError;
use crate::journal::portable::{BATCH, Cell, Cells, Of, Part, Sums, Sums256, TABLES, Table, compared};

/// Tells every row of the database, as of one moment.
///
/// # Errors
/// As a reader has them. Where nobody listens any more it ends.
pub(in crate::journal) async fn tell(server: &Server, to: mpsc::Sender<Part>) -> Result<(), JournalError> {
    let link = reached(server).await?;
    migrate::check_to_read(server, &steps(server, &link.client).await?)?;
    link.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    for table in TABLES {
        open(&link.client, table).await?;
        loop {
            let rows = next(&link.client, table).await?;
            let last = rows.len() < BATCH;
            if to.send(Part::Rows(table, rows)).await.is_err() {
                return Ok(());
            }
            if last {
                break;
            }
        }
        link.client.batch_execute("CLOSE rows").await?;
    }
    Ok(link.client.batch_execute("COMMIT").await?)
}

/// Takes all that comes into the database, which must hold nothing, and reads it back before it stands.
///
/// # Errors
/// As a worker has them; `NotEmpty`, and `NotAnExport` where it is not what its sums say. Nothing stands then.
pub(in crate::journal) async fn take(server: &Server, from: mpsc::Receiver<Part>) -> Result<Sums, JournalError> {
    let link = reached(server).await?;
    migrate::up(&link.client, server).await?;
    let lease = Lease::take(&link.client, &server.to_string(), server.lease).await?;
    link.client.batch_execute("BEGIN").await?;
    let taken = take_all(&link.client, server, &lease, from).await;
    link.client.batch_execute(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    lease.give_back(&link.client).await;
    taken
}

async fn take_all(
    client: &Client,
    server: &Server,
    lease: &Lease,
    mut from: mpsc::Receiver<Part>,
) -> Result<Sums, JournalError> {
    if !lease.is_ours(client).await? {
        return Err(lease.lost(client).await);
    }
    if !is_empty(client).await? {
        return Err(JournalError::NotEmpty { at: server.to_string() });
    }
    let mut expected = None;
    while let Some(part) = from.recv().await {
        match part {
            Part::Rows(table, rows) => put(client, table, rows).await?,
            Part::End(sums) => expected = Some(sums),
        }
    }
    for table in TABLES {
        count_on(client, table).await?;
    }
    compared(expected, read_back(client).await?)
}

async fn read_back(client: &Client) -> Result<Sums, JournalError> {
    let mut found = Sums256::default();
    for table in TABLES {
        open(client, table).await?;
        loop {
            let rows = next(client, table).await?;
            found.add_all(table, &rows);
            if rows.len() < BATCH {
                break;
            }
        }
        client.batch_execute("CLOSE rows").await?;
    }
    Ok(found.end())
}

async fn open(client: &Client, table: &Table) -> Result<(), JournalError> {
    // As SQLite orders them: by bytes, and what is nothing first.
    let is_text = |column: &str| table.columns.iter().any(|(name, of)| *name == column && *of == Of::Text);
    let by = table.by.split(", ").map(|column| match is_text(column) {
        true => format!("{column} COLLATE \"C\" NULLS FIRST"),
        false => format!("{column} NULLS FIRST"),
    });
    let by: Vec<String> = by.collect();
    let text = format!(
        "DECLARE rows NO SCROLL CURSOR FOR SELECT {} FROM bindery.{} ORDER BY {}",
        names(table),
        table.name,
        by.join(", ")
    );
    Ok(client.batch_execute(&text).await?)
}

async fn next(client: &Client, table: &Table) -> Result<Vec<Cells>, JournalError> {
    let fetch = format!("FETCH {BATCH} FROM rows");
    sql::all(client, &fetch, &[], |row| cells(table, row)).await
}

fn cells(table: &Table, row: &Row) -> Result<Cells, JournalError> {
    let cell = |(place, (_, of)): (usize, &(&'static str, Of))| match of {
        Of::Integer => value(row, place, Cell::Integer),
        Of::Text => value(row, place, Cell::Text),
        Of::Flag => value(row, place, Cell::Flag),
        Of::Bytes => value(row, place, Cell::Bytes),
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn value<'r, T: FromSql<'r>>(row: &'r Row, place: usize, of: fn(T) -> Cell) -> Result<Cell, JournalError> {
    Ok(row.try_get::<_, Option<T>>(place)?.map_or(Cell::Null, of))
}

/// Puts rows into their table: a list a column, unnested.
async fn put(client: &Client, table: &Table, rows: Vec<Cells>) -> Result<(), JournalError> {
    if rows.is_empty() {
        return Ok(());
    }
    let kind = |of: Of| match of {
        Of::Integer => "bigint",
        Of::Text => "text",
        Of::Flag => "boolean",
        Of::Bytes => "bytea",
    };
    let lists: Vec<String> = (1..).zip(table.columns).map(|(n, (_, of))| format!("${n}::{}[]", kind(*of))).collect();
    let names = names(table);
    let insert = format!(
        "INSERT INTO bindery.{} ({names}) SELECT {names} FROM unnest({}) WITH ORDINALITY AS u ({names}, place) ORDER BY place",
        table.name,
        lists.join(", "),
    );
    let columns: Vec<Box<dyn Bound + Send>> =
        (0..).zip(table.columns).map(|(n, (_, of))| column(&rows, n, *of)).collect();
    let columns: Vec<&dyn Bound> = columns.iter().map(|column| &**column as &dyn Bound).collect();
    sql::run(client, &insert, &columns).await.map(drop)
}

fn column(rows: &[Cells], place: usize, of: Of) -> Box<dyn Bound + Send> {
    let cells = rows.iter().map(|row| row.get(place).cloned().unwrap_or(Cell::Null));
    match of {
        Of::Integer => Box::new(cells.map(integer).collect::<Vec<_>>()),
        Of::Text => Box::new(cells.map(text).collect::<Vec<_>>()),
        Of::Flag => Box::new(cells.map(flag).collect::<Vec<_>>()),
        Of::Bytes => Box::new(cells.map(bytes).collect::<Vec<_>>()),
    }
}

fn integer(cell: Cell) -> Option<i64> {
    if let Cell::Integer(n) = cell { Some(n) } else { None }
}

fn text(cell: Cell) -> Option<String> {
    if let Cell::Text(text) = cell { Some(text) } else { None }
}

fn flag(cell: Cell) -> Option<bool> {
    if let Cell::Flag(flag) = cell { Some(flag) } else { None }
}

fn bytes(cell: Cell) -> Option<Vec<u8>> {
    if let Cell::Bytes(bytes) = cell { Some(bytes) } else { None }
}

/// What comes next is numbered behind what is there.
async fn count_on(client: &Client, table: &Table) -> Result<(), JournalError> {
    let Some(column) = table.counted else { return Ok(()) };
    let set = format!(
        "SELECT setval(pg_get_serial_sequence('bindery.{0}', '{column}'), max({column})) FROM bindery.{0}
         HAVING max({column}) IS NOT NULL",
        table.name
    );
    Ok(client.batch_execute(&set).await?)
}

async fn is_empty(client: &Client) -> Result<bool, JournalError> {
    for table in TABLES {
        let select = format!("SELECT 1 FROM bindery.{} LIMIT 1", table.name);
        if sql::first(client, &select, &[], |_| Ok(())).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
}
