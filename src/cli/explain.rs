//! `bindery explain ID`: why a command stands where it stands, what happens next and when.

use clap::Args;
use jiff::Timestamp;

use super::list::read_journal;
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::CommandId;
use crate::journal::{Ending, JournalError};
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
    let unread = |error: JournalError| CliError::OutOfReach(format!("could not read the journal: {error}"));
    let situation = Situation::of(&journal, config, &args.id, Timestamp::now()).await.map_err(unread)?;
    let Some(situation) = situation else {
        let ending = journal.ending(&args.id).await.map_err(unread)?;
        return Err(ending.map_or_else(|| unknown(&args.id, config), |ending| forgotten(&ending)));
    };
    journal.close().await;
    let told = explain(&situation);
    answer(&if args.json { format!("{:#}", told.in_json(&situation)) } else { told.in_words(situation.now) })?;
    Ok(Ended::Well)
}

/// Of a command that ended long ago only its ending is kept.
fn forgotten(ending: &Ending) -> CliError {
    let (id, phase, at) = (&ending.id, ending.phase.word(), ending.ended_at);
    CliError::Failed(format!("{id} ended as {phase} {at:.0}; the rest of it is kept no longer (`retention.commands`)"))
}

fn unknown(id: &CommandId, config: &Config) -> CliError {
    let queue = &config.amqp.names.commands;
    let kept = humantime::format_duration(config.retention.commands);
    CliError::Failed(format!(
        "the journal knows no command {id}: it is still in {queue}, was refused (see {dead}), came to another journal, or ended more than {kept} ago",
        dead = config.amqp.names.dead
    ))
}
