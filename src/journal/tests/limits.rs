//! What is asked in parts comes in parts, and what is not there is no failure.

use super::words::{
    PgShelf, Shelf, SqliteShelf, at, business, command, ended, event, id, page, pending, seen, waiting, watch,
};
use crate::contract::{Access, Asset, Phase};
use crate::journal::{Filter, Forgotten, Horizons, Journal, New, Record, Removal, State, Verdict};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    evidence_is_told_from_its_end_and_in_order,
    results_of_children_come_in_parts_that_fit_together,
    the_outbox_is_read_in_parts_that_fit_together,
    of_nobody_nothing_is_told,
    an_empty_journal_has_nothing_to_forget,
    claims_of_one_asset_are_told_oldest_first_and_apart_from_others,
    a_person_who_was_removed_twice_is_told_once,
    nothing_settled_and_nothing_queued_is_no_failure,
    a_park_of_what_is_parked_may_shorten_it,
);

async fn accept(journal: &Journal, name: &str) {
    journal.accept(command(name)).await.unwrap();
}

async fn evidence_is_told_from_its_end_and_in_order(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    for part in 0..3 {
        let evidence = (0..4).map(|n| seen(&format!("GET /{}", 4 * part + n + 1))).collect();
        journal.record(id("a"), Record { evidence, ..Record::new(at(1), State::Ready) }).await.unwrap();
    }
    for (last, places) in [(Some(0), 13..13), (Some(1), 12..13), (Some(5), 8..13), (Some(99), 1..13), (None, 1..13)] {
        let rows = journal.evidence(&id("a"), last).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.n).collect::<Vec<_>>(), places.collect::<Vec<_>>(), "{last:?}");
        assert!(rows.iter().all(|row| row.entry.call == format!("GET /{}", row.n)), "{rows:?}");
    }
    assert_eq!(journal.verify(&id("a")).await.unwrap(), Verdict::Sound { entries: 12 });
}

async fn results_of_children_come_in_parts_that_fit_together(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "p").await;
    let children = (1..=5).map(|n| command(&format!("p~{n}"))).collect();
    journal.record(id("p"), Record { children, ..Record::new(at(1), State::AwaitingChildren) }).await.unwrap();
    assert_eq!(journal.children_results(&id("p"), 0, 9).await.unwrap(), [], "none has ended");
    for n in [4, 2, 5] {
        journal.record(id(&format!("p~{n}")), Record::new(at(2), ended(Phase::Completed))).await.unwrap();
    }
    let mut told = Vec::new();
    while let Some(last) = journal.children_results(&id("p"), told.len() as u32, 2).await.unwrap().last() {
        let part = journal.children_results(&id("p"), told.len() as u32, 2).await.unwrap();
        assert!(part.len() <= 2 && part.last() == Some(last), "the same when asked again: {part:?}");
        told.extend(part.into_iter().map(|result| (result.settled, result.ordinal)));
    }
    assert_eq!(told, [(1, 4), (2, 2), (3, 5)], "in the order in which they ended, each once");
    assert_eq!(journal.children_results(&id("p"), 0, 0).await.unwrap(), []);
}

async fn the_outbox_is_read_in_parts_that_fit_together(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for n in 0..5 {
        let name = format!("c{n}");
        journal.accept(New { events: vec![event(&name, 1)], ..command(&name) }).await.unwrap();
    }
    let (mut after, mut told) = (0, Vec::new());
    loop {
        let rows = journal.outbox_due(after, 2).await.unwrap();
        let Some(last) = rows.last() else { break };
        assert!(rows.len() <= 2 && last.n > after);
        after = last.n;
        told.extend(rows.into_iter().map(|row| row.event.event_id));
    }
    assert_eq!(told, ["c0/1", "c1/1", "c2/1", "c3/1", "c4/1"]);
    assert_eq!(waiting(&journal).await.len(), 5, "reading takes nothing out");
}

async fn of_nobody_nothing_is_told(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let nobody = id("nobody");
    assert_eq!(journal.find(&nobody).await.unwrap(), None);
    assert_eq!(journal.load(&nobody).await.unwrap(), None);
    assert_eq!(journal.evidence(&nobody, None).await.unwrap(), []);
    assert_eq!(journal.children(&nobody).await.unwrap(), []);
    assert_eq!(journal.children_results(&nobody, 0, 9).await.unwrap(), []);
    assert_eq!(journal.events_of(&nobody).await.unwrap(), []);
    assert_eq!(journal.last_denial(&business(), &page(), Access::Owner).await.unwrap(), None);
    assert_eq!((journal.parked().await.unwrap(), journal.suspended().await.unwrap()), (vec![], vec![]));
    let unrouted = journal.unrouted().await.unwrap();
    assert_eq!((unrouted.count, unrouted.terminal), (0, 0));
    assert_eq!(journal.operations(9).await.unwrap(), []);
    journal.end_operation(77, "an operation that was never begun".to_owned()).await.unwrap();
    assert_eq!(journal.operations(9).await.unwrap(), []);
}

async fn an_empty_journal_has_nothing_to_forget(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let ever = at(1_000_000);
    let before = Horizons { commands: ever, evidence: ever, ids: ever, denials: ever, removals: ever, now: ever };
    for what in Forgotten::ALL {
        assert_eq!(journal.forget(what, before).await.unwrap(), 0, "{what:?}");
    }
    journal.forget_parked(ever).await.unwrap();
    let (free, all) = journal.free_pages().await.unwrap();
    assert!(free <= all);
    assert!(journal.give_back(0).await.unwrap() <= free, "none is taken for one");
    let everything = Filter { state: None, business: None, before: None, limit: 9 };
    assert_eq!(journal.list(&everything).await.unwrap(), []);
}

async fn claims_of_one_asset_are_told_oldest_first_and_apart_from_others(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["b", "a"] {
        accept(&journal, name).await;
    }
    for name in ["a", "b"] {
        journal.record(id(name), pending(name)).await.unwrap();
    }
    assert_eq!(journal.open_claims(&business(), &page()).await.unwrap(), [watch("b"), watch("a")], "as they arrived");
    let other: Asset = "page/1010".parse().unwrap();
    assert_eq!(journal.open_claims(&business(), &other).await.unwrap(), []);
    assert_eq!(journal.open_claims(&"2002".parse().unwrap(), &page()).await.unwrap(), [], "another business's");
}

async fn a_person_who_was_removed_twice_is_told_once(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let removals =
        [1, 2].map(|second| Removal { asset: Some(page()), person: Some("11".parse().unwrap()), at: at(second) });
    journal.record(id("a"), Record { removals: removals.into(), ..Record::new(at(2), State::Ready) }).await.unwrap();
    assert_eq!(journal.removed_since(&page(), at(0)).await.unwrap(), ["11".parse().unwrap()]);
    assert_eq!(journal.removed_since(&page(), at(2)).await.unwrap(), ["11".parse().unwrap()], "at that very time");
    assert_eq!(journal.removed_since(&page(), at(3)).await.unwrap(), []);
}

async fn nothing_settled_and_nothing_queued_is_no_failure(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.settle(vec![]).await.unwrap();
    journal.enqueue(vec![], at(1)).await.unwrap();
    assert_eq!(waiting(&journal).await, []);
}

async fn a_park_of_what_is_parked_may_shorten_it(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.park("app".to_owned(), at(60), "guessed".to_owned()).await.unwrap();
    journal.park("app".to_owned(), at(10), "Meta said when".to_owned()).await.unwrap();
    let [parked] = &journal.parked().await.unwrap()[..] else { panic!("one park") };
    assert_eq!((parked.until, parked.why.as_str()), (at(10), "Meta said when"), "the last word counts");
    journal.forget_parked(at(10)).await.unwrap();
    assert_eq!(journal.parked().await.unwrap().len(), 1, "it is not over before it is over");
}
