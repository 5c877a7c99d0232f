//! What the database must keep: one worker at a time, by its own time; groups that stand or fall as they should; clear
//! words for what cannot be opened.

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::sql::{self, params};
use super::{Postgres, writer::GROUP_MAX};
use crate::contract::Phase;
use crate::journal::tests::cluster::Cluster;
use crate::journal::tests::words::{PgShelf, Shelf, at, command, ending, event, id, last_event, seen, waiting};
use crate::journal::{Address, Journal, JournalError, New, Record, State, Store, Verdict};

async fn postgres(shelf: &PgShelf) -> Postgres {
    let Address::Postgres(server) = shelf.address().await else { panic!("it is on PostgreSQL") };
    Postgres::open(&server).await.unwrap()
}

/// An outsider's statements, beside whoever has the journal.
async fn meddle(shelf: &PgShelf, sql: &str) {
    let (client, _kept) = shelf.database().await.meddler().await.unwrap();
    client.batch_execute(sql).await.unwrap();
}

async fn refusal(at: impl Into<Address>) -> JournalError {
    Journal::open(at).await.err().expect("it should have been refused")
}

/// As another machine's worker would stand in the row.
const ELSEWHERE: &str = "UPDATE bindery.lease SET epoch = epoch + 1, nonce = 'theirs', host = 'elsewhere',
    machine = 'another', pid = 77, born = 1";

#[tokio::test]
async fn a_second_worker_is_refused_with_the_first_ones_process_and_machine() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    let error = refusal(shelf.address().await).await;
    let told = error.to_string();
    assert_eq!(error.code(), "locked", "{told}");
    assert!(told.contains(&format!("process {} on ", std::process::id())), "{told}");
    assert_eq!(journal.held_by().await.unwrap(), Some(Some(std::process::id())));
    journal.close().await;
    assert_eq!(shelf.address().await.held_by().await.unwrap(), None);
    shelf.open().await;
}

#[tokio::test]
async fn another_machines_worker_keeps_the_journal_until_its_lease_ends_by_the_databases_time() {
    let shelf = PgShelf::empty();
    shelf.open().await.close().await;
    meddle(&shelf, &format!("{ELSEWHERE}, until = clock_timestamp() + interval '1 hour'")).await;
    let error = refusal(shelf.address().await).await;
    assert!(error.to_string().contains("(process 77 on elsewhere)"), "{error}");
    meddle(&shelf, "UPDATE bindery.lease SET until = clock_timestamp() - interval '1 millisecond'").await;
    shelf.open().await.accept(command("a")).await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_gone_from_this_machine_is_not_waited_for() {
    let shelf = PgShelf::empty();
    shelf.open().await.close().await;
    let journal = shelf.open().await;
    // The same process id, but of a process that was born at another time: it is no more.
    meddle(&shelf, "UPDATE bindery.lease SET born = born - 1").await;
    let next = shelf.open().await;
    next.accept(command("a")).await.unwrap();
    drop(journal);
}

#[tokio::test]
async fn f11_whoever_was_replaced_changes_nothing_any_more() {
    let shelf = PgShelf::empty();
    let frozen = shelf.open().await;
    frozen.accept(command("before")).await.unwrap();
    meddle(&shelf, &format!("{ELSEWHERE}, until = clock_timestamp() + interval '1 hour'")).await;
    let late = frozen.accept(command("late")).await.unwrap_err();
    assert_eq!(late.code(), "commit_failed");
    assert!(late.to_string().contains("held by another worker (process 77 on elsewhere)"), "{late}");
    assert_eq!(frozen.ping().await.unwrap_err().code(), "commit_failed", "nor does it call itself able to");
    assert_eq!(frozen.find(&id("late")).await.unwrap(), None);
    frozen.lost().await;
    frozen.close().await;
    let holder = shelf.address().await.held_by().await.unwrap();
    assert_eq!(holder, Some(Some(77)), "what it gives back at its end is not the other one's lease");
}

#[tokio::test]
async fn a_lease_that_ended_while_nobody_took_it_is_still_ours() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    meddle(&shelf, "UPDATE bindery.lease SET until = clock_timestamp() - interval '1 hour'").await;
    journal.accept(command("a")).await.unwrap();
}

#[tokio::test]
async fn f49_a_connection_that_the_server_ends_is_made_again_and_no_change_is_lost() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    for n in 0..3 {
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        meddle(&shelf, end).await;
        let name = format!("c{n}");
        journal.accept(command(&name)).await.unwrap();
        assert!(journal.find(&id(&name)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn f49_a_server_that_crashes_loses_nothing_that_was_answered_and_is_worked_on_again() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.new_database().await.unwrap().url();
    let journal = Journal::open(url.parse::<Address>().unwrap()).await.unwrap();
    let names: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    // Half of them meet the crash, and are asked again as a redelivery would be.
    let asks = names.iter().map(async |name| {
        for _ in 0..200 {
            match journal.accept(command(name)).await {
                Ok(_) => return,
                Err(error) => assert_eq!(error.code(), "commit_failed", "{error}"),
            }
        }
        panic!("{name} was never taken in");
    });
    let (crashed, _) = tokio::join!(cluster.crash(), join_all(asks));
    crashed.unwrap();
    for name in &names {
        assert!(journal.find(&id(name)).await.unwrap().is_some(), "{name} was answered and is gone");
    }
    assert_eq!(journal.open_commands().await.unwrap().len(), names.len());
    cluster.stop().await.unwrap();
    let away = journal.find(&id("c0")).await.unwrap_err();
    assert_eq!(away.code(), "sql", "said at once, and not waited for: {away}");
}

#[tokio::test]
async fn f49_a_change_that_meets_a_deadlock_is_made_anew() {
    let shelf = PgShelf::empty();
    let journal = postgres(&shelf).await;
    for name in ["a", "b"] {
        journal.accept(command(name)).await.unwrap();
    }
    // Once, the change fails as one of two that wait for each other; the second time nobody is in its way.
    let deadlock = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$";
    let times = std::sync::atomic::AtomicU32::new(0);
    let change = journal.change(times, move |client, times| {
        Box::pin(async move {
            let before = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            sql::run(client, "UPDATE bindery.pulse SET beats = beats + 1", params![]).await?;
            if before == 0 {
                client.batch_execute(deadlock).await?;
            }
            Ok(before)
        })
    });
    let (changed, neighbour) = tokio::join!(biased; change, journal.accept(command("c")));
    assert_eq!(changed.unwrap(), 1);
    neighbour.unwrap();
    let (client, _kept) = shelf.database().await.meddler().await.unwrap();
    assert_eq!(client.query_one("SELECT beats FROM bindery.pulse", &[]).await.unwrap().get::<_, i64>(0) % 2, 1);
}

#[tokio::test]
async fn a_group_is_one_transaction() {
    let shelf = PgShelf::empty();
    let journal = postgres(&shelf).await;
    let (entered, inside) = oneshot::channel::<()>();
    let (go, gate) = oneshot::channel::<()>();
    let gates = std::sync::Mutex::new(Some((entered, gate)));
    let held = journal.change(gates, |_, gates| {
        let gates = gates.lock().unwrap().take();
        Box::pin(async move {
            if let Some((entered, gate)) = gates {
                entered.send(()).unwrap();
                gate.await.unwrap();
            }
            Ok(())
        })
    });
    let names: Vec<String> = (0..GROUP_MAX).map(|n| format!("c{n}")).collect();
    let fill = join_all(names.iter().map(|name| journal.accept(command(name))));
    let watch = async {
        inside.await.unwrap();
        assert_eq!(journal.open_commands().await.unwrap(), [], "nothing shows before the commit");
        go.send(()).unwrap();
    };
    let (held, filled, ()) = tokio::join!(held, fill, watch);
    held.unwrap();
    assert!(filled.iter().all(Result::is_ok));
    let (client, _kept) = shelf.database().await.meddler().await.unwrap();
    let select = "SELECT count(DISTINCT xmin::text) FROM bindery.commands";
    let transactions: i64 = client.query_one(select, &[]).await.unwrap().get(0);
    assert!(transactions <= 3, "{transactions} transactions for {GROUP_MAX} changes");
}

#[tokio::test]
async fn a_schema_of_the_future_that_this_version_can_live_with_is_worked_on() {
    let shelf = PgShelf::empty();
    shelf.open().await.close().await;
    meddle(&shelf, "INSERT INTO bindery.migrations (version, needs, hash) VALUES (999, 1, 'of the future')").await;
    let journal = shelf.open().await;
    journal.accept(command("a")).await.unwrap();
    journal.close().await;
    meddle(&shelf, "UPDATE bindery.migrations SET needs = 999 WHERE version = 999").await;
    for error in
        [refusal(shelf.address().await).await, Journal::open_read_only(shelf.address().await).await.err().unwrap()]
    {
        assert_eq!(error.code(), "newer", "{error}");
        assert!(error.to_string().contains("migration 999 is unknown here"), "{error}");
    }
    meddle(&shelf, "DELETE FROM bindery.migrations WHERE version = 999").await;
}

#[tokio::test]
async fn a_schema_that_is_not_what_was_released_is_refused() {
    let shelf = PgShelf::empty();
    shelf.open().await.close().await;
    meddle(&shelf, "UPDATE bindery.migrations SET hash = reverse(hash)").await;
    assert_eq!(refusal(shelf.address().await).await.code(), "migration");
    meddle(&shelf, "UPDATE bindery.migrations SET hash = reverse(hash)").await;
}

#[tokio::test]
async fn a_reader_of_a_database_without_a_journal_is_told_what_makes_one() {
    let shelf = PgShelf::empty();
    meddle(&shelf, "DROP SCHEMA IF EXISTS bindery CASCADE").await;
    let error = Journal::open_read_only(shelf.address().await).await.err().unwrap();
    assert_eq!(error.code(), "migration", "{error}");
    assert!(error.to_string().contains("bindery db migrate"), "{error}");
    shelf.open().await;
}

#[tokio::test]
async fn a_server_that_is_away_or_lets_nobody_in_is_named_without_a_password() {
    let shelf = PgShelf::empty();
    let url = shelf.database().await.url();
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    for url in [
        "postgres://u:hunter2@127.0.0.1:1/d".to_owned(),
        format!("postgres://nobody:hunter2@127.0.0.1:{port}/d1"),
        format!("postgres://bindery:hunter2@127.0.0.1:{port}/no_such_database"),
        format!("postgres://bindery:hunter2@127.0.0.1:{port}/d1?sslmode=verify-full"),
    ] {
        let error = refusal(url.parse::<Address>().unwrap()).await;
        assert_eq!(error.code(), "unreachable", "{url}: {error}");
        assert!(!error.to_string().contains("hunter2") && error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn what_no_text_of_the_database_can_hold_is_taken_in_all_the_same() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    let nul = |text: &str| Some(format!("{text}\0"));
    let odd = New { reply_to: nul("queue"), correlation_id: nul("1"), traceparent: nul("00"), ..command("a") };
    journal.accept(odd).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let to: Vec<String> = waiting(&journal).await.into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["events", "queue\u{fffd}"]);
}

#[tokio::test]
async fn the_database_alone_keeps_a_second_end_out() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    journal.accept(command("a")).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 2)).await.unwrap();
    meddle(&shelf, "UPDATE bindery.commands SET state = 'ready' WHERE id = 'a'").await;
    let error = journal.record(id("a"), ending("a", Phase::Failed, 3)).await.unwrap_err();
    assert_eq!(error.code(), "sql", "{error}");
    assert_eq!(waiting(&journal).await.len(), 1);
}

#[tokio::test]
async fn f60_an_altered_entry_of_evidence_is_named() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    journal.accept(command("a")).await.unwrap();
    let evidence = vec![seen("GET /1"), seen("POST /2"), seen("GET /3")];
    journal.record(id("a"), Record { evidence, ..Record::new(at(1), State::Ready) }).await.unwrap();
    meddle(&shelf, "UPDATE bindery.evidence SET answer = 'something else' WHERE n = 2").await;
    let verdict = journal.verify(&id("a")).await.unwrap();
    assert!(matches!(verdict, Verdict::Broken { at: 2, .. }), "{verdict:?}");
}

#[tokio::test]
async fn events_of_a_record_keep_their_order_in_the_outbox() {
    let shelf = PgShelf::empty();
    let journal = shelf.open().await;
    journal.accept(command("a")).await.unwrap();
    let mut events: Vec<_> = (1..=40).map(|n| event("a", n)).collect();
    events.push(last_event("a", 41));
    journal.record(id("a"), Record { events, ..ending("a", Phase::Completed, 41) }).await.unwrap();
    let told: Vec<u32> =
        journal.outbox_due(0, 99).await.unwrap().into_iter().filter_map(|row| row.event.sequence).collect();
    assert_eq!(told, (1..=41).collect::<Vec<_>>());
}
