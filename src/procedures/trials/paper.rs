//! A paper journal: a world that answers moves, so that a procedure can be run to its end without any I/O.

use std::time::Duration;

use jiff::Timestamp;

use crate::contract::{Asset, Body, Command, Kind, Outcome, Targets, Tasks};
use crate::meta::{Call, Reply};
use crate::procedures::script::{Run, Script};
use crate::procedures::{Fact, Move, Observation, Rules, Say, Tally};

pub(in crate::procedures) fn rules() -> Rules {
    Rules {
        settle: Duration::from_secs(300),
        deny_after_walks: 2,
        look_first: Duration::from_secs(1),
        writes_at_most: 3,
        cool_down: Duration::from_secs(120),
        protected: Vec::new(),
    }
}

pub(in crate::procedures) fn page(id: &str) -> Asset {
    Asset { kind: Kind::Page, id: id.parse().unwrap() }
}

pub(in crate::procedures) fn tasks(words: &[&str]) -> Tasks {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

/// A command whose body does not matter: the trial brings its own procedure.
pub(in crate::procedures) fn command() -> Command {
    Command {
        id: "trial".parse().unwrap(),
        business: Some("2001".parse().unwrap()),
        actor: None,
        reason: None,
        priority: 4,
        not_before: None,
        expires_at: None,
        dry_run: false,
        notice: None,
        body: Body::Unbind { targets: Targets::One(page("1009")), remove_people: true, unmanaged: false },
    }
}

/// The same, read only.
pub(super) fn dry_run() -> Command {
    Command { dry_run: true, ..command() }
}

/// What a run left on paper.
pub(super) struct Paper {
    pub(super) outcome: Outcome,
    pub(super) calls: Vec<Call>,
    pub(super) said: Vec<Say>,
    pub(super) spawned: usize,
    pub(super) journal_bytes: usize,
}

/// Runs `procedure` to its end. The world answers calls; `crash_after` forgets everything but the journal at every
/// step, as a restart does (each step starts from the journal alone, read back from its JSON).
pub(super) fn play(
    command: &Command,
    procedure: impl Fn(&mut Script<'_>) -> Run<Outcome>,
    mut world: impl FnMut(&Call) -> Reply,
    children: Tally,
) -> Paper {
    let rules = rules();
    let mut now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut journal = vec![Observation::Started { at: now }];
    let mut paper = Paper {
        outcome: Outcome::of(crate::contract::Phase::Failed, false),
        calls: Vec::new(),
        said: Vec::new(),
        spawned: 0,
        journal_bytes: 0,
    };
    for _ in 0..10_000 {
        let mut script = Script::new(command, &rules, &journal, now);
        let then = match script.started().and_then(|()| procedure(&mut script)) {
            Ok(outcome) => Move::Finish(Box::new(script.with_plan(outcome))),
            Err(needed) => *needed,
        };
        paper.said.extend(script.said());
        let seen = match then {
            Move::Finish(outcome) => {
                crate::contract::tests::schema::ends_as_documented(command, &outcome);
                paper.journal_bytes = serde_json::to_vec(&journal).unwrap().len();
                return Paper { outcome: *outcome, ..paper };
            }
            Move::Ask(call) => {
                let reply = world(&call);
                paper.calls.push(call.clone());
                Observation::Asked { call, began: now, reply }
            }
            Move::WaitUntil(until) => {
                now = now.max(until);
                Observation::Passed { until }
            }
            Move::Spawn(spawned) => {
                paper.spawned += spawned.len();
                Observation::Spawned { assets: 0 }
            }
            Move::AwaitChildren => Observation::Children { tally: children, concerned: Vec::new() },
            Move::Consult(query) => Observation::Consulted { query, fact: Fact::Removed(Vec::new()) },
            Move::Watch(_)
            | Move::WatchShare(_)
            | Move::WatchInvitation(_)
            | Move::AwaitEnd(_)
            | Move::Announce(_)
            | Move::Notice(_)
            | Move::Rehearsed(_) => {
                panic!("no trial waits for others")
            }
        };
        // A crash between any two steps: only what was written down goes on. Rows of a part are not.
        let mut written: Vec<Observation> = journal.iter().map(reread).collect();
        written.push(seen);
        journal = written;
        now += Duration::from_millis(10);
    }
    panic!("the procedure does not end");
}

fn reread(observation: &Observation) -> Observation {
    serde_json::from_value(serde_json::to_value(observation).unwrap()).unwrap()
}
