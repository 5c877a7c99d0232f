//! The governor against a Meta that is made up at random: what it may cost, how it comes back, how long answers take.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::tests::{at, business, object_usage, wish};
use super::*;

const HOUR_MILLIS: i64 = 3_600_000;

/// One bucket at Meta, in percent of its allowance.
#[derive(Debug, Clone)]
struct Meta {
    each: f64,
    back: Back,
    answer_millis: i64,
    used: f64,
    at: i64,
    lately: Vec<i64>,
}

/// How what was used comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Back {
    /// Evenly.
    Evenly,
    /// Each request an hour after it was made.
    AfterAnHour,
}

impl Meta {
    fn request(&mut self, now: i64) -> f64 {
        match self.back {
            Back::Evenly => {
                let passed = (now - self.at) as f64 / HOUR_MILLIS as f64;
                self.used = (self.used - 100.0 * passed).max(0.0) + self.each;
            }
            Back::AfterAnHour => {
                self.lately.retain(|made| *made > now - HOUR_MILLIS);
                self.lately.push(now);
                self.used = self.lately.len() as f64 * self.each;
            }
        }
        self.at = now;
        self.used
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Answer { command: usize, began: i64 },
    Asks { command: usize },
}

/// What a run came to.
#[derive(Debug, Default)]
struct Run {
    calls: u32,
    fullest: f64,
    last: i64,
}

/// `commands` that each want calls without end, for so many hours. `tells` makes the header of what is used.
fn run(meta: &mut Meta, commands: usize, hours: i64, mut tells: impl FnMut(f64) -> Option<f64>) -> Run {
    let mut budgets = Budgets::new(Pace::DEFAULT);
    let whose = business("2001");
    let mut happens: BinaryHeap<Reverse<(i64, Happens)>> =
        (0..commands).map(|command| Reverse((0, Happens::Asks { command }))).collect();
    let mut out: HashMap<usize, (Spending, f64)> = HashMap::new();
    let mut run = Run::default();
    let mut looks = 0_u32;
    while let Some(Reverse((now, happening))) = happens.pop().filter(|Reverse((now, _))| *now < hours * HOUR_MILLIS) {
        looks += 1;
        assert!(looks < 3_000_000, "nobody asks without end");
        let moment = at(0) + SignedDuration::from_millis(now);
        match happening {
            Happens::Asks { command } => {
                let wish = Wish { has_waited: now > 0, rank: Rank::BEGUN, ..wish(&whose) };
                match budgets.leave(&wish, moment) {
                    Ok(spending) => {
                        let used = meta.request(now);
                        run.fullest = run.fullest.max(used);
                        run.calls += 1;
                        run.last = now;
                        out.insert(command, (spending, used));
                        happens.push(Reverse((now + meta.answer_millis, Happens::Answer { command, began: now })));
                    }
                    Err(wait) => {
                        let until = wait.until.duration_since(at(0)).as_millis() as i64;
                        happens.push(Reverse((until.max(now + 1), Happens::Asks { command })));
                    }
                }
            }
            Happens::Answer { command, .. } => {
                let (spending, used) = out.remove(&command).expect("it has left");
                let usage: Vec<Usage> = tells(used).map(|percent| object_usage("2001", percent)).into_iter().collect();
                let answer = Answer { requests: 1, usage: &usage, is_throttled: false };
                budgets.answered(&wish(&whose), &spending, answer, moment);
                happens.push(Reverse((now, Happens::Asks { command })));
            }
        }
    }
    run
}

/// As Meta tells it: whole percents, and nothing of what rounds to nothing.
fn truly(used: f64) -> Option<f64> {
    (used >= 1.0).then(|| used.floor())
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let back = prop_oneof![Just(Back::Evenly), Just(Back::AfterAnHour)];
    (0.1_f64..4.0, back, 50_i64..2_000).prop_map(|(each, back, answer_millis)| Meta {
        each,
        back,
        answer_millis,
        used: 0.0,
        at: 0,
        lately: Vec::new(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_is_never_passed_while_headers_tell_the_truth(mut meta in any_meta(), commands in 1_usize..40) {
        let run = run(&mut meta, commands, 2, truly);
        prop_assert!(run.fullest <= 100.0, "{run:?} {meta:?}");
    }

    #[test]
    fn what_meta_gives_back_evenly_is_used(mut meta in any_meta(), commands in 1_usize..40) {
        meta.back = Back::Evenly;
        let run = run(&mut meta, commands, 4, truly);
        // One command makes a call at a time, and no more than that.
        let most = (4 * HOUR_MILLIS / meta.answer_millis) as f64 * commands as f64;
        let least = (400.0 / meta.each).min(most) * 0.95;
        prop_assert!(f64::from(run.calls) >= least, "{} of {least}: {run:?} {meta:?}", run.calls);
    }

    #[test]
    fn whatever_headers_say_calls_go_on(
        mut meta in any_meta(),
        commands in 1_usize..8,
        lies in prop::collection::vec(prop::option::of(0.0_f64..1e6), 1..9),
    ) {
        // Slow answers make a day short to run.
        meta.answer_millis *= 200;
        let mut lies = lies.into_iter().cycle();
        let run = run(&mut meta, commands, 24, |_| lies.next().flatten());
        prop_assert!(run.last >= 22 * HOUR_MILLIS, "the last call left at {} of {}: {run:?}", run.last, 24 * HOUR_MILLIS);
    }

    #[test]
    fn the_fuller_a_bucket_the_later_a_call_leaves(
        before in prop::collection::vec(0.0_f64..90.0, 0..12),
        less in 0.0_f64..130.0,
        more in 0.0_f64..130.0,
        seconds in 0_i64..5_000,
    ) {
        let (less, more) = (less.min(more), less.max(more));
        let leaves = |last: f64| {
            let (mut budgets, whose) = (Budgets::new(Pace::DEFAULT), business("2001"));
            for (n, percent) in before.iter().copied().chain([last]).enumerate() {
                let now = at(i64::try_from(n).unwrap_or(0) * 4_000);
                let Ok(spending) = budgets.leave(&Wish { has_waited: true, ..wish(&whose) }, now) else { continue };
                let usage = [object_usage("2001", percent)];
                budgets.answered(&wish(&whose), &spending, Answer { requests: 1, usage: &usage, is_throttled: false }, now);
            }
            let now = at(i64::try_from(before.len()).unwrap_or(0) * 4_000 + seconds);
            budgets.leave(&wish(&whose), now).map_or_else(|wait| wait.until, |_| now)
        };
        prop_assert!(leaves(less) <= leaves(more), "{} then {}", leaves(less), leaves(more));
    }
}
