//! Mixed work: six kinds of commands by turns, each on a Page of its own, with the ending that each must have.

use std::collections::BTreeMap;

use bindery::graph_sim::{Call, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BEN, BUSINESS, MANAGER, NEIGHBOUR, OUTSIDER, OWNER, agency_claim, order, owner_claim};

/// The id of the n-th command.
pub fn id(n: usize) -> String {
    format!("cmd-{n}")
}

/// Its Page.
pub fn page(n: usize) -> String {
    format!("{}", 10_000 + n)
}

/// Half of the claims are the neighbour's.
pub fn business(n: usize) -> &'static str {
    if (n / 6).is_multiple_of(2) && n % 6 < 3 { NEIGHBOUR } else { BUSINESS }
}

/// The world with what the n-th command needs.
pub fn with_page(world: World, n: usize) -> World {
    let business = business(n);
    world.page(&page(n), |p| match n % 6 {
        0 => p.direct_admin(&format!("9{business}")),
        1 => p.owned_by(OWNER).approves_after(1),
        // Later than a first look after a write without an answer: a request that is gone by then leaves no sign that it
        // ever was, and is made again.
        2 => p.owned_by(OWNER).denies_after(4),
        3 | 4 => p.owned_by(business).assign(business, ANNA, MANAGER),
        _ => p.owned_by(business).direct_admin(OUTSIDER).assign(business, ANNA, MANAGER),
    })
}

/// One of six kinds, by turns.
pub fn command(n: usize) -> Value {
    let (id, page) = (id(n), page(n));
    let mut command = match n % 6 {
        0 => owner_claim(&id, &page),
        1 | 2 => agency_claim(&id, &page),
        3 => order("assign", &id, &page, json!({"user": BEN, "tasks": ["ANALYZE"]})),
        4 => order("reassign", &id, &page, json!({"from": ANNA, "to": BEN})),
        _ => order("unbind", &id, &page, json!({})),
    };
    command["business"] = json!(business(n));
    command
}

/// How it must end.
pub fn expected(n: usize) -> &'static str {
    match n % 6 {
        0 | 1 => "confirmed",
        2 => "denied",
        _ => "completed",
    }
}

/// Whether the world is as the n-th command wanted it.
pub fn as_asked(world: &World, n: usize) -> bool {
    let (page, business) = (&world.pages[&page(n)], business(n));
    let people = page.assigned.get(business);
    let on = |person: &str| people.is_some_and(|people| people.contains_key(person));
    match n % 6 {
        0 => page.owner.as_deref() == Some(business),
        1 => page.agencies.contains_key(business),
        2 => page.agencies.is_empty(),
        3 => on(ANNA) && on(BEN),
        4 => !on(ANNA) && on(BEN),
        _ => page.owner.is_none() && !on(ANNA),
    }
}

/// Claims that were posted again without a read of the business's lists since the post before.
pub fn blind_repeats(calls: &[Call]) -> Vec<String> {
    let mut posted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut blind = Vec::new();
    for call in calls {
        let is_claim = call.is(Verb::Post, "owned_pages") || call.is(Verb::Post, "client_pages");
        let Some(page) = call.param("page_id").filter(|_| is_claim) else { continue };
        let key = (call.path.clone(), page.to_owned());
        if let Some(before) = posted.insert(key, call.n) {
            let lists = |read: &&Call| read.n > before && read.n < call.n && read.path == call.path;
            if !calls.iter().filter(lists).any(|read| read.method == Verb::Get) {
                blind.push(format!("{} {page}: calls {before} and {}", call.path, call.n));
            }
        }
    }
    blind
}

/// Writes that left more than once, in the same words.
pub fn sent_again(calls: &[Call]) -> Vec<String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_write()) {
        *times.entry(format!("{:?} {} {:?}", call.method, call.path, call.params)).or_default() += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(write, times)| format!("{times} times {write}")).collect()
}
