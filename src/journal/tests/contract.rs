//! What any store must keep. A second store is held to it by one more line of `journal_contract!`.

use futures_util::future::join_all;

use super::words::{
    PgShelf, Shelf, SqliteShelf, accept, anything, at, command, ended, ending, event, id, last_event, noted, page,
    pending, seen, waiting, walk,
};
use crate::contract::Phase;
use crate::journal::{
    Accepted, Cancelled, Exchange, Intent, IntentChange, InvitationRow, JournalError, New, NewEvent, Record, Removal,
    Settled, State, StateName, Verdict, WatchChange,
};

macro_rules! journal_contract {
    ($($store:ident: $shelf:ty),+ => $($story:ident),+ $(,)?) => {
        journal_contract!(@each [$($story),+] $($store: $shelf),+);
    };
    (@each $stories:tt $($store:ident: $shelf:ty),+) => {
        $(journal_contract!(@one $stories $store: $shelf);)+
    };
    (@one [$($story:ident),+] $store:ident: $shelf:ty) => {
        mod $store {
            use super::*;
            $(#[tokio::test]
            async fn $story() {
                super::$story(<$shelf>::empty()).await;
            })+
        }
    };
}

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    the_same_command_twice_is_one,
    other_content_under_a_known_id_changes_nothing,
    a_finished_command_asked_again_tells_its_end_again,
    a_finished_command_asked_again_while_its_event_is_out_has_it_published_once_more,
    an_invitation_is_followed_until_its_command_ends,
    what_follows_a_command_is_taken_in_with_its_end_and_once,
    an_open_command_asked_again_remembers_the_new_requester,
    a_cancel_that_comes_first_meets_its_command,
    a_cancel_that_is_over_is_forgotten,
    a_cancel_marks_an_open_command_and_spares_a_finished_one,
    nothing_is_recorded_after_the_end,
    an_end_without_its_event_is_refused,
    an_event_without_its_end_is_refused,
    a_second_terminal_event_is_refused,
    a_refused_record_leaves_nothing_behind,
    a_record_from_where_the_command_stands_is_kept_whole,
    a_record_from_a_place_that_was_left_leaves_nothing_behind,
    a_record_of_an_unknown_command_is_refused,
    a_failing_change_hurts_no_neighbour,
    what_was_answered_survives_a_crash,
    a_closed_journal_takes_nothing,
    children_are_counted_into_their_parent,
    a_child_with_a_taken_id_undoes_the_whole_record,
    a_child_with_an_event_of_its_own_end_is_refused,
    events_leave_in_order_and_only_once_settled,
    a_dead_message_journaled_twice_waits_once,
);

fn code<T: std::fmt::Debug>(answer: Result<T, JournalError>) -> &'static str {
    answer.expect_err("it should have been refused").code()
}

async fn the_same_command_twice_is_one(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let Accepted::Same(row) = journal.accept(command("a")).await.unwrap() else { panic!("not the same") };
    assert_eq!((row.id, row.state), (id("a"), State::Ready));
    assert_eq!(journal.open_commands().await.unwrap().len(), 1);
}

async fn other_content_under_a_known_id_changes_nothing(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let before = journal.find(&id("a")).await.unwrap();
    let other = New { fingerprint: "another".to_owned(), reply_to: Some("queue".to_owned()), ..command("a") };
    assert!(matches!(journal.accept(other).await.unwrap(), Accepted::OtherContent));
    assert_eq!(journal.find(&id("a")).await.unwrap(), before);
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    assert_eq!(waiting(&journal).await.len(), 1, "the requester of other content gets no reply");
}

async fn a_finished_command_asked_again_tells_its_end_again(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let [first] = &journal.outbox_due(0, 9).await.unwrap()[..] else { panic!("one event") };
    journal.accept(command("a")).await.unwrap();
    assert_eq!(waiting(&journal).await.len(), 1, "what waits already is not queued twice");

    journal.settle(vec![(first.n, Settled::Confirmed)]).await.unwrap();
    let again = New { reply_to: Some("queue".to_owned()), correlation_id: Some("mine".to_owned()), ..command("a") };
    assert!(matches!(journal.accept(again).await.unwrap(), Accepted::Same(_)));
    let rows = journal.outbox_due(first.n, 9).await.unwrap();
    assert_eq!(rows.len(), 2, "the event and the reply: {rows:?}");
    assert_eq!(rows[0].event, first.event, "the same id and the same bytes");
    let reply = &rows[1].event;
    assert_eq!((reply.exchange, reply.routing_key.as_str(), reply.mandatory), (Exchange::Reply, "queue", false));
    assert_eq!((&reply.body, reply.correlation_id.as_deref()), (&first.event.body, Some("mine")));
}

async fn a_finished_command_asked_again_while_its_event_is_out_has_it_published_once_more(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let [out] = &journal.outbox_due(0, 9).await.unwrap()[..] else { panic!("one event") };
    journal.accept(command("a")).await.unwrap();
    journal.settle(vec![(out.n, Settled::Confirmed)]).await.unwrap();
    let [again] = &journal.outbox_due(0, 9).await.unwrap()[..] else { panic!("one event") };
    assert_eq!(again.event, out.event, "the same id and the same bytes");
}

async fn an_open_command_asked_again_remembers_the_new_requester(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let asked_by = |queue: &str| New { reply_to: Some(queue.to_owned()), ..command("a") };
    for queue in ["one", "two", "two"] {
        journal.accept(asked_by(queue)).await.unwrap();
    }
    assert_eq!(waiting(&journal).await, []);
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let to: Vec<String> = waiting(&journal).await.into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["events", "one", "two"], "each requester once");
    let rows = journal.outbox_due(0, 9).await.unwrap();
    assert_eq!(rows[1].event.correlation_id.as_deref(), Some("a"), "without one of the requester's: the command's id");
}

async fn a_cancel_that_comes_first_meets_its_command(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let met = journal.remember_cancel(id("a"), id("stop"), at(100), anything()).await.unwrap();
    assert_eq!(met, Cancelled::Remembered);
    let Accepted::New { cancelled_by, .. } = journal.accept(command("a")).await.unwrap() else { panic!("new") };
    assert_eq!(cancelled_by, Some(id("stop")));
    assert_eq!(
        journal.find(&id("a")).await.unwrap().unwrap().cancelled_by,
        Some(id("stop")),
        "a crash forgets nothing"
    );
}

async fn a_cancel_that_is_over_is_forgotten(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.remember_cancel(id("a"), id("stop"), at(0), anything()).await.unwrap();
    let Accepted::New { cancelled_by, .. } = journal.accept(command("a")).await.unwrap() else { panic!("new") };
    assert_eq!(cancelled_by, None);
}

async fn a_cancel_marks_an_open_command_and_spares_a_finished_one(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "open").await;
    accept(&journal, "over").await;
    journal.record(id("over"), ending("over", Phase::Completed, 1)).await.unwrap();
    let Cancelled::Open(row) = journal.remember_cancel(id("open"), id("stop"), at(9), anything()).await.unwrap() else {
        panic!("open")
    };
    assert_eq!(row.cancelled_by, Some(id("stop")));
    let Cancelled::Finished(row) = journal.remember_cancel(id("over"), id("stop"), at(9), anything()).await.unwrap()
    else {
        panic!("finished")
    };
    assert_eq!(row.cancelled_by, None);
}

async fn nothing_is_recorded_after_the_end(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    assert_eq!(code(journal.record(id("a"), Record::new(at(9), State::Ready)).await), "already_ended");
    assert_eq!(code(journal.record(id("a"), ending("a", Phase::Failed, 2)).await), "already_ended");
    assert_eq!(waiting(&journal).await.len(), 1);
}

async fn an_end_without_its_event_is_refused(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let silent = Record::new(at(1), ended(Phase::Completed));
    assert_eq!(code(journal.record(id("a"), silent.clone()).await), "end_and_event_apart");
    let anothers = Record { events: vec![last_event("b", 1)], ..silent.clone() };
    assert_eq!(code(journal.record(id("a"), anothers).await), "end_and_event_apart");
    let twice = Record { events: vec![last_event("a", 1), last_event("a", 2)], ..silent };
    assert_eq!(code(journal.record(id("a"), twice).await), "end_and_event_apart");
    assert_eq!(journal.find(&id("a")).await.unwrap().unwrap().state, State::Ready);
}

async fn an_event_without_its_end_is_refused(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let open = Record { events: vec![last_event("a", 1)], ..Record::new(at(1), State::Ready) };
    assert_eq!(code(journal.record(id("a"), open).await), "end_and_event_apart");
    assert_eq!(waiting(&journal).await, []);
}

async fn a_second_terminal_event_is_refused(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    assert_eq!(code(journal.enqueue(vec![last_event("a", 2)], at(9)).await), "sql", "by the unique index");
    let rejected = NewEvent { sequence: None, event_id: "of a delivery".to_owned(), ..last_event("a", 3) };
    journal.enqueue(vec![rejected], at(9)).await.expect("a rejected delivery is no end of the command");
}

async fn an_invitation_is_followed_until_its_command_ends(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let row = InvitationRow {
        command: id("a"),
        business: "2001".parse().unwrap(),
        email: "eve@northwind.example".parse().unwrap(),
        sent_at: at(2),
        absences: "[]".to_owned(),
    };
    let record = Record { watch: WatchChange::Invite(row.clone()), ..Record::new(at(2), State::Pending) };
    journal.record(id("a"), record).await.unwrap();
    assert_eq!(journal.invitations().await.unwrap(), std::slice::from_ref(&row));
    journal.record_walk(walk("pending_users", 5), vec![(id("a"), "[5]".to_owned())]).await.unwrap();
    let walked = InvitationRow { absences: "[5]".to_owned(), ..row };
    assert_eq!(journal.invitations().await.unwrap(), [walked]);
    assert_eq!(journal.watches().await.unwrap(), [], "no claim is pending");
    let end = Record { watch: WatchChange::Remove, ..ending("a", Phase::Completed, 1) };
    journal.record(id("a"), end).await.unwrap();
    assert_eq!(journal.invitations().await.unwrap(), []);
}

async fn what_follows_a_command_is_taken_in_with_its_end_and_once(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    accept(&journal, "a~recheck-2").await;
    let followers = vec![command("a~recheck-1"), command("a~recheck-2")];
    let recorded = journal.record(id("a"), Record { followers, ..ending("a", Phase::Completed, 1) }).await.unwrap();
    let new: Vec<&str> = recorded.followers.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(new, ["a~recheck-1"], "one that is known stays as it is");
    let open: Vec<String> = journal.open_commands().await.unwrap().into_iter().map(|row| row.id.to_string()).collect();
    assert_eq!(open, ["a~recheck-2", "a~recheck-1"]);
    assert_eq!(journal.children(&id("a")).await.unwrap(), [], "they are nobody's children");
}

async fn a_refused_record_leaves_nothing_behind(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let before = journal.load(&id("a")).await.unwrap();
    let record = Record {
        observations: vec!["1".to_owned()],
        evidence: vec![seen("GET /1")],
        events: vec![event("a", 1), NewEvent { event_id: "other id, same place".to_owned(), ..event("a", 1) }],
        removals: vec![Removal { asset: Some(page()), person: Some("12".parse().unwrap()), at: at(1) }],
        ..pending("a")
    };
    assert_eq!(code(journal.record(id("a"), record).await), "sql");
    assert_eq!(journal.load(&id("a")).await.unwrap(), before);
    assert_eq!(waiting(&journal).await, []);
    assert_eq!(journal.watches().await.unwrap(), []);
    assert_eq!(journal.evidence(&id("a"), None).await.unwrap(), []);
    assert_eq!(journal.removed_since(&page(), at(0)).await.unwrap(), []);
}

async fn a_record_from_where_the_command_stands_is_kept_whole(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.accept(New { reply_to: Some("queue".to_owned()), ..command("a") }).await.unwrap();
    let place = journal.find(&id("a")).await.unwrap().unwrap().place();
    let intends = IntentChange::Intend(Intent { call: r#"{"post":1}"#.to_owned(), at: at(1) });
    let (observations, entries) = (vec![noted("x"), noted("y")], vec![seen("GET /1"), seen("POST /2")]);
    let first = Record {
        from: Some(place),
        observations: observations.clone(),
        evidence: entries.clone(),
        intent: intends,
        ..Record::new(at(1), State::Running)
    };
    let recorded = journal.record(id("a"), first).await.unwrap();
    let loaded = journal.load(&id("a")).await.unwrap().unwrap();
    assert_eq!((loaded.observations, loaded.row.place()), (observations, recorded.place.clone()));
    assert_eq!(loaded.intent.map(|intent| (intent.call, intent.at)), Some((r#"{"post":1}"#.to_owned(), at(1))));

    let last = Record { from: Some(recorded.place), intent: IntentChange::Settle, ..ending("a", Phase::Completed, 1) };
    journal.record(id("a"), last).await.unwrap();
    let loaded = journal.load(&id("a")).await.unwrap().unwrap();
    assert_eq!((loaded.intent, loaded.row.state.name()), (None, StateName::Ended));
    assert_eq!(journal.verify(&id("a")).await.unwrap(), Verdict::Sound { entries: 2 });
    let to: Vec<String> = waiting(&journal).await.into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["events", "queue"], "the event, and the reply to who asked for it");
}

async fn a_record_from_a_place_that_was_left_leaves_nothing_behind(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let left = journal.find(&id("a")).await.unwrap().unwrap().place();
    let elsewhere = |record: Record| Record { from: Some(left.clone()), ..record };
    let moves: [Record; 3] = [
        Record { observations: vec![noted("x")], ..Record::new(at(1), State::Ready) },
        Record { evidence: vec![seen("GET /1")], ..Record::new(at(1), State::Ready) },
        Record::new(at(1), State::Running),
    ];
    for moved in moves {
        journal.record(id("a"), moved).await.unwrap();
        let before = journal.load(&id("a")).await.unwrap();
        let late = Record {
            observations: vec![noted("late")],
            evidence: vec![seen("GET /2")],
            ..Record::new(at(2), State::Ready)
        };
        assert_eq!(code(journal.record(id("a"), elsewhere(late)).await), "moved");
        assert_eq!(code(journal.record(id("a"), elsewhere(ending("a", Phase::Completed, 1))).await), "moved");
        assert_eq!(journal.load(&id("a")).await.unwrap(), before);
        assert_eq!(waiting(&journal).await, []);
    }
}

async fn a_record_of_an_unknown_command_is_refused(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(code(journal.record(id("a"), Record::new(at(1), State::Ready)).await), "unknown_command");
    assert_eq!(code(journal.verify(&id("a")).await), "unknown_command");
    assert_eq!(journal.load(&id("a")).await.unwrap(), None);
}

async fn a_failing_change_hurts_no_neighbour(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for n in 0..9 {
        accept(&journal, &format!("c{n}")).await;
    }
    // Every third says two things in one place, which the store refuses half-way through the record.
    let record = |n: u32| {
        let (journal, name) = (&journal, format!("c{n}"));
        let second = if n % 3 == 1 { 1 } else { 2 };
        let twin = NewEvent { event_id: format!("twin {n}"), ..event(&name, second) };
        let events = vec![event(&name, 1), twin];
        async move { journal.record(id(&name), Record { events, ..Record::new(at(1), State::Ready) }).await }
    };
    let answers = join_all((0..9).map(record)).await;
    let refused: Vec<usize> = (0..9).filter(|&n| answers[n].is_err()).collect();
    assert_eq!(refused, [1, 4, 7]);
    assert_eq!(waiting(&journal).await.len(), 12);
}

async fn what_was_answered_survives_a_crash(shelf: impl Shelf) {
    for round in 0..5 {
        let journal = shelf.open().await;
        accept(&journal, &format!("c{round}")).await;
        let unanswered = journal.accept(command(&format!("lost{round}")));
        drop(unanswered);
        drop(journal); // no `close`: as a killed process leaves it
    }
    let journal = shelf.open().await;
    for round in 0..5 {
        assert!(journal.find(&id(&format!("c{round}"))).await.unwrap().is_some(), "c{round} was answered and is gone");
    }
}

async fn a_closed_journal_takes_nothing(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let late = journal.clone();
    let (accepted, ()) = tokio::join!(journal.accept(command("a")), journal.close());
    assert!(accepted.is_ok(), "what was queued before the close is committed: {accepted:?}");
    assert_eq!(code(late.accept(command("b")).await), "closed");
    assert_eq!(code(late.ping().await), "closed");
    assert_eq!(code(late.find(&id("a")).await), "closed");
    assert_eq!(code(late.open_commands().await), "closed");
    late.close().await;
    let again = shelf.open().await;
    assert!(again.find(&id("a")).await.unwrap().is_some());
}

async fn children_are_counted_into_their_parent(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "p").await;
    let children = vec![command("p~1"), command("p~2"), command("p~3")];
    let fan_out = Record { children, ..Record::new(at(1), State::AwaitingChildren) };
    let recorded = journal.record(id("p"), fan_out).await.unwrap();
    assert!(recorded.children.is_sorted() && recorded.children.len() == 3);

    for (child, phase, open, well) in
        [("p~2", Phase::Completed, 2, 1), ("p~3", Phase::Failed, 1, 1), ("p~1", Phase::Confirmed, 0, 2)]
    {
        let recorded = journal.record(id(child), Record::new(at(2), ended(phase))).await.unwrap();
        let parent = recorded.parent.expect("a child's end tells its parent");
        assert_eq!((parent.children.open, parent.children.well, parent.was_last()), (open, well, open == 0), "{child}");
    }
    let results = journal.children_results(&id("p"), 1, 9).await.unwrap();
    let told: Vec<(u32, u32, &str)> = results.iter().map(|r| (r.settled, r.ordinal, r.id.as_str())).collect();
    assert_eq!(told, [(2, 3, "p~3"), (3, 1, "p~1")], "behind the first, as they ended");
    let names: Vec<String> = journal.children(&id("p")).await.unwrap().into_iter().map(|row| row.id.into()).collect();
    assert_eq!(names, ["p~1", "p~2", "p~3"]);
    assert_eq!(waiting(&journal).await, [], "children publish nothing");
    let above = journal.evidence(&id("p"), None).await.unwrap();
    assert_eq!(above[0].entry.call, "child p~2");
    assert_eq!(journal.verify(&id("p")).await.unwrap(), Verdict::Sound { entries: 3 });
}

async fn a_child_with_a_taken_id_undoes_the_whole_record(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "p").await;
    accept(&journal, "p~2").await;
    let fan_out =
        Record { children: vec![command("p~1"), command("p~2")], ..Record::new(at(1), State::AwaitingChildren) };
    assert_eq!(code(journal.record(id("p"), fan_out).await), "child_exists");
    assert_eq!(journal.find(&id("p~1")).await.unwrap(), None);
    let row = journal.find(&id("p")).await.unwrap().unwrap();
    assert_eq!((row.state, row.children.total), (State::Ready, 0));
}

async fn a_child_with_an_event_of_its_own_end_is_refused(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "p").await;
    let fan_out = Record { children: vec![command("p~1")], ..Record::new(at(1), State::AwaitingChildren) };
    journal.record(id("p"), fan_out).await.unwrap();
    assert_eq!(code(journal.record(id("p~1"), ending("p~1", Phase::Completed, 1)).await), "end_and_event_apart");
    assert_eq!(journal.find(&id("p")).await.unwrap().unwrap().children.open, 1);
}

async fn events_leave_in_order_and_only_once_settled(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    accept(&journal, "b").await;
    let says = |events| Record { events, ..Record::new(at(1), State::Ready) };
    journal.record(id("a"), says(vec![event("a", 1), event("a", 2)])).await.unwrap();
    journal.record(id("b"), says(vec![event("b", 1)])).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 3)).await.unwrap();
    let rows = journal.outbox_due(0, 3).await.unwrap();
    let order: Vec<&str> = rows.iter().map(|row| row.event.event_id.as_str()).collect();
    assert_eq!(order, ["a/1", "a/2", "b/1"]);
    assert_eq!(journal.outbox_due(rows[2].n, 3).await.unwrap()[0].event, last_event("a", 3));

    journal.settle(vec![(rows[1].n, Settled::Unrouted), (999, Settled::Confirmed)]).await.unwrap();
    journal.settle(vec![(rows[0].n, Settled::Confirmed)]).await.unwrap();
    let depth = journal.outbox_depth().await.unwrap();
    assert_eq!(journal.outbox_glance().await.unwrap(), depth);
    assert_eq!((depth.count, depth.oldest), (2, Some(at(1))));
    assert_eq!(journal.events_of(&id("a")).await.unwrap().len(), 3, "they stay to be replayed");
}

async fn a_dead_message_journaled_twice_waits_once(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let dead = NewEvent { command: None, sequence: None, exchange: Exchange::Dead, ..event("x", 1) };
    let rejected = NewEvent { command: None, sequence: None, ..event("x", 1) };
    for _ in 0..2 {
        journal.enqueue(vec![dead.clone(), rejected.clone()], at(1)).await.unwrap();
    }
    let to: Vec<String> = waiting(&journal).await.into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["dead", "events"]);
}
