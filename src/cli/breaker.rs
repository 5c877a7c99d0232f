//! `bindery breaker list` and `bindery breaker reset`: businesses whose claims Meta has taken for abuse.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::door::{self, Door, Said};
use super::list::read_journal;
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::BusinessId;
use crate::journal::{Hold, HoldOn};
use crate::operator::stops::{breaker, open_breakers};
use crate::operator::{Hand, HoldOrder};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum BreakerCommand {
    /// The breakers that are open, since when and why. Changes nothing.
    List(ListArgs),
    /// Closes one: the claims of the business go on.
    Reset(ResetArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Answers in JSON: {"breakers": [{"business", "since", "reason"}]}.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ResetArgs {
    /// The business.
    business: BusinessId,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON: {"reset": …}, null where it was not open.
    #[arg(long)]
    json: bool,
}

/// Shows or closes; closing one that is not open changes nothing.
pub(super) async fn run(command: BreakerCommand, config: &Config) -> Result<Ended, CliError> {
    match command {
        BreakerCommand::List(args) => list(&args, config).await,
        BreakerCommand::Reset(args) => reset(args, config).await,
    }
}

async fn list(args: &ListArgs, config: &Config) -> Result<Ended, CliError> {
    let journal = read_journal(config).await?;
    let holds = journal.holds().await;
    journal.close().await;
    let holds = holds.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    let open = open_breakers(holds);
    answer(&match open.as_slice() {
        _ if args.json => json!({ "breakers": open.iter().map(breaker).collect::<Vec<_>>() }).to_string(),
        [] => "no breaker is open".to_owned(),
        [..] => open.iter().map(in_words).collect::<Vec<_>>().join("\n"),
    })?;
    Ok(Ended::Well)
}

async fn reset(args: ResetArgs, config: &Config) -> Result<Ended, CliError> {
    let business = args.business.clone();
    let order = HoldOrder { order: args.said.order()?, on: HoldOn::Claims(args.business) };
    let was: Json = match Door::open(config).await? {
        Door::Worker(worker) => {
            let told = door::in_json(&order.order, json!({ "business": business.as_str() }));
            worker.post("/api/v1/breakers/reset", &told).await.map_err(door::refused)?["reset"].take()
        }
        Door::Journal(journal) => {
            let was = Hand::Journal(&journal).resume(order, Timestamp::now()).await;
            journal.close().await;
            let unwritten = |error| CliError::OutOfReach(format!("the breaker stands as it was: {error}"));
            was.map_err(unwritten)?.as_ref().map_or(Json::Null, breaker)
        }
    };
    answer(&if args.json {
        json!({ "reset": was }).to_string()
    } else if was.is_null() {
        format!("the breaker of business {business} was not open")
    } else {
        format!("the claims of business {business} go on")
    })?;
    Ok(Ended::Well)
}

fn in_words(hold: &Hold) -> String {
    format!("{} are stopped since {:.0}: {}", hold.on, hold.since, hold.reason)
}
