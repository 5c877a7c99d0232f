//! `bindery doctor`: can a worker with this configuration do its work, and if not, what is to be done?

mod broker;
mod finding;
mod graph;
mod journal;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{CliError, Ended, answer};
use crate::config::Config;
use finding::{Finding, Verdict};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 all is well, or there are warnings alone · 1 something failed · 2 usage or configuration · \
                        3 broker, journal or Graph is out of reach. Every question has a deadline; nothing is changed."
)]
pub(super) struct DoctorArgs {
    /// Answers in JSON: {"ok": …, "findings": […]}.
    #[arg(long)]
    json: bool,
}

/// Looks everything over, all at once.
pub(super) async fn run(args: DoctorArgs, config: &Config) -> Result<Ended, CliError> {
    let now = Timestamp::now();
    let (broker, journal, graph) =
        tokio::join!(broker::look(config), journal::look(config, now), graph::look(config, now));
    let findings: Vec<Finding> = broker.into_iter().chain(journal).chain(graph).collect();
    answer(&if args.json { format!("{:#}", in_json(&findings)) } else { in_words(&findings) })?;
    ended(&findings)
}

fn ended(findings: &[Finding]) -> Result<Ended, CliError> {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let unreached: Vec<&str> = of(Verdict::OutOfReach).map(|finding| finding.area).collect();
    if let Some(first) = unreached.first() {
        let others = if unreached.iter().any(|area| area != first) { " and others are" } else { " is" };
        return Err(CliError::OutOfReach(format!("{first}{others} out of reach")));
    }
    Ok(if of(Verdict::Failed).next().is_some() { Ended::OtherThanWell } else { Ended::Well })
}

fn in_words(findings: &[Finding]) -> String {
    findings.iter().map(Finding::in_words).collect::<Vec<_>>().join("\n")
}

fn in_json(findings: &[Finding]) -> Json {
    let ok = findings.iter().all(|finding| matches!(finding.verdict, Verdict::Ok | Verdict::Warning));
    json!({ "ok": ok, "findings": findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_reach_weighs_more_than_failed_and_a_warning_weighs_nothing() {
        let (good, odd) = (Finding::ok("graph", "fine"), Finding::warning("journal", "old", "look"));
        let (bad, gone) =
            (Finding::failed("broker", "drift", "mend"), Finding::out_of_reach("graph", "silent", "wait"));
        assert_eq!(ended(&[good.clone(), odd.clone()]).unwrap(), Ended::Well);
        assert_eq!(ended(&[good, bad.clone(), odd]).unwrap(), Ended::OtherThanWell);
        assert!(matches!(ended(&[bad, gone]), Err(CliError::OutOfReach(told)) if told == "graph is out of reach"));
    }
}
