//! What is kept no longer, and what is kept all the same.

use super::words::{
    PgShelf, Shelf, SqliteShelf, anything, at, business, command, ended, ending, event, id, last_event, page, pending,
    seen, waiting, walk,
};
use crate::contract::{Access, Phase};
use crate::journal::{
    Accepted, Cancelled, Exchange, Forgotten, Horizons, Journal, JournalError, New, NewEvent, Record, Removal, Settled,
    State, Verdict, WatchChange,
};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    what_ended_long_ago_is_known_by_its_ending_alone,
    an_id_that_is_forgotten_is_new,
    what_is_open_or_recent_or_waited_for_stays,
    an_event_that_the_broker_has_not_confirmed_keeps_its_command,
    a_family_goes_as_a_whole_children_first,
    evidence_outlives_its_command_and_goes_in_its_time,
    a_command_of_a_forgotten_id_has_a_chain_of_its_own,
    answers_to_what_was_no_command_go_once_they_are_published,
    the_last_walk_of_each_list_stays_and_the_chain_goes_on,
    denials_removals_and_cancels_go_by_their_own_age,
    killed_between_two_batches_every_command_is_there_or_gone_as_a_whole,
    requesters_and_watches_go_with_their_command,
    a_cancel_counts_only_from_who_may_give_it,
    a_cancel_of_what_it_has_no_right_to_changes_nothing,
    a_cancel_of_what_ended_long_ago_says_how,
);

/// Everything before this second is forgotten.
fn before(second: i64) -> Horizons {
    let at = at(second);
    Horizons { commands: at, evidence: at, ids: at, denials: at, removals: at, now: at }
}

/// Commands and what belongs to them before this second, ids and evidence never.
fn commands_before(second: i64) -> Horizons {
    Horizons { evidence: at(-1), ids: at(-1), ..before(second) }
}

/// Forgets all that there is to forget; how many commands went.
async fn forget_all(journal: &Journal, before: Horizons) -> u64 {
    let mut commands = 0;
    for what in Forgotten::ALL {
        loop {
            let gone = journal.forget(what, before).await.unwrap();
            if gone == 0 {
                break;
            }
            commands += if what == Forgotten::Commands { gone } else { 0 };
        }
    }
    commands
}

/// The broker confirms all that waits.
async fn publish_all(journal: &Journal) {
    let rows = journal.outbox_due(0, 10_000).await.unwrap();
    journal.settle(rows.iter().map(|row| (row.n, Settled::Confirmed)).collect()).await.unwrap();
}

async fn accept(journal: &Journal, new: New) {
    let accepted = journal.accept(new).await.unwrap();
    assert!(matches!(accepted, Accepted::New { .. }), "not new: {accepted:?}");
}

/// A command that ended at 9 with one entry of evidence, its event published.
async fn over(journal: &Journal, name: &str) {
    accept(journal, command(name)).await;
    let record = Record { evidence: vec![seen("GET /1")], ..ending(name, Phase::Completed, 1) };
    journal.record(id(name), record).await.unwrap();
    publish_all(journal).await;
}

async fn is_whole(journal: &Journal, name: &str) -> bool {
    let (row, events) = (journal.find(&id(name)).await.unwrap(), journal.events_of(&id(name)).await.unwrap());
    assert_eq!(row.is_some(), !events.is_empty(), "{name} is neither there nor gone");
    assert_eq!(row.is_some(), journal.ending(&id(name)).await.unwrap().is_none(), "{name} is there and gone");
    row.is_some()
}

async fn what_ended_long_ago_is_known_by_its_ending_alone(shelf: impl Shelf) {
    let journal = shelf.open().await;
    over(&journal, "a").await;
    assert_eq!(forget_all(&journal, commands_before(9)).await, 0, "it ended at 9, not before");
    assert_eq!(forget_all(&journal, commands_before(10)).await, 1);
    assert_eq!(journal.find(&id("a")).await.unwrap(), None);
    assert_eq!(journal.events_of(&id("a")).await.unwrap(), []);
    let Accepted::Over(known) = journal.accept(command("a")).await.unwrap() else { panic!("not known") };
    assert_eq!((known.phase, known.ended_at, known.event_id.as_deref()), (Phase::Completed, at(9), Some("a/1")));
    let other = New { fingerprint: "other".to_owned(), ..command("a") };
    assert_eq!(journal.accept(other).await.unwrap(), Accepted::OtherContent);
    assert_eq!(waiting(&journal).await, [], "nothing is published again by itself");
}

async fn an_id_that_is_forgotten_is_new(shelf: impl Shelf) {
    let journal = shelf.open().await;
    over(&journal, "a").await;
    forget_all(&journal, Horizons { evidence: at(-1), ..before(10) }).await;
    accept(&journal, New { fingerprint: "other".to_owned(), ..command("a") }).await;
    over(&journal, "b").await;
    assert_eq!(journal.open_commands().await.unwrap().len(), 1);
}

async fn what_is_open_or_recent_or_waited_for_stays(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["open", "pending", "waiter"] {
        accept(&journal, command(name)).await;
    }
    journal.record(id("pending"), pending("pending")).await.unwrap();
    over(&journal, "target").await;
    journal.record(id("waiter"), Record::new(at(9), State::Awaiting { target: id("target") })).await.unwrap();
    accept(&journal, command("recent")).await;
    let recent = Record { at: at(20), ..ending("recent", Phase::Completed, 1) };
    journal.record(id("recent"), recent).await.unwrap();
    publish_all(&journal).await;
    assert_eq!(forget_all(&journal, commands_before(15)).await, 0);
    journal.record(id("waiter"), ending("waiter", Phase::Completed, 1)).await.unwrap();
    publish_all(&journal).await;
    assert_eq!(forget_all(&journal, commands_before(15)).await, 2, "the waiter, and what it waited for");
    assert_eq!(journal.open_commands().await.unwrap().len(), 2);
}

async fn an_event_that_the_broker_has_not_confirmed_keeps_its_command(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { reply_to: Some("hr".to_owned()), ..command("a") }).await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let rows = journal.outbox_due(0, 9).await.unwrap();
    assert_eq!(rows.len(), 2, "the event and the reply");
    assert_eq!(forget_all(&journal, before(1_000)).await, 0);
    journal.settle(vec![(rows[0].n, Settled::Confirmed)]).await.unwrap();
    assert_eq!(forget_all(&journal, before(1_000)).await, 0, "the reply still waits");
    journal.settle(vec![(rows[1].n, Settled::Dropped)]).await.unwrap();
    assert_eq!(forget_all(&journal, before(1_000)).await, 1);
}

async fn a_family_goes_as_a_whole_children_first(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("p")).await;
    let children = (1..=150).map(|n| command(&format!("p~{n}"))).collect();
    journal.record(id("p"), Record { children, ..Record::new(at(1), State::AwaitingChildren) }).await.unwrap();
    for n in 1..150 {
        let record = Record { evidence: vec![seen("GET /1")], ..Record::new(at(3), ended(Phase::Completed)) };
        journal.record(id(&format!("p~{n}")), record).await.unwrap();
    }
    journal.record(id("p"), ending("p", Phase::Incomplete, 1)).await.unwrap();
    publish_all(&journal).await;
    assert_eq!(forget_all(&journal, commands_before(100)).await, 0, "one child is open");
    journal.record(id("p~150"), Record::new(at(200), ended(Phase::Completed))).await.unwrap();
    let batch = journal.forget(Forgotten::Commands, commands_before(100)).await.unwrap();
    assert!((1..150).contains(&batch), "{batch} at once");
    assert!(journal.find(&id("p")).await.unwrap().is_some(), "it still has children");
    assert_eq!(batch + forget_all(&journal, commands_before(100)).await, 151);
    assert_eq!(journal.verify(&id("p~1")).await.unwrap(), Verdict::Sound { entries: 1 });
    assert_eq!(journal.verify(&id("p")).await.unwrap(), Verdict::Sound { entries: 149 });
    // The same id once more, after all that is known of it is forgotten: its children are new too.
    forget_all(&journal, before(1_000)).await;
    accept(&journal, command("p")).await;
    let again = Record { children: vec![command("p~1")], ..Record::new(at(1), State::AwaitingChildren) };
    journal.record(id("p"), again).await.unwrap();
}

async fn evidence_outlives_its_command_and_goes_in_its_time(shelf: impl Shelf) {
    let journal = shelf.open().await;
    over(&journal, "a").await;
    forget_all(&journal, commands_before(10)).await;
    assert_eq!(journal.evidence(&id("a"), None).await.unwrap().len(), 1);
    assert_eq!(journal.verify(&id("a")).await.unwrap(), Verdict::Sound { entries: 1 });
    forget_all(&journal, Horizons { ids: at(-1), ..before(10) }).await;
    assert_eq!(journal.evidence(&id("a"), None).await.unwrap(), []);
    assert!(matches!(journal.verify(&id("a")).await, Err(JournalError::UnknownCommand { .. })));
    assert!(matches!(journal.accept(command("a")).await.unwrap(), Accepted::Over(_)), "its id is still known");
    forget_all(&journal, before(10)).await;
    assert_eq!(journal.ending(&id("a")).await.unwrap(), None);
}

async fn a_command_of_a_forgotten_id_has_a_chain_of_its_own(shelf: impl Shelf) {
    let journal = shelf.open().await;
    over(&journal, "a").await;
    forget_all(&journal, Horizons { evidence: at(-1), ..before(10) }).await;
    accept(&journal, command("a")).await;
    assert_eq!(journal.evidence(&id("a"), None).await.unwrap(), [], "the first one's is not this one's");
    let record = Record { evidence: vec![seen("GET /2"), seen("GET /3")], ..ending("a", Phase::Completed, 1) };
    journal.record(id("a"), record).await.unwrap();
    publish_all(&journal).await;
    forget_all(&journal, Horizons { evidence: at(-1), ..before(10) }).await;
    assert_eq!(journal.verify(&id("a")).await.unwrap(), Verdict::Sound { entries: 2 });
}

async fn answers_to_what_was_no_command_go_once_they_are_published(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let rejected = NewEvent { command: None, sequence: None, ..last_event("x", 1) };
    let dead = NewEvent { exchange: Exchange::Dead, ..rejected.clone() };
    journal.enqueue(vec![rejected, dead], at(1)).await.unwrap();
    let rows = journal.outbox_due(0, 9).await.unwrap();
    journal.settle(vec![(rows[0].n, Settled::Confirmed)]).await.unwrap();
    assert_eq!(journal.forget(Forgotten::Answers, before(1)).await.unwrap(), 0, "not before its time");
    assert_eq!(journal.forget(Forgotten::Answers, before(5)).await.unwrap(), 1, "the dead message waits");
    journal.settle(vec![(rows[1].n, Settled::Unrouted)]).await.unwrap();
    assert_eq!(journal.forget(Forgotten::Answers, before(5)).await.unwrap(), 1);
}

async fn the_last_walk_of_each_list_stays_and_the_chain_goes_on<S: Shelf>(shelf: S) {
    let journal = shelf.open().await;
    for (list, began) in [("pending", 1), ("held", 2), ("pending", 3), ("pending", 5)] {
        journal.record_walk(walk(list, began), vec![]).await.unwrap();
    }
    assert_eq!(journal.forget(Forgotten::Walks, before(100)).await.unwrap(), 2);
    for (list, began) in [("held", 2), ("pending", 5)] {
        assert_eq!(journal.walks_since(&business(), list, at(0), 9).await.unwrap(), [walk(list, began)]);
    }
    let next = journal.record_walk(walk("held", 9), vec![]).await.unwrap();
    let fresh = S::empty();
    let journal = fresh.open().await;
    for (list, began) in [("pending", 1), ("held", 2), ("pending", 3), ("pending", 5)] {
        journal.record_walk(walk(list, began), vec![]).await.unwrap();
    }
    assert_eq!(journal.record_walk(walk("held", 9), vec![]).await.unwrap(), next, "as if nothing had been forgotten");
}

async fn denials_removals_and_cancels_go_by_their_own_age(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("a")).await;
    journal.record(id("a"), pending("a")).await.unwrap();
    let removals = vec![Removal { asset: Some(page()), person: Some("11".parse().unwrap()), at: at(9) }];
    let denied = Record { watch: WatchChange::Remove, removals, ..ending("a", Phase::Denied, 1) };
    journal.record(id("a"), denied).await.unwrap();
    journal.remember_cancel(id("to-come"), id("stop"), at(50), anything()).await.unwrap();
    publish_all(&journal).await;
    let early = Horizons { denials: at(9), removals: at(9), now: at(50), ..before(1_000) };
    assert_eq!(forget_all(&journal, early).await, 1);
    assert!(journal.last_denial(&business(), &page(), Access::Agency).await.unwrap().is_some());
    assert_eq!(journal.removed_since(&page(), at(0)).await.unwrap(), ["11".parse().unwrap()]);
    forget_all(&journal, before(1_000)).await;
    assert_eq!(journal.last_denial(&business(), &page(), Access::Agency).await.unwrap(), None);
    assert_eq!(journal.removed_since(&page(), at(0)).await.unwrap(), []);
    let Accepted::New { cancelled_by, .. } = journal.accept(command("to-come")).await.unwrap() else { panic!("new") };
    assert_eq!(cancelled_by, None);
}

async fn killed_between_two_batches_every_command_is_there_or_gone_as_a_whole(shelf: impl Shelf) {
    let mut journal = shelf.open().await;
    let names: Vec<String> = (0..150).map(|n| format!("c-{n}")).collect();
    for name in &names {
        over(&journal, name).await;
    }
    let mut left = names.len();
    while left > 0 {
        let gone = journal.forget(Forgotten::Commands, commands_before(10)).await.unwrap();
        drop(journal);
        journal = shelf.open().await;
        let mut whole = 0;
        for name in &names {
            whole += usize::from(is_whole(&journal, name).await);
        }
        assert_eq!(whole as u64 + gone, left as u64);
        left = whole;
    }
    for name in &names {
        assert!(matches!(journal.accept(command(name)).await.unwrap(), Accepted::Over(_)), "{name} is done twice");
    }
}

async fn requesters_and_watches_go_with_their_command(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { reply_to: Some("hr".to_owned()), ..command("a") }).await;
    journal.record(id("a"), pending("a")).await.unwrap();
    // Its withdrawal could not be proved: the watch went on.
    journal.record(id("a"), ending("a", Phase::Expired, 1)).await.unwrap();
    publish_all(&journal).await;
    assert_eq!(forget_all(&journal, before(1_000)).await, 1);
    assert_eq!(journal.watches().await.unwrap(), []);
    accept(&journal, command("a")).await;
    journal.record(id("a"), Record { events: vec![event("a", 1)], ..Record::new(at(1), State::Ready) }).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 2)).await.unwrap();
    assert_eq!(waiting(&journal).await.len(), 2, "no reply to the first one's requester");
}

async fn a_cancel_counts_only_from_who_may_give_it(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, user) in [("stop-1", "stranger"), ("stop-2", "hr")] {
        accept(&journal, New { published_by: Some(user.to_owned()), ..command(name) }).await;
        journal.remember_cancel(id("a"), id(name), at(100), anything()).await.unwrap();
    }
    let only = |users: &[&str]| Some(users.iter().map(ToString::to_string).collect());
    let met = |accepted| {
        let Accepted::New { cancelled_by, .. } = accepted else { panic!("not new: {accepted:?}") };
        cancelled_by
    };
    journal.remember_cancel(id("b"), id("stop-1"), at(100), anything()).await.unwrap();
    let b = New { cancellers: only(&["hr"]), ..command("b") };
    assert_eq!(met(journal.accept(b).await.unwrap()), None, "a stranger's");
    let a = New { cancellers: only(&["boss", "hr"]), ..command("a") };
    assert_eq!(met(journal.accept(a).await.unwrap()), Some(id("stop-2")), "the stranger's does not hide it");
}

async fn a_cancel_of_what_it_has_no_right_to_changes_nothing(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, command("open")).await;
    over(&journal, "over").await;
    for name in ["open", "over"] {
        let met = journal.remember_cancel(id(name), id("stop"), at(9), Box::new(|_| false)).await.unwrap();
        assert_eq!(met, Cancelled::NotAllowed, "{name}");
        assert_eq!(journal.find(&id(name)).await.unwrap().unwrap().cancelled_by, None);
    }
}

async fn a_cancel_of_what_ended_long_ago_says_how(shelf: impl Shelf) {
    let journal = shelf.open().await;
    over(&journal, "a").await;
    forget_all(&journal, commands_before(10)).await;
    let met = journal.remember_cancel(id("a"), id("stop"), at(9), anything()).await.unwrap();
    assert_eq!(met, Cancelled::Over(Phase::Completed));
}
