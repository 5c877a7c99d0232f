//! What Meta's usage headers said last, bucket by bucket, so that an operator sees how near the limits are.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::meta::{Bucket, Usage};

/// Meta counts over an hour: what a header said longer ago says nothing.
const VALID: Duration = Duration::from_secs(3_600);
/// Some buckets of every client, and a bound where something names new ones without end.
const KEPT: usize = 65_536;
/// The use cases that Meta documents; another word of Meta's is shown as `other`.
const USE_CASES: [&str; 9] = [
    "pages",
    "page",
    "ads_management",
    "ads_insights",
    "ad_account",
    "custom_audience",
    "instagram",
    "leadgen",
    "messenger",
];
/// Shown of each kind: the middle, the ninth tenth, the highest.
const QUANTILES: [(&str, usize); 3] = [("0.5", 50), ("0.9", 90), ("1", 100)];

/// How far each bucket is used up, as far as it was told within the hour.
#[derive(Debug, Default)]
pub struct Usages {
    told: HashMap<(String, Bucket), (f64, Timestamp)>,
}

impl Usages {
    /// A header of an answer to `credential`.
    pub fn told(&mut self, credential: &str, usage: &Usage, now: Timestamp) {
        if self.told.len() >= KEPT {
            self.told.retain(|_, (_, at)| is_valid(*at, now));
        }
        let key = (credential.to_owned(), usage.bucket.clone());
        if self.told.len() < KEPT || self.told.contains_key(&key) {
            self.told.insert(key, (usage.percent / 100.0, now));
        }
    }

    /// Quantiles over the buckets of each kind, as parts of one: kind, quantile, ratio.
    pub fn quantiles(&mut self, now: Timestamp) -> Vec<(&'static str, &'static str, f64)> {
        self.told.retain(|_, (_, at)| is_valid(*at, now));
        let mut kinds: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for ((_, bucket), (ratio, _)) in &self.told {
            kinds.entry(kind(bucket)).or_default().push(*ratio);
        }
        let of = |(kind, mut ratios): (&'static str, Vec<f64>)| {
            ratios.sort_by(f64::total_cmp);
            QUANTILES.map(|(name, percent)| (kind, name, nearest(&ratios, percent)))
        };
        kinds.into_iter().flat_map(of).collect()
    }
}

fn is_valid(at: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(at)).unwrap_or_default() < VALID
}

fn kind(bucket: &Bucket) -> &'static str {
    match bucket {
        Bucket::App => "app",
        Bucket::Object { kind, .. } => USE_CASES.into_iter().find(|known| known == kind).unwrap_or("other"),
    }
}

/// The smallest of the sorted `ratios` that `percent` of them do not exceed.
fn nearest(ratios: &[f64], percent: usize) -> f64 {
    let rank = (ratios.len() * percent).div_ceil(100);
    ratios.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn page(id: usize, percent: f64) -> Usage {
        Usage {
            bucket: Bucket::Object { id: id.to_string(), kind: "pages".to_owned() },
            percent,
            regain: None,
            tier: None,
        }
    }

    #[test]
    fn the_quantiles_are_over_buckets_and_name_none_of_them() {
        let mut usages = Usages::default();
        (1..=10).for_each(|id| usages.told("main", &page(id, f64::from(u8::try_from(id).unwrap()) * 10.0), at(0)));
        usages.told("main", &Usage { bucket: Bucket::App, percent: 118.0, regain: None, tier: None }, at(0));
        let shown = usages.quantiles(at(1));
        let of = |wanted| shown.iter().filter(move |(kind, _, _)| *kind == wanted).map(|(_, _, ratio)| *ratio);
        assert_eq!(of("pages").collect::<Vec<_>>(), [0.5, 0.9, 1.0]);
        assert_eq!(of("app").collect::<Vec<_>>(), [1.18; 3]);
    }

    #[test]
    fn what_was_told_longer_ago_than_meta_counts_is_shown_no_more() {
        let mut usages = Usages::default();
        usages.told("main", &page(1, 90.0), at(0));
        assert_eq!(usages.quantiles(at(3_599)).len(), 3);
        assert!(usages.quantiles(at(3_600)).is_empty());
    }

    #[test]
    fn a_use_case_that_meta_does_not_document_makes_no_label_of_its_own() {
        let mut usages = Usages::default();
        for kind in ["whatever", "EAAB-secret", "12345"] {
            let bucket = Bucket::Object { id: "1".to_owned(), kind: kind.to_owned() };
            usages.told("main", &Usage { bucket, percent: 1.0, regain: None, tier: None }, at(0));
        }
        assert!(usages.quantiles(at(1)).iter().all(|(kind, _, _)| *kind == "other"));
    }

    #[test]
    fn however_many_buckets_are_named_only_so_many_are_kept() {
        let mut usages = Usages::default();
        (0..KEPT + 10).for_each(|id| usages.told("main", &page(id, 1.0), at(0)));
        assert_eq!(usages.told.len(), KEPT);
        usages.told("main", &page(0, 50.0), at(1));
        assert_eq!(usages.quantiles(at(2)).last().map(|(_, _, ratio)| *ratio), Some(0.5));
    }
}
