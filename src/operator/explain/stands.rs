//! Why a command stands where it stands, and what happens next.

use super::{Situation, Step, ending, pending, time, waits};
use crate::contract::CommandId;
use crate::journal::{CommandRow, State};

/// Children that are named one by one.
const CHILDREN_SHOWN: usize = 5;

/// The two last sections.
pub(super) struct Stands {
    pub(super) why: Vec<String>,
    pub(super) next: Vec<Step>,
}

impl Stands {
    pub(super) fn new(why: impl Into<String>, next: Step) -> Self {
        Self { why: vec![why.into()], next: vec![next] }
    }
}

pub(super) fn stands(situation: &Situation) -> Stands {
    let row = situation.row();
    let mut stands = match &row.state {
        State::Ready => ready(situation),
        State::Running => running(situation),
        State::Waiting { cause, since, until } => waits::waits(situation, cause, *since, *until),
        State::Pending => pending::pending(situation),
        State::AwaitingChildren => children(situation),
        State::Awaiting { target } => awaiting(situation, target),
        State::Ended(ended) => return ending::ended(situation, ended),
    };
    if let Some(by) = &row.cancelled_by {
        stands.why.push(format!("{by} has told it to stop"));
        let stop =
            "it stops at its next safe point: a call that is out is awaited, what is pending at Meta is withdrawn";
        stands.next = vec![Step::some_time(stop)];
    } else if let Some(at) = row.expires_at {
        let deadline = "its deadline: without a write begun it expires; else only what brings an asset to its safe point is still done";
        stands.next.push(Step::at(at, deadline));
    }
    if situation.worker.is_none() {
        stands.why.push("no worker has the journal".to_owned());
        stands.next.insert(
            0,
            Step::some_time("start a worker: nothing moves without one, and the times below are the earliest"),
        );
    }
    stands
}

fn ready(situation: &Situation) -> Stands {
    let (row, now) = (situation.row(), situation.now);
    if let Some(at) = row.not_before.filter(|at| *at > now) {
        return Stands::new(
            "it is not to start yet, and holds no place in its lane until then",
            Step::at(at, "it enters its lane"),
        );
    }
    if let Some(due) = row.due.filter(|due| *due > now) {
        return again(situation, row, due);
    }
    match &situation.ahead {
        Some(ahead) => {
            let (first, lane) = (&ahead.first, row.lane.as_deref().unwrap_or_default());
            let others = if ahead.count > 1 { format!(" and {} more go", ahead.count - 1) } else { " goes".to_owned() };
            let why = format!(
                "one command at a time works on {lane}: {} ({}){others} before it",
                first.id,
                first.state.name().word()
            );
            Stands::new(
                why,
                Step::some_time(format!("it runs when those have left {lane}: see `bindery explain {}`", first.id)),
            )
        }
        None => Stands::new("nothing holds it back", Step::at(now, "it runs when the turn of its business comes")),
    }
}

/// It has begun, and waits for a time.
fn again(situation: &Situation, row: &CommandRow, due: jiff::Timestamp) -> Stands {
    match &row.why {
        Some(why) => {
            let given_up = super::length(situation.retry.give_up_after);
            let mut stands = Stands::new(
                format!("its last call found no usable answer ({} so far): {why}", row.attempts),
                Step::at(due, "the same call is made again"),
            );
            stands
                .next
                .push(Step::some_time(format!("after {given_up} of such tries it ends as failed, category exhausted")));
            stands
        }
        None => Stands::new(
            "it waits in its lane for time to pass: a list at Meta that may lag behind a write, or a cool-down",
            Step::at(due, "it goes on, with a look at Meta"),
        ),
    }
}

fn running(situation: &Situation) -> Stands {
    if situation.worker.is_some() {
        return Stands::new(
            "a step of it is under way",
            Step::some_time("its next call is made as soon as the last is answered, or it says here what it waits for"),
        );
    }
    let next = if situation.loaded.intent.is_some() {
        "the next start looks at Meta for what its write brought about, before it repeats anything"
    } else {
        "the next start goes on from what has been seen"
    };
    Stands::new("a step of it was under way when the worker ended", Step::some_time(next))
}

fn children(situation: &Situation) -> Stands {
    let counted = situation.row().children;
    let ended = counted.total - counted.open;
    let mut why = vec![format!("{ended} of {} children have ended, {} of them well", counted.total, counted.well)];
    let (open, unwell): (Vec<_>, Vec<_>) =
        situation.children.iter().partition(|child| !matches!(child.state, State::Ended(_)));
    why.extend(unwell.iter().take(CHILDREN_SHOWN).map(|child| format!("{}: {}", child.id, state(child))));
    why.extend(
        (unwell.len() > CHILDREN_SHOWN)
            .then(|| format!("and {} more that did not end well", unwell.len() - CHILDREN_SHOWN)),
    );
    let mut next: Vec<Step> = open.iter().take(CHILDREN_SHOWN).map(|child| child_next(child)).collect();
    if open.len() > CHILDREN_SHOWN {
        next.push(Step::some_time(format!("and {} more after them", open.len() - CHILDREN_SHOWN)));
    }
    let is_unreleased =
        |child: &&CommandRow| matches!(&child.state, State::Waiting { cause, .. } if cause == "release");
    let unreleased = open.iter().copied().filter(is_unreleased).count();
    if unreleased > 0 {
        let id = &situation.row().id;
        next.push(Step::some_time(format!(
            "{unreleased} of them wait until a person says `bindery release {id} --reason …`"
        )));
    }
    next.push(Step::some_time("it ends when the last has ended, and tells the results of all"));
    Stands { why, next }
}

fn child_next(child: &CommandRow) -> Step {
    Step { at: child.due, what: format!("{} {}", child.id, state(child)) }
}

fn state(row: &CommandRow) -> String {
    match &row.state {
        State::Waiting { cause, until: Some(until), .. } => format!("waits for {cause} until {}", time(*until)),
        State::Waiting { cause, until: None, .. } => format!("waits for {cause}"),
        State::Awaiting { target } => format!("awaits {target}"),
        State::Ended(ended) => ended.phase.word().to_owned(),
        State::Ready => "is ready".to_owned(),
        State::Running => "is running".to_owned(),
        State::Pending => "is pending at Meta".to_owned(),
        State::AwaitingChildren => "awaits its children".to_owned(),
    }
}

fn awaiting(situation: &Situation, target: &CommandId) -> Stands {
    let stands = situation.target.as_ref().map_or_else(|| "is not in the journal".to_owned(), state);
    Stands::new(
        format!("{target} must end first: it withdraws its request at Meta for this one. {target} {stands}"),
        Step::some_time(format!("it goes on when {target} has ended: see `bindery explain {target}`")),
    )
}
