//! The spam guard, played through by the hour.

use proptest::prelude::*;

use super::*;

const CAPS: Caps = Caps { open: 3, an_hour: 2 };
const HOUR: i64 = 3_600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn business() -> BusinessId {
    "2001".parse().unwrap()
}

fn id(n: usize) -> CommandId {
    format!("c-{n}").parse().unwrap()
}

fn turn(claims: &mut Claims, n: usize, second: i64) -> ClaimTurn {
    claims.turn(&business(), &id(n), CAPS, at(second))
}

#[test]
fn the_claim_that_would_be_one_too_many_in_an_hour_gets_the_time_at_which_it_is_not() {
    let mut claims = Claims::default();
    assert_eq!(turn(&mut claims, 1, 0), ClaimTurn::Now);
    assert_eq!(turn(&mut claims, 2, 600), ClaimTurn::Now);
    assert_eq!(turn(&mut claims, 3, 601), ClaimTurn::At(at(HOUR)));
    assert_eq!(turn(&mut claims, 3, 700), ClaimTurn::At(at(HOUR)), "asked again it has the same turn");
    assert_eq!(turn(&mut claims, 3, HOUR), ClaimTurn::Now);
}

#[test]
fn each_of_those_who_wait_has_a_turn_of_its_own_and_nobody_who_comes_later_takes_it() {
    let (mut claims, caps) = (Claims::default(), Caps { open: 100, an_hour: 2 });
    let mut ask = |n, second| claims.turn(&business(), &id(n), caps, at(second));
    assert_eq!([ask(1, 0), ask(2, 600)], [ClaimTurn::Now; 2]);
    let turns = [ask(3, 700), ask(4, 700), ask(5, 700)];
    assert_eq!(turns, [HOUR, HOUR + 600, 2 * HOUR].map(|second| ClaimTurn::At(at(second))));
    assert_eq!(ask(6, HOUR + 1), ClaimTurn::At(at(2 * HOUR + 600)), "the room of that moment is another's");
    assert_eq!(ask(3, HOUR + 2), ClaimTurn::Now);
}

#[test]
fn who_meets_too_many_open_claims_is_called_when_one_has_ended_in_the_order_of_coming() {
    let (mut claims, caps) = (Claims::default(), Caps { open: 2, an_hour: 100 });
    let ask = |claims: &mut Claims, n, second| claims.turn(&business(), &id(n), caps, at(second));
    assert_eq!([ask(&mut claims, 1, 0), ask(&mut claims, 2, 0)], [ClaimTurn::Now; 2]);
    assert_eq!([ask(&mut claims, 3, 1), ask(&mut claims, 4, 1)], [ClaimTurn::WhenCalled; 2]);
    assert_eq!(claims.ended(&id(1), caps), [id(3)]);
    assert_eq!(ask(&mut claims, 5, 2), ClaimTurn::WhenCalled, "who comes between goes behind");
    assert_eq!(ask(&mut claims, 4, 2), ClaimTurn::WhenCalled, "and so does who was not called");
    assert_eq!(ask(&mut claims, 3, 2), ClaimTurn::Now);
    assert_eq!(claims.ended(&id(4), caps), [], "who ends while it waits leaves no hole");
    assert_eq!(claims.ended(&id(2), caps), [id(5)]);
}

#[test]
fn a_claim_that_had_no_effect_counts_neither_as_open_nor_as_new() {
    let (mut claims, caps) = (Claims::default(), Caps { open: 1, an_hour: 1 });
    assert_eq!(claims.turn(&business(), &id(1), caps, at(0)), ClaimTurn::Now);
    assert_eq!(claims.turn(&business(), &id(2), caps, at(1)), ClaimTurn::WhenCalled);
    assert_eq!(claims.give_back(&id(1), caps), [id(2)]);
    assert_eq!(claims.turn(&business(), &id(2), caps, at(2)), ClaimTurn::Now);
}

#[test]
fn one_that_took_an_open_request_over_is_open_and_not_new() {
    let (mut claims, caps) = (Claims::default(), Caps { open: 1, an_hour: 1 });
    claims.follows(&business(), &id(1), at(0));
    assert_eq!(claims.turn(&business(), &id(2), caps, at(1)), ClaimTurn::WhenCalled);
    assert_eq!(claims.ended(&id(1), caps), [id(2)]);
    assert_eq!(claims.turn(&business(), &id(2), caps, at(2)), ClaimTurn::Now);
}

#[test]
fn what_an_earlier_run_sent_counts() {
    let mut claims = Claims::default();
    claims.remember(&business(), &id(2), at(60));
    claims.remember(&business(), &id(1), at(30));
    assert_eq!(turn(&mut claims, 3, 90), ClaimTurn::At(at(30 + HOUR)));
    let other: BusinessId = "2002".parse().unwrap();
    assert_eq!(claims.turn(&other, &id(4), CAPS, at(90)), ClaimTurn::Now, "another business has its own");
}

#[test]
fn a_claim_that_may_not_wait_counts_all_the_same() {
    let mut claims = Claims::default();
    for n in 1..=3 {
        claims.leaves(&business(), &id(n), at(0));
    }
    assert_eq!(turn(&mut claims, 4, 1), ClaimTurn::WhenCalled);
    claims.ended(&id(1), CAPS);
    assert_eq!(turn(&mut claims, 4, 1), ClaimTurn::At(at(HOUR)), "three have left in this hour");
}

#[test]
fn a_business_without_claims_takes_no_memory() {
    let mut claims = Claims::default();
    assert_eq!(turn(&mut claims, 1, 0), ClaimTurn::Now);
    claims.give_back(&id(1), CAPS);
    claims.ended(&id(1), CAPS);
    assert!(claims.businesses.is_empty() && claims.of.is_empty());
}

/// Commands ask when they come and when it is their turn; claims end after a while, or have no effect.
#[derive(Debug, Clone)]
struct Comer {
    comes: i64,
    open_for: i64,
    has_effect: bool,
}

fn comers() -> impl Strategy<Value = Vec<Comer>> {
    let comer = (0..2 * HOUR, 1..3 * HOUR, prop::bool::weighted(0.9));
    let comer = comer.prop_map(|(comes, open_for, has_effect)| Comer { comes, open_for, has_effect });
    prop::collection::vec(comer, 1..24)
}

/// What comes next in the play: at a second, a command asks (`false`) or ends (`true`).
fn play(comers: &[Comer], caps: Caps) -> (Vec<i64>, usize, usize) {
    let (mut claims, mut sent, mut most_open, mut gone) = (Claims::default(), Vec::new(), 0, 0);
    let mut due: std::collections::BTreeSet<(i64, bool, usize)> =
        comers.iter().enumerate().map(|(n, comer)| (comer.comes, false, n)).collect();
    let mut steps = 0;
    while let Some((second, ends, n)) = due.pop_first() {
        steps += 1;
        assert!(steps < 100_000, "somebody asks for ever");
        let called = if ends {
            gone += 1;
            claims.ended(&id(n), caps)
        } else {
            match claims.turn(&business(), &id(n), caps, at(second)) {
                ClaimTurn::At(turn) => {
                    assert!(turn > at(second), "a turn that is over is none");
                    due.insert((turn.as_second(), false, n));
                    Vec::new()
                }
                ClaimTurn::WhenCalled => Vec::new(),
                ClaimTurn::Now if comers[n].has_effect => {
                    sent.push(second);
                    due.insert((second + comers[n].open_for, true, n));
                    Vec::new()
                }
                ClaimTurn::Now => {
                    due.insert((second, true, n));
                    claims.give_back(&id(n), caps)
                }
            }
        };
        most_open = most_open.max(claims.businesses.get(&business()).map_or(0, |ours| ours.open.len()));
        for other in called {
            let n = other.as_str()[2..].parse().unwrap();
            due.retain(|(_, ends, known)| *ends || *known != n);
            due.insert((second, false, n));
        }
    }
    (sent, most_open, gone)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_hour_sees_more_claims_than_it_may_no_moment_more_open_ones_and_everybody_has_a_turn(
        comers in comers(), open in 1_usize..5, an_hour in 1_usize..5,
    ) {
        let (sent, most_open, gone) = play(&comers, Caps { open, an_hour });
        for (n, first) in sent.iter().enumerate() {
            let within = sent[n..].iter().take_while(|second| **second < first + HOUR).count();
            prop_assert!(within <= an_hour, "{within} claims in the hour from {first}: {sent:?}");
        }
        prop_assert!(most_open <= open, "{most_open} were open");
        prop_assert_eq!(gone, comers.len());
    }
}
