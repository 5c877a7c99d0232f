//! What is read back as it was written: states, intents, lanes, watches, parks, and the chain.

use super::words::{
    PgShelf, Shelf, SqliteShelf, accept, at, business, command, ended, ending, id, page, pending, seen, walk, watch,
};
use crate::contract::{Access, Asset, Phase};
use crate::journal::{
    Filter, InLane, Intent, IntentChange, New, Record, Removal, State, StateName, Suspended, Verdict, WatchChange,
    WatchRow, evidence,
};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    a_walk_moves_many_watches_at_once,
    a_denial_is_remembered_from_its_watch,
    a_denied_share_is_no_denied_claim,
    a_watch_may_outlive_its_command,
    how_a_command_stands_to_its_lanes_is_kept,
    removals_are_remembered_by_asset_and_business,
    parks_and_suspensions_survive_a_restart,
    the_chain_is_whole_and_ends_where_the_event_says,
    lists_tell_states_apart,
    an_intent_survives_until_it_is_settled,
    a_step_reads_what_steps_before_it_saw_in_order,
    every_state_is_read_as_it_was_written,
    a_state_that_stays_keeps_its_beginning,
);

async fn a_walk_moves_many_watches_at_once(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["a", "b"] {
        accept(&journal, name).await;
        journal.record(id(name), pending(name)).await.unwrap();
    }
    let updates = vec![(id("a"), r#"["it's \"quoted\""]"#.to_owned()), (id("gone"), "[]".to_owned())];
    let first = journal.record_walk(walk("pending", 5), updates).await.unwrap();
    let second = journal.record_walk(walk("pending", 7), vec![]).await.unwrap();
    journal.record_walk(walk("held", 6), vec![]).await.unwrap();
    assert_ne!(first, second);
    let absences: Vec<String> = journal.watches().await.unwrap().into_iter().map(|watch| watch.absences).collect();
    assert_eq!(absences, [r#"["it's \"quoted\""]"#, "[]"]);
    let walks = journal.walks_since(&business(), "pending", at(0), 1).await.unwrap();
    assert_eq!(walks, [walk("pending", 7)], "the last of that list");
}

async fn a_denial_is_remembered_from_its_watch(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), pending("a")).await.unwrap();
    assert_eq!(journal.open_claims(&business(), &page()).await.unwrap(), [watch("a")]);
    assert_eq!(journal.last_denial(&business(), &page(), Access::Agency).await.unwrap(), None);
    let denied = Record { watch: WatchChange::Remove, ..ending("a", Phase::Denied, 1) };
    journal.record(id("a"), denied).await.unwrap();
    let denial = journal.last_denial(&business(), &page(), Access::Agency).await.unwrap();
    assert_eq!(denial, Some((id("a"), at(9))));
    assert_eq!(journal.last_denial(&business(), &page(), Access::Owner).await.unwrap(), None);
    assert_eq!(journal.watches().await.unwrap(), []);
}

async fn a_denied_share_is_no_denied_claim(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let shared = WatchRow { partner: Some("2002".parse().unwrap()), ..watch("a") };
    let open = Record { watch: WatchChange::Set(shared.clone()), ..pending("a") };
    journal.record(id("a"), open).await.unwrap();
    assert_eq!(journal.watches().await.unwrap(), std::slice::from_ref(&shared));
    assert_eq!(journal.open_claims(&business(), &page()).await.unwrap(), [shared]);
    let denied = Record { watch: WatchChange::Remove, ..ending("a", Phase::Denied, 1) };
    journal.record(id("a"), denied).await.unwrap();
    assert_eq!(journal.last_denial(&business(), &page(), Access::Agency).await.unwrap(), None);
}

async fn a_watch_may_outlive_its_command(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), pending("a")).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Expired, 1)).await.unwrap();
    assert_eq!(journal.watches().await.unwrap(), [watch("a")]);
    assert_eq!(journal.open_claims(&business(), &page()).await.unwrap(), [], "its command is not open");
}

async fn how_a_command_stands_to_its_lanes_is_kept(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    assert_eq!(journal.find(&id("a")).await.unwrap().unwrap().in_lane, InLane::Waits);
    for in_lane in [InLane::Holds, InLane::Left, InLane::Waits] {
        journal.record(id("a"), Record { in_lane, ..Record::new(at(1), State::Ready) }).await.unwrap();
        assert_eq!(journal.open_commands().await.unwrap()[0].in_lane, in_lane);
    }
}

async fn removals_are_remembered_by_asset_and_business(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let removal =
        |second, person: &str| Removal { asset: Some(page()), person: Some(person.parse().unwrap()), at: at(second) };
    let removals = vec![removal(1, "11"), removal(3, "12"), removal(4, "12")];
    journal.record(id("a"), Record { removals, ..Record::new(at(4), State::Ready) }).await.unwrap();
    assert_eq!(journal.removed_since(&page(), at(2)).await.unwrap(), ["12".parse().unwrap()]);
    let other: Asset = "ad_account/1009".parse().unwrap();
    assert_eq!(journal.removed_since(&other, at(0)).await.unwrap(), []);
}

async fn parks_and_suspensions_survive_a_restart(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.park("app".to_owned(), at(5), "throttled".to_owned()).await.unwrap();
    journal.park("app".to_owned(), at(60), "throttled again".to_owned()).await.unwrap();
    journal.park("2001/pages".to_owned(), at(5), "throttled".to_owned()).await.unwrap();
    let dead = |print: &str, second| Suspended {
        credential: "main".to_owned(),
        fingerprint: print.to_owned(),
        since: at(second),
        why: "190".to_owned(),
    };
    journal.suspend(dead("x", 1)).await.unwrap();
    journal.suspend(dead("x", 2)).await.unwrap();
    drop(journal);
    let journal = shelf.open().await;
    assert_eq!(journal.suspended().await.unwrap(), [dead("x", 1)], "the same content: since the first time");
    journal.suspend(dead("y", 3)).await.unwrap();
    assert_eq!(journal.suspended().await.unwrap(), [dead("y", 3)]);
    journal.forget_parked(at(10)).await.unwrap();
    let [parked] = &journal.parked().await.unwrap()[..] else { panic!("one park") };
    assert_eq!((parked.bucket.as_str(), parked.until, parked.why.as_str()), ("app", at(60), "throttled again"));
}

async fn the_chain_is_whole_and_ends_where_the_event_says(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let start = journal.find(&id("a")).await.unwrap().unwrap().evidence_head;
    let entries = vec![seen("GET /1"), seen("POST /2"), seen("GET /3")];
    let foreseen = evidence::head_after(&start, &entries);
    let record = Record { evidence: entries.clone(), ..Record::new(at(1), State::Ready) };
    let recorded = journal.record(id("a"), record).await.unwrap();
    assert_eq!((&recorded.place.evidence_head, recorded.place.evidence_total), (&foreseen, 3));
    let last = journal.evidence(&id("a"), Some(2)).await.unwrap();
    assert_eq!(last.iter().map(|row| row.n).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(last[1].entry, entries[2]);
    assert_eq!(journal.verify(&id("a")).await.unwrap(), Verdict::Sound { entries: 3 });
}

async fn lists_tell_states_apart(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["a", "b", "c"] {
        accept(&journal, name).await;
    }
    journal.accept(New { business: None, ..command("d") }).await.unwrap();
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let all = Filter { state: None, business: None, before: None, limit: 2 };
    let names = |rows: Vec<crate::journal::CommandRow>| rows.into_iter().map(|r| r.id.into()).collect::<Vec<String>>();
    let page = journal.list(&all).await.unwrap();
    let last = page[1].seq;
    assert_eq!(names(page), ["d", "c"]);
    assert_eq!(names(journal.list(&Filter { before: Some(last), ..all.clone() }).await.unwrap()), ["b", "a"]);
    let ready = Filter { state: Some(StateName::Ready), business: Some(business()), before: None, limit: 9 };
    assert_eq!(names(journal.list(&ready).await.unwrap()), ["c", "b"]);
}

async fn an_intent_survives_until_it_is_settled(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let intent = IntentChange::Intend(Intent { call: r#"{"post":1}"#.to_owned(), at: at(3) });
    journal.record(id("a"), Record { intent, ..Record::new(at(3), State::Running) }).await.unwrap();
    drop(journal);
    let journal = shelf.open().await;
    let intent = journal.load(&id("a")).await.unwrap().unwrap().intent.expect("it survives");
    assert_eq!((intent.call.as_str(), intent.at), (r#"{"post":1}"#, at(3)));
    journal.record(id("a"), Record::new(at(4), State::Ready)).await.unwrap();
    assert!(journal.load(&id("a")).await.unwrap().unwrap().intent.is_some(), "a record that does not settle it");
    let settles = Record { intent: IntentChange::Settle, ..Record::new(at(4), State::Ready) };
    journal.record(id("a"), settles).await.unwrap();
    assert_eq!(journal.load(&id("a")).await.unwrap().unwrap().intent, None);
}

async fn a_step_reads_what_steps_before_it_saw_in_order(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    for observations in [vec!["1", r#"{"a":"\u0000 \"q\""}"#], vec![], vec!["3"]] {
        let observations = observations.into_iter().map(str::to_owned).collect();
        let events = vec![];
        journal.record(id("a"), Record { observations, events, ..Record::new(at(1), State::Ready) }).await.unwrap();
    }
    assert_eq!(journal.load(&id("a")).await.unwrap().unwrap().observations, ["1", r#"{"a":"\u0000 \"q\""}"#, "3"]);
}

async fn every_state_is_read_as_it_was_written(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let states = [
        State::Running,
        State::Waiting { cause: "quota".to_owned(), since: at(1), until: Some(at(7)) },
        State::Waiting { cause: "credential".to_owned(), since: at(2), until: None },
        State::Pending,
        State::AwaitingChildren,
        State::Awaiting { target: id("b") },
        State::Ready,
    ];
    for state in states {
        let record = Record {
            attempts: 3,
            due: Some(at(8)),
            why: Some("because".to_owned()),
            lane: Some("page/1009".to_owned()),
            ..Record::new(at(5), state.clone())
        };
        journal.record(id("a"), record).await.unwrap();
        let row = journal.find(&id("a")).await.unwrap().unwrap();
        assert_eq!(row.state, state);
        assert_eq!((row.attempts, row.due, row.why.as_deref()), (3, Some(at(8)), Some("because")));
        assert_eq!(row.lane.as_deref(), Some("page/1009"));
    }
    journal.record(id("a"), ending("a", Phase::Denied, 4)).await.unwrap();
    let row = journal.find(&id("a")).await.unwrap().unwrap();
    assert_eq!((row.state, row.ended_at, row.last_sequence), (ended(Phase::Denied), Some(at(9)), 4));
}

async fn a_state_that_stays_keeps_its_beginning(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let mut told = Vec::new();
    for (second, state) in [(1, State::Ready), (2, State::Pending), (3, State::Pending), (4, State::Ready)] {
        journal.record(id("a"), Record::new(at(second), state)).await.unwrap();
        told.push(journal.find(&id("a")).await.unwrap().unwrap().since);
    }
    assert_eq!(told, [at(0), at(2), at(2), at(4)]);
}
