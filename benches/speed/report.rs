//! The report: a table in Markdown, and a line for each bound that was missed.

use std::fmt::Write as _;

use crate::drain::{Drain, Run};
use crate::figures::{Bound, median};
use crate::flood::Flood;
use crate::million::Million;
use crate::open::Way;
use crate::pending::Pending;
use crate::process::Memory;
use crate::settings::{BUSINESSES, IN_FLIGHT, RATE, Settings};

/// Rows so far, and what was missed.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<String>,
    /// A sentence for each bound that was missed.
    pub(crate) missed: Vec<String>,
}

impl Report {
    /// Everything as Markdown; `facts` are lines about the machine.
    pub(crate) fn page(&self, facts: &[String]) -> String {
        let mut page = String::new();
        for fact in facts {
            let _ = writeln!(page, "- {fact}");
        }
        page.push_str(
            "\n| what | bare loop | worker | worker / bare loop | bound | kept |\n|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let _ = writeln!(page, "{row}");
        }
        page
    }

    /// Throughput, CPU and calls of the drains at one latency.
    pub(crate) fn drain(&mut self, drain: &Drain) {
        let name = format!("drain, stub at {} ms", drain.latency.as_millis());
        let near = drain.latency.is_zero();
        self.throughput(&name, &drain.bare, &drain.worker, if near { 0.6 } else { 0.9 });
        if !drain.slow.is_empty() {
            let name = format!("{name}, fsync slowed by 2 ms");
            self.throughput(&name, &drain.bare, &drain.slow, if near { 0.5 } else { 0.9 });
        }
        self.beside(&format!("{name}: CPU a command, µs"), drain, 0, |run| run.cpu.as_secs_f64() * 1e6);
        self.beside(&format!("{name}: calls a settled claim"), drain, 2, |run| run.calls);
        self.beside(&format!("{name}: RabbitMQ's CPU a command, µs"), drain, 0, |run| {
            run.broker_cpu.as_secs_f64() * 1e6
        });
        self.beside(&format!("{name}: the stub's CPU a call, µs"), drain, 0, |run| run.stub_cpu.as_secs_f64() * 1e6);
        if !near {
            // With no latency the stub, which has one thread, has one call in hand by its nature.
            self.beside(&format!("{name}: most calls in flight"), drain, 0, |run| run.in_flight as f64);
        }
        if let Some(syncs) = drain.slow.iter().map(|run| run.syncs).collect::<Option<Vec<f64>>>()
            && !syncs.is_empty()
        {
            let syncs = format!("{:.3}", median(syncs));
            self.row(&format!("{name}, fsync slowed by 2 ms: fsyncs a command"), "–", &syncs, "", None);
        }
    }

    /// The way from command to event.
    pub(crate) fn open(&mut self, bare: &Way, worker: &Way) {
        let name = format!("open loop, {RATE} commands/s");
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let pair = |figure: fn(&Way) -> std::time::Duration| {
            [bare, worker].map(|way| format!("{:.1} ms", milliseconds(figure(way))))
        };
        let [a, b] = pair(|way| way.p50);
        self.row(&format!("{name}: p50 above the calls"), &a, &b, "", None);
        let [a, b] = pair(|way| way.p99);
        self.row(
            &format!("{name}: p99 above the calls, ms"),
            &a,
            &b,
            "",
            Some((milliseconds(worker.p99), Bound::Below(15.0))),
        );
        let [a, b] = pair(|way| way.worst);
        self.row(&format!("{name}: the slowest above the calls"), &a, &b, "", None);
        let [a, b] = pair(|way| way.in_calls);
        self.row(&format!("{name}: time in the calls"), &a, &b, "", None);
        let [a, b] = [bare, worker].map(|way| format!("{:.2}", way.calls));
        self.row(&format!("{name}: calls a settled claim"), &a, &b, "", None);
        let [a, b] = pair(|way| way.late);
        self.row(&format!("{name}: the loader's own lateness at most"), &a, &b, "", None);
    }

    /// Resident memory.
    pub(crate) fn memory(&mut self, idle: Memory, queued: Option<Memory>, settings: &Settings) {
        let row = |memory: Memory| {
            format!("{:.1} MB (anonymous {:.1}, peak {:.1})", memory.resident, memory.anonymous, memory.peak)
        };
        self.row("resident, idle, MB", "–", &row(idle), "", Some((idle.resident, Bound::Below(40.0))));
        if let Some(queued) = queued {
            let name = format!("resident, {} commands queued, MB", settings.queued);
            self.row(&name, "–", &row(queued), "", Some((queued.resident, Bound::Below(120.0))));
        }
    }

    /// One business's flood beside another's few commands.
    pub(crate) fn flood(&mut self, flood: &Flood, settings: &Settings) {
        let (alone, beside) = (flood.alone.as_secs_f64() * 1e3, flood.beside.as_secs_f64() * 1e3);
        let name = format!("beside a flood of {}: p95 of another business's commands, times alone", settings.flood);
        let told = format!("{beside:.0} ms, alone {alone:.0} ms, {} of the flood left", flood.left);
        self.judged(&name, &told, beside / alone, Bound::Below(2.0));
    }

    /// A journal that holds very many commands beside one that holds few.
    pub(crate) fn million(&mut self, million: &Million, settings: &Settings) {
        let of = settings.million;
        let rates = |[few, many]: [f64; 2]| format!("{many:.0}/s, with few {few:.0}/s");
        let ratio = |[few, many]: [f64; 2]| many / few;
        let (taken, begun) = (million.taken_in, million.begun);
        self.judged(
            &format!("{of} queued: taken in, times with few"),
            &rates(taken),
            ratio(taken),
            Bound::AtLeast(0.9),
        );
        self.judged(
            &format!("{of} queued: worked off, times with few"),
            &rates(begun),
            ratio(begun),
            Bound::AtLeast(0.9),
        );
        let told =
            format!("{:.1} MB, after a restart {:.1} MB", million.memory[0].resident, million.memory[1].resident);
        let most = million.memory[0].resident.max(million.memory[1].resident);
        self.judged(&format!("{of} queued: resident, MB"), &told, most, Bound::Below(150.0));
        let restart = million.restart.as_secs_f64();
        self.row(&format!("{of} queued: from the start to the first call"), "–", &format!("{restart:.2} s"), "", None);
    }

    /// A great many pending claims.
    pub(crate) fn pending(&mut self, pending: &Pending, settings: &Settings) {
        let of = settings.pending;
        let (calls, pages) = (pending.calls as f64, pending.pages as f64);
        let told = format!(
            "{calls:.0} calls for {pages:.0} pages of {BUSINESSES} lists, in {:.1} s",
            pending.took.as_secs_f64()
        );
        let beyond = (calls - pages) / BUSINESSES as f64;
        self.judged(
            &format!("{of} pending: calls of a sweep beyond the pages, a business"),
            &told,
            beyond,
            Bound::Below(2.001),
        );
        let memory = pending.memory.resident;
        self.judged(&format!("{of} pending: resident, MB"), &format!("{memory:.1} MB"), memory, Bound::Below(120.0));
        let restart = pending.restart.as_secs_f64();
        let told = format!("{restart:.2} s");
        self.judged(&format!("{of} pending: from the start to the first call, s"), &told, restart, Bound::Below(2.0));
        let idle = pending.idle * 100.0;
        let name = format!("{of} pending: CPU between sweeps, percent of a core");
        self.judged(&name, &format!("{idle:.1} %"), idle, Bound::Below(5.0));
    }

    fn judged(&mut self, name: &str, told: &str, figure: f64, bound: Bound) {
        self.row(name, "–", told, &format!("{figure:.2}"), Some((figure, bound)));
    }

    /// Ratios round by round, because a machine is not the same from minute to minute; their median is judged.
    fn throughput(&mut self, name: &str, bare: &[Run], worker: &[Run], least: f64) {
        let ratios: Vec<f64> = worker.iter().zip(bare).map(|(worker, bare)| worker.rate / bare.rate).collect();
        let ratio = median(ratios.iter().copied());
        let all: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let rate = |runs: &[Run]| format!("{:.0}/s", median(runs.iter().map(|run| run.rate)));
        let told = format!("{ratio:.2} ({})", all.join(", "));
        self.row(name, &rate(bare), &rate(worker), &told, Some((ratio, Bound::AtLeast(least))));
    }

    /// Medians of one figure, side by side.
    fn beside(&mut self, name: &str, drain: &Drain, decimals: usize, figure: fn(&Run) -> f64) {
        let [bare, worker] = [&drain.bare, &drain.worker].map(|runs| median(runs.iter().map(figure)));
        let told = |figure: f64| format!("{figure:.decimals$}");
        self.row(name, &told(bare), &told(worker), &format!("{:.2}", worker / bare), None);
    }

    fn row(&mut self, name: &str, bare: &str, worker: &str, ratio: &str, judged: Option<(f64, Bound)>) {
        let (bound, kept) = match judged {
            Some((figure, bound)) if bound.holds(figure) => (bound.to_string(), "yes"),
            Some((figure, bound)) => {
                self.missed.push(format!("{name}: {figure:.2} is not {bound}"));
                (bound.to_string(), "**no**")
            }
            None => (String::new(), ""),
        };
        self.rows.push(format!("| {name} | {bare} | {worker} | {ratio} | {bound} | {kept} |"));
    }
}

/// What was run, in a line.
pub(crate) fn what_was_run(settings: &Settings) -> String {
    let quick = if settings.quick { "QUICK, too short to be told to others: " } else { "" };
    format!(
        "{quick}drains of {} agency claims over {BUSINESSES} businesses, granted at once, {} rounds, {IN_FLIGHT} in flight, \
         journal synchronous=FULL, claim caps raised to 1 000 000; open loop of {} commands, the first {} not counted",
        settings.claims, settings.rounds, settings.open, settings.warm_up
    )
}
