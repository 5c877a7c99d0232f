//! Who may run, in orders of arrival that hurt.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(id: &str, business: &str, lane: &str, priority: u8) -> Entry {
    Entry {
        id: id.parse().unwrap(),
        business: Some(business.parse().unwrap()),
        lanes: vec![lane.into()],
        home: Vec::new(),
        priority,
    }
}

fn picked(board: &mut Board, now: i64) -> Vec<Seq> {
    std::iter::from_fn(|| board.pick(at(now)).map(|(seq, _)| seq)).collect()
}

#[test]
fn one_command_a_lane_in_order_of_arrival() {
    let mut board = Board::default();
    for seq in 1..=3 {
        board.arrive(seq, entry(&format!("c{seq}"), "1", "page/9", 4), None, at(0));
    }
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Ended, at(0));
    assert_eq!(picked(&mut board, 0), [2]);
    board.left(2, Left::Until(at(50)), at(0));
    assert_eq!(picked(&mut board, 10), [] as [Seq; 0], "2 waits and keeps the lane");
    assert_eq!(picked(&mut board, 50), [2]);
    board.left(2, Left::Outside, at(50));
    assert_eq!(picked(&mut board, 50), [3], "2 is pending and has left the lane");
}

#[test]
fn businesses_take_turns_and_priority_orders_one_business_only() {
    let mut board = Board::default();
    for seq in 1..=3 {
        board.arrive(seq, entry(&format!("a{seq}"), "1", &format!("page/{seq}"), 4), None, at(0));
    }
    board.arrive(4, entry("a4", "1", "page/4", 9), None, at(0));
    board.arrive(5, entry("b5", "2", "page/5", 0), None, at(0));
    assert_eq!(picked(&mut board, 0), [4, 5, 1, 2, 3]);
}

#[test]
fn a_command_that_is_not_due_holds_no_place_in_its_lane() {
    let mut board = Board::default();
    board.arrive(1, entry("later", "1", "page/9", 4), Some(at(100)), at(0));
    board.arrive(2, entry("now", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [2]);
    assert_eq!(picked(&mut board, 100), [] as [Seq; 0], "2 holds the lane");
    board.left(2, Left::Ended, at(100));
    assert_eq!(picked(&mut board, 100), [1]);
}

#[test]
fn who_had_begun_before_a_restart_holds_its_lane_from_the_start() {
    let mut board = Board::default();
    board.arrive(1, entry("never-begun", "1", "page/9", 9), None, at(0));
    board.arrive_in_lane(2, entry("waits-in-it", "1", "page/9", 4), Some(at(100)), at(0));
    board.arrive(3, entry("next", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 99), [] as [Seq; 0]);
    assert_eq!(picked(&mut board, 100), [2]);
    board.left(2, Left::Ended, at(100));
    assert_eq!(picked(&mut board, 100), [1]);
}

#[test]
fn two_of_a_lane_never_run_together_even_if_the_earlier_becomes_due_last() {
    let mut board = Board::default();
    board.arrive(1, entry("earlier", "1", "page/9", 4), Some(at(10)), at(0));
    board.arrive(2, entry("later", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 10).len(), 1);
}

#[test]
fn who_is_woken_while_running_runs_again() {
    let mut board = Board::default();
    board.arrive(1, entry("c1", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.wake(&"c1".parse().unwrap());
    board.left(1, Left::Outside, at(0));
    assert_eq!(picked(&mut board, 0), [1]);
}

#[test]
fn who_comes_back_from_outside_waits_for_no_lane() {
    let mut board = Board::default();
    board.arrive(1, entry("pending", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Outside, at(0));
    board.arrive(2, entry("displaces", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [2]);
    board.wake(&"pending".parse().unwrap());
    assert_eq!(picked(&mut board, 0), [1], "the holder of the lane waits for it");
}

fn together(id: &str, lanes: &[&str]) -> Entry {
    Entry { lanes: lanes.iter().copied().map(CompactString::from).collect(), ..entry(id, "1", "", 4) }
}

#[test]
fn several_lanes_are_taken_together_or_not_at_all() {
    let mut board = Board::default();
    board.arrive(1, entry("a", "1", "page/1", 4), None, at(0));
    board.arrive(2, together("both", &["page/1", "page/2"]), None, at(0));
    board.arrive(3, entry("b", "1", "page/2", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [1], "page/2 is free, and who came before is waited for");
    board.left(1, Left::Ended, at(0));
    assert_eq!(picked(&mut board, 0), [2]);
    board.left(2, Left::Until(at(9)), at(0));
    assert_eq!(picked(&mut board, 8), [] as [Seq; 0], "2 keeps both lanes while it waits");
    assert_eq!(picked(&mut board, 9), [2]);
    board.left(2, Left::Ended, at(9));
    assert_eq!(picked(&mut board, 9), [3]);
}

#[test]
fn two_that_want_the_same_lanes_the_other_way_round_do_not_wait_for_each_other() {
    let mut board = Board::default();
    board.arrive(1, together("x", &["page/1", "page/2"]), None, at(0));
    board.arrive(2, together("y", &["page/2", "page/3", "page/1"]), None, at(0));
    board.arrive(3, together("z", &["page/3", "page/4"]), None, at(0));
    for seq in 1..=3 {
        assert_eq!(picked(&mut board, 0), [seq]);
        board.left(seq, Left::Ended, at(0));
    }
    assert!(board.lanes.is_empty(), "nobody is left in a lane");
}

#[test]
fn an_earlier_arrival_that_becomes_due_last_lets_the_later_finish_in_all_its_lanes() {
    let mut board = Board::default();
    board.arrive(1, entry("earlier", "1", "page/2", 9), Some(at(10)), at(0));
    board.arrive(2, together("both", &["page/1", "page/2"]), None, at(0));
    assert_eq!(picked(&mut board, 10), [1], "it has the higher priority");
    board.left(1, Left::Ended, at(10));
    assert_eq!(picked(&mut board, 10), [2]);
}

#[test]
fn who_waits_away_from_its_lane_is_woken_without_it_and_comes_in_by_asking() {
    let mut board = Board::default();
    board.arrive(1, entry("announced", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Away(at(100)), at(0));
    board.arrive(2, entry("now", "1", "page/9", 4), None, at(0));
    assert_eq!(picked(&mut board, 0), [2], "the lane is free");
    board.wake(&"announced".parse().unwrap());
    assert_eq!(picked(&mut board, 0), [1], "a cancel waits for no lane");
    board.left(1, Left::Away(at(100)), at(0));
    assert_eq!(picked(&mut board, 100), [1]);
    board.left(1, Left::IntoLane, at(100));
    assert_eq!(picked(&mut board, 100), [] as [Seq; 0], "2 holds the lane");
    board.left(2, Left::Ended, at(100));
    assert_eq!(picked(&mut board, 100), [1]);
}

#[test]
fn a_thousand_children_that_end_in_a_second_are_looked_at_once() {
    let mut board = Board::default();
    board.arrive(1, Entry { lanes: Vec::new(), ..entry("parent", "1", "", 4) }, None, at(0));
    assert_eq!(picked(&mut board, 0), [1]);
    board.left(1, Left::Outside, at(0));
    for _ in 0..1_000 {
        board.nudge(&"parent".parse().unwrap(), at(1));
    }
    assert_eq!(picked(&mut board, 0), [] as [Seq; 0]);
    assert_eq!(picked(&mut board, 1), [1]);
    board.nudge(&"parent".parse().unwrap(), at(2));
    assert_eq!(board.pick(at(2)), None, "it still runs");
    board.left(1, Left::Outside, at(2));
    assert_eq!(picked(&mut board, 2), [1], "and looks again, once");
    board.left(1, Left::Ended, at(2));
    assert_eq!(picked(&mut board, 9), [] as [Seq; 0]);
}

#[test]
fn many_are_woken_at_once_in_their_lanes_and_nobody_else_is() {
    let mut board = Board::default();
    for seq in 1..=4 {
        board.arrive(seq, entry(&format!("c{seq}"), "1", &format!("page/{seq}"), 4), None, at(0));
    }
    assert_eq!(picked(&mut board, 0), [1, 2, 3, 4]);
    for seq in 1..=3 {
        board.left(seq, Left::Until(Timestamp::MAX), at(0));
    }
    board.wake_all(&BTreeSet::from([1, 2, 4, 9]));
    assert_eq!(picked(&mut board, 0), [1, 2], "3 waits on, 4 runs");
    board.left(4, Left::Until(Timestamp::MAX), at(0));
    assert_eq!(picked(&mut board, 0), [4], "woken while it ran");
}

#[test]
fn a_word_to_nobody_is_no_trouble() {
    let mut board = Board::default();
    board.wake(&"gone".parse().unwrap());
    board.left(7, Left::Ended, at(0));
    assert_eq!(picked(&mut board, 0), [] as [Seq; 0]);
}
