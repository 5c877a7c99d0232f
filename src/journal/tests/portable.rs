//! A journal moves from one store into another and back as it is, or not at all.

use std::io::Cursor;

use super::words::{
    PgShelf, Shelf, SqliteShelf, accept, at, business, command, ended, ending, event, id, noted, page, pending, seen,
    walk, watch,
};
use crate::contract::Phase;
use crate::journal::portable::{export, import};
use crate::journal::{
    Address, Forgotten, HoldOn, Horizons, Intent, IntentChange, InvitationRow, Journal, JournalError, New, NewEvent,
    Operation, Record, Removal, Settled, State, Suspended, WatchChange, WatchRow,
};

/// Something in every table.
async fn filled(journal: &Journal) {
    for name in ["old", "p", "claim", "guest", "open"] {
        accept(journal, name).await;
    }
    journal.record(id("old"), ending("old", Phase::Completed, 1)).await.unwrap();
    let row = journal.outbox_due(0, 1).await.unwrap().remove(0);
    journal.settle(vec![(row.n, Settled::Confirmed)]).await.unwrap();
    let (now, past) = (at(10), at(-1));
    let before = Horizons { commands: now, evidence: past, ids: past, denials: past, removals: past, now: past };
    assert_eq!(journal.forget(Forgotten::Commands, before).await.unwrap(), 1);

    let children = vec![command("p~1"), command("p~2")];
    journal.record(id("p"), Record { children, ..Record::new(at(1), State::AwaitingChildren) }).await.unwrap();
    journal.record(id("p~2"), Record::new(at(2), ended(Phase::Completed))).await.unwrap();
    let shared = WatchRow { partner: Some("2077".parse().unwrap()), ..watch("claim") };
    let shared = Record { watch: WatchChange::Set(shared), ..pending("claim") };
    journal.record(id("claim"), shared).await.unwrap();
    let invitation = InvitationRow {
        command: id("guest"),
        business: business(),
        email: "dora@northwind.example".parse().unwrap(),
        sent_at: at(2),
        absences: "[]".to_owned(),
    };
    let invited = Record { watch: WatchChange::Invite(invitation), ..Record::new(at(2), State::Pending) };
    journal.record(id("guest"), invited).await.unwrap();
    journal.record(id("open"), half_way()).await.unwrap();
    let asked = New { reply_to: Some("queue".to_owned()), not_before: Some(at(99)), ..command("asked") };
    journal.accept(asked).await.unwrap();
    surroundings(journal).await;
}

/// A step that has left everything that a step can leave.
fn half_way() -> Record {
    Record {
        observations: vec![noted("one"), noted("zwei – ¿tres?")],
        evidence: vec![seen("GET /1"), seen("POST /2")],
        events: vec![NewEvent { body: vec![0, 255, 10, 13], ..event("open", 1) }],
        removals: vec![
            Removal { asset: Some(page()), person: Some("11".parse().unwrap()), at: at(3) },
            Removal { asset: None, person: Some("12".parse().unwrap()), at: at(3) },
        ],
        intent: IntentChange::Intend(Intent { call: "{}".to_owned(), at: at(3) }),
        ..Record::new(at(3), State::Waiting { cause: "quota".to_owned(), since: at(3), until: Some(at(60)) })
    }
}

async fn surroundings(journal: &Journal) {
    accept(journal, "denied").await;
    journal.record(id("denied"), pending("denied")).await.unwrap();
    journal.record(id("denied"), ending("denied", Phase::Denied, 1)).await.unwrap();
    journal.record_walk(walk("pending_client_pages", 1), vec![]).await.unwrap();
    let cancelled = journal.remember_cancel(id("to-come"), id("open"), at(99), super::words::anything());
    cancelled.await.unwrap();
    journal.park("app".to_owned(), at(60), "usage".to_owned()).await.unwrap();
    let credential = "main".to_owned();
    let suspended = Suspended { credential, fingerprint: "f".to_owned(), since: at(1), why: "190".to_owned() };
    journal.suspend(suspended).await.unwrap();
    let operation = Operation {
        at: at(1),
        actor: "kim".to_owned(),
        verb: "hold".to_owned(),
        target: "2001".to_owned(),
        reason: "audit".to_owned(),
        nonce: "n".to_owned(),
        came: None,
    };
    journal.hold(HoldOn::Business(business()), operation).await.unwrap();
}

async fn told(at: &Address) -> String {
    let mut out = Vec::new();
    export(at, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn read(at: &Address, text: &str) -> Result<(), JournalError> {
    import(at, Cursor::new(text.to_owned().into_bytes())).await.map(drop)
}

#[tokio::test]
async fn a_journal_goes_to_postgresql_and_back_and_every_row_is_the_same() {
    let (first, there, back) = (SqliteShelf::empty(), PgShelf::empty(), SqliteShelf::empty());
    let journal = first.open().await;
    filled(&journal).await;
    let text = told(&Address::from(&first.path())).await;
    let mut empty: Vec<&str> = crate::journal::portable::TABLES.iter().map(|table| table.name).collect();
    empty.retain(|table| !text.contains(&format!("\n[\"{table}\",")));
    assert_eq!(empty, [] as [&str; 0], "nothing of these was moved, so nothing is proved of them");

    let postgres = there.address().await;
    read(&postgres, &text).await.unwrap();
    assert_eq!(told(&postgres).await, text, "to the byte");
    let moved = there.open().await;
    for name in ["p", "claim", "guest", "open", "asked", "denied"] {
        assert_eq!(moved.load(&id(name)).await.unwrap(), journal.load(&id(name)).await.unwrap(), "{name}");
        assert_eq!(moved.verify(&id(name)).await.unwrap(), journal.verify(&id(name)).await.unwrap(), "{name}");
    }
    // What comes next is numbered behind what came along.
    accept(&moved, "next").await;
    let order: Vec<i64> = moved.open_commands().await.unwrap().iter().map(|row| row.seq).collect();
    assert!(order.is_sorted(), "{order:?}");
    moved.record(id("next"), ending("next", Phase::Completed, 1)).await.unwrap();
    moved.close().await;

    let text = told(&postgres).await;
    let file = Address::from(&back.path());
    read(&file, &text).await.unwrap();
    assert_eq!(told(&file).await, text);
    accept(&back.open().await, "last").await;
}

#[tokio::test]
async fn what_is_no_whole_export_leaves_nothing_behind() {
    let shelf = SqliteShelf::empty();
    filled(&shelf.open().await).await;
    let text = told(&Address::from(&shelf.path())).await;
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..lines.len() - 3].join("\n");
    let a_row_less = [&lines[..3], &lines[4..]].concat().join("\n");
    let altered = text.replacen("GET /1", "GET /9", 1);
    let of_the_future = text.replacen("bindery-journal-1", "bindery-journal-2", 1);
    let bad_value = text.replacen("[\"commands\",", "[\"commands\",\"x\",", 1);
    let (there, back) = (PgShelf::empty(), SqliteShelf::empty());
    for (target, name) in [(there.address().await, "PostgreSQL"), (Address::from(&back.path()), "SQLite")] {
        for (case, text) in [
            ("cut", cut.as_str()),
            ("a row less", &a_row_less),
            ("altered", &altered),
            ("of the future", &of_the_future),
            ("a value too many", &bad_value),
            ("empty", ""),
            ("a letter", "Dear Sir or Madam"),
        ] {
            let error = read(&target, text).await.unwrap_err();
            assert_eq!(error.code(), "not_an_export", "{name}, {case}: {error}");
        }
        let journal = Journal::open(target.clone()).await.unwrap();
        assert_eq!(journal.open_commands().await.unwrap(), [], "{name}");
        journal.close().await;
        read(&target, &text).await.unwrap();
        assert_eq!(
            read(&target, &text).await.unwrap_err().code(),
            "not_empty",
            "{name}: once, and not over what is there"
        );
    }
}

#[tokio::test]
async fn nothing_is_read_into_a_journal_that_a_worker_has() {
    let (from, there, back) = (SqliteShelf::empty(), PgShelf::empty(), SqliteShelf::empty());
    filled(&from.open().await).await;
    let text = told(&Address::from(&from.path())).await;
    let _workers = (there.open().await, back.open().await);
    for target in [there.address().await, Address::from(&back.path())] {
        assert_eq!(read(&target, &text).await.unwrap_err().code(), "locked", "{target}");
    }
}
