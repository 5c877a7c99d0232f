//! `bindery release ID`: a person has looked at a command that takes much away, and lets it.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::door::{self, Door, Said};
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::CommandId;
use crate::journal::Release;
use crate::operator::{Hand, ReleaseOrder};

#[derive(Debug, Clone, Args)]
pub(super) struct ReleaseArgs {
    /// The command; of a fan-out its own id, for all of its children.
    id: CommandId,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON: {"released": …}.
    #[arg(long)]
    json: bool,
}

/// Releases it; exit 1 where the journal does not know it, or where it has ended.
pub(super) async fn run(args: ReleaseArgs, config: &Config) -> Result<Ended, CliError> {
    let order = ReleaseOrder { order: args.said.order()?, command: args.id.clone() };
    let then = match Door::open(config).await? {
        Door::Worker(worker) => {
            let path = format!("/api/v1/commands/{}/release", args.id);
            worker.post(&path, &door::in_json(&order.order, json!({}))).await.map_err(door::refused)?;
            "it goes on"
        }
        Door::Journal(journal) => {
            let met = Hand::Journal(&journal).release(order, Timestamp::now()).await;
            journal.close().await;
            let unwritten = |error| CliError::OutOfReach(format!("nothing was released: {error}"));
            match met.map_err(unwritten)? {
                Release::Open(_) => "it goes on with the next worker",
                Release::Ended => return Err(CliError::Failed(format!("{} has ended already", args.id))),
                Release::Unknown => return Err(CliError::Failed(format!("the journal knows no command {}", args.id))),
            }
        }
    };
    answer(&if args.json {
        json!({ "released": args.id.as_str() }).to_string()
    } else {
        format!("{} may pass the blast radius, its children too: {then}", args.id)
    })?;
    Ok(Ended::Well)
}
