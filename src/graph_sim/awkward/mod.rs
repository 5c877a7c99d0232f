//! What goes wrong on the way: ordered by control, or drawn from the seed.

mod breaks;
mod listing;
mod profile;

use std::collections::HashMap;

pub use breaks::{Break, How, Match, Scripted};
pub use listing::{ListingOddity, Oddity};
pub use profile::Awkward;

use super::wire::request::GraphRequest;

/// What stands between a call and its answer.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    breaks: Vec<Break>,
    oddities: Vec<ListingOddity>,
    awkward: Option<Awkward>,
    /// How often each line (method and path) was called: what draws are numbered by.
    seen: HashMap<String, u64>,
}

/// The fault that one call meets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) how: How,
    /// Whether the call takes effect all the same.
    pub(crate) applied: bool,
}

impl Faults {
    pub(crate) fn add_break(&mut self, rule: Break) {
        self.breaks.push(rule);
    }

    pub(crate) fn add_oddity(&mut self, rule: ListingOddity) {
        self.oddities.push(rule);
    }

    pub(crate) fn set_awkward(&mut self, awkward: Option<Awkward>) {
        self.awkward = awkward;
    }

    /// Everything goes well from now on.
    pub(crate) fn heal(&mut self) {
        *self = Self { seen: std::mem::take(&mut self.seen), ..Self::default() };
    }

    /// The fault of this call, if any: an ordered one first, else one by chance.
    pub(crate) fn pick(&mut self, request: &GraphRequest, seed: u64) -> Option<Fault> {
        let ordered = self.breaks.iter_mut().find_map(|rule| rule.strike(request));
        self.breaks.retain(|rule| !rule.is_spent());
        let number = self.count(request);
        ordered.or_else(|| self.awkward.as_ref().and_then(|profile| profile.draw(request, seed, number)))
    }

    /// The oddity of the list that `request` reads, if any.
    pub(crate) fn oddity(&mut self, request: &GraphRequest, seed: u64) -> Option<Oddity> {
        let ordered = self.oddities.iter_mut().find_map(|rule| rule.strike(request));
        self.oddities.retain(|rule| rule.times != Some(0));
        let number = self.seen.get(&line(request)).copied().unwrap_or(0);
        ordered.or_else(|| self.awkward.as_ref().and_then(|profile| profile.draw_oddity(request, seed, number)))
    }

    fn count(&mut self, request: &GraphRequest) -> u64 {
        // Bounded by the lines that clients make up: one per method, node and edge.
        let number = self.seen.entry(line(request)).or_default();
        *number += 1;
        *number
    }
}

fn line(request: &GraphRequest) -> String {
    format!("{} {}", request.verb.as_str(), request.plain_path())
}
