//! `bindery explain ID`: why a command stands where it stands, what happens next and when.

use clap::Args;
use jiff::Timestamp;

use super::list::read_journal;
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::CommandId;
use crate::operator::{Situation, explain};

#[derive(Debug, Clone, Args)]
pub(super) struct ExplainArgs {
    /// The command's id.
    id: CommandId,
    /// Answers in JSON, beside the command as the journal has it.
    #[arg(long)]
    json: bool,
}

/// Explains it, with or without a worker; exit 1 where the journal does not know it.
pub(super) async fn run(args: ExplainArgs, config: &Config) -> Result<Ended, CliError> {
    let journal = read_journal(config).await?;
    let situation = Situation::of(&journal, config, &args.id, Timestamp::now()).await;
    journal.close().await;
    let situation = situation.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    let situation = situation.ok_or_else(|| unknown(&args.id, config))?;
    let told = explain(&situation);
    answer(&if args.json { format!("{:#}", told.in_json(&situation)) } else { told.in_words(situation.now) })?;
    Ok(Ended::Well)
}

fn unknown(id: &CommandId, config: &Config) -> CliError {
    let queue = &config.amqp.names.commands;
    let kept = humantime::format_duration(config.retention.commands);
    CliError::Failed(format!(
        "the journal knows no command {id}: it is still in {queue}, was refused (see {dead}), came to another journal, or ended more than {kept} ago",
        dead = config.amqp.names.dead
    ))
}
