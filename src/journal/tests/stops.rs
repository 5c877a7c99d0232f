//! What an operator stops and lets go on, and what counts against the blast radius.

use super::words::{PgShelf, Shelf, SqliteShelf, accept, at, business, command, ending, id, page};
use crate::contract::{BusinessId, Phase};
use crate::journal::{Hold, HoldOn, New, Operation, Record, Release, Removal, State};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    a_hold_stands_over_a_restart_until_it_is_taken_back,
    a_second_hold_leaves_the_first_and_both_are_in_the_log,
    everything_and_one_business_are_held_apart,
    an_open_breaker_is_a_hold_on_claims_that_no_resume_of_its_business_lifts,
    a_resume_of_what_is_not_on_hold_changes_nothing_and_is_in_the_log,
    a_release_is_for_the_command_and_its_children_and_for_nobody_else,
    nothing_is_released_that_has_ended_or_never_came,
    removals_of_every_sort_count_for_their_business_in_its_window,
    a_journal_that_is_only_read_stops_nothing,
);

fn operation(verb: &str, second: i64) -> Operation {
    Operation {
        at: at(second),
        actor: "kim".to_owned(),
        verb: verb.to_owned(),
        target: "2001".to_owned(),
        reason: "a leaked token".to_owned(),
        nonce: format!("n-{second}"),
        came: None,
    }
}

fn hold_of(on: HoldOn, second: i64) -> Hold {
    Hold { on, since: at(second), actor: "kim".to_owned(), reason: "a leaked token".to_owned() }
}

fn ours() -> HoldOn {
    HoldOn::Business(business())
}

async fn a_hold_stands_over_a_restart_until_it_is_taken_back(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(journal.holds().await.unwrap(), []);
    assert_eq!(journal.hold(ours(), operation("hold", 1)).await.unwrap(), hold_of(ours(), 1));
    drop(journal);
    let journal = shelf.open().await;
    assert_eq!(journal.holds().await.unwrap(), [hold_of(ours(), 1)]);
    assert_eq!(journal.resume(ours(), operation("resume", 2)).await.unwrap(), Some(hold_of(ours(), 1)));
    drop(journal);
    assert_eq!(shelf.open().await.holds().await.unwrap(), []);
}

async fn a_second_hold_leaves_the_first_and_both_are_in_the_log(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.hold(ours(), operation("hold", 1)).await.unwrap();
    let other = Operation { actor: "lee".to_owned(), ..operation("hold", 2) };
    assert_eq!(journal.hold(ours(), other).await.unwrap(), hold_of(ours(), 1));
    let log = journal.operations(9).await.unwrap();
    assert_eq!(log.iter().map(|one| one.actor.as_str()).collect::<Vec<_>>(), ["lee", "kim"]);
    assert!(log[0].came.as_deref().is_some_and(|came| came.starts_with("was on hold since")), "{:?}", log[0]);
    assert_eq!(log[1].came.as_deref(), Some("on hold"));
}

async fn everything_and_one_business_are_held_apart(shelf: impl Shelf) {
    let journal = shelf.open().await;
    journal.hold(HoldOn::Everything, operation("hold", 1)).await.unwrap();
    journal.hold(ours(), operation("hold", 2)).await.unwrap();
    assert_eq!(
        journal.resume(HoldOn::Everything, operation("resume", 3)).await.unwrap().map(|hold| hold.since),
        Some(at(1))
    );
    assert_eq!(journal.holds().await.unwrap(), [hold_of(ours(), 2)]);
}

async fn an_open_breaker_is_a_hold_on_claims_that_no_resume_of_its_business_lifts(shelf: impl Shelf) {
    let (journal, claims) = (shelf.open().await, HoldOn::Claims(business()));
    let opened = journal.hold(claims.clone(), operation("breaker open", 1)).await.unwrap();
    assert!(opened.is_breaker() && opened == hold_of(claims.clone(), 1), "{opened:?}");
    journal.hold(ours(), operation("hold", 2)).await.unwrap();
    for other in [ours(), HoldOn::Everything] {
        journal.resume(other, operation("resume", 3)).await.unwrap();
    }
    drop(journal);
    let journal = shelf.open().await;
    assert_eq!(journal.holds().await.unwrap(), [hold_of(claims.clone(), 1)]);
    assert!(journal.resume(claims, operation("breaker reset", 4)).await.unwrap().is_some());
    assert_eq!(journal.holds().await.unwrap(), []);
}

async fn a_resume_of_what_is_not_on_hold_changes_nothing_and_is_in_the_log(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let other: BusinessId = "2002".parse().unwrap();
    journal.hold(HoldOn::Business(other), operation("hold", 1)).await.unwrap();
    assert_eq!(journal.resume(ours(), operation("resume", 2)).await.unwrap(), None);
    assert_eq!(journal.holds().await.unwrap().len(), 1);
    assert_eq!(journal.operations(1).await.unwrap()[0].came.as_deref(), Some("was not on hold"));
}

async fn a_release_is_for_the_command_and_its_children_and_for_nobody_else(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["mass", "other"] {
        accept(&journal, name).await;
        let children = vec![New { cancellers: None, ..command(&format!("{name}~1")) }];
        journal.record(id(name), Record { children, ..Record::new(at(1), State::AwaitingChildren) }).await.unwrap();
    }
    assert!(!journal.is_released(&id("mass~1")).await.unwrap());
    let met = journal.release(id("mass"), operation("release", 2)).await.unwrap();
    assert!(matches!(met, Release::Open(row) if row.id == id("mass")));
    drop(journal);
    let journal = shelf.open().await;
    for (name, released) in [("mass", true), ("mass~1", true), ("other", false), ("other~1", false)] {
        assert_eq!(journal.is_released(&id(name)).await.unwrap(), released, "{name}");
    }
    journal.release(id("other~1"), operation("release", 3)).await.unwrap();
    for (name, released) in [("other", false), ("other~1", true), ("nobody", false)] {
        assert_eq!(journal.is_released(&id(name)).await.unwrap(), released, "{name}");
    }
}

async fn nothing_is_released_that_has_ended_or_never_came(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), ending("a", Phase::Completed, 1)).await.unwrap();
    assert_eq!(journal.release(id("a"), operation("release", 2)).await.unwrap(), Release::Ended);
    assert_eq!(journal.release(id("gone"), operation("release", 3)).await.unwrap(), Release::Unknown);
    assert!(!journal.is_released(&id("a")).await.unwrap());
    let came: Vec<_> = journal.operations(9).await.unwrap().into_iter().filter_map(|one| one.came).collect();
    assert_eq!(came, ["no such command", "it has ended already"]);
}

async fn removals_of_every_sort_count_for_their_business_in_its_window(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    let person = Some("11".parse().unwrap());
    let removals = vec![
        Removal { asset: Some(page()), person: person.clone(), at: at(1) },
        Removal { asset: Some(page()), person: None, at: at(3) },
        Removal { asset: None, person, at: at(4) },
    ];
    journal.record(id("a"), Record { removals, ..Record::new(at(4), State::Ready) }).await.unwrap();
    assert_eq!(journal.removals_of(&business(), at(2), 9).await.unwrap(), [at(4), at(3)]);
    assert_eq!(journal.removals_of(&business(), at(0), 2).await.unwrap(), [at(4), at(3)], "no more than asked for");
    let other: BusinessId = "2002".parse().unwrap();
    assert_eq!(journal.removals_of(&other, at(0), 9).await.unwrap(), []);
    let people = journal.removed_since(&page(), at(0)).await.unwrap();
    assert_eq!(people, ["11".parse().unwrap()], "an asset that left its business names nobody");
}

async fn a_journal_that_is_only_read_stops_nothing(shelf: impl Shelf) {
    shelf.open().await.close().await;
    let reader = shelf.open_read_only().await;
    assert!(reader.hold(ours(), operation("hold", 1)).await.is_err());
    assert!(reader.resume(ours(), operation("resume", 1)).await.is_err());
    assert!(reader.release(id("a"), operation("release", 1)).await.is_err());
    assert_eq!(reader.holds().await.unwrap(), []);
}
