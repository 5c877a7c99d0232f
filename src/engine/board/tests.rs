//! Who runs next, beside floods, in orders of arrival that hurt.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(text: &str) -> CommandId {
    text.parse().unwrap()
}

fn whose(business: &str) -> Whose {
    Some(business.parse().unwrap())
}

fn arrives(board: &mut Board, seq: Seq, business: &str, priority: u8) {
    board.arrive(seq, &id(&format!("c{seq}")), &whose(business), priority);
}

fn placed(seq: Seq, business: &str, turn: Turn) -> Placed {
    let state = StateName::Ready;
    Placed { seq, id: id(&format!("c{seq}")), business: whose(business), priority: 4, state, turn, due: None }
}

fn picked(board: &mut Board, now: i64) -> Vec<Seq> {
    std::iter::from_fn(|| board.pick(at(now)).map(|(seq, _)| seq)).collect()
}

const NOBODY: [Seq; 0] = [];

#[test]
fn businesses_take_turns_and_priority_orders_one_business_only() {
    let mut board = Board::default();
    for seq in 1..=3 {
        arrives(&mut board, seq, "1", 4);
    }
    arrives(&mut board, 4, "1", 9);
    arrives(&mut board, 5, "2", 0);
    assert_eq!(picked(&mut board, 0), [4, 5, 1, 2, 3]);
}

#[test]
fn a_step_that_asked_much_is_paid_for_with_turns() {
    let mut board = Board::default();
    for seq in 1..=9 {
        arrives(&mut board, seq, if seq <= 3 { "1" } else { "2" }, 4);
    }
    assert_eq!(board.pick(at(0)).unwrap().0, 1);
    board.left(1, Left::Ended, 3 * TURN, at(0));
    assert_eq!(picked(&mut board, 0), [4, 5, 6, 2, 7, 3, 8, 9], "two turns for what it took beyond one");
}

#[test]
fn who_is_alone_pays_nothing() {
    let mut board = Board::default();
    for seq in 1..=3 {
        arrives(&mut board, seq, "1", 4);
        assert_eq!(board.pick(at(0)).unwrap().0, seq);
        board.left(seq, Left::Ended, OWED_MAX, at(0));
    }
}

#[test]
fn of_a_flood_a_window_is_here_and_the_journal_is_asked_for_the_rest() {
    let mut board = Board::default();
    for seq in 1..=100_000 {
        arrives(&mut board, seq, "1", 4);
    }
    assert_eq!(board.here.len(), *OF_ONE.end());
    assert!(board.hungry().is_none(), "there is enough of it");
    let half = i64::try_from(OF_ONE.end() / 2).unwrap();
    for seq in 1..=half {
        assert_eq!(board.pick(at(0)).unwrap().0, seq);
    }
    let (business, wanted) = board.hungry().unwrap();
    assert_eq!(
        (&business, wanted),
        (&whose("1"), 1_024 + 512),
        "those that run have not been recorded, and come first"
    );
    assert!(board.hungry().is_none(), "it is asked for once");
    board.feed(&business, wanted, (1..=i64::from(wanted)).map(|seq| placed(seq, "1", Turn::Front)).collect());
    assert_eq!(board.here.len(), 1_536, "nobody is here twice");
    assert_eq!(board.pick(at(0)).unwrap().0, half + 1);
}

#[test]
fn beside_a_flood_the_first_of_another_business_is_next() {
    let mut board = Board::default();
    for seq in 1..=100_000 {
        arrives(&mut board, seq, "1", 9);
    }
    assert_eq!(board.pick(at(0)).unwrap().0, 1);
    arrives(&mut board, 100_001, "2", 0);
    assert_eq!(board.pick(at(0)).unwrap().0, 2);
    assert_eq!(board.pick(at(0)).unwrap().0, 100_001);
}

#[test]
fn thousands_of_floods_share_the_window() {
    let mut board = Board::default();
    let mut seq = 0;
    for _ in 0..40 {
        for business in 1..=5_000 {
            seq += 1;
            arrives(&mut board, seq, &business.to_string(), 4);
        }
    }
    assert!(board.here.len() <= 5_000 * *OF_ONE.start() && board.here.len() >= WINDOW / 2, "{}", board.here.len());
    let first: BTreeSet<Whose> = (0..5_000)
        .map(|_| {
            let (seq, _) = board.pick(at(0)).unwrap();
            board.here[&seq].business.clone()
        })
        .collect();
    assert_eq!(first.len(), 5_000, "each has had its turn");
}

#[test]
fn a_higher_priority_takes_the_place_of_the_last_in_a_full_window() {
    let mut board = Board::default();
    for seq in 1..=2_000 {
        arrives(&mut board, seq, "1", 4);
    }
    arrives(&mut board, 2_001, "1", 9);
    arrives(&mut board, 2_002, "1", 4);
    assert_eq!(board.here.len(), *OF_ONE.end());
    assert_eq!(board.pick(at(0)).unwrap().0, 2_001);
    assert!(!board.here.contains_key(&1_024), "the last went back");
}

#[test]
fn what_moves_up_is_asked_for_and_what_comes_meanwhile_is_not_lost() {
    let mut board = Board::default();
    board.moved_up(&whose("1"));
    board.moved_up(&whose("1"));
    let (business, wanted) = board.hungry().unwrap();
    board.moved_up(&whose("1"));
    board.feed(&business, wanted, vec![placed(1, "1", Turn::Front)]);
    assert!(board.hungry().is_some(), "what moved up after the question");
    board.feed(&business, wanted, vec![placed(1, "1", Turn::Front)]);
    assert!(board.hungry().is_none());
    assert_eq!(picked(&mut board, 0), [1]);
}

#[test]
fn a_business_whose_commands_are_held_back_begins_no_other_while_many_are() {
    let mut board = Board::default();
    for seq in 1..=5_000 {
        arrives(&mut board, seq, "1", 4);
    }
    for seq in picked(&mut board, 0) {
        board.left(seq, Left::HeldBack(at(60)), 0, at(0));
    }
    assert!(board.hungry().is_none(), "the rest stays in the journal");
    arrives(&mut board, 6_000, "2", 4);
    assert_eq!(picked(&mut board, 59), [6_000], "another business goes on");
    assert_eq!(picked(&mut board, 60).len(), 1_024);
    assert!(board.hungry().is_some(), "and now there is room");
}

#[test]
fn who_waits_in_its_lane_runs_at_its_time_or_when_it_is_woken() {
    let mut board = Board::default();
    for seq in 1..=2 {
        arrives(&mut board, seq, "1", 4);
    }
    assert_eq!(picked(&mut board, 0), [1, 2]);
    board.left(1, Left::Until(at(50)), 1, at(0));
    board.left(2, Left::Until(at(50)), 1, at(0));
    assert_eq!(board.next_due(), Some(at(50)));
    assert_eq!(picked(&mut board, 10), NOBODY);
    board.wake(&id("c2"));
    assert_eq!(picked(&mut board, 10), [2]);
    assert_eq!(picked(&mut board, 50), [1]);
}

#[test]
fn who_is_woken_while_running_runs_again_however_it_left() {
    for left in
        [Left::Outside, Left::Until(at(90)), Left::HeldBack(at(90)), Left::Away(Timestamp::MAX), Left::Failed(at(90))]
    {
        let mut board = Board::default();
        arrives(&mut board, 1, "1", 4);
        assert_eq!(picked(&mut board, 0), [1]);
        board.wake(&id("c1"));
        board.left(1, left, 1, at(0));
        assert_eq!(picked(&mut board, 0), [1], "{left:?}");
    }
}

#[test]
fn who_waits_elsewhere_is_not_here_and_is_looked_up_when_it_is_called() {
    for left in
        [Left::Outside, Left::Away(at(100)), Left::Away(Timestamp::MAX), Left::HeldBack(Timestamp::MAX), Left::Ended]
    {
        let mut board = Board::default();
        arrives(&mut board, 1, "1", 4);
        assert_eq!(picked(&mut board, 0), [1]);
        board.left(1, left, 1, at(0));
        assert!(board.here.is_empty() && board.seqs.is_empty() && board.shares.is_empty(), "{left:?}");
        board.wake(&id("c1"));
        board.wake(&id("c1"));
        assert_eq!(board.called(9), [id("c1")], "{left:?}");
    }
}

#[test]
fn the_called_go_on_but_for_those_whose_turn_it_is_not() {
    let waiting = |turn| Placed { state: StateName::Waiting, ..placed(1, "1", turn) };
    for (called, goes_on) in [
        (placed(1, "1", Turn::Elsewhere), true),
        (placed(1, "1", Turn::Outside), true),
        (Placed { due: Some(at(90)), ..placed(1, "1", Turn::Holds) }, true),
        (placed(1, "1", Turn::Front), true),
        (placed(1, "1", Turn::Behind), false),
        (placed(1, "1", Turn::Later), false),
        (waiting(Turn::Later), true),
    ] {
        let mut board = Board::default();
        board.answer(called.clone(), at(0));
        assert_eq!(picked(&mut board, 0), if goes_on { vec![1] } else { vec![] }, "{called:?}");
    }
}

#[test]
fn who_goes_into_its_lane_waits_for_its_turn_in_the_journal() {
    let mut board = Board::default();
    board.take_up(placed(1, "1", Turn::Outside), at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.wake(&id("c1"));
    board.left(1, Left::IntoLane, 0, at(0));
    assert_eq!(picked(&mut board, 0), NOBODY);
    assert_eq!(board.called(9), [id("c1")], "what was said to it is not forgotten");
    assert_eq!(board.hungry().unwrap().0, whose("1"));
}

#[test]
fn what_was_let_in_too_early_is_kept_until_its_time() {
    let mut board = Board::default();
    board.take_up(placed(1, "1", Turn::Outside), at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Away(at(5)), 0, at(0));
    assert_eq!(picked(&mut board, 5), [1]);
}

#[test]
fn a_thousand_children_that_end_in_a_second_are_looked_at_once() {
    let mut board = Board::default();
    arrives(&mut board, 1, "1", 4);
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Outside, 0, at(0));
    for _ in 0..1_000 {
        board.nudge(&id("c1"), at(1));
    }
    assert_eq!((picked(&mut board, 0), board.called(9)), (vec![], vec![]));
    assert_eq!((picked(&mut board, 1), board.called(9)), (vec![], vec![id("c1")]));
    board.answer(placed(1, "1", Turn::Outside), at(1));
    assert_eq!(picked(&mut board, 1), [1]);
    board.nudge(&id("c1"), at(2));
    assert_eq!(board.pick(at(2)), None, "it still runs");
    board.left(1, Left::Outside, 0, at(2));
    assert_eq!(picked(&mut board, 2), [1], "and looks again, once");
    board.left(1, Left::Ended, 0, at(2));
    assert_eq!((picked(&mut board, 9), board.called(9)), (vec![], vec![]));
}

#[test]
fn many_are_woken_at_once_and_nobody_else_is() {
    let mut board = Board::default();
    for seq in 1..=4 {
        arrives(&mut board, seq, "1", 4);
    }
    assert_eq!(picked(&mut board, 0), [1, 2, 3, 4]);
    for seq in 1..=3 {
        board.left(seq, Left::HeldBack(at(99)), 0, at(0));
    }
    board.wake_all(&BTreeSet::from([1, 2, 4, 9]));
    assert_eq!(picked(&mut board, 0), [1, 2], "3 waits on, 4 runs");
    board.left(4, Left::HeldBack(at(99)), 0, at(0));
    assert_eq!(picked(&mut board, 0), [4], "woken while it ran");
}

#[test]
fn a_step_that_was_not_recorded_is_tried_again_and_still_counts_as_not_begun() {
    let mut board = Board::default();
    arrives(&mut board, 1, "1", 4);
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Failed(at(1)), 0, at(0));
    assert_eq!(board.shares[&whose("1")].fresh, 1);
    assert_eq!(picked(&mut board, 1), [1]);
    board.left(1, Left::Until(at(2)), 0, at(1));
    assert_eq!(board.shares[&whose("1")].fresh, 0);
}

#[test]
fn a_word_to_nobody_is_no_trouble() {
    let mut board = Board::default();
    board.wake_all(&BTreeSet::from([7]));
    board.left(7, Left::Ended, 1, at(0));
    assert_eq!(picked(&mut board, 0), NOBODY);
}
