//! `bindery evidence ID`: all that is kept as evidence of one command; `bindery evidence verify FILE`: whether it holds.

mod verify;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::list::read_journal;
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::CommandId;
use crate::journal::JournalError;
use crate::operator::Report;

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct EvidenceArgs {
    /// The command's id.
    #[arg(required = true)]
    id: Option<CommandId>,
    /// As one page of HTML, to be read or printed.
    #[arg(long, conflicts_with = "json")]
    html: bool,
    /// As JSON, for programs and for `evidence verify`.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Recomputes every chain of a report in JSON; exit 1 where something was altered, with what.
    Verify(verify::VerifyArgs),
}

impl EvidenceArgs {
    /// The file that is to be verified, which needs no configuration.
    pub(super) fn verifies(&self) -> Option<&verify::VerifyArgs> {
        self.action.as_ref().map(|Action::Verify(args)| args)
    }
}

pub(super) use verify::run as verify;

/// Writes the report, with or without a worker; exit 1 where the journal holds nothing.
pub(super) async fn run(args: EvidenceArgs, config: &Config) -> Result<Ended, CliError> {
    let Some(id) = &args.id else { return Err(CliError::Usage("name the command's id".to_owned())) };
    let journal = read_journal(config).await?;
    let unread = |error: JournalError| CliError::OutOfReach(format!("could not read the journal: {error}"));
    let report = Report::of(&journal, id, Timestamp::now()).await.map_err(unread)?;
    journal.close().await;
    let report = report.ok_or_else(|| nothing_held(id, config))?;
    answer(&if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| CliError::Failed(error.to_string()))?
    } else if args.html {
        report.in_html()
    } else {
        report.in_words()
    })?;
    Ok(Ended::Well)
}

fn nothing_held(id: &CommandId, config: &Config) -> CliError {
    let kept = humantime::format_duration(config.retention.evidence);
    CliError::Failed(format!(
        "the journal holds no evidence of {id}: it has not come, was refused, came to another journal, or ended more \
         than {kept} ago (`retention.evidence`)"
    ))
}
