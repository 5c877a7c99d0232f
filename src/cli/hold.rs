//! `bindery hold` and `bindery resume`: the stop switch, through the worker or without one.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::door::{self, Door, Said};
use super::list::read_journal;
use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::contract::BusinessId;
use crate::journal::{Hold, HoldOn};
use crate::operator::stops::{held, held_by_hand};
use crate::operator::{Hand, HoldOrder, Order, Reach};

#[derive(Debug, Clone, Args)]
pub(super) struct HoldArgs {
    /// The business. Without one and without --all it is told what is on hold.
    business: Option<BusinessId>,
    /// Every business.
    #[arg(long, conflicts_with = "business")]
    all: bool,
    /// Why, for the operators' log in the journal.
    #[arg(long)]
    reason: Option<String>,
    /// Who, for the same log.
    #[arg(long, env = "USER", default_value = "unknown")]
    actor: String,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ResumeArgs {
    /// The business.
    #[arg(required_unless_present = "all")]
    business: Option<BusinessId>,
    /// The hold on every business. Those on single ones stay.
    #[arg(long, conflicts_with = "business")]
    all: bool,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

/// Puts something on hold, or tells what is.
pub(super) async fn hold(args: HoldArgs, config: &Config) -> Result<Ended, CliError> {
    if args.business.is_none() && !args.all {
        let told = list(config).await?;
        let words = || told.iter().map(in_words).collect::<Vec<_>>().join("\n");
        answer(&match told.as_slice() {
            _ if args.json => json!({ "holds": told }).to_string(),
            [] => "nothing is on hold".to_owned(),
            [..] => words(),
        })?;
        return Ok(Ended::Well);
    }
    let reason = args.reason.ok_or_else(|| CliError::Usage("say why: --reason".to_owned()))?;
    let order = Order::new(&args.actor, &reason).map_err(|bad| CliError::Usage(bad.to_string()))?;
    let on = Reach { business: args.business, all: args.all }.on().map_err(|why| CliError::Usage(why.to_owned()))?;
    let order = HoldOrder { order, on };
    let (told, then) = match Door::open(config).await? {
        Door::Worker(worker) => {
            (worker.post("/api/v1/hold", &in_json(&order)).await.map_err(door::refused)?["hold"].take(), "")
        }
        Door::Journal(journal) => {
            let stands = Hand::Journal(&journal).hold(order, Timestamp::now()).await;
            journal.close().await;
            let unwritten = |error| CliError::OutOfReach(format!("nothing is on hold by this: {error}"));
            (held(&stands.map_err(unwritten)?), "; no worker runs, and the next one heeds it from its start")
        }
    };
    answer(&if args.json { json!({ "hold": told }).to_string() } else { in_words(&told) + then })?;
    Ok(Ended::Well)
}

/// Lets something go on.
pub(super) async fn resume(args: ResumeArgs, config: &Config) -> Result<Ended, CliError> {
    let on = Reach { business: args.business, all: args.all }.on().map_err(|why| CliError::Usage(why.to_owned()))?;
    let what = on.to_string();
    let order = HoldOrder { order: args.said.order()?, on };
    let told = match Door::open(config).await? {
        Door::Worker(worker) => worker.post("/api/v1/resume", &in_json(&order)).await.map_err(door::refused)?,
        Door::Journal(journal) => {
            let now = Timestamp::now();
            let done = async {
                let lifted = Hand::Journal(&journal).resume(order, now).await?;
                Ok((lifted, held_by_hand(journal.holds().await?)))
            };
            let done: Result<(Option<Hold>, Vec<Hold>), crate::journal::JournalError> = done.await;
            journal.close().await;
            let (lifted, left) = done.map_err(|error| CliError::OutOfReach(format!("the hold stands: {error}")))?;
            json!({ "lifted": lifted.as_ref().map(held), "holds": left.iter().map(held).collect::<Vec<_>>() })
        }
    };
    if args.json {
        answer(&told.to_string())?;
        return Ok(Ended::Well);
    }
    let first = if told["lifted"].is_null() { format!("{what} was not on hold") } else { format!("{what} goes on") };
    let left = told["holds"].as_array().into_iter().flatten().map(|hold| format!("still: {}", in_words(hold)));
    answer(&std::iter::once(first).chain(left).collect::<Vec<_>>().join("\n"))?;
    Ok(Ended::Well)
}

/// What is on hold, with a worker or without one.
async fn list(config: &Config) -> Result<Vec<Json>, CliError> {
    let journal = read_journal(config).await?;
    let holds = journal.holds().await;
    journal.close().await;
    let holds = holds.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    Ok(held_by_hand(holds).iter().map(held).collect())
}

fn in_json(order: &HoldOrder) -> Json {
    let own = json!({ "business": order.on.business().map(BusinessId::as_str), "all": order.on == HoldOn::Everything });
    door::in_json(&order.order, own)
}

fn in_words(hold: &Json) -> String {
    let what = hold["business"].as_str().map_or_else(|| "everything".to_owned(), |id| format!("business {id}"));
    let text = |field: &str| hold[field].as_str().unwrap_or_default().to_owned();
    format!("{what} is on hold since {}, by {} (because: {})", text("since"), text("actor"), text("reason"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Holding {
        #[command(flatten)]
        args: HoldArgs,
    }

    #[derive(Debug, Parser)]
    struct Resuming {
        #[command(flatten)]
        _args: ResumeArgs,
    }

    #[test]
    fn a_hold_names_one_business_or_all_and_a_resume_never_guesses() {
        let held = |line: &str| Holding::try_parse_from(line.split(' '));
        assert!(held("hold").unwrap().args.reason.is_none());
        assert!(held("hold 2001 --reason why").unwrap().args.reason.is_some());
        assert!(held("hold --all --reason why").unwrap().args.all);
        for line in ["hold 2001 --all --reason why", "hold x --reason why", "hold 1 2"] {
            assert!(held(line).is_err(), "{line}");
        }
        for line in ["resume --reason why", "resume 2001", "resume 2001 --all --reason why"] {
            assert!(Resuming::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
