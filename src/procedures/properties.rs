//! Whatever Meta answers, in whatever order: no procedure removes a person before the successor is seen, repeats a
//! write of unknown effect without a look in between, leaves an asset group that holds what is not covered, writes
//! before its notice is over, or runs for ever.

mod whims;

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::trials::paper::{self, rules, tasks};
use super::verdict::{Absences, Verdict};
use super::{Move, Observation, StopCause, Tally, next};
use crate::contract::{Access, Asset, Body, Command, Kind, Person, PersonId, Phase, Plan, Role, Targets};
use crate::meta::{Answer, Call, Reply};

use whims::Whims;

const NEW: &str = "2002";
const LEAVER: &str = "71";
const SUCCESSOR: &str = "72";

fn page() -> Asset {
    paper::page("1009")
}

fn person(id: &str) -> Person {
    Person::Id(id.parse().unwrap())
}

fn bodies() -> impl Strategy<Value = Body> {
    let one = || Targets::One(page());
    prop_oneof![
        any::<bool>().prop_map(move |again| Body::Claim {
            targets: one(),
            access: if again { Access::Owner } else { Access::Agency },
            permitted_tasks: tasks(&["ADVERTISE"]),
            irreversible: false,
            again,
        }),
        (any::<bool>(), any::<bool>()).prop_map(move |(remove_people, unmanaged)| Body::Unbind {
            targets: one(),
            remove_people,
            unmanaged
        }),
        Just(Body::Reassign {
            targets: one(),
            from: person(LEAVER),
            to: person(SUCCESSOR),
            tasks: None,
            leaves: false
        }),
        Just(Body::Reassign {
            targets: Targets::All,
            from: person(LEAVER),
            to: person(SUCCESSOR),
            tasks: None,
            leaves: false
        }),
        Just(Body::Assign { targets: one(), user: person(LEAVER), tasks: tasks(&["ANALYZE"]), adding: false }),
        Just(Body::Unassign { targets: one(), user: person(LEAVER), tasks: None, leaves: false }),
        any::<bool>().prop_map(|assigned| Body::Invite {
            email: "eve@northwind.example".parse().unwrap(),
            role: Role::Employee,
            assets: assigned.then(page).into_iter().collect(),
            tasks: tasks(if assigned { &["ANALYZE"] } else { &[] }),
        }),
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(succeeded, remove_from_business, planned)| {
            Body::Offboard {
                user: person(LEAVER),
                successor: succeeded.then(|| person(SUCCESSOR)),
                remove_from_business,
                protected: Vec::new(),
                plan: planned.then(|| Plan::digest_of(&[])),
            }
        }),
        Just(moving()),
        Just(moving_unmanaged()),
        Just(Body::Share { targets: one(), partner: NEW.parse().unwrap(), permitted_tasks: tasks(&["ANALYZE"]) }),
        any::<bool>().prop_map(move |some| Body::Revoke {
            targets: one(),
            partner: NEW.parse().unwrap(),
            permitted_tasks: some.then(|| tasks(&["ANALYZE"])),
        }),
        any::<bool>().prop_map(|include_owned| Body::Disconnect { kinds: Kind::ALL.to_vec(), include_owned }),
    ]
}

fn moving() -> Body {
    Body::Transfer {
        targets: Targets::One(page()),
        to_business: NEW.parse().unwrap(),
        cool_down: None,
        unmanaged: false,
    }
}

/// The same, where nobody outside needs to be seen.
fn moving_unmanaged() -> Body {
    let (targets, to_business) = (Targets::One(page()), NEW.parse().unwrap());
    Body::Transfer { targets, to_business, cool_down: None, unmanaged: true }
}

/// What a child does that takes two Pages together.
fn bundled_bodies() -> impl Strategy<Value = Body> {
    let two = || Targets::List(vec![page(), paper::page("1010")]);
    prop_oneof![
        Just(Body::Reassign {
            targets: two(),
            from: person(LEAVER),
            to: person(SUCCESSOR),
            tasks: None,
            leaves: false
        }),
        Just(Body::Assign { targets: two(), user: person(LEAVER), tasks: tasks(&["ANALYZE"]), adding: false }),
        Just(Body::Unassign { targets: two(), user: person(LEAVER), tasks: None, leaves: false }),
    ]
}

fn command(body: Body) -> Command {
    Command { body, ..paper::command() }
}

fn bundle(body: Body) -> Command {
    Command { id: paper::command().id.child(1), ..command(body) }
}

/// Runs to the end with `stop_at` as the step before which the command is told to stop; all that was seen.
fn run(command: &Command, bytes: Vec<u8>, stop_at: usize) -> Vec<Observation> {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    run_on(command, bytes, stop_at, (at, vec![Observation::Started { at }]))
}

/// Goes on at a time from what has been seen.
fn run_on(
    command: &Command,
    bytes: Vec<u8>,
    stop_at: usize,
    (mut now, mut seen): (Timestamp, Vec<Observation>),
) -> Vec<Observation> {
    let mut whims = Whims::of(bytes);
    for step in 0..600 {
        if step == stop_at {
            seen.push(Observation::Stop { cause: StopCause::Cancelled });
        }
        let observation = match next(command, &rules(), &seen, now).then {
            Move::Finish(outcome) => {
                assert!(outcome.phase.is_terminal());
                crate::contract::tests::schema::ends_as_documented(command, &outcome);
                return seen;
            }
            Move::Ask(call) => {
                assert!(!(command.dry_run && call.is_write()), "a dry run writes: {call:?}");
                let reply = whims.reply(&call);
                Observation::Asked { call, began: now, reply }
            }
            Move::Consult(query) => {
                let fact = whims.fact(&query);
                Observation::Consulted { query, fact }
            }
            Move::Watch(_) | Move::WatchShare(_) | Move::WatchInvitation(_) => Observation::Settled {
                verdict: match whims.byte() % 3 {
                    0 => Verdict::Granted(tasks(&["ADVERTISE"])),
                    1 => Verdict::Gone,
                    _ => Verdict::Open(Absences::default()),
                },
                polls: 1,
            },
            Move::WaitUntil(until) => {
                now = now.max(until);
                Observation::Passed { until }
            }
            Move::Spawn(_) => Observation::Spawned { assets: 0 },
            Move::Announce(_) => Observation::Announced { at: now },
            Move::Rehearsed(plan) => Observation::Rehearsed { digest: plan.digest, at: now },
            Move::Notice(until) => {
                now = now.max(until);
                Observation::NoticeOver { at: now }
            }
            Move::AwaitChildren => {
                Observation::Children { tally: Tally { total: 1, good: 0, changed: true }, concerned: Vec::new() }
            }
            Move::AwaitEnd(target) => {
                let phase = if whims.one_in(2) { Phase::Cancelled } else { Phase::Confirmed };
                let superseded_by = (phase == Phase::Cancelled).then(|| command.id.clone());
                Observation::Ended { target, phase, superseded_by }
            }
        };
        now += Duration::from_millis(200);
        seen.push(observation);
    }
    panic!("{} does not end", command.body.name());
}

/// As [`run`], where the command waited for an operator right before its `n`th write.
fn run_held(command: &Command, bytes: Vec<u8>, n: usize) -> Vec<Observation> {
    let seen = run(command, bytes.clone(), usize::MAX);
    let is_write = |seen: &Observation| matches!(seen, Observation::Asked { call, .. } if call.is_write());
    let Some(at) = seen.iter().enumerate().filter(|(_, seen)| is_write(seen)).nth(n).map(|(at, _)| at) else {
        return seen;
    };
    let mut held = seen[..at].to_vec();
    let later = Timestamp::from_second(1_850_000_000).unwrap();
    held.push(Observation::ReadAnew { at: later });
    run_on(command, bytes, usize::MAX, (later, held))
}

/// The first write that goes out twice with no read in between.
fn repeated_blindly(seen: &[Observation]) -> Option<&Call> {
    let mut last: Option<&Call> = None;
    for observation in seen {
        if let Observation::Asked { call, .. } = observation {
            if call.is_write() && last == Some(call) {
                return Some(call);
            }
            last = Some(call);
        }
    }
    None
}

/// The Pages and people of a bundle, as the reads so far showed them.
#[derive(Default)]
struct Sights {
    leaver_on: std::collections::BTreeMap<String, bool>,
    successor_on: std::collections::BTreeSet<String>,
    foreign: bool,
}

impl Sights {
    fn take_in(&mut self, call: &Call, reply: &Reply) {
        let Reply::Answer(answer) = reply else { return };
        match (call, answer) {
            (Call::PeopleOn { asset: Asset { id: page, .. }, .. }, Answer::People(people)) => {
                let on = |id: &str| people.iter().any(|on| on.id.as_str() == id && !on.tasks.is_empty());
                self.leaver_on.insert(page.to_string(), on(LEAVER));
                if on(SUCCESSOR) {
                    self.successor_on.insert(page.to_string());
                }
            }
            (Call::InGroup { .. }, Answer::Assets(pages)) => {
                self.foreign |= pages.iter().any(|held| ["1099", "7700"].contains(&held.id.as_str()));
            }
            _ => {}
        }
    }

    fn everybody_has_a_successor(&self) -> bool {
        self.leaver_on.iter().all(|(page, on)| !on || self.successor_on.contains(page))
    }
}

/// The first write of a bundle that comes too early: a group left that holds what is not covered, or, where a
/// successor is named, before they were seen on every Page; and anybody taken off before that.
fn taken_too_early<'s>(seen: &'s [Observation], body: &Body) -> Option<&'s Call> {
    let with_successor = matches!(body, Body::Reassign { .. });
    let mut sights = Sights::default();
    for observation in seen {
        let Observation::Asked { call, reply, .. } = observation else { continue };
        let takes = matches!(call, Call::LeaveGroup { .. } | Call::Unassign { .. });
        if matches!(call, Call::LeaveGroup { .. }) && sights.foreign {
            return Some(call);
        }
        if takes && with_successor && !sights.everybody_has_a_successor() {
            return Some(call);
        }
        sights.take_in(call, reply);
    }
    None
}

/// Whether the leaver was taken off before reads showed the successor on the asset and, where the last of them showed
/// that the leaver managed it, somebody else who manages it.
fn removed_too_early(seen: &[Observation]) -> bool {
    let leaver: PersonId = LEAVER.parse().unwrap();
    let (mut leaver_managed, mut successor_on, mut managed) = (false, false, false);
    for observation in seen {
        let Observation::Asked { call, reply, .. } = observation else { continue };
        if let Call::Unassign { person, .. } = call
            && *person == leaver
        {
            return !successor_on || (leaver_managed && !managed);
        }
        if let Reply::Answer(Answer::People(people)) = reply {
            let outside = matches!(call, Call::RolesOn { .. });
            let manages = people.iter().any(|on| on.id != leaver && on.tasks.manage());
            managed = manages || (outside && managed);
            if !outside {
                leaver_managed = people.iter().any(|on| on.id == leaver && on.tasks.manage());
            }
            successor_on |= people.iter().any(|on| on.id.as_str() == SUCCESSOR && !on.tasks.is_empty());
        }
    }
    false
}

/// What is wrong with a transfer, if anything is.
fn transfer_fault(command: &Command, seen: &[Observation]) -> Option<String> {
    let (mut let_go, mut gone) = (false, false);
    for observation in seen {
        let Observation::Asked { call, reply, .. } = observation else { continue };
        match (call, reply) {
            (Call::Remove { business, .. }, _) if business.as_str() == NEW => {
                return Some("the new business's claim was withdrawn".to_owned());
            }
            (Call::Remove { .. }, _) => let_go = true,
            (Call::Find { business, .. }, Reply::Answer(Answer::Listed(None))) if business.as_str() != NEW => {
                gone = let_go;
            }
            (Call::Claim { .. }, _) if !gone => {
                return Some("claimed before the old business was seen to have let go".to_owned());
            }
            _ => {}
        }
    }
    let Move::Finish(outcome) = next(command, &rules(), seen, Timestamp::from_second(1_990_000_000).unwrap()).then
    else {
        return Some("it has not ended".to_owned());
    };
    let claimed = seen.iter().any(|seen| matches!(seen, Observation::Asked { call: Call::Claim { .. }, .. }));
    let says_where = outcome.error.as_ref().is_some_and(|error| error.message.contains("has left business"));
    let well = outcome.phase == Phase::Confirmed;
    (claimed && !well && !says_where).then(|| format!("it does not say where the Page is: {outcome:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_answers_lead_a_procedure_astray(
        body in bodies(),
        dry_run in prop::bool::weighted(0.2),
        bytes in prop::collection::vec(any::<u8>(), 1..120),
        stop_at in 0usize..40,
    ) {
        let command = Command { dry_run, ..command(body) };
        let seen = run(&command, bytes, stop_at);
        prop_assert_eq!(repeated_blindly(&seen), None);
        if matches!(command.body, Body::Reassign { .. }) {
            prop_assert!(!removed_too_early(&seen), "the leaver went before the successor was seen");
        }
    }

    #[test]
    fn no_answers_part_what_an_asset_group_binds(
        body in bundled_bodies(),
        bytes in prop::collection::vec(any::<u8>(), 1..160),
        stop_at in 0usize..60,
    ) {
        let command = bundle(body);
        let seen = run(&command, bytes, stop_at);
        prop_assert_eq!(repeated_blindly(&seen), None);
        prop_assert_eq!(taken_too_early(&seen, &command.body), None);
    }

    #[test]
    fn nothing_is_written_before_the_notice_is_over_and_nothing_seen_before_counts_after_it(
        body in bodies(),
        bytes in prop::collection::vec(any::<u8>(), 1..120),
        stop_at in 0usize..60,
    ) {
        let command = Command { notice: Some(Duration::from_secs(3_600)), ..command(body) };
        let seen = run(&command, bytes, stop_at);
        let over = seen.iter().position(|seen| matches!(seen, Observation::NoticeOver { .. }));
        let quiet = &seen[..over.unwrap_or(seen.len())];
        let writes = |seen: &Observation| matches!(seen, Observation::Asked { call, .. } if call.is_write());
        prop_assert!(!quiet.iter().any(writes), "a write in the notice: {quiet:?}");
        let Some(over) = over else { return Ok(()) };
        prop_assert!(quiet.iter().any(|seen| matches!(seen, Observation::Announced { .. })), "nothing was announced");
        let (unannounced, late) = (Command { notice: None, ..command.clone() }, Timestamp::from_second(1_900_000_000).unwrap());
        for until in over + 1..=seen.len() {
            let with_notice = next(&command, &rules(), &seen[..until], late).then;
            let without = next(&unannounced, &rules(), &seen[over..until], late).then;
            let numbered = matches!(with_notice, Move::Spawn(_));
            prop_assert!(numbered || with_notice == without, "{with_notice:?} is not {without:?}");
        }
    }

    /// A crash forgets nothing that matters: from any prefix of what was seen the next move is the same.
    #[test]
    fn a_restart_goes_on_as_if_nothing_had_happened(
        (body, bundled) in (bodies(), prop::option::weighted(0.3, bundled_bodies())),
        notice in prop::option::weighted(0.3, Just(Duration::from_secs(60))),
        bytes in prop::collection::vec(any::<u8>(), 1..120),
    ) {
        let command = bundled.map_or_else(|| Command { notice, ..command(body) }, bundle);
        let seen = run(&command, bytes, usize::MAX);
        let late = Timestamp::from_second(1_900_000_000).unwrap();
        for until in 1..seen.len() {
            let reread: Vec<Observation> =
                serde_json::from_str(&serde_json::to_string(&seen[..until]).unwrap()).unwrap();
            let then = next(&command, &rules(), &reread, late).then;
            prop_assert!(answers(&then, &seen[until]), "after {until}: {then:?} but then came {:?}", seen[until]);
        }
    }

    /// Whatever Meta answers, and whenever it is told to stop: a claim is made only for what is seen to be free, is never
    /// withdrawn, and an end other than well says where the Page is.
    #[test]
    fn a_transfer_never_claims_too_early_and_never_leaves_a_page_without_saying_where_it_is(
        body in prop_oneof![Just(moving()), Just(moving_unmanaged())], bytes in prop::collection::vec(any::<u8>(), 1..60), stop_at in 0_usize..40
    ) {
        let command = command(body);
        let seen = run(&command, bytes, stop_at);
        prop_assert_eq!(transfer_fault(&command, &seen), None);
    }

    /// A wait for an operator before any write takes the command back to what it did last, and it ends all the same.
    #[test]
    fn a_command_that_was_held_before_any_of_its_writes_reads_anew_and_ends(
        body in bodies(), bytes in prop::collection::vec(any::<u8>(), 1..60), n in 0_usize..4
    ) {
        let command = command(body);
        let seen = run_held(&command, bytes, n);
        prop_assert_eq!(repeated_blindly(&seen), None);
        let held = seen.iter().position(|seen| matches!(seen, Observation::ReadAnew { .. }));
        if let Some(after) = held.and_then(|held| seen.get(held + 1)) {
            let write = matches!(after, Observation::Asked { call, .. } if call.is_write());
            prop_assert!(!write, "a write right after the wait: {after:?}");
        }
    }
}

/// Whether `seen` is what `then` brings.
fn answers(then: &Move, seen: &Observation) -> bool {
    match (then, seen) {
        (Move::Ask(asked), Observation::Asked { call, .. }) => asked == call,
        (Move::Consult(asked), Observation::Consulted { query, .. }) => asked == query,
        (Move::WaitUntil(wait), Observation::Passed { until }) => wait == until,
        (Move::AwaitEnd(awaited), Observation::Ended { target, .. }) => awaited == target,
        (Move::Watch(_) | Move::WatchShare(_) | Move::WatchInvitation(_), Observation::Settled { .. })
        | (Move::Spawn(_), Observation::Spawned { .. })
        | (Move::Announce(_), Observation::Announced { .. })
        | (Move::Rehearsed(_), Observation::Rehearsed { .. })
        | (Move::Notice(_), Observation::NoticeOver { .. })
        | (Move::AwaitChildren, Observation::Children { .. }) => true,
        _ => false,
    }
}
