//! What people look up: who is ahead in a lane, what is watched, the last walks, what became of events.

use super::words::{
    PgShelf, Shelf, SqliteShelf, at, business, command, ending, event, id, page, pending, seen, walk, watch,
};
use crate::contract::Phase;
use crate::journal::{Filter, Journal, New, Record, Settled, State, StateName, Walk};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    whoever_has_begun_is_ahead_and_then_who_came_first,
    who_is_not_due_or_elsewhere_is_not_ahead,
    a_command_without_a_lane_waits_for_nobody,
    the_last_walks_come_first_and_none_from_before,
    a_command_without_a_watch_has_none,
    an_event_says_what_the_broker_said,
    a_finished_command_says_how_it_ended_until_it_is_forgotten,
    a_list_of_a_state_and_a_business_holds_no_other,
    how_much_waits_for_the_broker_is_told_with_the_oldest,
    who_only_reads_sees_what_is_written_and_writes_nothing,
    a_whole_journal_can_be_told_from_its_ids,
);

async fn accept(journal: &Journal, new: New) {
    journal.accept(new).await.unwrap();
}

/// A command in the lane of the page.
fn in_lane(name: &str) -> New {
    New { lane: Some(page().to_string()), ..command(name) }
}

async fn ahead(journal: &Journal, name: &str, second: i64) -> Option<(u64, String)> {
    let row = journal.find(&id(name)).await.unwrap().unwrap();
    let ahead = journal.ahead_of(&row, at(second)).await.unwrap();
    ahead.map(|ahead| (ahead.count, ahead.first.id.into()))
}

async fn whoever_has_begun_is_ahead_and_then_who_came_first(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["a", "b", "c"] {
        accept(&journal, in_lane(name)).await;
    }
    assert_eq!(ahead(&journal, "a", 1).await, None);
    assert_eq!(ahead(&journal, "c", 1).await, Some((2, "a".to_owned())));
    let begun = Record { observations: vec!["1".to_owned()], ..Record::new(at(1), State::Ready) };
    journal.record(id("b"), begun).await.unwrap();
    assert_eq!(ahead(&journal, "c", 1).await, Some((2, "b".to_owned())), "it holds the lane");
    assert_eq!(ahead(&journal, "a", 1).await, Some((1, "b".to_owned())), "though it came later");
    journal.record(id("b"), ending("b", Phase::Completed, 1)).await.unwrap();
    assert_eq!(ahead(&journal, "c", 1).await, Some((1, "a".to_owned())), "what has ended has left");
}

async fn who_is_not_due_or_elsewhere_is_not_ahead(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { not_before: Some(at(50)), ..in_lane("later") }).await;
    accept(&journal, New { lane: Some("page/77".to_owned()), ..command("elsewhere") }).await;
    accept(&journal, in_lane("watched")).await;
    journal.record(id("watched"), pending("watched")).await.unwrap();
    accept(&journal, in_lane("mine")).await;
    assert_eq!(ahead(&journal, "mine", 49).await, None);
    assert_eq!(ahead(&journal, "mine", 50).await, Some((1, "later".to_owned())), "its time has come");
}

async fn a_command_without_a_lane_waits_for_nobody(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("a")).await;
    accept(&journal, command("b")).await;
    assert_eq!(ahead(&journal, "b", 1).await, None);
}

async fn the_last_walks_come_first_and_none_from_before(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let broken = Walk { complete: false, ..walk("pending", 5) };
    for walk in [walk("pending", 1), walk("pending", 3), walk("held", 4), broken.clone()] {
        journal.record_walk(walk, vec![]).await.unwrap();
    }
    let since = |second, limit| {
        let journal = &journal;
        async move { journal.walks_since(&business(), "pending", at(second), limit).await.unwrap() }
    };
    assert_eq!(since(3, 9).await, [broken.clone(), walk("pending", 3)]);
    assert_eq!(since(0, 1).await, [broken], "the last, be it broken");
    assert_eq!(since(6, 9).await, []);
    assert_eq!(journal.walks_since(&"2002".parse().unwrap(), "pending", at(0), 9).await.unwrap(), [], "another's");
}

async fn a_command_without_a_watch_has_none(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("a")).await;
    assert_eq!(journal.watch_of(&id("a")).await.unwrap(), None);
    journal.record(id("a"), pending("a")).await.unwrap();
    assert_eq!(journal.watch_of(&id("a")).await.unwrap(), Some(watch("a")));
    assert_eq!(journal.watch_of(&id("nobody")).await.unwrap(), None);
}

async fn an_event_says_what_the_broker_said(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { reply_to: Some("hr".to_owned()), ..command("a") }).await;
    let says = Record { events: vec![event("a", 1), event("a", 2)], ..Record::new(at(3), State::Ready) };
    journal.record(id("a"), says).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 3)).await.unwrap();
    let rows = journal.outbox_due(0, 9).await.unwrap();
    assert_eq!(rows.len(), 4, "three events and a reply");
    let answers = [(rows[0].n, Settled::Confirmed), (rows[1].n, Settled::Unrouted), (rows[3].n, Settled::Dropped)];
    journal.settle(answers.to_vec()).await.unwrap();
    let published = journal.published(&id("a")).await.unwrap();
    let told: Vec<_> = published.iter().map(|one| (one.sequence, one.settled.as_deref())).collect();
    assert_eq!(
        told,
        [(Some(1), Some("confirmed")), (Some(2), Some("unrouted")), (Some(3), None)],
        "a reply is no event"
    );
    assert_eq!((published[0].stored_at, published[2].stored_at), (at(3), at(9)));
    assert_eq!(journal.published(&id("nobody")).await.unwrap(), []);
}

async fn a_finished_command_says_how_it_ended_until_it_is_forgotten(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("a")).await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    assert_eq!(journal.ending(&id("a")).await.unwrap(), None, "all of it is still here");
    assert_eq!(journal.ending(&id("nobody")).await.unwrap(), None);
    let row = journal.find(&id("a")).await.unwrap().unwrap();
    let State::Ended(ended) = row.state else { panic!("it has ended") };
    assert_eq!((ended.phase, row.ended_at), (Phase::Completed, Some(at(9))));
}

async fn a_list_of_a_state_and_a_business_holds_no_other(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("ours")).await;
    accept(&journal, New { business: Some("2002".parse().unwrap()), ..command("theirs") }).await;
    accept(&journal, command("over")).await;
    journal.record(id("over"), ending("over", Phase::Completed, 1)).await.unwrap();
    let filter = |state, business| Filter { state, business, before: None, limit: 9 };
    let named =
        |rows: Vec<crate::journal::CommandRow>| rows.into_iter().map(|row| row.id.into()).collect::<Vec<String>>();
    let ended = filter(Some(StateName::Ended), None);
    assert_eq!(named(journal.list(&ended).await.unwrap()), ["over"]);
    assert_eq!(named(journal.list(&filter(None, Some(business()))).await.unwrap()), ["over", "ours"]);
    assert_eq!(journal.list(&filter(Some(StateName::Pending), None)).await.unwrap(), []);
    assert_eq!(journal.list(&filter(None, Some("2003".parse().unwrap()))).await.unwrap(), []);
}

async fn how_much_waits_for_the_broker_is_told_with_the_oldest(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let nothing = journal.outbox_depth().await.unwrap();
    assert_eq!((nothing.count, nothing.oldest), (0, None));
    accept(&journal, New { events: vec![event("a", 1)], ..command("a") }).await;
    journal.record(id("a"), ending("a", Phase::Completed, 2)).await.unwrap();
    let both = journal.outbox_depth().await.unwrap();
    assert_eq!((both.count, both.oldest), (2, Some(at(0))));
    let first = journal.outbox_due(0, 1).await.unwrap()[0].n;
    journal.settle(vec![(first, Settled::Confirmed)]).await.unwrap();
    let one = journal.outbox_depth().await.unwrap();
    assert_eq!((one.count, one.oldest), (1, Some(at(9))));
}

async fn who_only_reads_sees_what_is_written_and_writes_nothing(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let reader = shelf.open_read_only().await;
    accept(&journal, command("a")).await;
    assert!(reader.find(&id("a")).await.unwrap().is_some());
    assert_eq!(reader.open_commands().await.unwrap().len(), 1);
    let refused = [
        reader.accept(command("b")).await.map(drop),
        reader.record(id("a"), ending("a", Phase::Completed, 1)).await.map(drop),
        reader.ping().await,
        reader.settle(vec![]).await,
    ];
    assert!(refused.iter().all(|answer| answer.as_ref().is_err_and(|error| error.code() == "closed")), "{refused:?}");
    assert_eq!(journal.find(&id("a")).await.unwrap().unwrap().state, State::Ready);
    assert!(reader.held_by().await.unwrap().is_some(), "and that a worker has it");
}

async fn a_whole_journal_can_be_told_from_its_ids(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["a", "A", "a.b", "a:b", "a-b", "a_b"] {
        accept(&journal, command(name)).await;
        journal
            .record(id(name), Record { evidence: vec![seen(name)], ..Record::new(at(1), State::Ready) })
            .await
            .unwrap();
    }
    for name in ["a", "A", "a.b", "a:b", "a-b", "a_b"] {
        let evidence = journal.evidence(&id(name), None).await.unwrap();
        let calls: Vec<&str> = evidence.iter().map(|row| row.entry.call.as_str()).collect();
        assert_eq!(calls, [name], "ids that a careless comparison takes for one");
    }
}
