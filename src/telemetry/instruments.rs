//! Every counter and histogram by name. `/metrics` shows them by the usual mapping: `bindery.commands` is
//! `bindery_commands_total`, `bindery.command.duration` in `s` is `bindery_command_duration_seconds`.

use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

/// Who measures.
pub(super) const SCOPE: &str = "bindery";

/// The buckets that the conventions name for operations, in seconds.
const OPERATION: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// From a tenth of a second to thirty days: a claim may be pending for weeks.
const LIFE: [f64; 16] = [
    0.1,
    0.5,
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    14_400.0,
    43_200.0,
    86_400.0,
    259_200.0,
    604_800.0,
    1_209_600.0,
    2_592_000.0,
];
/// Changes in one commit: at most a group of the writer.
const GROUP: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// A commit, in seconds: from a disk that keeps nothing to one that hangs.
const COMMIT: [f64; 10] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];
/// Claims that one walk has settled.
const SETTLED: [f64; 8] = [0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 100.0, 1_000.0];

/// A number that Meta gave an error, as far as our table knows it: what it does not know is `other`, so that nobody
/// outside makes a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Error {
    /// Meta's `code`, where the table has it.
    pub(crate) code: Option<i64>,
    /// Meta's `error_subcode`, where the table tells it apart.
    pub(crate) subcode: Option<i64>,
    /// What it means for us.
    pub(crate) class: &'static str,
}

/// The instruments.
pub(super) struct Instruments {
    pub(super) commands: Counter<u64>,
    pub(super) command_duration: Histogram<f64>,
    pub(super) unknown: Counter<u64>,
    pub(super) unknown_resolved: Counter<u64>,
    pub(super) settled_per_read: Histogram<u64>,
    pub(super) graph_errors: Counter<u64>,
    pub(super) guard_refusals: Counter<u64>,
    pub(super) rejected: Counter<u64>,
    pub(super) ignored: Counter<u64>,
    pub(super) events: Counter<u64>,
    pub(super) commit_changes: Histogram<u64>,
    pub(super) commit_duration: Histogram<f64>,
    pub(super) http_duration: Histogram<f64>,
    pub(super) http_active: UpDownCounter<i64>,
    pub(super) process_duration: Histogram<f64>,
    pub(super) consumed: Counter<u64>,
    pub(super) sent: Counter<u64>,
    pub(super) operation_duration: Histogram<f64>,
}

impl Instruments {
    pub(super) fn of(meter: &Meter) -> Self {
        let count = |name, what| meter.u64_counter(name).with_description(what).build();
        let time = |name, what, buckets: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(buckets.to_vec()).build()
        };
        let size = |name, what, buckets: &[f64]| {
            meter.u64_histogram(name).with_description(what).with_boundaries(buckets.to_vec()).build()
        };
        Self {
            commands: count("bindery.commands", "Commands that have ended."),
            command_duration: time("bindery.command.duration", "From accepted to the terminal event.", &LIFE),
            unknown: count("bindery.unknown_outcomes", "Writes of which nobody knew whether Meta had made them."),
            unknown_resolved: count("bindery.unknown_outcomes.resolved", "How such writes were settled."),
            settled_per_read: size(
                "bindery.poll.claims_settled_per_read",
                "Pending claims that one walk of a business's lists has settled.",
                &SETTLED,
            ),
            graph_errors: count("bindery.graph.errors", "Errors that Meta answered."),
            guard_refusals: count("bindery.guard.refusals", "Commands that a guard has kept from harm."),
            rejected: count("bindery.deliveries.rejected", "Deliveries that were no commands or not allowed."),
            ignored: count("bindery.ignored", "What a message carried beside its command and was left out."),
            events: count("bindery.events", "Events and what the broker did with them."),
            commit_changes: size("bindery.journal.commit.changes", "Changes in one commit of the journal.", &GROUP),
            commit_duration: time("bindery.journal.commit.duration", "One commit of the journal.", &COMMIT),
            http_duration: time("http.client.request.duration", "Requests to Meta.", &OPERATION),
            http_active: meter
                .i64_up_down_counter("http.client.active_requests")
                .with_description("Requests to Meta that are out.")
                .build(),
            process_duration: time("messaging.process.duration", "From delivery to the journal's commit.", &OPERATION),
            consumed: count("messaging.client.consumed.messages", "Messages that were delivered to us."),
            sent: count("messaging.client.sent.messages", "Messages that we have tried to publish."),
            operation_duration: time(
                "messaging.client.operation.duration",
                "Publications until the broker's confirm.",
                &OPERATION,
            ),
        }
    }
}
