//! `bindery status ID`: how one command stands, from the journal alone.

use clap::Args;
use serde_json::json;

use super::list::{read_journal, state};
use super::{CliError, Ended, answer, send};
use crate::config::Config;
use crate::contract::{CommandId, Event};
use crate::journal::{CommandRow, Ending, JournalError, NewEvent};
use crate::operator::shown;

/// The last events that are shown to a person.
const EVENTS_SHOWN: usize = 5;

#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// The command's id.
    id: CommandId,
    /// Answers in JSON, with all of its events.
    #[arg(long)]
    json: bool,
}

/// Shows it; exit 1 where the journal does not know it.
pub(super) async fn run(args: StatusArgs, config: &Config) -> Result<Ended, CliError> {
    let journal = read_journal(config).await?;
    let unread = |error: JournalError| CliError::OutOfReach(format!("could not read the journal: {error}"));
    let Some(row) = journal.find(&args.id).await.map_err(unread)? else {
        let ending = journal.ending(&args.id).await.map_err(unread)?;
        return over(&args, ending);
    };
    let events = journal.events_of(&args.id).await.map_err(unread)?;
    journal.close().await;
    answer(&if args.json { format!("{:#}", shown::status(&row, &events)) } else { in_words(&row, &events) })?;
    Ok(Ended::Well)
}

/// Of a command that ended long ago only its ending is kept.
fn over(args: &StatusArgs, ending: Option<Ending>) -> Result<Ended, CliError> {
    let ending = ending.ok_or_else(|| CliError::Failed(format!("the journal knows no command {}", args.id)))?;
    let (id, phase, at) = (&ending.id, ending.phase.word(), ending.ended_at);
    let json = || json!({ "id": id, "state": "ended", "phase": phase, "ended_at": at, "event_id": ending.event_id });
    let words = || format!("{id} ended as {phase} {at:.0}; the rest of it is kept no longer (`retention.commands`)");
    answer(&if args.json { format!("{:#}", json()) } else { words() })?;
    Ok(Ended::Well)
}

fn in_words(row: &CommandRow, events: &[NewEvent]) -> String {
    let also = |before: &str, text: Option<&str>| text.map_or_else(String::new, |text| format!("{before}{text}"));
    let mut lines = vec![format!("{} {}", row.id, state(row))];
    lines.push(format!("  since     {:.0}{}", row.since, also(", ", row.why.as_deref())));
    lines.extend(row.due.map(|due| format!("  due       {due:.0}")));
    lines.extend(row.cancelled_by.as_ref().map(|by| format!("  cancelled by {by}")));
    lines.push(format!("  asked     {}", row.body));
    lines.push(format!("  accepted  {:.0}{}", row.accepted_at, also(", published by ", row.published_by.as_deref())));
    lines.extend(row.parent.as_ref().map(|parent| format!("  part of   {parent}")));
    let children = row.children;
    if children.total > 0 {
        let ended = children.total - children.open;
        lines.push(format!("  children  {ended} of {} ended, {} of them well", children.total, children.well));
    }
    lines.push(format!("  evidence  {} entries", row.evidence_total));
    let last = &events[events.len().saturating_sub(EVENTS_SHOWN)..];
    let told = last.iter().filter_map(|event| serde_json::from_slice::<Event>(&event.body).ok());
    lines.extend(told.map(|event| format!("  event     {}", send::line(&event))));
    lines.join("\n")
}
