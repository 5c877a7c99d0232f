//! Budgets: may this call leave now, or when?
//!
//! A call counts in several buckets at once: the app's, those that headers have named for its edge, and one that stands
//! for whatever no header has named yet. It leaves when every one of them has room; else it is told which has none, and
//! when to ask again. Those times are places in a line, so that of a thousand that wait for the same bucket one comes
//! back at a time and not all.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Bucket;
use super::cost::Cost;
use super::level::{Held, Level, block_of};
use super::pace::{Pace, Purpose, Rank, Wish};
use super::parks::{Cause, Parks};
use super::routes::{Routes, named};
use crate::meta::{self, Scope, Tier, Usage};

/// Buckets that are remembered: some of every client, and a bound where something names new ones without end.
const KEPT: usize = 65_536;
/// Calls that may be out at first where no header says how full a bucket is: of an app all that the defaults allow a
/// worker, as it serves any number of businesses; of each business few.
const APP_WINDOW: f64 = 256.0;
const BUSINESS_WINDOW: f64 = 4.0;

/// Every bucket.
#[derive(Debug)]
pub struct Budgets {
    pace: Pace,
    parks: Parks,
    levels: HashMap<Bucket, Level>,
    tiers: HashMap<Bucket, Tier>,
    routes: Routes,
}

/// A call that has left: it is given back when it is answered, or has not left after all.
#[derive(Debug)]
#[must_use = "a call that is not given back counts as out for good"]
pub struct Spending {
    buckets: Vec<Bucket>,
    requests: f64,
    began: Timestamp,
}

/// How a call was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// How many requests it took.
    pub requests: u32,
    /// What the usage headers said.
    pub usage: &'a [Usage],
    /// Whether Meta refused it for its rate.
    pub is_throttled: bool,
}

/// Why a call may not leave now.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// The bucket that has no room.
    pub bucket: Bucket,
    /// How full it is, in percent, as far as is known.
    pub usage: Option<f64>,
    /// Why.
    pub held: Held,
    /// When to ask again.
    pub until: Timestamp,
}

/// What an answer changed.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Buckets that are left alone until then, at so many percent.
    pub parked: Vec<(Bucket, Timestamp, f64)>,
    /// Buckets that have room again before those that wait for them were told to come.
    pub eased: Vec<Bucket>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new(Pace::DEFAULT)
    }
}

impl Budgets {
    /// Nothing known of any bucket.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        let (parks, levels, tiers, routes) = (Parks::default(), HashMap::new(), HashMap::new(), Routes::default());
        Self { pace, parks, levels, tiers, routes }
    }

    /// Permission for one call, or when to ask again.
    ///
    /// # Errors
    /// The bucket that holds it back for the longest.
    pub fn leave(&mut self, wish: &Wish<'_>, now: Timestamp) -> Result<Spending, Box<Wait>> {
        let buckets = self.buckets(wish);
        let requests = self.routes.requests(wish);
        let part = self.pace.part(wish.purpose);
        let held = buckets.iter().filter_map(|bucket| self.held(bucket, wish, requests, now));
        if let Some((bucket, held, until)) = held.max_by_key(|(_, _, until)| *until) {
            return Err(Box::new(self.line_up(bucket.clone(), held, until, wish.in_line(), now)));
        }
        for bucket in &buckets {
            self.level(bucket, now).leave(requests, part, now);
        }
        Ok(Spending { buckets, requests, began: now })
    }

    /// It has not left, or nobody will hear what became of it.
    pub fn unsent(&mut self, spending: &Spending) {
        for bucket in &spending.buckets {
            if let Some(level) = self.levels.get_mut(bucket) {
                level.unsent(spending.requests);
            }
        }
    }

    /// The call has ended, and so it was answered.
    pub fn answered(&mut self, wish: &Wish<'_>, spending: &Spending, answer: Answer<'_>, now: Timestamp) -> Told {
        let Answer { requests, usage, is_throttled } = answer;
        if !is_throttled {
            spending.buckets.iter().for_each(|bucket| self.parks.calmed(bucket));
        }
        let told: Vec<(Bucket, &Usage)> = usage.iter().map(|line| (named(wish, &line.bucket), line)).collect();
        self.routes.took(wish, requests);
        told.iter().for_each(|(bucket, _)| self.learn(wish, bucket, now));
        let part = self.pace.part(Purpose::Other);
        let mut changed = Told::default();
        let new = told.iter().map(|(bucket, _)| bucket).filter(|bucket| !spending.buckets.contains(bucket));
        for bucket in spending.buckets.iter().chain(new) {
            let line = told.iter().find(|(known, _)| known == bucket).map(|(_, line)| *line);
            let counted = if spending.buckets.contains(bucket) { spending.requests } else { 0.0 };
            let level = self.level(bucket, now);
            if level.answered((counted, f64::from(requests)), spending.began, line, part, now) {
                changed.eased.push(bucket.clone());
            }
        }
        for (bucket, line) in told {
            self.tiers.extend(line.tier.map(|tier| (bucket.clone(), tier)));
            if let Some(until) = self.parks.used(bucket.clone(), line.percent, line.regain, &self.pace, now) {
                changed.parked.push((bucket, until, line.percent));
            }
        }
        changed
    }

    /// The call was throttled: the buckets that are left alone now, and until when; at least one.
    ///
    /// Those that the answer's headers show as used up are meant. Where they show none, and no app, nobody knows which of
    /// the business's buckets it was: all of them are left alone.
    pub fn throttled(
        &mut self,
        wish: &Wish<'_>,
        scope: Scope,
        stated: Option<Duration>,
        usage: &[Usage],
        now: Timestamp,
    ) -> Vec<Wait> {
        let concerns = |line: &&Usage| match line.bucket {
            meta::Bucket::App => scope == Scope::App,
            meta::Bucket::Object { .. } => scope == Scope::Business,
        };
        let is_full = |line: &&Usage| line.percent >= 100.0 || line.regain.is_some();
        let full = usage.iter().filter(concerns).filter(is_full);
        let mut meant: Vec<(Bucket, Option<Duration>, Option<f64>)> =
            full.map(|line| (named(wish, &line.bucket), line.regain.or(stated), Some(line.percent))).collect();
        if meant.is_empty() {
            meant.push((stand_in(wish, scope), stated, None));
        }
        meant.into_iter().map(|(bucket, stated, usage)| self.park(bucket, stated, usage, now)).collect()
    }

    fn park(&mut self, bucket: Bucket, stated: Option<Duration>, usage: Option<f64>, now: Timestamp) -> Wait {
        self.level(&bucket, now).throttled();
        let stated = stated.or_else(|| self.tiers.get(&bucket).copied().map(block_of));
        let until = self.parks.throttled(bucket.clone(), stated, &self.pace, now);
        Wait { bucket, usage, held: Held::Parked, until }
    }

    /// A bucket that an earlier run has parked.
    pub fn remember(&mut self, bucket: Bucket, until: Timestamp) {
        self.routes.remember(&bucket);
        self.parks.park(bucket, until);
    }

    /// The buckets that are left alone now: the kind, why, and until when.
    pub fn paused(&self, now: Timestamp) -> impl Iterator<Item = (&'static str, Cause, Timestamp)> {
        self.parks.paused(now)
    }

    fn buckets(&self, wish: &Wish<'_>) -> Vec<Bucket> {
        let mut buckets = self.routes.buckets(wish);
        buckets.extend([Scope::App, Scope::Business].map(|scope| stand_in(wish, scope)));
        buckets
    }

    /// Whether `bucket` holds the call back, why, and until when at least.
    fn held<'b>(
        &self,
        bucket: &'b Bucket,
        wish: &Wish<'_>,
        requests: f64,
        now: Timestamp,
    ) -> Option<(&'b Bucket, Held, Timestamp)> {
        if let Some(until) = self.parks.parked(bucket, now) {
            return Some((bucket, Held::Parked, until));
        }
        let level = self.levels.get(bucket)?;
        if let Err((held, until)) = level.room(requests, self.pace.part(wish.purpose), &self.pace, now) {
            return Some((bucket, held, until));
        }
        let waits = !wish.has_waited && level.has_line(wish.in_line(), now);
        waits.then_some((bucket, Held::Crowded, now))
    }

    fn line_up(&mut self, bucket: Bucket, held: Held, until: Timestamp, rank: Rank, now: Timestamp) -> Wait {
        let usage = self.levels.get(&bucket).and_then(|level| level.usage(now));
        let until = match held {
            // After a park somebody looks first, and the others learn from that.
            Held::Parked => until,
            Held::Stopped | Held::Slowed | Held::Crowded => self.level(&bucket, now).place(rank, held, until),
        };
        Wait { bucket, usage, held, until }
    }

    fn learn(&mut self, wish: &Wish<'_>, bucket: &Bucket, now: Timestamp) {
        match bucket {
            Bucket::Object { .. } => self.routes.learn(wish, bucket),
            Bucket::App(_) | Bucket::Business(..) => {}
        }
        let _known = self.level(bucket, now);
    }

    fn level(&mut self, bucket: &Bucket, now: Timestamp) -> &mut Level {
        if self.levels.len() >= KEPT && !self.levels.contains_key(bucket) {
            self.levels.retain(|_, level| !level.is_idle(now));
            let levels = &self.levels;
            self.tiers.retain(|bucket, _| levels.contains_key(bucket));
        }
        self.levels.entry(bucket.clone()).or_insert_with(|| match bucket {
            Bucket::App(_) => Level::new(APP_WINDOW, Cost::of("app")),
            Bucket::Business(..) => Level::new(BUSINESS_WINDOW, Cost::of("")),
            Bucket::Object { use_case, .. } => Level::new(BUSINESS_WINDOW, Cost::of(use_case)),
        })
    }
}

/// Where no header has named a bucket: the app's, or whatever the business has.
fn stand_in(wish: &Wish<'_>, scope: Scope) -> Bucket {
    match scope {
        Scope::App => Bucket::App(wish.credential.to_owned()),
        Scope::Business => Bucket::Business(wish.credential.to_owned(), wish.business.clone()),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
