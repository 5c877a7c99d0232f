//! The report: a table in Markdown, and a line for each bound that was missed.

use std::fmt::Write as _;
use std::time::Duration;

use crate::course::{Ran, Size};

/// Finished within this many times the least time that the quota allows.
const WITHIN: f64 = 1.05;
/// Throttling errors in ten thousand calls, at most.
const THROTTLED_AT_MOST: f64 = 1.0;
/// `pace.stop_at` and `offboarding.reserve`, as they are by default.
const STOP_AT: f64 = 0.95;
const RESERVE: f64 = 0.20;

/// The page.
pub(crate) struct Page {
    pub(crate) text: String,
    /// A sentence for each bound that was missed.
    pub(crate) missed: Vec<String>,
}

/// What was found.
pub(crate) fn page(size: Size, needed: &Ran, paced: &Ran, took: Duration) -> Page {
    let least = least(size, needed);
    let ratio = paced.took.as_secs_f64() / least.as_secs_f64();
    let throttled = paced.throttled as f64 * 10_000.0 / paced.calls as f64;
    let mut text = facts(size, took);
    text.push_str("\n| what | figure | bound | kept |\n|---|---|---|---|\n");
    let mut missed = Vec::new();
    let rows = [
        ("calls that the work needs", needed.calls.to_string(), None),
        ("calls that were made", paced.calls.to_string(), None),
        ("the least time that the quotas allow", hours(least), None),
        ("the time it took", hours(paced.took), None),
        (
            "the time it took / the least time",
            format!("{ratio:.3}"),
            Some((ratio <= WITHIN, format!("at most {WITHIN}"))),
        ),
        (
            "throttling errors in 10 000 calls",
            format!("{throttled:.2} ({} in all)", paced.throttled),
            Some((throttled <= THROTTLED_AT_MOST, format!("at most {THROTTLED_AT_MOST}"))),
        ),
        ("commands that told of a wait", paced.waits.to_string(), None),
        ("on the wall", format!("{:.0} s", paced.on_the_wall.as_secs_f64()), None),
    ];
    for (what, figure, bound) in rows {
        let (bound, kept) = match bound {
            Some((true, bound)) => (bound, "yes"),
            Some((false, bound)) => {
                missed.push(format!("{what}: {figure} is not {bound}"));
                (bound, "**no**")
            }
            None => (String::new(), ""),
        };
        let _ = writeln!(text, "| {what} | {figure} | {bound} | {kept} |");
    }
    Page { text, missed }
}

/// A business may use its part of the quota at once, and from then on what comes back.
fn least(size: Size, needed: &Ran) -> Duration {
    let calls = needed.calls as f64 / size.businesses as f64;
    let per_hour = f64::from(size.per_hour);
    let at_once = per_hour * STOP_AT * (1.0 - RESERVE);
    Duration::from_secs_f64(((calls - at_once) / per_hour).max(0.0) * 3_600.0)
}

fn facts(size: Size, took: Duration) -> String {
    let quick = if size.is_quick { "QUICK, too short to be told to others: " } else { "" };
    format!(
        "- {quick}{} owner claims over {} businesses, each allowed {} calls an hour that come back evenly, claim caps raised to \
         1 000 000, everything else as by default (stop at 95 % of the quota, 20 % of that kept for offboardings)\n\
         - the bench took {} s\n",
        size.commands(),
        size.businesses,
        size.per_hour,
        took.as_secs()
    )
}

fn hours(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    format!("{} h {:02} min {:02} s", minutes / 60, minutes % 60, time.as_secs() % 60)
}
