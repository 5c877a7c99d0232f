//! The operators' log, and events that are published again because one asked.

use super::words::{Shelf, SqliteShelf, at, command, event, id};
use crate::journal::{Journal, Operation, Settled};

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
async fn two_unrouted() -> (SqliteShelf, Journal) {
    let shelf = SqliteShelf::empty();
    let journal = shelf.open().await;
    for name in ["a", "b"] {
        let mut new = command(name);
        new.events.push(event(name, 1));
        journal.accept(new).await.unwrap();
    }
    let rows = journal.outbox_due(0, 10).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Unrouted)).collect()).await.unwrap();
    (shelf, journal)
}

async fn queued(journal: &Journal) -> Vec<String> {
    journal.outbox_due(0, 10).await.unwrap().into_iter().map(|row| row.event.event_id).collect()
}

#[tokio::test]
async fn unrouted_events_are_queued_again_in_their_order_under_their_own_ids() {
    let (_shelf, journal) = two_unrouted().await;
    assert_eq!(journal.unrouted().await.unwrap().count, 2);
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 2);
    assert_eq!(queued(&journal).await, ["a/1", "b/1"]);
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 0, "they wait already");
    assert_eq!((queued(&journal).await.len(), journal.unrouted().await.unwrap().count), (2, 0));
}

#[tokio::test]
async fn those_of_one_command_leave_the_others_alone() {
    let (_shelf, journal) = two_unrouted().await;
    assert_eq!(journal.replay_unrouted(Some(id("b")), operation("events replay")).await.unwrap(), 1);
    assert_eq!((queued(&journal).await, journal.unrouted().await.unwrap().count), (vec!["b/1".to_owned()], 1));
}

#[tokio::test]
async fn what_was_confirmed_is_not_replayed() {
    let (_shelf, journal) = two_unrouted().await;
    journal.replay_unrouted(None, operation("events replay")).await.unwrap();
    let rows = journal.outbox_due(0, 10).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Confirmed)).collect()).await.unwrap();
    assert_eq!(journal.replay_unrouted(None, operation("events replay")).await.unwrap(), 0);
    assert_eq!(queued(&journal).await.len(), 0);
}

#[tokio::test]
async fn the_log_tells_the_last_first_and_says_where_an_ending_is_not_known() {
    let (shelf, journal) = two_unrouted().await;
    let first = journal.begin_operation(operation("dead replay")).await.unwrap();
    journal.begin_operation(operation("dead discard")).await.unwrap();
    journal.end_operation(first, "published as c".to_owned()).await.unwrap();
    journal.close().await;
    let reader = Journal::open_read_only(&shelf.path()).await.unwrap();
    let told = reader.operations(10).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.verb.as_str(), one.came.as_deref())).collect();
    assert_eq!(told, [("dead discard", None), ("dead replay", Some("published as c"))]);
    assert_eq!(reader.operations(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_written_down_where_the_journal_is_only_read() {
    let (shelf, journal) = two_unrouted().await;
    journal.close().await;
    let reader = Journal::open_read_only(&shelf.path()).await.unwrap();
    assert!(reader.begin_operation(operation("dead discard")).await.is_err());
    assert!(reader.replay_unrouted(None, operation("events replay")).await.is_err());
    assert_eq!(reader.unrouted().await.unwrap().count, 2);
}
