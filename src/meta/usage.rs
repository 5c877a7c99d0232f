//! Meta's usage headers: how much of which allowance is used up.
//!
//! They are hints, and come in every shape: nothing in them can hurt, and what cannot be read is as if absent.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Meta blocks for a day at most; a longer time is a broken header's.
const REGAIN_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Meta names up to 32 objects in a header.
const BUCKETS_MAX: usize = 256;
/// Ids and types are short.
const NAME_MAX: usize = 64;

/// One allowance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// The app's.
    App,
    /// That of one business object (a business, a Page, an ad account ...) for one use case.
    Object {
        /// The object's id, as Meta writes it.
        id: String,
        /// The use case, such as `pages` or `ads_management`.
        kind: String,
    },
}

/// How far one allowance is used up.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Which.
    pub bucket: Bucket,
    /// The highest of its figures, in percent: finite, 0 or more, above 100 where Meta says so.
    pub percent: f64,
    /// How long Meta blocks it from now on, where it says so.
    pub regain: Option<Duration>,
    /// How much Meta allows the app, where it says so.
    pub tier: Option<Tier>,
}

/// An app's access to Meta's ads API: it decides how large an ad account's allowance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The small one: 60 points in five minutes, and a block of five minutes.
    Development,
    /// The large one: 9,000 points, and a block of one.
    Standard,
}

impl Tier {
    /// Meta has renamed its tiers in 2026; whether the header's words have changed with that is unknown, and a word that is
    /// not known says nothing.
    fn of(figures: &Map<String, Value>) -> Option<Self> {
        match figures.get("ads_api_access_tier")?.as_str()? {
            "development_access" => Some(Self::Development),
            "standard_access" => Some(Self::Standard),
            _ => None,
        }
    }
}

/// What `headers` say, a line for each bucket. `node` is the id that was called: the headers of Pages and ad
/// accounts do not repeat it.
#[must_use]
pub fn usage<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>, node: &str) -> Vec<Usage> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let read = match name.to_ascii_lowercase().as_str() {
            "x-app-usage" => one(value, |figures| simple(Bucket::App, figures)),
            "x-page-usage" => one(value, |figures| simple(object(node, "page"), figures)),
            "x-ad-account-usage" => one(value, |figures| ad_account(node, figures)),
            "x-business-use-case-usage" => use_cases(value),
            _ => continue,
        };
        for line in read {
            merge(&mut found, line);
        }
    }
    found
}

/// Puts `line` into `all`; of two lines on one bucket the worse figures hold.
fn merge(all: &mut Vec<Usage>, line: Usage) {
    let full = all.len() >= BUCKETS_MAX;
    match all.iter_mut().find(|known| known.bucket == line.bucket) {
        Some(known) => {
            known.percent = known.percent.max(line.percent);
            known.regain = known.regain.max(line.regain);
            known.tier = known.tier.or(line.tier);
        }
        None if full => {}
        None => all.push(line),
    }
}

fn one(value: &[u8], read: impl Fn(&Map<String, Value>) -> Option<Usage>) -> Vec<Usage> {
    serde_json::from_slice(value).ok().as_ref().and_then(read).into_iter().collect()
}

fn simple(bucket: Bucket, figures: &Map<String, Value>) -> Option<Usage> {
    let percent = worst(figures, &["call_count", "total_time", "total_cputime"])?;
    Some(Usage { bucket, percent, regain: None, tier: None })
}

fn ad_account(node: &str, figures: &Map<String, Value>) -> Option<Usage> {
    let percent = worst(figures, &["acc_id_util_pct"])?;
    // It says when the figure falls back to zero: a block only for whoever has used it all.
    let reset = seconds(number(figures.get("reset_time_duration")), 1.0);
    let regain = reset.filter(|_| percent >= 100.0);
    Some(Usage { bucket: object(node, "ad_account"), percent, regain, tier: Tier::of(figures) })
}

fn use_cases(value: &[u8]) -> Vec<Usage> {
    let Ok(Pairs(pairs)) = serde_json::from_slice(value) else { return Vec::new() };
    let mut found = Vec::new();
    for (id, entries) in pairs {
        let entries = match entries {
            Value::Array(entries) => entries,
            Value::Object(_) => vec![entries],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => continue,
        };
        found.extend(entries.iter().filter_map(Value::as_object).filter_map(|figures| use_case(&id, figures)));
    }
    found
}

fn use_case(id: &str, figures: &Map<String, Value>) -> Option<Usage> {
    let kind = figures.get("type").and_then(Value::as_str).unwrap_or_default();
    let regain = seconds(number(figures.get("estimated_time_to_regain_access")), 60.0);
    let percent = worst(figures, &["call_count", "total_time", "total_cputime"]).or(regain.map(|_| 100.0))?;
    Some(Usage { bucket: object(id, kind), percent, regain, tier: Tier::of(figures) })
}

fn object(id: &str, kind: &str) -> Bucket {
    let short = |text: &str| text.chars().take(NAME_MAX).collect();
    Bucket::Object { id: short(id), kind: short(kind) }
}

fn worst(figures: &Map<String, Value>, names: &[&str]) -> Option<f64> {
    names.iter().filter_map(|name| number(figures.get(*name))).reduce(f64::max)
}

/// A figure that is finite and not negative, written as a number or as text.
fn number(value: Option<&Value>) -> Option<f64> {
    let value = value?;
    let figure = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (figure.is_finite() && figure >= 0.0).then_some(figure)
}

fn seconds(figure: Option<f64>, unit: f64) -> Option<Duration> {
    let time = Duration::from_secs_f64((figure? * unit).min(REGAIN_MAX.as_secs_f64()));
    (!time.is_zero()).then_some(time)
}

/// The members of a JSON object, repeated keys included: Meta's own sample has some.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while pairs.len() < BUCKETS_MAX {
            match map.next_entry()? {
                Some(pair) => pairs.push(pair),
                None => return Ok(Pairs(pairs)),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str, value: &str) -> Vec<(Bucket, f64, Option<u64>)> {
        let lines = usage([(name, value.as_bytes())], "7");
        lines.into_iter().map(|u| (u.bucket, u.percent, u.regain.map(|t| t.as_secs()))).collect()
    }

    #[test]
    fn every_shape_is_read_as_far_as_it_makes_sense() {
        let business = "X-Business-Use-Case-Usage";
        let rows = [
            (
                "X-App-Usage",
                r#"{"call_count":28,"total_time":25.5,"total_cputime":31}"#,
                vec![(Bucket::App, 31.0, None)],
            ),
            ("x-app-usage", r#"{"call_count":118}"#, vec![(Bucket::App, 118.0, None)]),
            ("X-APP-USAGE", r#"{"call_count":"95"}"#, vec![(Bucket::App, 95.0, None)]),
            ("X-App-Usage", r#"{"call_count":-5}"#, vec![]),
            ("X-App-Usage", r#"{"call_count":1e999}"#, vec![]),
            ("X-App-Usage", "{}", vec![]),
            ("X-App-Usage", "[]", vec![]),
            ("X-App-Usage", "{\"call_count\":", vec![]),
            ("X-Page-Usage", r#"{"call_count":3}"#, vec![(object("7", "page"), 3.0, None)]),
            (
                "X-Ad-Account-Usage",
                r#"{"acc_id_util_pct":9.67,"reset_time_duration":100,"ads_api_access_tier":"x"}"#,
                vec![(object("7", "ad_account"), 9.67, None)],
            ),
            (
                "X-Ad-Account-Usage",
                r#"{"acc_id_util_pct":100,"reset_time_duration":100}"#,
                vec![(object("7", "ad_account"), 100.0, Some(100))],
            ),
            (
                business,
                r#"{"1":[{"type":"pages","call_count":5},{"type":"ads_management","total_time":95,"estimated_time_to_regain_access":3}]}"#,
                vec![(object("1", "pages"), 5.0, None), (object("1", "ads_management"), 95.0, Some(180))],
            ),
            (
                business,
                r#"{"1":[{"type":"pages","call_count":5}],"1":[{"type":"pages","call_count":80}],"2":[{"type":"a b"}]}"#,
                vec![(object("1", "pages"), 80.0, None)],
            ),
            (
                business,
                r#"{"1":[null,4,{"call_count":7}],"2":"x","3":{"type":"pages","call_count":1}}"#,
                vec![(object("1", ""), 7.0, None), (object("3", "pages"), 1.0, None)],
            ),
            (
                business,
                r#"{"1":[{"type":"pages","estimated_time_to_regain_access":1e300}]}"#,
                vec![(object("1", "pages"), 100.0, Some(REGAIN_MAX.as_secs()))],
            ),
            (business, "null", vec![]),
            (business, "{\"1\":[", vec![]),
            ("X-FB-Debug", r#"{"call_count":28}"#, vec![]),
        ];
        for (name, value, expected) in rows {
            assert_eq!(read(name, value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_header_sent_twice_counts_with_its_worse_figures() {
        let lines = [("x-app-usage", &b"{\"call_count\":90}"[..]), ("X-App-Usage", &b"{\"call_count\":10}"[..])];
        assert_eq!(usage(lines, "7").first().map(|u| u.percent), Some(90.0));
    }

    #[test]
    fn a_flood_of_objects_is_bounded() {
        let members: Vec<String> = (0..5000).map(|n| format!(r#""{n}":[{{"type":"pages","call_count":1}}]"#)).collect();
        let value = format!("{{{}}}", members.join(","));
        assert_eq!(usage([("x-business-use-case-usage", value.as_bytes())], "7").len(), BUCKETS_MAX);
    }

    #[test]
    fn the_tier_is_read_where_it_is_one_that_is_known() {
        let header = |tier: &str| format!(r#"{{"acc_id_util_pct":9.67,"ads_api_access_tier":{tier}}}"#);
        for (text, tier) in [
            (r#""development_access""#, Some(Tier::Development)),
            (r#""standard_access""#, Some(Tier::Standard)),
            (r#""limited""#, None),
            ("7", None),
        ] {
            let lines = usage([("x-ad-account-usage", header(text).as_bytes())], "7");
            assert_eq!(lines.first().and_then(|line| line.tier), tier, "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            let key = "type|call_count|acc_id_util_pct|reset_time_duration|estimated_time_to_regain_access|[0-9]{1,3}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_in_a_header_hurts(name in 0_usize..4, json in any_json(), noise in any::<Vec<u8>>()) {
            let names = ["X-App-Usage", "X-Business-Use-Case-Usage", "X-Ad-Account-Usage", "X-Page-Usage"];
            for value in [json.to_string().into_bytes(), noise] {
                for line in usage([(names[name], value.as_slice())], "7") {
                    prop_assert!(line.percent.is_finite() && line.percent >= 0.0);
                    prop_assert!(line.regain.is_none_or(|t| !t.is_zero() && t <= REGAIN_MAX));
                }
            }
        }
    }
}

#[cfg(test)]
mod fuzz {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::fuzz::{inputs, spoiled};

    fn right() -> Vec<Value> {
        let case = |kind: &str| {
            json!({"type": kind, "call_count": 28, "total_time": 25.5, "total_cputime": "31",
            "estimated_time_to_regain_access": 3, "ads_api_access_tier": "standard_access"})
        };
        vec![
            json!({"call_count": 28, "total_time": 25, "total_cputime": 31}),
            json!({"acc_id_util_pct": 9.67, "reset_time_duration": 100}),
            json!({"2001": [case("pages"), case("ads_management")], "2002": [case("pages")]}),
        ]
    }

    proptest! {
        #![proptest_config(inputs())]

        #[test]
        fn every_header_is_read_as_far_as_it_makes_sense(
            name in select(vec!["X-App-Usage", "X-Business-Use-Case-Usage", "X-Ad-Account-Usage", "X-Page-Usage"]),
            value in spoiled(right()),
            node in "[0-9a-z]{0,80}",
        ) {
            let lines = usage([(name, value.as_slice()), ("X-App-Usage", value.as_slice())], &node);
            prop_assert!(lines.len() <= BUCKETS_MAX);
            for line in lines {
                prop_assert!(line.percent.is_finite() && line.percent >= 0.0, "{line:?}");
                prop_assert!(line.regain.is_none_or(|time| !time.is_zero() && time <= REGAIN_MAX), "{line:?}");
            }
        }
    }
}
