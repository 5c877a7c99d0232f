//! What an auditor asks for: a command as of one moment, walks by their hash or their time, operators' deeds.

use super::words::{PgShelf, Shelf, SqliteShelf, accept, at, business, command, ending, id, noted, seen, walk};
use crate::contract::{Digest, Phase};
use crate::journal::{Forgotten, Horizons, Journal, Kept, Operation, Record, Settled, State, Walk, evidence};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    a_dossier_has_facts_and_chain_of_one_moment,
    of_what_is_forgotten_the_ending_and_the_chain_are_left,
    a_walk_is_found_by_its_hash_and_follows_from_the_one_before_it,
    the_last_whole_walk_that_had_ended_by_then_is_found,
    deeds_are_found_by_what_they_were_done_to_and_by_what_they_came_to,
);

async fn worked_on(journal: &Journal, name: &str) {
    accept(journal, name).await;
    let record = Record {
        observations: vec![noted("one"), noted("two")],
        evidence: vec![seen("GET /1"), seen("GET /2")],
        ..Record::new(at(1), State::Ready)
    };
    journal.record(id(name), record).await.unwrap();
}

async fn a_dossier_has_facts_and_chain_of_one_moment(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(journal.dossier(&id("a")).await.unwrap(), None);
    worked_on(&journal, "a").await;
    let dossier = journal.dossier(&id("a")).await.unwrap().unwrap();
    let Kept::Whole(loaded) = &dossier.kept else { panic!("it is kept: {dossier:?}") };
    assert_eq!(loaded.observations, [noted("one"), noted("two")]);
    assert_eq!((dossier.chain.len(), dossier.total), (2, 2));
    assert_eq!(dossier.chain.last().map(|row| &row.hash), Some(&dossier.head));
}

async fn of_what_is_forgotten_the_ending_and_the_chain_are_left(shelf: impl Shelf) {
    let journal = shelf.open().await;
    worked_on(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    let due = journal.outbox_due(0, 10).await.unwrap();
    journal.settle(due.iter().map(|row| (row.n, Settled::Confirmed)).collect()).await.unwrap();
    let before = journal.dossier(&id("a")).await.unwrap().unwrap();
    let (long_ago, now) = (at(-1), at(100));
    let horizons = Horizons { commands: now, evidence: long_ago, ids: long_ago, denials: now, removals: now, now };
    assert_eq!(journal.forget(Forgotten::Commands, horizons).await.unwrap(), 1);
    let after = journal.dossier(&id("a")).await.unwrap().unwrap();
    let Kept::Ending(kept) = &after.kept else { panic!("it is forgotten: {after:?}") };
    assert_eq!((kept.phase, kept.ended_at), (Phase::Completed, at(9)));
    assert_eq!((after.chain, after.head, after.total), (before.chain, before.head, before.total));
}

async fn a_walk_is_found_by_its_hash_and_follows_from_the_one_before_it(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let first = journal.record_walk(walk("pending", 1), vec![]).await.unwrap();
    let second = journal.record_walk(walk("held", 3), vec![]).await.unwrap();
    let found = journal.walk_of(&business(), &second).await.unwrap().unwrap();
    assert_eq!((&found.walk, &found.previous, &found.hash), (&walk("held", 3), &first, &second));
    assert_eq!(evidence::follow_walk(&found.previous, &found.walk), found.hash);
    let begun = journal.walk_of(&business(), &first).await.unwrap().unwrap();
    assert_eq!(begun.previous, evidence::genesis("2001"), "the first of its business");
    assert_eq!(journal.walk_of(&business(), &Digest::of(b"none")).await.unwrap(), None);
    assert_eq!(journal.walk_of(&"2002".parse().unwrap(), &second).await.unwrap(), None, "each business has its own");
}

async fn the_last_whole_walk_that_had_ended_by_then_is_found(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let broken = Walk { complete: false, ..walk("pending", 5) };
    for walk in [walk("pending", 1), walk("pending", 3), walk("held", 4), broken, walk("pending", 7)] {
        journal.record_walk(walk, vec![]).await.unwrap();
    }
    for (second, began) in [(1, None), (2, Some(1)), (3, Some(1)), (4, Some(3)), (6, Some(3)), (8, Some(7))] {
        let found = journal.walk_by(&business(), "pending", at(second)).await.unwrap();
        assert_eq!(found.map(|found| found.walk.began), began.map(at), "by second {second}");
    }
}

async fn deeds_are_found_by_what_they_were_done_to_and_by_what_they_came_to(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.accept(command("a")).await.unwrap();
    let done = |target: &str, came: &str| Operation {
        at: at(5),
        actor: "kim".to_owned(),
        verb: "dead replay".to_owned(),
        target: target.to_owned(),
        reason: "a story".to_owned(),
        nonce: "n".to_owned(),
        came: Some(came.to_owned()),
    };
    let to =
        ["published as a", "published as a, the letter could not be taken out", "published as ab", "not published: a"];
    for (target, came) in [("a", "1 events queued"), ("all", "2 events queued")] {
        journal.begin_operation(done(target, came)).await.unwrap();
    }
    for came in to {
        journal.begin_operation(done("0123456789ab", came)).await.unwrap();
    }
    let found = journal.operations_on(&["a".to_owned(), "a~1".to_owned()]).await.unwrap();
    let came: Vec<_> = found.into_iter().filter_map(|operation| operation.came).collect();
    assert_eq!(came, ["1 events queued", to[0], to[1]]);
}
