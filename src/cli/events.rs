//! `bindery events replay`: events that nobody was bound for are published again under their own ids.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::door::{self, Door, Said};
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::CommandId;
use crate::operator::{ReplayOrder, replay_events};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum EventsCommand {
    /// Publishes events again that the broker gave back because nobody was bound for them, under their own ids. Bind a
    /// queue first.
    Replay(ReplayArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReplayArgs {
    /// Those of this command alone.
    #[arg(long, value_name = "ID")]
    command: Option<CommandId>,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON: {"queued": …}.
    #[arg(long)]
    json: bool,
}

/// Queues them, through the worker or without one.
pub(super) async fn run(command: EventsCommand, config: &Config) -> Result<Ended, CliError> {
    let EventsCommand::Replay(args) = command;
    let order = args.said.order()?;
    let (queued, then) = match Door::open(config).await? {
        Door::Worker(worker) => {
            let told = door::in_json(&order, json!({ "command": args.command.as_ref().map(|id| id.as_str()) }));
            let done = worker.post("/api/v1/events/replay", &told).await.map_err(door::refused)?;
            (done["queued"].as_u64().unwrap_or(0), "are published again")
        }
        Door::Journal(journal) => {
            let queued = replay_events(&journal, ReplayOrder { order, command: args.command }, Timestamp::now()).await;
            journal.close().await;
            let unwritten = |error| CliError::OutOfReach(format!("nothing was queued: {error}"));
            (queued.map_err(unwritten)?, "are queued: the next worker publishes them")
        }
    };
    answer(&match queued {
        _ if args.json => json!({ "queued": queued }).to_string(),
        0 => "no event is unrouted".to_owned(),
        n => format!("{n} events {then}"),
    })?;
    Ok(Ended::Well)
}
