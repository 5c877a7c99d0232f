//! What the file on disk must keep: one worker, clear errors, and groups that stand or fall as they should.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;

use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::oneshot;

use super::{Sqlite, held_by, open, prune, sql, writer::GROUP_MAX};
use crate::contract::Phase;
use crate::journal::tests::words::{
    Shelf, SqliteShelf, at, business, command, ending, event, id, last_event, seen, waiting,
};
use crate::journal::{
    Filter, Forgotten, Horizons, Journal, JournalError, Ledger, NewEvent, Record, Settled, State, StateName, Store,
    Verdict,
};

async fn refusal(path: &Path) -> JournalError {
    Journal::open(path).await.err().expect("it should have been refused")
}

/// Holds the writer inside a transaction until told to go on.
fn hold(
    journal: &Sqlite,
) -> (impl Future<Output = Result<(), JournalError>>, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (entered, inside) = oneshot::channel();
    let (go, gate) = oneshot::channel::<()>();
    let (journal, gates) = (journal.clone(), Mutex::new(Some((entered, gate))));
    let held = async move {
        journal
            .change(move |_| {
                pass(&gates);
                Ok(())
            })
            .await
    };
    (held, inside, go)
}

/// Says that the writer is here and waits until it may go on; once.
fn pass(gates: &Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>) {
    let Some((entered, gate)) = gates.lock().unwrap().take() else { return };
    let _ = entered.send(());
    let _ = gate.blocking_recv();
}

#[tokio::test]
async fn a_second_worker_is_refused_with_the_first_ones_process() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.find(&id("a")).await.unwrap();
    let error = refusal(&shelf.path()).await;
    let told = error.to_string();
    let JournalError::Locked { pid, .. } = error else { panic!("{error}") };
    assert_eq!(pid, Some(std::process::id()));
    assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
    assert_eq!(held_by(&shelf.path()), Some(Some(std::process::id())));

    let link = shelf.path().with_file_name("link.db");
    std::os::unix::fs::symlink(shelf.path(), &link).unwrap();
    assert_eq!(refusal(&link).await.code(), "locked", "a link to it is the same journal");

    journal.close().await;
    assert_eq!(held_by(&shelf.path()), None);
    assert!(!shelf.path().with_extension("db-wal").exists(), "a journal that was closed is one file");
    assert_eq!(journal.find(&id("a")).await.unwrap_err().code(), "closed");
    shelf.sqlite().await;
}

#[tokio::test]
async fn a_reader_works_beside_a_worker_and_without() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.accept(command("a")).await.unwrap();
    let reader = Journal::open_read_only(&shelf.path()).await.unwrap();
    assert!(reader.find(&id("a")).await.unwrap().is_some());
    journal.accept(command("b")).await.unwrap();
    assert!(reader.find(&id("b")).await.unwrap().is_some(), "it sees what came later");
    assert_eq!(reader.accept(command("c")).await.unwrap_err().code(), "closed");
    reader.close().await;
    journal.close().await;

    let reader = Journal::open_read_only(&shelf.path()).await.unwrap();
    assert_eq!(reader.begun(0, 9).await.unwrap().len() + reader.in_front(Some(&business()), 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_reader_of_no_journal_says_so_and_makes_none() {
    let shelf = SqliteShelf::empty();
    let error = Journal::open_read_only(&shelf.path()).await.err().unwrap();
    assert_eq!(error.code(), "cannot_open");
    assert!(!shelf.path().exists());
    std::fs::write(shelf.path(), "").unwrap();
    let error = Journal::open_read_only(&shelf.path()).await.err().unwrap();
    assert_eq!(error.code(), "migration", "{error}");
    assert!(error.to_string().contains("start the worker once"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let shelf = SqliteShelf::empty();
    let text = "this is a letter, not a database; ".repeat(200);
    std::fs::write(shelf.path(), &text).unwrap();
    let error = refusal(&shelf.path()).await;
    assert_eq!(error.code(), "not_a_database", "{error}");
    assert!(error.to_string().contains("bindery.db"), "{error}");
    assert_eq!(std::fs::read_to_string(shelf.path()).unwrap(), text);
    assert_eq!(Journal::open_read_only(&shelf.path()).await.err().unwrap().code(), "not_a_database");
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let shelf = SqliteShelf::empty();
    shelf.sqlite().await.close().await;
    let mut bytes = std::fs::read(shelf.path()).unwrap();
    bytes[100..4096].fill(0xff);
    std::fs::write(shelf.path(), bytes).unwrap();
    assert_eq!(refusal(&shelf.path()).await.code(), "not_a_database");
}

#[tokio::test]
async fn a_folder_that_is_missing_or_not_ours_is_named() {
    for path in ["/no/such/folder/bindery.db", "/proc/bindery.db"] {
        let error = refusal(Path::new(path)).await;
        assert_eq!(error.code(), "cannot_open", "{error}");
        assert!(error.to_string().contains(path) && error.to_string().contains("folder"), "{error}");
    }
    let shelf = SqliteShelf::empty();
    std::fs::create_dir(shelf.path()).unwrap();
    assert_eq!(refusal(&shelf.path()).await.code(), "cannot_open", "a folder is no file");
}

#[tokio::test]
async fn a_folder_that_may_only_be_read_is_enough_to_read() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.accept(command("a")).await.unwrap();
    journal.close().await;
    let folder = shelf.path().parent().unwrap().to_owned();
    let allow = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::remove_file(folder.join("bindery.db.lock")).unwrap();
    allow(0o555);
    let root = std::fs::write(folder.join("probe"), "").is_ok();
    let (written, read) = (Journal::open(&shelf.path()).await, Journal::open_read_only(&shelf.path()).await);
    allow(0o755);
    assert!(read.unwrap().find(&id("a")).await.unwrap().is_some());
    // Root may write everywhere.
    assert!(root || written.err().is_some_and(|error| error.code() == "cannot_open"));
}

/// No story of its own: the process that the next one kills.
#[tokio::test]
#[ignore = "started by what_a_killed_worker_has_answered_is_there"]
async fn a_worker_to_be_killed() {
    let path = std::env::var_os("BINDERY_TEST_JOURNAL").expect("the story that kills it says where");
    let journal = Sqlite::open(Path::new(&path)).await.unwrap();
    let start = how_many(&journal, None).await;
    for n in start.. {
        let names: Vec<String> = (0..8).map(|place| format!("c{n}-{place}")).collect();
        for answer in join_all(names.iter().map(|name| journal.accept(command(name)))).await {
            answer.unwrap();
        }
        journal.record(id(&names[0]), ending(&names[0], Phase::Completed, 1)).await.unwrap();
        println!("answered {n}");
    }
}

#[tokio::test]
async fn what_a_killed_worker_has_answered_is_there() {
    let shelf = SqliteShelf::empty();
    let mut answered = Vec::new();
    for round in 1..=4 {
        answered.extend(killed_after(&shelf.path(), 5 * round).await);
        let journal = shelf.sqlite().await;
        for name in answered.iter().flat_map(|n| (0..8).map(move |place| format!("c{n}-{place}"))) {
            let row = journal.find(&id(&name)).await.unwrap().unwrap_or_else(|| panic!("{name} is gone"));
            assert_eq!(row.state.name() == StateName::Ended, name.ends_with("-0"), "{name}: {:?}", row.state);
        }
        let ends = how_many(&journal, Some(StateName::Ended)).await;
        assert_eq!(waiting(&journal.clone().into()).await.len(), ends, "an event for every end and for nothing else");
        journal.close().await;
    }
}

/// Starts a worker, kills it once it has said so many lines, and returns what it said.
async fn killed_after(path: &Path, lines: usize) -> Vec<u64> {
    let mut worker = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "journal::sqlite::tests::a_worker_to_be_killed"])
        .env("BINDERY_TEST_JOURNAL", path)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(worker.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    let number = |line: &str| line.rsplit_once("answered ").map(|(_, n)| n.parse::<u64>().unwrap());
    while answered.len() < lines {
        let line = said.next_line().await.unwrap().expect("it goes on until it is killed");
        answered.extend(number(&line));
    }
    worker.kill().await.unwrap();
    while let Some(line) = said.next_line().await.unwrap() {
        answered.extend(number(&line));
    }
    answered
}

#[tokio::test]
async fn a_journal_of_a_newer_bindery_is_refused() {
    let shelf = SqliteShelf::empty();
    shelf.sqlite().await.close().await;
    meddle(&shelf, "PRAGMA user_version = 999").await;
    let error = refusal(&shelf.path()).await;
    assert_eq!(error.code(), "newer", "{error}");
    assert_eq!(Journal::open_read_only(&shelf.path()).await.err().unwrap().code(), "newer");
}

#[tokio::test]
async fn a_group_is_one_commit_and_nothing_shows_before_it() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    let before = commits(&shelf);
    let (held, inside, go) = hold(&journal);
    let names: Vec<String> = (0..GROUP_MAX).map(|n| format!("c{n}")).collect();
    let fill = join_all(names.iter().map(|name| journal.accept(command(name))));
    let watch = async {
        inside.await.unwrap();
        assert_eq!(how_many(&journal, None).await, 0);
        go.send(()).unwrap();
    };
    let (held, filled, ()) = tokio::join!(held, fill, watch);
    held.unwrap();
    assert!(filled.iter().all(Result::is_ok));
    let commits = commits(&shelf) - before;
    assert!(commits <= 4, "{commits} commits for {GROUP_MAX} changes and the one that held them up");
}

#[tokio::test]
async fn a_ping_is_a_commit() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    let before = commits(&shelf);
    journal.ping().await.unwrap();
    assert_eq!(commits(&shelf), before + 1);
}

#[tokio::test]
async fn what_is_queued_together_is_committed_together() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    let before = commits(&shelf);
    let names: Vec<String> = (0..GROUP_MAX).map(|n| format!("c{n}")).collect();
    let answers = join_all(names.iter().map(|name| journal.accept(command(name)))).await;
    assert!(answers.iter().all(Result::is_ok));
    let commits = commits(&shelf) - before;
    assert!(commits <= 8, "{commits} commits for one group");
    let places: Vec<i64> = journal.in_front(Some(&business()), 999).await.unwrap().iter().map(|row| row.seq).collect();
    assert!(places.is_sorted() && places.len() == GROUP_MAX);
}

#[tokio::test]
async fn a_change_is_seen_by_nobody_until_its_commit() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    let (entered, inside) = oneshot::channel();
    let (go, gate) = oneshot::channel::<()>();
    let gates = Mutex::new(Some((entered, gate)));
    let change = journal.change(move |connection| {
        sql::run(connection, "INSERT INTO parked (bucket, until, why) VALUES ('app', 1, '')", [])?;
        pass(&gates);
        Ok(())
    });
    let look = async {
        inside.await.unwrap();
        assert_eq!(journal.parked().await.unwrap(), []);
        go.send(()).unwrap();
    };
    let (changed, ()) = tokio::join!(change, look);
    changed.unwrap();
    assert_eq!(journal.parked().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_that_fails_fails_all_of_its_group_and_none_after_it() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    // Deferred, a broken reference is found by the commit alone.
    let breaks = journal.change(|connection| {
        connection.pragma_update(None, "defer_foreign_keys", true)?;
        sql::run(connection, "INSERT INTO observations (command, n, observed) VALUES (77, 1, '')", []).map(drop)
    });
    // The writer is kept busy until both are queued: then they are one group.
    let (entered, inside) = oneshot::channel();
    let (go, gate) = oneshot::channel::<()>();
    let gates = Mutex::new(Some((entered, gate)));
    let busy = journal.change(move |_| {
        pass(&gates);
        Ok(())
    });
    let group = async {
        inside.await.unwrap();
        tokio::join!(biased; breaks, journal.accept(command("a")), async { go.send(()).unwrap() })
    };
    let (_, (broken, neighbour, ())) = tokio::join!(busy, group);
    assert_eq!(broken.unwrap_err().code(), "commit_failed");
    assert_eq!(neighbour.unwrap_err().code(), "commit_failed");
    assert_eq!(journal.find(&id("a")).await.unwrap(), None);
    journal.accept(command("a")).await.expect("the next group commits");
}

#[tokio::test]
async fn a_full_disk_refuses_and_then_recovers() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    cap(&journal, 1).await;
    let body = "x".repeat(1 << 20);
    let big = crate::journal::New { body, ..command("big") };
    let error = journal.accept(big.clone()).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    cap(&journal, 1_000_000).await;
    journal.accept(big).await.unwrap();
}

#[tokio::test]
async fn an_altered_a_missing_and_a_cut_entry_are_named() {
    let cases = [
        ("UPDATE evidence SET answer = 'something else' WHERE n = 2", 2),
        ("UPDATE evidence SET at = at + 1 WHERE n = 3", 3),
        ("UPDATE evidence SET trace = NULL WHERE n = 1", 1),
        ("DELETE FROM evidence WHERE n = 1", 1),
        ("DELETE FROM evidence WHERE n = 3", 3),
    ];
    for (sql, place) in cases {
        let shelf = SqliteShelf::empty();
        let journal = shelf.sqlite().await;
        journal.accept(command("a")).await.unwrap();
        let entries = vec![seen("GET /1"), seen("POST /2"), seen("GET /3")];
        journal.record(id("a"), Record { evidence: entries, ..Record::new(at(1), State::Ready) }).await.unwrap();
        journal.close().await;
        meddle(&shelf, sql).await;
        let journal = Journal::open_read_only(&shelf.path()).await.unwrap();
        let verdict = journal.verify(&id("a")).await.unwrap();
        assert!(matches!(verdict, Verdict::Broken { at, .. } if at == place), "{sql}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_names_its_column() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.accept(command("a")).await.unwrap();
    meddle(&shelf, "UPDATE commands SET state = 'dreaming'").await;
    let error = journal.find(&id("a")).await.unwrap_err();
    assert_eq!(error.code(), "unreadable");
    assert!(error.to_string().contains("`state`") && error.to_string().contains("awaiting_children"), "{error}");
}

#[tokio::test]
async fn the_file_alone_keeps_a_second_end_out() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.accept(command("a")).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 2)).await.unwrap();
    let open_again = "UPDATE commands SET state = 'ready' WHERE id = 'a'";
    meddle(&shelf, open_again).await;
    let error = journal.record(id("a"), ending("a", Phase::Failed, 3)).await.unwrap_err();
    assert_eq!(error.code(), "sql", "{error}");
    assert_eq!(waiting(&journal.clone().into()).await.len(), 1);
}

#[tokio::test]
async fn a_change_whose_asker_has_gone_stands_all_the_same() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    let (held, inside, go) = hold(&journal);
    let abandon = async {
        inside.await.unwrap();
        let mut asked = Box::pin(journal.accept(command("a")));
        assert!(futures_util::poll!(asked.as_mut()).is_pending());
        drop(asked);
        go.send(()).unwrap();
    };
    let (held, ()) = tokio::join!(held, abandon);
    held.unwrap();
    journal.ping().await.unwrap();
    assert!(journal.find(&id("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn events_of_another_command_do_not_count_for_this_one() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    journal.accept(command("a")).await.unwrap();
    journal.record(id("a"), Record { events: vec![event("b", 7)], ..Record::new(at(1), State::Ready) }).await.unwrap();
    assert_eq!(journal.find(&id("a")).await.unwrap().unwrap().last_sequence, 0);
}

/// How many commands are in `state`, or in any.
async fn how_many(journal: &Sqlite, state: Option<StateName>) -> usize {
    let all = Filter { state, business: None, before: None, limit: u32::MAX };
    journal.list(&all).await.unwrap().len()
}

/// The commits that the write-ahead log holds: of each, the last frame says how large the database is after it.
fn commits(shelf: &SqliteShelf) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = std::fs::read(shelf.path().with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[HEADER..].chunks_exact(FRAME_HEADER + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

async fn meddle(shelf: &SqliteShelf, sql: &'static str) {
    let connection = open::connect_to_write(&shelf.path()).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
}

/// Limits the writer's file as a full disk would.
async fn cap(journal: &Sqlite, pages: u32) {
    journal.change(move |connection| Ok(connection.pragma_update(None, "max_page_count", pages)?)).await.unwrap();
}

#[tokio::test]
async fn the_file_shrinks_by_what_was_forgotten() {
    let shelf = SqliteShelf::empty();
    let journal = shelf.sqlite().await;
    for n in 0..200 {
        let name = format!("c-{n}");
        journal.accept(command(&name)).await.unwrap();
        let big = NewEvent { body: vec![b'x'; 20_000], ..last_event(&name, 1) };
        journal.record(id(&name), Record { events: vec![big], ..ending(&name, Phase::Completed, 1) }).await.unwrap();
    }
    let rows = journal.outbox_due(0, 10_000).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Confirmed)).collect()).await.unwrap();
    let (past, now) = (at(-1), at(10));
    let before = Horizons { commands: now, evidence: past, ids: past, denials: now, removals: now, now };
    while journal.forget(Forgotten::Commands, before).await.unwrap() > 0 {}
    let (free, all) = journal.free_pages().await.unwrap();
    assert!(free > all / 2, "{free} of {all} pages hold nothing");
    assert_eq!(journal.give_back(64).await.unwrap(), free - 64, "no more than was asked for at once");
    while journal.give_back(256).await.unwrap() > 0 {}
    let (free, left) = journal.free_pages().await.unwrap();
    assert!(free == 0 && left < all / 2, "{left} of {all} pages are left, {free} of them free");
    journal.accept(command("next")).await.unwrap();
    journal.close().await;
    let size = std::fs::metadata(shelf.path()).unwrap().len();
    assert!(size < 2_000_000, "4 MB of events were forgotten, and the file has {size} bytes");
}

#[tokio::test]
async fn what_is_to_be_forgotten_is_found_without_reading_the_rest() {
    let shelf = SqliteShelf::empty();
    shelf.sqlite().await.close().await;
    let connection = open::connect_to_write(&shelf.path()).unwrap();
    for statement in prune::statements() {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        // Nothing is bound: a plan is made for any values.
        let steps = plan.raw_query().mapped(|row| row.get::<_, String>("detail")).collect::<Vec<_>>();
        for step in steps {
            let step = step.unwrap();
            let of = ["commands", "events", "walks", "endings", "evidence", "observations", "c", "k", "w", "e"];
            let whole = of.iter().find(|table| step == format!("SCAN {table}"));
            assert_eq!(whole, None, "{step}: {statement}");
        }
    }
}
