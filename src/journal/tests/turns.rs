//! Whose turn it is: lanes in order of arrival, times, words, and who is being offboarded, over restarts too.

use super::words::{PgShelf, Shelf, SqliteShelf, anything, at, business, command, ending, id, pending};
use crate::contract::{BusinessId, CommandId, Person, Phase};
use crate::journal::{Accepted, InLane, Journal, New, Operation, Placed, Record, Release, State, StateName, Turn};

journal_contract!(on_sqlite: SqliteShelf, on_postgres: PgShelf =>
    the_first_of_a_lane_is_in_front_and_the_next_when_it_has_ended,
    a_lane_is_left_by_who_waits_for_meta_and_kept_by_who_waits_in_it,
    the_higher_priority_is_in_front_and_then_who_came_first,
    several_lanes_are_had_together_or_not_at_all,
    two_that_want_the_same_lanes_the_other_way_round_do_not_wait_for_each_other,
    who_is_not_due_is_in_no_lane_and_comes_in_at_its_time,
    an_earlier_arrival_that_becomes_due_last_lets_the_later_finish,
    many_that_become_due_at_once_come_in_a_few_at_a_time,
    a_cancel_calls_in_who_is_not_due,
    a_cancelled_claim_goes_on_after_a_restart,
    a_notice_is_waited_for_outside_the_lane_which_is_asked_for_again,
    who_waits_outside_comes_in_by_its_deadline,
    a_release_calls_in_the_command_and_its_children_and_nobody_else,
    a_release_in_the_moment_before_the_wait_is_not_missed,
    children_are_in_front_by_their_parents_record,
    what_had_begun_is_found_again_in_pages_and_nothing_else,
    businesses_with_something_to_begin_are_told_once_each,
    what_is_open_is_counted_by_what_it_is,
    the_oldest_of_each_state_and_cause_is_told,
    whoever_leaves_is_known_until_the_offboarding_has_ended,
);

fn at_page(name: &str, lanes: &str) -> New {
    New { lane: Some(lanes.to_owned()), ..command(name) }
}

async fn accept(journal: &Journal, new: New) -> Turn {
    let accepted = journal.accept(new).await.unwrap();
    let Accepted::New { turn, .. } = accepted else { panic!("not new: {accepted:?}") };
    turn
}

async fn front(journal: &Journal) -> Vec<String> {
    names(journal.in_front(Some(&business()), 100).await.unwrap())
}

async fn begun(journal: &Journal) -> Vec<String> {
    names(journal.begun(0, 100).await.unwrap())
}

fn names(placed: Vec<Placed>) -> Vec<String> {
    placed.into_iter().map(|placed| placed.id.to_string()).collect()
}

async fn turn(journal: &Journal, name: &str) -> Option<Turn> {
    journal.placed(&id(name)).await.unwrap().map(|placed| placed.turn)
}

/// Moves a command; the businesses that have moved up.
async fn moves(journal: &Journal, name: &str, state: State, in_lane: InLane, due: Option<i64>) -> Vec<BusinessId> {
    let record = Record { in_lane, due: due.map(at), ..Record::new(at(1), state) };
    journal.record(id(name), record).await.unwrap().moved_up.into_iter().flatten().collect()
}

async fn ends(journal: &Journal, name: &str) -> Vec<BusinessId> {
    let recorded = journal.record(id(name), ending(name, Phase::Completed, 1)).await.unwrap();
    recorded.moved_up.into_iter().flatten().collect()
}

fn waits(cause: &str) -> State {
    State::Waiting { cause: cause.to_owned(), since: at(1), until: None }
}

async fn the_first_of_a_lane_is_in_front_and_the_next_when_it_has_ended(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(accept(&journal, at_page("a", "page/1")).await, Turn::Front);
    assert_eq!(accept(&journal, at_page("b", "page/1")).await, Turn::Behind);
    assert_eq!(
        accept(&journal, New { business: Some("2002".parse().unwrap()), ..at_page("c", "page/1") }).await,
        Turn::Behind
    );
    assert_eq!(accept(&journal, at_page("elsewhere", "page/10")).await, Turn::Front);
    assert_eq!(accept(&journal, command("in-no-lane")).await, Turn::Front);
    assert_eq!(front(&journal).await, ["a", "elsewhere", "in-no-lane"]);
    assert_eq!(moves(&journal, "a", State::Running, InLane::Holds, None).await, []);
    assert_eq!(front(&journal).await, ["elsewhere", "in-no-lane"], "it has begun");
    assert_eq!(ends(&journal, "a").await, [business()]);
    assert_eq!(turn(&journal, "b").await, Some(Turn::Front));
    assert_eq!(ends(&journal, "b").await, ["2002".parse().unwrap()], "another business, the same asset");
    assert_eq!(ends(&journal, "c").await, []);
    assert_eq!(accept(&journal, at_page("d", "page/1")).await, Turn::Front, "the lane is free");
}

async fn a_lane_is_left_by_who_waits_for_meta_and_kept_by_who_waits_in_it(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["a", "b", "c"] {
        accept(&journal, at_page(name, "page/1")).await;
    }
    for state in [State::Running, State::Ready, waits("quota"), State::Awaiting { target: id("b") }] {
        assert_eq!(moves(&journal, "a", state, InLane::Holds, Some(50)).await, []);
        assert_eq!((turn(&journal, "a").await, turn(&journal, "b").await), (Some(Turn::Holds), Some(Turn::Behind)));
    }
    journal.record(id("a"), pending("a")).await.unwrap();
    assert_eq!((turn(&journal, "a").await, turn(&journal, "b").await), (Some(Turn::Elsewhere), Some(Turn::Front)));
    moves(&journal, "a", State::Running, InLane::Left, None).await;
    assert_eq!(turn(&journal, "a").await, Some(Turn::Outside), "it withdraws, and waits for no lane");
    moves(&journal, "b", State::AwaitingChildren, InLane::Left, None).await;
    assert_eq!(turn(&journal, "c").await, Some(Turn::Front));
}

async fn the_higher_priority_is_in_front_and_then_who_came_first(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, priority) in [("a", 4), ("b", 0), ("c", 9), ("d", 4), ("e", 9)] {
        accept(&journal, New { priority, ..command(name) }).await;
    }
    accept(&journal, New { business: None, ..command("nobodys") }).await;
    assert_eq!(front(&journal).await, ["c", "e", "a", "d", "b"]);
    assert_eq!(names(journal.in_front(Some(&business()), 2).await.unwrap()), ["c", "e"]);
    assert_eq!(names(journal.in_front(None, 9).await.unwrap()), ["nobodys"]);
}

async fn several_lanes_are_had_together_or_not_at_all(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, at_page("a", "page/1")).await;
    assert_eq!(accept(&journal, at_page("both", "page/1 page/2")).await, Turn::Behind);
    assert_eq!(accept(&journal, at_page("b", "page/2")).await, Turn::Behind, "who came before is waited for");
    assert_eq!(front(&journal).await, ["a"]);
    ends(&journal, "a").await;
    assert_eq!(front(&journal).await, ["both"]);
    moves(&journal, "both", State::Ready, InLane::Holds, Some(50)).await;
    assert_eq!(front(&journal).await, [] as [&str; 0], "it keeps both while it waits");
    ends(&journal, "both").await;
    assert_eq!(front(&journal).await, ["b"]);
}

async fn two_that_want_the_same_lanes_the_other_way_round_do_not_wait_for_each_other(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, lanes) in [("x", "page/1 page/2"), ("y", "page/2 page/3 page/1"), ("z", "page/3 page/4")] {
        accept(&journal, at_page(name, lanes)).await;
    }
    for name in ["x", "y", "z"] {
        assert_eq!(front(&journal).await, [name]);
        ends(&journal, name).await;
    }
    assert_eq!(accept(&journal, at_page("next", "page/1 page/2 page/3 page/4")).await, Turn::Front, "nobody is left");
}

async fn who_is_not_due_is_in_no_lane_and_comes_in_at_its_time(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let later = New { not_before: Some(at(100)), ..at_page("later", "page/1") };
    assert_eq!(accept(&journal, later).await, Turn::Later);
    assert_eq!(accept(&journal, at_page("now", "page/1")).await, Turn::Front);
    assert_eq!(journal.next_to_come().await.unwrap(), Some(at(100)));
    assert_eq!(journal.let_in(at(99), 9).await.unwrap().moved_up, []);
    ends(&journal, "now").await;
    drop(journal);
    let journal = shelf.open().await;
    assert_eq!(front(&journal).await, [] as [&str; 0]);
    let came = journal.let_in(at(100), 9).await.unwrap();
    assert_eq!((came.moved_up, came.outside, came.more), (vec![Some(business())], vec![], false));
    assert_eq!(front(&journal).await, ["later"]);
    assert_eq!(journal.next_to_come().await.unwrap(), None);
}

async fn an_earlier_arrival_that_becomes_due_last_lets_the_later_finish(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { not_before: Some(at(10)), ..at_page("earlier", "page/2") }).await;
    accept(&journal, at_page("both", "page/1 page/2")).await;
    accept(&journal, at_page("last", "page/2")).await;
    assert_eq!(journal.let_in(at(10), 9).await.unwrap().moved_up, []);
    assert_eq!(front(&journal).await, ["both"], "never two of a lane");
    moves(&journal, "both", State::Running, InLane::Holds, None).await;
    ends(&journal, "both").await;
    assert_eq!(front(&journal).await, ["earlier"], "it is before the last one");
    ends(&journal, "earlier").await;
    assert_eq!(front(&journal).await, ["last"]);
}

async fn many_that_become_due_at_once_come_in_a_few_at_a_time(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["c", "a", "b"] {
        accept(&journal, New { not_before: Some(at(10)), ..command(name) }).await;
    }
    assert!(journal.let_in(at(11), 2).await.unwrap().more);
    assert_eq!(front(&journal).await, ["c", "a"]);
    assert!(!journal.let_in(at(11), 2).await.unwrap().more);
    assert_eq!(front(&journal).await, ["c", "a", "b"]);
}

async fn a_cancel_calls_in_who_is_not_due(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { not_before: Some(at(10_000)), ..at_page("later", "page/1") }).await;
    accept(&journal, at_page("front", "page/2")).await;
    for name in ["later", "front"] {
        journal.remember_cancel(id(name), id("stop"), at(100), anything()).await.unwrap();
    }
    assert_eq!(journal.let_in(at(1), 9).await.unwrap().moved_up, [Some(business())]);
    assert_eq!(front(&journal).await, ["later", "front"]);
}

async fn a_cancelled_claim_goes_on_after_a_restart(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["before", "after", "untouched"] {
        accept(&journal, at_page(name, &format!("page/{name}"))).await;
    }
    journal.record(id("before"), pending("before")).await.unwrap();
    journal.record(id("untouched"), pending("untouched")).await.unwrap();
    for name in ["before", "after"] {
        journal.remember_cancel(id(name), id("stop"), at(100), anything()).await.unwrap();
    }
    journal.record(id("after"), pending("after")).await.unwrap();
    assert_eq!(begun(&journal).await, ["before", "after"], "whichever was first");
}

async fn a_notice_is_waited_for_outside_the_lane_which_is_asked_for_again(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, at_page("announced", "page/1")).await;
    accept(&journal, at_page("now", "page/1")).await;
    assert_eq!(moves(&journal, "announced", waits("notice"), InLane::Waits, Some(100)).await, [business()]);
    assert_eq!(
        (turn(&journal, "announced").await, turn(&journal, "now").await),
        (Some(Turn::Later), Some(Turn::Front))
    );
    let came = journal.let_in(at(100), 9).await.unwrap();
    assert_eq!((names(came.outside), came.moved_up), (vec!["announced".to_owned()], vec![]));
    assert_eq!(begun(&journal).await, ["announced"], "a restart finds it");
    assert_eq!(moves(&journal, "announced", State::Ready, InLane::Waits, None).await, [], "the lane is not free");
    assert_eq!(turn(&journal, "announced").await, Some(Turn::Behind));
    assert_eq!(ends(&journal, "now").await, [business()]);
    assert_eq!(front(&journal).await, ["announced"]);
    accept(&journal, New { priority: 0, ..at_page("free", "page/2") }).await;
    moves(&journal, "free", waits("notice"), InLane::Waits, Some(5)).await;
    journal.let_in(at(5), 9).await.unwrap();
    assert_eq!(
        moves(&journal, "free", State::Ready, InLane::Waits, None).await,
        [business()],
        "it is in front at once"
    );
}

async fn who_waits_outside_comes_in_by_its_deadline(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, New { expires_at: Some(at(40)), ..command("a") }).await;
    accept(&journal, New { expires_at: Some(at(400)), ..command("b") }).await;
    for name in ["a", "b"] {
        moves(&journal, name, waits("notice"), InLane::Waits, Some(100)).await;
    }
    assert_eq!(names(journal.let_in(at(40), 9).await.unwrap().outside), ["a"]);
    assert_eq!(names(journal.let_in(at(100), 9).await.unwrap().outside), ["b"]);
}

async fn release(journal: &Journal, name: &str) {
    let operation = Operation {
        at: at(3),
        actor: "ann".to_owned(),
        verb: "release".to_owned(),
        target: name.to_owned(),
        reason: "checked".to_owned(),
        nonce: name.to_owned(),
        came: None,
    };
    assert!(matches!(journal.release(id(name), operation).await.unwrap(), Release::Open(_)));
}

/// A parent with the children `<name>~1` and `<name>~2`.
async fn family(journal: &Journal, name: &str) {
    accept(journal, command(name)).await;
    let child = |n: u32| at_page(&format!("{name}~{n}"), &format!("page/{name}{n}"));
    let children = vec![child(1), child(2)];
    let record = Record { children, in_lane: InLane::Left, ..Record::new(at(1), State::AwaitingChildren) };
    assert_eq!(journal.record(id(name), record).await.unwrap().moved_up, [Some(business())]);
}

async fn a_release_calls_in_the_command_and_its_children_and_nobody_else(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["ours", "theirs"] {
        family(&journal, name).await;
        moves(&journal, &format!("{name}~1"), waits("release"), InLane::Waits, None).await;
        moves(&journal, &format!("{name}~2"), waits("release"), InLane::Holds, None).await;
    }
    accept(&journal, command("alone")).await;
    moves(&journal, "alone", waits("release"), InLane::Waits, None).await;
    assert_eq!(journal.next_to_come().await.unwrap(), None, "no time brings them in");
    release(&journal, "ours").await;
    assert_eq!(names(journal.let_in(at(5), 9).await.unwrap().outside), ["ours~1"], "the other one keeps its lane");
    release(&journal, "alone").await;
    assert_eq!(names(journal.let_in(at(5), 9).await.unwrap().outside), ["alone"]);
    release(&journal, "alone").await;
    assert_eq!(names(journal.let_in(at(5), 9).await.unwrap().outside), ["alone"], "it had been let in for nothing");
}

async fn a_release_in_the_moment_before_the_wait_is_not_missed(shelf: impl Shelf) {
    let journal = shelf.open().await;
    family(&journal, "ours").await;
    accept(&journal, command("alone")).await;
    for name in ["ours", "alone"] {
        release(&journal, name).await;
    }
    for name in ["ours~1", "alone"] {
        moves(&journal, name, waits("release"), InLane::Waits, None).await;
    }
    assert_eq!(names(journal.let_in(at(1), 9).await.unwrap().outside), ["ours~1", "alone"]);
}

async fn children_are_in_front_by_their_parents_record(shelf: impl Shelf) {
    let journal = shelf.open().await;
    accept(&journal, at_page("first", "page/ours1")).await;
    family(&journal, "ours").await;
    assert_eq!(front(&journal).await, ["first", "ours~2"]);
    ends(&journal, "first").await;
    assert_eq!(front(&journal).await, ["ours~1", "ours~2"]);
}

async fn what_had_begun_is_found_again_in_pages_and_nothing_else(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for name in ["runs", "waits", "pends", "front", "parent", "away", "over"] {
        accept(&journal, command(name)).await;
    }
    moves(&journal, "runs", State::Running, InLane::Holds, None).await;
    moves(&journal, "waits", waits("quota"), InLane::Holds, Some(70)).await;
    journal.record(id("pends"), pending("pends")).await.unwrap();
    moves(&journal, "parent", State::AwaitingChildren, InLane::Left, None).await;
    moves(&journal, "away", waits("release"), InLane::Waits, None).await;
    ends(&journal, "over").await;
    drop(journal);
    let journal = shelf.open().await;
    let page = journal.begun(0, 2).await.unwrap();
    assert_eq!(page.iter().map(|placed| placed.due).collect::<Vec<_>>(), [None, Some(at(70))]);
    let after = page[1].seq;
    assert_eq!(names(page), ["runs", "waits"]);
    assert_eq!(names(journal.begun(after, 2).await.unwrap()), ["parent"]);
    assert_eq!(journal.placed(&id("over")).await.unwrap(), None);
    assert_eq!(journal.placed(&id("pends")).await.unwrap().map(|placed| placed.state), Some(StateName::Pending));
}

async fn businesses_with_something_to_begin_are_told_once_each(shelf: impl Shelf) {
    let journal = shelf.open().await;
    assert_eq!(journal.businesses_in_front().await.unwrap(), []);
    for (name, business) in [("a", "30"), ("b", "7"), ("c", "30"), ("d", "4")] {
        accept(&journal, New { business: Some(business.parse().unwrap()), ..command(name) }).await;
    }
    accept(&journal, New { business: None, ..command("nobodys") }).await;
    ends(&journal, "d").await;
    let of: Vec<Option<BusinessId>> = vec![None, Some("30".parse().unwrap()), Some("7".parse().unwrap())];
    assert_eq!(journal.businesses_in_front().await.unwrap(), of);
}

async fn what_is_open_is_counted_by_what_it_is(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let claim = |name: &str, page: &str| New {
        body: format!(r#"{{"id":"{name}","command":"claim","asset":{{"kind":"page","id":"{page}"}}}}"#),
        ..command(name)
    };
    for (name, page) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("over", "5")] {
        accept(&journal, claim(name, page)).await;
    }
    accept(&journal, New { body: r#"{"id":"stop","command":"cancel"}"#.to_owned(), ..command("stop") }).await;
    for name in ["a", "b"] {
        journal.record(id(name), pending(name)).await.unwrap();
    }
    moves(&journal, "c", waits("hold"), InLane::Holds, None).await;
    ends(&journal, "over").await;
    let mut told: Vec<String> = journal
        .count_open()
        .await
        .unwrap()
        .into_iter()
        .map(|alike| {
            let kind = alike.kind.unwrap_or_default();
            let since = alike.since.map(|since| since.duration_since(at(0)).as_secs());
            format!("{} {kind} {} {:?} {since:?} {}", alike.command, alike.state.word(), alike.cause, alike.count)
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "cancel  ready None None 1",
            "claim page pending None Some(0) 2",
            "claim page ready None None 1",
            r#"claim page waiting Some("hold") None 1"#,
        ]
    );
}

async fn the_oldest_of_each_state_and_cause_is_told(shelf: impl Shelf) {
    let journal = shelf.open().await;
    for (name, second) in [("a", 5), ("b", 6), ("c", 7)] {
        accept(&journal, New { accepted_at: at(second), ..command(name) }).await;
    }
    let oldest = async |state, cause| journal.oldest_open(state, cause).await.unwrap();
    assert_eq!(oldest(StateName::Ready, None).await, Some(at(5)));
    moves(&journal, "a", waits("quota"), InLane::Holds, None).await;
    assert_eq!(oldest(StateName::Ready, None).await, Some(at(6)));
    assert_eq!(oldest(StateName::Waiting, Some("quota")).await, Some(at(5)));
    assert_eq!(oldest(StateName::Waiting, Some("hold")).await, None);
    ends(&journal, "a").await;
    assert_eq!(oldest(StateName::Waiting, Some("quota")).await, None);
}

async fn whoever_leaves_is_known_until_the_offboarding_has_ended(shelf: impl Shelf) {
    let journal = shelf.open().await;
    let (ann, other): (Person, Person) = (Person::Id("31".parse().unwrap()), Person::Id("32".parse().unwrap()));
    let by_mail = Person::Email("ann@example.com".parse().unwrap());
    let leaves = async |by: &str| -> Option<CommandId> {
        let email = Some("ann@example.com".parse().unwrap());
        journal.leaves(id(by), business(), "31".parse().unwrap(), email).await.unwrap()
    };
    for name in ["first", "second"] {
        accept(&journal, command(name)).await;
    }
    assert_eq!(journal.is_leaving(&business(), &ann).await.unwrap(), None);
    assert_eq!(leaves("first").await, None);
    assert_eq!(leaves("first").await, None, "said twice it is one");
    assert_eq!(leaves("second").await, Some(id("first")));
    for person in [&ann, &by_mail] {
        assert_eq!(journal.is_leaving(&business(), person).await.unwrap(), Some(id("first")));
    }
    assert_eq!(journal.is_leaving(&business(), &other).await.unwrap(), None);
    assert_eq!(journal.is_leaving(&"2002".parse().unwrap(), &ann).await.unwrap(), None);
    assert_eq!(journal.offboardings().await.unwrap(), [id("first"), id("second")]);
    ends(&journal, "first").await;
    assert_eq!(journal.is_leaving(&business(), &ann).await.unwrap(), Some(id("second")));
    assert_eq!(journal.offboardings().await.unwrap(), [id("second")]);
    ends(&journal, "second").await;
    assert_eq!(journal.is_leaving(&business(), &ann).await.unwrap(), None);
}
