//! Lists that are walked for somebody: taken once when they are due, put back, and left when nobody is watched.

use super::words::{PgShelf, Shelf, SqliteShelf, accept, at, business, command, ending, id, pending, watch};
use crate::contract::{Access, BusinessId, Kind, Phase};
use crate::journal::{
    InvitationRow, Journal, New, Overdue, Patience, Record, State, WatchChange, WatchRow, Watched, WatchedList,
};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    a_list_is_due_when_its_first_watch_is_and_is_taken_once,
    whoever_joins_while_a_list_is_out_is_not_forgotten,
    a_list_that_is_not_put_back_is_due_again,
    the_list_that_is_due_the_longest_goes_first,
    kinds_and_accesses_are_lists_of_their_own,
    a_list_without_watches_is_forgotten,
    what_open_commands_watch_is_told_in_pages_by_id,
    patience_runs_out_by_deadline_and_by_age_each_in_order,
);

async fn watches(journal: &Journal, row: WatchRow, look_at: i64) {
    let name = row.command.to_string();
    accept(journal, &name).await;
    let watch = WatchChange::Set(row, at(look_at));
    journal.record(id(&name), Record { watch, ..Record::new(at(2), State::Pending) }).await.unwrap();
}

fn pages() -> WatchedList {
    WatchedList { business: business(), what: Watched::Claims(Kind::Page, Access::Agency) }
}

async fn a_list_is_due_when_its_first_watch_is_and_is_taken_once(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(journal.next_look().await.unwrap(), None);
    watches(&journal, watch("a"), 50).await;
    watches(&journal, watch("b"), 30).await;
    watches(&journal, watch("c"), 40).await;
    assert_eq!(journal.next_look().await.unwrap(), Some(at(30)));
    assert_eq!(journal.take_list(at(29), at(100)).await.unwrap(), None);
    assert_eq!(journal.take_list(at(30), at(100)).await.unwrap(), Some(pages()));
    assert_eq!(journal.take_list(at(99), at(200)).await.unwrap(), None);
    let rows = journal.watches_in(&business(), Kind::Page, Access::Agency).await.unwrap();
    assert_eq!(rows.len(), 3);
    journal.put_list_back(pages(), Some(at(3_600))).await.unwrap();
    assert_eq!(journal.next_look().await.unwrap(), Some(at(3_600)), "later than it was taken until");
}

async fn whoever_joins_while_a_list_is_out_is_not_forgotten(shelf: impl Shelf) {
    let journal = shelf.open().await;
    watches(&journal, watch("a"), 30).await;
    journal.take_list(at(30), at(60)).await.unwrap();
    watches(&journal, watch("b"), 90).await;
    journal.put_list_back(pages(), Some(at(3_600))).await.unwrap();
    assert_eq!(journal.next_look().await.unwrap(), Some(at(90)));
    journal.take_list(at(90), at(120)).await.unwrap();
    journal.put_list_back(pages(), Some(at(3_600))).await.unwrap();
    assert_eq!(journal.next_look().await.unwrap(), Some(at(3_600)), "once");
}

async fn a_list_that_is_not_put_back_is_due_again(shelf: impl Shelf) {
    let journal = shelf.open().await;
    watches(&journal, watch("a"), 30).await;
    journal.take_list(at(30), at(60)).await.unwrap();
    drop(journal);
    let journal = shelf.open().await;
    assert_eq!(journal.take_list(at(60), at(90)).await.unwrap(), Some(pages()));
}

async fn the_list_that_is_due_the_longest_goes_first(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, other, look_at) in [("a", "2003", 20), ("b", "2001", 30), ("c", "2002", 10)] {
        watches(&journal, WatchRow { business: other.parse().unwrap(), ..watch(name) }, look_at).await;
    }
    let mut order: Vec<BusinessId> = Vec::new();
    while let Some(list) = journal.take_list(at(30), at(99)).await.unwrap() {
        order.push(list.business);
    }
    assert_eq!(order, ["2002".parse().unwrap(), "2003".parse().unwrap(), "2001".parse().unwrap()]);
}

async fn kinds_and_accesses_are_lists_of_their_own(shelf: impl Shelf) {
    let journal = shelf.open().await;
    watches(&journal, watch("a"), 10).await;
    watches(&journal, WatchRow { access: Access::Owner, ..watch("b") }, 11).await;
    watches(&journal, WatchRow { asset: "ad_account/7".parse().unwrap(), ..watch("c") }, 12).await;
    accept(&journal, "d").await;
    let invited = InvitationRow {
        command: id("d"),
        business: business(),
        email: "ann@example.com".parse().unwrap(),
        sent_at: at(2),
        absences: "[]".to_owned(),
    };
    let watch = WatchChange::Invite(invited.clone(), at(13));
    journal.record(id("d"), Record { watch, ..Record::new(at(2), State::Pending) }).await.unwrap();
    let mut what = Vec::new();
    while let Some(list) = journal.take_list(at(20), at(99)).await.unwrap() {
        what.push(list.what);
    }
    let all = [
        Watched::Claims(Kind::Page, Access::Agency),
        Watched::Claims(Kind::Page, Access::Owner),
        Watched::Claims(Kind::AdAccount, Access::Agency),
        Watched::Invitations,
    ];
    assert_eq!(what, all);
    let rows = journal.watches_in(&business(), Kind::AdAccount, Access::Agency).await.unwrap();
    assert_eq!(rows.into_iter().map(|row| row.command).collect::<Vec<_>>(), [id("c")]);
    assert_eq!(journal.watches_in(&business(), Kind::Pixel, Access::Agency).await.unwrap(), []);
    assert_eq!(journal.invitations_into(&business()).await.unwrap(), [invited]);
    assert_eq!(journal.invitations_into(&"2002".parse().unwrap()).await.unwrap(), []);
}

async fn a_list_without_watches_is_forgotten(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, "a").await;
    journal.record(id("a"), pending("a")).await.unwrap();
    journal.take_list(at(2), at(60)).await.unwrap().unwrap();
    journal.put_list_back(pages(), None).await.unwrap();
    assert_eq!(journal.next_look().await.unwrap(), Some(at(60)), "somebody is watched in it");
    let over = Record { watch: WatchChange::Remove, ..ending("a", Phase::Denied, 1) };
    journal.record(id("a"), over).await.unwrap();
    journal.put_list_back(pages(), None).await.unwrap();
    assert_eq!(journal.next_look().await.unwrap(), None);
}

async fn patience_runs_out_by_deadline_and_by_age_each_in_order(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, expires, sent) in [("c", Some(50), 3), ("a", Some(50), 2), ("b", None, 1), ("d", Some(40), 9)] {
        journal.accept(New { expires_at: expires.map(at), ..command(name) }).await.unwrap();
        let watch = WatchChange::Set(WatchRow { sent_at: at(sent), ..watch(name) }, at(90));
        journal.record(id(name), Record { watch, ..Record::new(at(2), State::Pending) }).await.unwrap();
    }
    let names = |found: &[Overdue]| found.iter().map(|one| one.command.to_string()).collect::<Vec<_>>();
    let first = journal.overdue(Patience::Deadline, None, at(50), 2).await.unwrap();
    assert_eq!(names(&first), ["d", "a"]);
    assert_eq!((first[1].sent_at, first[1].expires_at), (at(2), Some(at(50))));
    let after = (at(50), id("a"));
    assert_eq!(names(&journal.overdue(Patience::Deadline, Some(&after), at(50), 2).await.unwrap()), ["c"]);
    assert_eq!(names(&journal.overdue(Patience::Deadline, None, at(39), 2).await.unwrap()), [] as [&str; 0]);
    assert_eq!(names(&journal.overdue(Patience::Age, None, at(3), 9).await.unwrap()), ["b", "a", "c"]);
}

async fn what_open_commands_watch_is_told_in_pages_by_id(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["b", "c", "a", "over"] {
        watches(&journal, watch(name), 10).await;
    }
    journal.record(id("over"), ending("over", Phase::Expired, 1)).await.unwrap();
    let names = |rows: Vec<WatchRow>| rows.into_iter().map(|row| row.command.to_string()).collect::<Vec<_>>();
    assert_eq!(names(journal.watched_after(None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(names(journal.watched_after(Some(&id("b")), 2).await.unwrap()), ["c"]);
}
