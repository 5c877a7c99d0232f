//! What `deploy/` and the documents ask of our metrics is there to be asked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::{GAUGES, OUTBOX};
use crate::telemetry::tests::exported;

/// Of Prometheus itself, and of RabbitMQ's own exporter.
const OF_OTHERS: [&str; 3] = ["up", "rabbitmq_queue_messages_ready", "rabbitmq_alarms_free_disk_space_watermark"];
/// Words of PromQL that stand where a name may.
const WORDS: [&str; 11] = ["and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "sum", "max"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn ours() -> BTreeSet<String> {
    let gauges = GAUGES.iter().map(|(name, unit, ..)| (*name, *unit));
    exported(gauges.chain(OUTBOX.iter().map(|(name, unit, ..)| (*name, *unit))))
}

/// The series that an expression names: what is no text, no label, no range, no function and no word of the language.
fn series(expression: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut rest, mut group) = (expression, false);
    while let Some(first) = rest.chars().next() {
        let skipped = |open: char, close: char| rest[open.len_utf8()..].find(close).map(|at| &rest[at + 2..]);
        let after = match first {
            '"' => skipped('"', '"'),
            '{' => skipped('{', '}'),
            '[' => skipped('[', ']'),
            '(' if group => skipped('(', ')'),
            _ => None,
        };
        if let Some(after) = after {
            (rest, group) = (after, false);
            continue;
        }
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(first.len_utf8()));
        let named = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if named && !WORDS.contains(&word) && !after.trim_start().starts_with('(') {
            names.insert(word.to_owned());
        }
        group = matches!(word, "by" | "without" | "on" | "ignoring") || (group && word.trim().is_empty());
        rest = after;
    }
    names
}

/// What stands behind `key:` on a line of YAML.
fn lines_of<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines()
        .filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix(key))
        .map(str::trim)
        .collect()
}

/// Every `expr` of a dashboard, however deep.
fn expressions(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Object(fields) => {
            found.extend(fields.get("expr").and_then(Json::as_str).map(ToOwned::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn unknown(expressions: &[String]) -> Vec<String> {
    let ours = ours();
    let named = expressions.iter().flat_map(|expression| series(expression));
    named.filter(|name| !ours.contains(name) && !OF_OTHERS.contains(&name.as_str())).collect()
}

#[test]
fn every_metric_that_an_alert_or_the_autoscaler_names_is_one_that_we_export() {
    for (file, key, least) in [
        ("deploy/prometheus/alerts.yaml", "expr:", 10),
        ("deploy/kubernetes/components/monitoring/alerts.yaml", "expr:", 10),
        ("deploy/kubernetes/components/scaling/scaledobject.yaml", "query:", 1),
    ] {
        let text = read(file);
        let asked: Vec<String> = lines_of(&text, key).into_iter().map(ToOwned::to_owned).collect();
        assert!(asked.len() >= least, "{file} has {} of `{key}`", asked.len());
        assert!(asked.iter().all(|line| !line.starts_with(['|', '>'])), "{file}: one line an expression");
        assert_eq!(unknown(&asked), [""; 0], "{file}");
    }
}

#[test]
fn every_metric_on_the_dashboard_is_one_that_we_export() {
    let mut asked = Vec::new();
    expressions(&read("deploy/grafana/bindery.json").parse().unwrap(), &mut asked);
    assert!(asked.len() >= 10, "only {asked:?}");
    assert_eq!(unknown(&asked), [""; 0]);
}

#[test]
fn every_alert_has_its_line_in_the_runbook_and_no_line_is_of_an_alert_that_is_gone() {
    let alerts = read("deploy/prometheus/alerts.yaml");
    let alerts: BTreeSet<&str> = lines_of(&alerts, "alert:").into_iter().collect();
    let runbook = read("docs/operations.md");
    let lines: BTreeSet<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("| <a id=\"")?.split('"').next()).collect();
    let anchors: BTreeSet<String> = alerts.iter().map(|alert| alert.to_lowercase()).collect();
    assert_eq!(lines, anchors.iter().map(String::as_str).collect());
}

#[test]
fn every_metric_in_the_readme_is_one_that_we_export() {
    let readme = read("README.md");
    let ours = ours();
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let named = readme.split(word).filter(|word| word.starts_with("bindery_") && *word != "bindery_http_token");
    let known = |name: &str| ours.iter().any(|one| one == name || one == &format!("{name}_count"));
    assert_eq!(named.filter(|name| !known(name)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn an_expression_is_read_for_what_it_names() {
    for (expression, named) in [
        ("up == 0", vec!["up"]),
        ("sum by (operation) (rate(a_total{phase=\"b_total\"}[5m])) > 0.5", vec!["a_total"]),
        (
            "histogram_quantile(0.99, sum by (le)(rate(c_bucket[5m]))) > 1 and on (job) d unless e",
            vec!["c_bucket", "d", "e"],
        ),
        ("bindery_misspelt > bool 3", vec!["bindery_misspelt"]),
    ] {
        assert_eq!(series(expression), named.into_iter().map(ToOwned::to_owned).collect(), "{expression}");
    }
}
