//! What the instruments come to in text.

use std::collections::BTreeSet;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;

use super::instruments::Instruments;
use super::meters::{Meters, built};

/// The names of all series that `/metrics` can show: every instrument once, and these gauges by name and unit.
pub(crate) fn exported(gauges: impl Iterator<Item = (&'static str, &'static str)>) -> BTreeSet<String> {
    let (provider, meters) = begun();
    use_each(Instruments::of(&provider.meter("all")));
    gauges.for_each(|(name, unit)| meters.gauge(name, unit, "", |tell| tell(1.0, &[])));
    let text = meters.text().unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series.filter_map(|line| line.split(['{', ' ']).next()).map(ToOwned::to_owned).collect()
}

/// Whoever adds an instrument adds it here: the pattern names all of them.
fn use_each(all: Instruments) {
    let Instruments {
        commands,
        command_duration,
        unknown,
        unknown_resolved,
        settled_per_read,
        graph_errors,
        guard_refusals,
        rejected,
        ignored,
        events,
        commit_changes,
        commit_duration,
        http_duration,
        http_active,
        process_duration,
        consumed,
        sent,
        operation_duration,
    } = all;
    let counters = [commands, unknown, unknown_resolved, graph_errors, guard_refusals, rejected, ignored, events];
    counters.into_iter().chain([consumed, sent]).for_each(|counter| counter.add(1, &[]));
    let times = [command_duration, commit_duration, http_duration, process_duration, operation_duration];
    times.into_iter().for_each(|time| time.record(1.0, &[]));
    [settled_per_read, commit_changes].into_iter().for_each(|size| size.record(1, &[]));
    http_active.add(1, &[]);
}

fn begun() -> (SdkMeterProvider, Meters) {
    let registry = Registry::new();
    let provider = built(registry.clone(), None).unwrap();
    let meters = Meters::new(&provider, registry);
    (provider, meters)
}

#[test]
fn a_gauge_is_read_when_somebody_asks_and_tells_what_stands_then() {
    let (_provider, meters) = begun();
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(1));
    let now = count.clone();
    meters.gauge("bindery.graph.usage", "1", "a part", move |tell| {
        tell(f64::from(now.load(std::sync::atomic::Ordering::SeqCst)), &[("bucket_kind", "app")]);
    });
    assert!(meters.text().unwrap().contains("bindery_graph_usage_ratio{bucket_kind=\"app\"} 1\n"));
    count.store(7, std::sync::atomic::Ordering::SeqCst);
    assert!(meters.text().unwrap().contains("bindery_graph_usage_ratio{bucket_kind=\"app\"} 7\n"));
}

#[test]
fn a_gauge_that_has_nothing_to_tell_is_left_out() {
    let (_provider, meters) = begun();
    meters.gauge("bindery.outbox.oldest", "s", "nothing", |_| {});
    let text = meters.text().unwrap();
    assert!(!text.contains("bindery_outbox"), "{text}");
}

#[test]
fn the_text_says_who_tells_it() {
    let (_provider, meters) = begun();
    meters.gauge("bindery.build_info", "", "what is running", |tell| tell(1.0, &[]));
    let text = meters.text().unwrap();
    assert!(text.contains("target_info{") && text.contains("service_version"), "{text}");
    assert!(text.contains("# HELP bindery_build_info what is running"), "{text}");
}

#[test]
fn a_publishers_context_is_read_as_the_w3c_writes_it() {
    let context = super::spans::context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
    assert!(context.is_remote() && context.is_sampled());
}

#[test]
fn what_is_no_context_is_none_whatever_it_is() {
    for text in
        ["", "00", "00-1-2-3", "00-xyz-00f067aa0ba902b7-01", "é-é-é-é", &"0".repeat(100_000), "00-0-0-0", "----"]
    {
        assert!(super::spans::context(text).is_none(), "{}", &text[..text.len().min(20)]);
    }
}
