//! The summary: what was told, against the simulator's own log of calls and its world.

use std::collections::BTreeMap;

use super::stage::{Stage, terminals};
use crate::cli::answer;
use crate::contract::{Asset, Event, Kind, Phase};
use crate::graph_sim::{Call, Tasks, Verb, World};

/// One sentence that must be true, and what was found.
pub(super) struct Check {
    holds: bool,
    sentence: String,
}

/// Prints them; true where all hold.
pub(super) fn print(checks: &[Check]) -> bool {
    let mut all = answer("\nWhat the simulator's own log and world say").is_ok();
    for check in checks {
        all &= check.holds;
        let printed = answer(&format!("  {} {}", if check.holds { '✓' } else { '✗' }, check.sentence));
        all &= printed.is_ok();
    }
    all
}

/// Everything that was told.
pub(super) fn all(stage: &Stage) -> Vec<Check> {
    let (calls, world) = (stage.sim.calls(), stage.sim.world());
    let mut checks = vec![every_command_ended_once(stage), no_write_twice(&calls)];
    checks.extend(CLAIMS.map(|(business, page)| posted_once(&calls, business, page)));
    checks.extend(world_as_told(&world));
    checks.extend(leaver_as_told(stage, &world));
    checks.push(quiet(&calls, stage));
    checks
}

/// Every claim of the story.
const CLAIMS: [(&str, &str); 5] =
    [("2001", "1009"), ("2001", "1010"), ("2001", "1015"), ("2001", "1017"), ("2002", "1018")];

#[expect(clippy::fn_params_excessive_bools, reason = "a check is a yes or no with its sentence")]
fn check(holds: bool, sentence: impl Into<String>) -> Check {
    Check { holds, sentence: sentence.into() }
}

fn every_command_ended_once(stage: &Stage) -> Check {
    let ended = stage.sent.iter().filter(|id| terminals(&stage.events, id).len() == 1).count();
    check(
        ended == stage.sent.len(),
        format!("{ended} of {} commands ended, each in exactly one event", stage.sent.len()),
    )
}

fn no_write_twice(calls: &[Call]) -> Check {
    let mut writes = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_write() && call.effect.is_some()) {
        *writes.entry((call.path.clone(), format!("{:?} {:?}", call.method, call.params))).or_insert(0) += 1;
    }
    let twice = writes.values().filter(|count| **count > 1).count();
    let reads = calls.iter().filter(|call| !call.is_write()).count();
    check(
        twice == 0,
        format!("{} writes changed Meta's world, none was made twice (beside {reads} reads)", writes.len()),
    )
}

fn posted_once(calls: &[Call], business: &str, page: &str) -> Check {
    let is_claim = |call: &&Call| {
        call.method == Verb::Post
            && ["client_pages", "owned_pages"].iter().any(|edge| call.path == format!("/{business}/{edge}"))
            && call.param("page_id") == Some(page)
            && call.code.is_none()
    };
    let times = calls.iter().filter(is_claim).count();
    check(times == 1, format!("the claim of Page {page} for {business} was posted {}", in_words(times)))
}

fn in_words(times: usize) -> String {
    if times == 1 { "once".into() } else { format!("{times} times") }
}

fn world_as_told(world: &World) -> Vec<Check> {
    let clients = [("2001", "1009"), ("2001", "1017"), ("2002", "1018")];
    let shared = clients.iter().all(|(business, page)| world.is_client(page, business));
    let denied = !world.holds("1010", "2001") && !world.is_pending("1010", "2001");
    let unbound = !world.is_owned("1008", "2001") && world.staff_of("1008", "2001").is_empty();
    vec![
        check(shared, "Pages 1009, 1017 and 1018 are shared with those who claimed them"),
        check(denied, "Page 1010 is not, and no request for it is open"),
        check(world.is_owned("1015", "2001"), "Page 1015 is the agency's own"),
        check(unbound, "Page 1008 has left the agency, and the agency's people the Page"),
        check(!world.managers_of("1008").is_empty(), "Page 1008 still has someone who manages it"),
    ]
}

fn leaver_as_told(stage: &Stage, world: &World) -> Vec<Check> {
    let of_leaver = |event: &&Event| event.data.command == "offboard" && event.is_terminal();
    let Some(ended) = stage.events.iter().rev().find(of_leaver) else {
        return vec![check(false, "the leaver's assets were told of")];
    };
    let mut checks = Vec::new();
    for result in &ended.data.told.results {
        let asset = &result.asset;
        let [anna, ben] = ["3001", "3002"].map(|user| tasks_of(world, asset, user));
        let done = result.phase == Phase::Completed;
        let holds = if done { anna.is_empty() && !ben.is_empty() } else { !anna.is_empty() };
        let told = if done { "has Ben and no longer Anna" } else { "still has Anna, as told" };
        checks.push(check(holds, format!("{asset} {told}")));
    }
    let ends = ended.data.phase == Phase::Completed && ended.data.told.results.len() == ANNAS;
    checks.push(check(ends, format!("Anna's {} assets were told of one by one", ended.data.told.results.len())));
    let gone = !world.businesses["2001"].users.contains_key("3001");
    checks.push(check(gone, "Anna has left the business, and Cleo is still its admin"));
    checks.push(check(stage.proved, "the report of it holds against the hash in its event"));
    checks
}

/// What Anna has in the demo's world.
const ANNAS: usize = 8;

fn tasks_of(world: &World, asset: &Asset, user: &str) -> Tasks {
    match asset.kind {
        Kind::Page => world.tasks_of(asset.id.as_str(), "2001", user),
        Kind::AdAccount => world.tasks_on(&format!("act_{}", asset.id), "2001", user),
        Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => {
            world.tasks_on(asset.id.as_str(), "2001", user)
        }
    }
}

/// The duplicate and the malformed message came after all else: neither may have made a call.
fn quiet(calls: &[Call], stage: &Stage) -> Check {
    let made = stage.quiet_from.map_or(calls.len(), |n| calls.iter().filter(|call| call.n > n).count());
    check(made == 0, "the duplicate and the malformed message made no call at all")
}
