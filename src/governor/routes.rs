//! Which buckets an edge counts in, as the usage headers of its answers have named them.
//!
//! Nothing is guessed from a path: until an answer of an edge has named a bucket, the edge is taken to count in each
//! that the business's other answers have named.

use std::collections::HashMap;

use super::pace::Wish;
use super::{Bucket, bucket};
use crate::contract::BusinessId;
use crate::meta;

/// Edges that are remembered: some thousand businesses with all that bindery asks of each.
const EDGES_KEPT: usize = 65_536;
/// Buckets that one edge may count in: Meta names up to 32 objects in a header.
const NAMED_MAX: usize = 32;
/// Buckets of a business that an edge which nothing is known of is careful about.
const SEEN_MAX: usize = 256;
/// How much a new count of requests moves the old one.
const MOVED_BY: f64 = 0.25;

type Edge = (String, BusinessId, &'static str, &'static str);

/// What the answers have taught so far.
#[derive(Debug, Default)]
pub(super) struct Routes {
    edges: HashMap<Edge, Route>,
    seen: HashMap<(String, BusinessId), Vec<Bucket>>,
}

#[derive(Debug, Default)]
struct Route {
    named: Vec<Named>,
    /// How many requests one call takes: a walk has many.
    requests: f64,
}

/// A bucket as seen from the call whose answer named it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// That of the node which was called, whichever it is.
    OfNode { use_case: String },
    /// This one.
    Fixed(Bucket),
}

impl Routes {
    /// The buckets that a call counts in, beside the app's and the business's own.
    pub(super) fn buckets(&self, wish: &Wish<'_>) -> Vec<Bucket> {
        match self.edges.get(&edge(wish)).filter(|route| !route.named.is_empty()) {
            Some(route) => route.named.iter().map(|named| named.bucket(wish)).collect(),
            None => self.seen.get(&whose(wish)).cloned().unwrap_or_default(),
        }
    }

    /// How many requests a call takes, as far as is known: at least one.
    pub(super) fn requests(&self, wish: &Wish<'_>) -> f64 {
        self.edges.get(&edge(wish)).map_or(1.0, |route| route.requests.max(1.0))
    }

    /// An answer named `bucket`.
    pub(super) fn learn(&mut self, wish: &Wish<'_>, bucket: &Bucket) {
        let named = Named::of(wish, bucket);
        if let Named::Fixed(_) = &named {
            self.see(whose(wish), bucket);
        }
        if let Some(route) = self.route(wish)
            && !route.named.contains(&named)
            && route.named.len() < NAMED_MAX
        {
            route.named.push(named);
        }
    }

    /// A call took so many requests.
    pub(super) fn took(&mut self, wish: &Wish<'_>, requests: u32) {
        if let Some(route) = self.route(wish) {
            let (now, before) = (f64::from(requests), route.requests);
            // More is believed at once, less by and by.
            route.requests = if now > before { now } else { before + (now - before) * MOVED_BY };
        }
    }

    /// A bucket that an earlier run has parked: whatever its business does may count in it.
    pub(super) fn remember(&mut self, bucket: &Bucket) {
        if let Bucket::Object { credential, business, .. } = bucket {
            self.see((credential.clone(), business.clone()), bucket);
        }
    }

    fn see(&mut self, whose: (String, BusinessId), bucket: &Bucket) {
        let seen = self.seen.entry(whose).or_default();
        if seen.len() < SEEN_MAX && !seen.contains(bucket) {
            seen.push(bucket.clone());
        }
    }

    fn route(&mut self, wish: &Wish<'_>) -> Option<&mut Route> {
        let edge = edge(wish);
        let full = self.edges.len() >= EDGES_KEPT && !self.edges.contains_key(&edge);
        (!full).then(|| self.edges.entry(edge).or_default())
    }
}

impl Named {
    fn of(wish: &Wish<'_>, bucket: &Bucket) -> Self {
        match bucket {
            // A business's own edges always call that business: its bucket is no node's in particular.
            Bucket::Object { id, use_case, .. } if id == wish.node && id != wish.business.as_str() => {
                Self::OfNode { use_case: use_case.clone() }
            }
            Bucket::App(_) | Bucket::Business(..) | Bucket::Object { .. } => Self::Fixed(bucket.clone()),
        }
    }

    fn bucket(&self, wish: &Wish<'_>) -> Bucket {
        match self {
            Self::OfNode { use_case } => bucket::of_object(wish, wish.node, use_case),
            Self::Fixed(bucket) => bucket.clone(),
        }
    }
}

/// The bucket that a header names in an answer to `wish`.
pub(super) fn named(wish: &Wish<'_>, bucket: &meta::Bucket) -> Bucket {
    match bucket {
        meta::Bucket::App => Bucket::App(wish.credential.to_owned()),
        meta::Bucket::Object { id, kind } => bucket::of_object(wish, id, kind),
    }
}

fn edge(wish: &Wish<'_>) -> Edge {
    (wish.credential.to_owned(), wish.business.clone(), wish.class, wish.edge)
}

fn whose(wish: &Wish<'_>) -> (String, BusinessId) {
    (wish.credential.to_owned(), wish.business.clone())
}
