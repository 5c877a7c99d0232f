//! The operators' log, and events that are published again because one asked.

use super::words::{PgShelf, Shelf, SqliteShelf, at, command, event, id};
use crate::journal::{Journal, Operation, Settled};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    unrouted_events_are_queued_again_in_their_order_under_their_own_ids,
    those_of_one_command_leave_the_others_alone,
    what_was_confirmed_is_not_replayed,
    a_replay_is_in_the_log_with_what_came_of_it,
    the_log_tells_the_last_first_and_says_where_an_ending_is_not_known,
    nothing_is_written_down_where_the_journal_is_only_read,
);

fn operation(verb: &str) -> Operation {
    Operation {
        at: at(5),
        actor: "kim".to_owned(),
        verb: verb.to_owned(),
        target: "all".to_owned(),
        reason: "a story".to_owned(),
        nonce: "n-1".to_owned(),
        came: None,
    }
}

/// Two commands with an event each, both given back by the broker.
async fn two_unrouted(shelf: &impl Shelf) -> Journal {
    let journal = shelf.open().await;
    for name in ["a", "b"] {
        let mut new = command(name);
        new.events.push(event(name, 1));
        journal.accept(new).await.unwrap();
    }
    let rows = journal.outbox_due(0, 10).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Unrouted)).collect()).await.unwrap();
    journal
}

async fn queued(journal: &Journal) -> Vec<String> {
    journal.outbox_due(0, 10).await.unwrap().into_iter().map(|row| row.event.event_id).collect()
}

async fn unrouted_events_are_queued_again_in_their_order_under_their_own_ids(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    assert_eq!(journal.unrouted().await.unwrap().count, 2);
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 2);
    assert_eq!(queued(&journal).await, ["a/1", "b/1"]);
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 0, "they wait already");
    assert_eq!((queued(&journal).await.len(), journal.unrouted().await.unwrap().count), (2, 0));
}

async fn those_of_one_command_leave_the_others_alone(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    assert_eq!(journal.replay_unrouted(Some(id("b")), operation("events replay")).await.unwrap(), 1);
    assert_eq!((queued(&journal).await, journal.unrouted().await.unwrap().count), (vec!["b/1".to_owned()], 1));
}

async fn what_was_confirmed_is_not_replayed(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    journal.replay_unrouted(None, operation("events replay")).await.unwrap();
    let rows = journal.outbox_due(0, 10).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Confirmed)).collect()).await.unwrap();
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 0);
    assert_eq!(queued(&journal).await.len(), 0);
}

async fn a_replay_is_in_the_log_with_what_came_of_it(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    journal.replay_unrouted(None, operation("events replay")).await.unwrap();
    journal.replay_unrouted(Some(id("nobody")), operation("events replay")).await.unwrap();
    let told = journal.operations(10).await.unwrap();
    assert_eq!(told[1], Operation { came: Some("2 events queued".to_owned()), ..operation("events replay") });
    assert_eq!(told[0].came.as_deref(), Some("0 events queued"), "that there was nothing to do is told too");
}

async fn the_log_tells_the_last_first_and_says_where_an_ending_is_not_known(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    let first = journal.begin_operation(operation("dead replay")).await.unwrap();
    journal.begin_operation(operation("dead discard")).await.unwrap();
    journal.end_operation(first, "published as c".to_owned()).await.unwrap();
    journal.close().await;
    let reader = shelf.open_read_only().await;
    let told = reader.operations(10).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.verb.as_str(), one.came.as_deref())).collect();
    assert_eq!(told, [("dead discard", None), ("dead replay", Some("published as c"))]);
    assert_eq!(reader.operations(1).await.unwrap().len(), 1);
}

async fn nothing_is_written_down_where_the_journal_is_only_read(shelf: impl Shelf) {
    let journal = two_unrouted(&shelf).await;
    journal.close().await;
    let reader = shelf.open_read_only().await;
    assert!(reader.begin_operation(operation("dead discard")).await.is_err());
    assert!(reader.replay_unrouted(None, operation("events replay")).await.is_err());
    assert_eq!(reader.unrouted().await.unwrap().count, 2);
}
