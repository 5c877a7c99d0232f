//! Quotas, throttles and the usage headers that tell of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock::{later, seconds_between};
use super::world::{Id, Refusal};

/// The header of business use case limits.
const BUSINESS_HEADER: &str = "X-Business-Use-Case-Usage";
/// The header of app limits.
const APP_HEADER: &str = "X-App-Usage";

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bucket {
    App,
    Business(Id),
}

impl Bucket {
    pub(crate) fn of(business: Option<Id>) -> Self {
        business.map_or(Self::App, Self::Business)
    }
}

/// A throttle: calls are refused until it ends, and each refused call makes it longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Whose calls; those of the whole app when absent.
    #[serde(default)]
    pub business: Option<Id>,
    /// Meta's code: 4, 17, 32, 613, 80001 ...
    #[serde(default = "pages_limit")]
    pub code: i64,
    /// Meta's subcode.
    #[serde(default)]
    pub subcode: Option<i64>,
    /// How long.
    #[serde(default = "five")]
    pub minutes: u64,
    /// Whether the usage header says so, with the minutes left.
    #[serde(default = "yes")]
    pub header: bool,
    /// After this many refusals it ends, whatever the time; no such end when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// By how much each refused call makes it longer.
    #[serde(default = "minute")]
    pub lengthen_seconds: u64,
}

impl Throttle {
    /// Refuses the calls of `business` for `minutes`, with code 80001 and the header.
    pub fn business(business: &str, minutes: u64) -> Self {
        Self { business: Some(business.to_owned()), minutes, ..Self::app(minutes) }.code(pages_limit())
    }

    /// Refuses all calls for `minutes`, with code 4 and the header.
    pub fn app(minutes: u64) -> Self {
        Self { business: None, code: 4, subcode: None, minutes, header: true, times: None, lengthen_seconds: minute() }
    }

    /// With another code.
    #[must_use]
    pub fn code(self, code: i64) -> Self {
        Self { code, ..self }
    }

    /// With a subcode.
    #[must_use]
    pub fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    /// Says nothing in the usage header.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { header: false, ..self }
    }

    /// Ends after `times` refusals.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }
}

/// A quota: points that a bucket may use; each call costs some, and they come back evenly over its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Whose calls; those of the whole app when absent.
    #[serde(default)]
    pub business: Option<Id>,
    /// Points in the window: in an hour, unless `window_seconds` says otherwise.
    pub per_hour: u32,
    /// The code that a call beyond it gets.
    #[serde(default = "pages_limit")]
    pub code: i64,
    /// How long all the points take to come back.
    #[serde(default = "hour")]
    pub window_seconds: u64,
    /// What a read costs.
    #[serde(default = "one")]
    pub read: u32,
    /// What a write costs.
    #[serde(default = "one")]
    pub write: u32,
    /// How long a call beyond it blocks the bucket; each call while it is blocked makes that as much longer.
    #[serde(default)]
    pub block_seconds: u64,
    /// By how many percent the cost of a call varies, by the world's seed.
    #[serde(default)]
    pub vary_percent: u32,
    /// The access tier that the header tells.
    #[serde(default)]
    pub tier: Option<String>,
}

impl Quota {
    /// So many points an hour for the calls of `business`, one for each.
    pub fn business(business: &str, per_hour: u32) -> Self {
        Self { business: Some(business.to_owned()), ..Self::app(per_hour).code(pages_limit()) }
    }

    /// The same for all calls of the app.
    pub fn app(per_hour: u32) -> Self {
        Self {
            business: None,
            per_hour,
            code: 4,
            window_seconds: hour(),
            read: 1,
            write: 1,
            block_seconds: 0,
            vary_percent: 0,
            tier: None,
        }
    }

    /// With another code.
    #[must_use]
    pub fn code(self, code: i64) -> Self {
        Self { code, ..self }
    }

    /// With all points back after so many seconds.
    #[must_use]
    pub fn window(self, seconds: u64) -> Self {
        Self { window_seconds: seconds, ..self }
    }

    /// With these prices.
    #[must_use]
    pub fn prices(self, read: u32, write: u32) -> Self {
        Self { read, write, ..self }
    }

    /// A call beyond it blocks the bucket for so many seconds.
    #[must_use]
    pub fn blocking(self, seconds: u64) -> Self {
        Self { block_seconds: seconds, ..self }
    }

    /// The cost of a call varies by so many percent.
    #[must_use]
    pub fn varying(self, percent: u32) -> Self {
        Self { vary_percent: percent, ..self }
    }

    /// The header tells this access tier.
    #[must_use]
    pub fn tier(self, tier: &str) -> Self {
        Self { tier: Some(tier.to_owned()), ..self }
    }
}

/// What one call is to the books.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// Whether it may change something.
    pub(crate) is_write: bool,
    /// Its luck: what varies of its cost.
    pub(crate) luck: u64,
}

/// A usage header by order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageOrder {
    /// Whose usage; the app's when absent.
    #[serde(default)]
    pub business: Option<Id>,
    /// Sets what is used, in percent of the quota (of 200 points an hour where none is set).
    #[serde(default)]
    pub percent: Option<u32>,
    /// The header's very text from now on (malformed, if you like).
    #[serde(default)]
    pub raw: Option<String>,
}

#[derive(Debug)]
struct Level {
    quota: Quota,
    used: f64,
    at: Timestamp,
    blocked_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Block {
    rule: Throttle,
    until: Timestamp,
}

/// The books of all buckets.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    levels: BTreeMap<Bucket, Level>,
    blocks: BTreeMap<Bucket, Block>,
    raw: BTreeMap<Bucket, String>,
}

impl Usage {
    pub(crate) fn throttle(&mut self, rule: Throttle, now: Timestamp) {
        let until = later(now, Duration::from_secs(rule.minutes * 60));
        self.blocks.insert(Bucket::of(rule.business.clone()), Block { rule, until });
    }

    pub(crate) fn set_quota(&mut self, quota: Quota, now: Timestamp) {
        self.levels.insert(Bucket::of(quota.business.clone()), Level::new(quota, now));
    }

    pub(crate) fn order(&mut self, order: UsageOrder, now: Timestamp) {
        let bucket = Bucket::of(order.business);
        if let Some(percent) = order.percent {
            let unset = || Level::new(Quota::app(200).code(pages_limit()), now);
            let level = self.levels.entry(bucket.clone()).or_insert_with(unset);
            (level.used, level.at) = (level.points() * f64::from(percent) / 100.0, now);
        }
        if let Some(raw) = order.raw {
            self.raw.insert(bucket, raw);
        }
    }

    /// Ends all throttles and orders; quotas stay.
    pub(crate) fn heal(&mut self) {
        self.blocks.clear();
        self.raw.clear();
    }

    /// Books one call, the refused one too; the app's bucket comes first.
    pub(crate) fn spend(&mut self, bucket: &Bucket, spent: Spent, now: Timestamp) -> Result<(), Refusal> {
        let mut buckets = vec![&Bucket::App];
        if *bucket != Bucket::App {
            buckets.push(bucket);
        }
        let refusals: Vec<Refusal> = buckets.into_iter().filter_map(|one| self.book(one, spent, now)).collect();
        refusals.into_iter().next().map_or(Ok(()), Err)
    }

    /// The throttle of the whole app, without booking anything: it fails a batch as a whole.
    pub(crate) fn app_is_blocked(&self, now: Timestamp) -> bool {
        self.blocks.get(&Bucket::App).is_some_and(|block| block.holds(now))
    }

    /// The usage headers of an answer to a call of `bucket`.
    pub(crate) fn headers(&self, bucket: &Bucket, now: Timestamp) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        if let Some(text) = self.app_header(now) {
            headers.push((APP_HEADER.to_owned(), text));
        }
        if let Bucket::Business(business) = bucket
            && let Some(text) = self.business_header(bucket, business, now)
        {
            headers.push((BUSINESS_HEADER.to_owned(), text));
        }
        headers
    }

    fn book(&mut self, bucket: &Bucket, spent: Spent, now: Timestamp) -> Option<Refusal> {
        let full = self.levels.get_mut(bucket).and_then(|level| level.spend(spent, now));
        let Some(block) = self.blocks.get_mut(bucket) else { return full };
        if !block.holds(now) {
            self.blocks.remove(bucket);
            return full;
        }
        Some(block.refuse())
    }

    fn app_header(&self, now: Timestamp) -> Option<String> {
        if let Some(raw) = self.raw.get(&Bucket::App) {
            return Some(raw.clone());
        }
        let used = self.levels.get(&Bucket::App).map_or(0, |level| level.percent(now));
        let blocked = self.blocks.get(&Bucket::App).is_some_and(|block| block.speaks(now));
        let percent = if blocked { used.max(100) } else { used };
        (percent > 0).then(|| shares(percent).to_string())
    }

    // Two entries for one id when both quota and throttle speak: a reader has to look at all of them.
    fn business_header(&self, bucket: &Bucket, business: &str, now: Timestamp) -> Option<String> {
        if let Some(raw) = self.raw.get(bucket) {
            return Some(raw.clone());
        }
        let level = self.levels.get(bucket).filter(|level| level.percent(now) > 0);
        let block = self.blocks.get(bucket).filter(|block| block.speaks(now));
        let mut entries = Vec::new();
        entries.extend(level.map(|level| level.entry(now)));
        entries.extend(block.map(|block| entry(block.rule.code, 100, block.minutes_left(now))));
        (!entries.is_empty()).then(|| json!({ business: entries }).to_string())
    }
}

impl Level {
    fn new(quota: Quota, now: Timestamp) -> Self {
        Self { quota, used: 0.0, at: now, blocked_until: None }
    }

    fn points(&self) -> f64 {
        f64::from(self.quota.per_hour.max(1))
    }

    /// Points that come back in a second.
    fn back(&self) -> f64 {
        self.points() / self.quota.window_seconds.max(1) as f64
    }

    fn now_used(&self, now: Timestamp) -> f64 {
        (self.used - self.back() * seconds_between(self.at, now)).max(0.0)
    }

    fn cost(&self, spent: Spent) -> f64 {
        let price = f64::from(if spent.is_write { self.quota.write } else { self.quota.read });
        let luck = (spent.luck % 2_001) as f64 / 1_000.0 - 1.0;
        price * (1.0 + luck * f64::from(self.quota.vary_percent.min(100)) / 100.0)
    }

    fn spend(&mut self, spent: Spent, now: Timestamp) -> Option<Refusal> {
        let used = self.now_used(now) + self.cost(spent);
        // A refused call counts as well, up to twice the quota.
        (self.used, self.at) = (used.min(self.points() * 2.0), now);
        let is_blocked = self.blocked_until.is_some_and(|until| now < until);
        if used <= self.points() && !is_blocked {
            return None;
        }
        if self.quota.block_seconds > 0 {
            let from = self.blocked_until.filter(|_| is_blocked).unwrap_or(now);
            self.blocked_until = Some(later(from, Duration::from_secs(self.quota.block_seconds)));
        }
        Some(limit_reached(self.quota.code))
    }

    fn percent(&self, now: Timestamp) -> u64 {
        (self.now_used(now) * 100.0 / self.points()) as u64
    }

    fn regain_minutes(&self, now: Timestamp) -> u64 {
        let beyond = (self.now_used(now) + 1.0 - self.points()) / self.back();
        let blocked = self.blocked_until.map_or(0.0, |until| seconds_between(now, until));
        let seconds = beyond.max(blocked);
        if seconds <= 0.0 { 0 } else { (seconds / 60.0).ceil() as u64 }
    }

    fn entry(&self, now: Timestamp) -> Value {
        let mut entry = entry(self.quota.code, self.percent(now), self.regain_minutes(now));
        if let Some(tier) = &self.quota.tier {
            entry["ads_api_access_tier"] = json!(tier);
        }
        entry
    }
}

impl Block {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.rule.times != Some(0)
    }

    fn speaks(&self, now: Timestamp) -> bool {
        self.rule.header && now < self.until
    }

    fn refuse(&mut self) -> Refusal {
        self.until = later(self.until, Duration::from_secs(self.rule.lengthen_seconds));
        self.rule.times = self.rule.times.map(|left| left.saturating_sub(1));
        Refusal { subcode: self.rule.subcode, ..limit_reached(self.rule.code) }
    }

    fn minutes_left(&self, now: Timestamp) -> u64 {
        (seconds_between(now, self.until) / 60.0).ceil() as u64
    }
}

fn limit_reached(code: i64) -> Refusal {
    let text = match code {
        4 => "(#4) Application request limit reached".to_owned(),
        17 => "(#17) User request limit reached".to_owned(),
        32 => "(#32) Page request limit reached".to_owned(),
        613 => "(#613) Calls to this api have exceeded the rate limit.".to_owned(),
        other => format!("(#{other}) There have been too many calls to this account. Wait a bit and try again."),
    };
    Refusal::new(code, text)
}

fn entry(code: i64, percent: u64, regain_minutes: u64) -> Value {
    let mut entry = shares(percent);
    entry["type"] = json!(use_case(code));
    entry["estimated_time_to_regain_access"] = json!(regain_minutes);
    entry
}

fn shares(percent: u64) -> Value {
    json!({ "call_count": percent, "total_cputime": percent / 4, "total_time": percent / 3 })
}

/// The use case that a business limit's code belongs to.
fn use_case(code: i64) -> &'static str {
    match code {
        80_000 => "ads_insights",
        80_002 => "instagram",
        80_003 => "custom_audience",
        80_004 => "ads_management",
        80_005 => "leadgen",
        80_006 => "messenger",
        _ => "pages",
    }
}

fn pages_limit() -> i64 {
    80_001
}

fn hour() -> u64 {
    3_600
}

fn one() -> u32 {
    1
}

fn five() -> u64 {
    5
}

fn minute() -> u64 {
    60
}

fn yes() -> bool {
    true
}
