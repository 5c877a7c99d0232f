//! The invariants that hold whatever breaks, looked for in what a run left behind: the events as the broker delivered
//! them, the journal, the simulator's log of calls, the worker's own log. Every run of a fault ends here.
//!
//! I1 and I3 need what was sent and are counted with it (`trial.rs`); I8, I9 and I12 are about time and are watched while
//! the worker runs.

use std::collections::{BTreeMap, BTreeSet};

use bindery::contract::CommandId;
use bindery::graph_sim::{Call, Page, Verb, World, can_manage};
use bindery::journal::{CommandRow, EvidenceEntry, State, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What a run left behind.
pub struct Seen {
    /// All that came on the broker, in order, with what came twice.
    pub events: Vec<Value>,
    /// Every call that Meta got.
    pub calls: Vec<Call>,
    /// Every command of the journal, in order of arrival.
    pub rows: Vec<CommandRow>,
    /// Their evidence: whether the chain is sound, and what is in it.
    pub chains: BTreeMap<CommandId, (Verdict, Vec<EvidenceEntry>)>,
    pub log: String,
    /// Everything else that the worker wrote: its journal's files.
    pub files: Vec<(String, Vec<u8>)>,
    pub before: World,
    pub after: World,
    /// A process that dies cannot tell which read it was just making.
    pub has_died: bool,
}

/// A call that is under way when a bucket is throttled may still arrive.
const UNDER_WAY: SignedDuration = SignedDuration::from_millis(250);

/// What every secret of a story contains.
const SECRET: &str = "never-to-be-shown";
/// What every person's address of a story contains.
const ADDRESS: &str = "@northwind.example";

impl Seen {
    /// Every breach of an invariant, in words that begin with its id.
    pub fn breaches(&self) -> Vec<String> {
        let mut breaches = self.i2_no_write_takes_effect_twice();
        breaches.extend(self.i3_what_comes_again_is_the_same());
        breaches.extend(self.i4_writes_on_an_asset_keep_their_order());
        breaches.extend(self.i5_somebody_still_manages());
        breaches.extend(self.i5_nobody_goes_before_the_successor_is_seen());
        breaches.extend(self.i6_a_throttled_bucket_is_left_alone());
        breaches.extend(self.i7_no_secret_is_told());
        breaches.extend(self.i10_an_end_was_read_back());
        breaches.extend(self.i11_the_evidence_is_whole());
        breaches
    }

    /// A write that took effect twice in the same words, without its opposite in between.
    fn i2_no_write_takes_effect_twice(&self) -> Vec<String> {
        let mut last: BTreeMap<String, (Verb, String)> = BTreeMap::new();
        let mut twice = Vec::new();
        for call in self.calls.iter().filter(|call| call.is_write() && call.effect.is_some()) {
            let (thing, asked) = (thing(call), format!("{:?} {} {:?}", call.method, call.path, call.params));
            if last.insert(thing, (call.method, asked.clone())).is_some_and(|(_, before)| before == asked) {
                twice.push(format!("I2: call {} took effect again: {asked}", call.n));
            }
        }
        twice
    }

    fn i3_what_comes_again_is_the_same(&self) -> Vec<String> {
        let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut ends: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut breaches = Vec::new();
        for event in &self.events {
            let id = event["id"].as_str().unwrap_or_default();
            if *first.entry(id).or_insert(event) != event {
                breaches.push(format!("I3: event {id} came in two ways: {event}"));
            }
            if event["data"]["terminal"] == true && event["data"]["sequence"].is_u64() {
                ends.entry(event["data"]["command_id"].as_str().unwrap_or_default()).or_default().insert(id);
            }
        }
        let two = ends.iter().filter(|(_, ids)| ids.len() > 1);
        breaches.extend(two.map(|(command, ids)| format!("I3: {command} has ended more than once: {ids:?}")));
        breaches
    }

    /// In each lane, one command's writes end before the next one's begin, in order of arrival. A claim's later
    /// withdrawal comes from outside its lane, and does not count.
    fn i4_writes_on_an_asset_keep_their_order(&self) -> Vec<String> {
        let mut lanes: BTreeMap<&str, (&CommandId, Timestamp)> = BTreeMap::new();
        let mut breaches = Vec::new();
        for row in &self.rows {
            let (Some(lane), Some((_, entries))) = (row.lane.as_deref(), self.chains.get(&row.id)) else { continue };
            let is_claim = row.body.contains("\"claim\"");
            let mut writes: Vec<Timestamp> = entries.iter().filter(|entry| is_write(entry)).map(|one| one.at).collect();
            writes.truncate(if is_claim { 1 } else { usize::MAX });
            let (Some(first), Some(last)) = (writes.first(), writes.last()) else { continue };
            if let Some((before, ended)) = lanes.insert(lane, (&row.id, *last))
                && ended > *first
            {
                breaches.push(format!("I4: {} wrote on {lane} before {before}, which came first, had done", row.id));
            }
        }
        breaches
    }

    fn i5_somebody_still_manages(&self) -> Vec<String> {
        let orphaned = self.before.pages.iter().filter(|(id, before)| {
            let after = self.after.pages.get(*id);
            is_managed(before) && after.is_some_and(|after| !is_managed(after))
        });
        orphaned.map(|(id, _)| format!("I5: nobody manages Page {id} any more")).collect()
    }

    /// In a `reassign`, the grant took effect and was looked at before the removal.
    fn i5_nobody_goes_before_the_successor_is_seen(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for row in self.rows.iter().filter(|row| row.body.contains("\"reassign\"") && row.lane.is_some()) {
            let page = row.lane.as_deref().unwrap_or_default().trim_start_matches("page/");
            let on = |call: &&Call| call.path == format!("/{page}/assigned_users");
            let Some(removal) = self.calls.iter().filter(on).find(|call| call.is(Verb::Delete, "assigned_users"))
            else {
                continue;
            };
            let earlier = || self.calls.iter().filter(on).filter(|call| call.n < removal.n);
            let grant = earlier().find(|call| call.method == Verb::Post && call.effect.is_some());
            let since = grant.map_or(0, |grant| grant.n);
            if !earlier().any(|call| call.method == Verb::Get && call.n > since) {
                breaches.push(format!("I5: {} removed somebody before it saw the successor", row.id));
            }
        }
        breaches
    }

    /// By the worker's own word: what it says it leaves alone, it leaves alone.
    fn i6_a_throttled_bucket_is_left_alone(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for line in self.log.lines().filter(|line| line.contains("is throttled (")) {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let time = |name: &str| line[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let (Some(since), Some(until)) = (time("timestamp"), time("until")) else { continue };
            let bucket = line["bucket"].as_str().unwrap_or_default();
            let within = |call: &&Call| {
                let its = call.business.as_deref().is_some_and(|id| {
                    bucket.ends_with(&format!("/{id}")) || bucket.starts_with(&format!("object/{id}/"))
                });
                (its || bucket.starts_with("app/")) && call.at > since + UNDER_WAY && call.at < until
            };
            breaches.extend(
                self.calls
                    .iter()
                    .filter(within)
                    .map(|call| format!("I6: call {} went to {bucket} while throttled", call.n)),
            );
        }
        breaches
    }

    fn i7_no_secret_is_told(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for line in self.log.lines().filter(|line| line.contains(SECRET) || line.contains(ADDRESS)) {
            breaches.push(format!("I7: the log tells a secret or an address: {line}"));
        }
        for event in self.events.iter().filter(|event| event.to_string().contains(SECRET)) {
            breaches.push(format!("I7: an event tells a secret: {event}"));
        }
        for (name, bytes) in &self.files {
            if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
                breaches.push(format!("I7: {name} holds a secret"));
            }
        }
        breaches
    }

    /// A good end that changed something has a read behind its last write.
    fn i10_an_end_was_read_back(&self) -> Vec<String> {
        let good = self.events.iter().filter(|event| {
            let data = &event["data"];
            data["changed"] == true && (data["phase"] == "confirmed" || data["phase"] == "completed")
        });
        let read_back = |event: &&Value| {
            let calls: Vec<&str> = event["data"]["evidence"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["call"].as_str())
                .collect();
            let is_write = |call: &&str| call.starts_with("POST ") || call.starts_with("DELETE ");
            let last_write = calls.iter().rposition(is_write);
            let is_look = |call: &&str| call.starts_with("GET ") || call.starts_with("walk ");
            last_write.is_none_or(|write| calls[write..].iter().any(is_look))
        };
        good.filter(|event| !read_back(event))
            .map(|event| format!("I10: {} was said without a look: {}", event["data"]["command_id"], event["data"]))
            .collect()
    }

    fn i11_the_evidence_is_whole(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, (verdict, entries)) in &self.chains {
            if !matches!(verdict, Verdict::Sound { .. }) {
                breaches.push(format!("I11: the chain of {id} is broken: {verdict:?}"));
            }
            entries.iter().for_each(|entry| *known.entry(&entry.call).or_default() += 1);
        }
        for row in self.rows.iter().filter(|row| matches!(row.state, State::Ended(_))) {
            let last = self.chains.get(&row.id).and_then(|(_, entries)| entries.last());
            if last.is_none_or(|entry| entry.call != "seal") {
                breaches.push(format!("I11: the chain of {} does not end in its seal: {last:?}", row.id));
            }
        }
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        for call in self.calls.iter().filter(|call| self.must_be_known(call)) {
            *made.entry(format!("{} {}", word(call.method), call.path)).or_default() += 1;
        }
        for (call, made) in made {
            let known = known.get(call.as_str()).copied().unwrap_or_default();
            if known < made {
                breaches.push(format!("I11: {call} left {made} times, and the evidence has {known}"));
            }
        }
        breaches
    }

    /// Every write; and every read for a command, unless the process died with one in its hands. What the sweep reads
    /// is in the chain of its business, and `GET /me` is the start's.
    fn must_be_known(&self, call: &Call) -> bool {
        let of_a_sweep = ["owned_pages", "client_pages", "pending_owned_pages", "pending_client_pages"];
        let swept = of_a_sweep.into_iter().any(|edge| call.is(Verb::Get, edge));
        call.is_write() || (!self.has_died && !swept && call.path != "/me")
    }
}

/// What a write is about: the edge, and the person or Page that is named.
fn thing(call: &Call) -> String {
    let named = ["page_id", "user"].into_iter().find_map(|name| call.param(name)).unwrap_or_default();
    let edge = call.path.replace("owned_pages", "pages").replace("client_pages", "pages");
    format!("{edge} {named}")
}

fn is_write(entry: &EvidenceEntry) -> bool {
    entry.call.starts_with("POST ") || entry.call.starts_with("DELETE ")
}

fn word(method: Verb) -> &'static str {
    match method {
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Delete => "DELETE",
    }
}

/// A Page that belongs to nobody is managed by whoever runs it, whom nobody sees.
fn is_managed(page: &Page) -> bool {
    let assigned = page.assigned.values().flat_map(|people| people.values()).any(can_manage);
    page.owner.is_none() || assigned || page.roles.values().any(|role| can_manage(&role.tasks))
}

/// Whether a command visibly waits, and why.
pub fn is_parked(row: &CommandRow) -> bool {
    matches!(row.state, State::Pending | State::Waiting { .. })
}
