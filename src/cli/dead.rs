//! `bindery dead`: messages that are no commands, or that the broker set aside. Looking at them takes nothing away.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::door::{self, Door, Said};
use super::list::read_journal;
use super::{CliError, Ended, answer, run as worker, send};
use crate::broker::{Letter, Letters};
use crate::config::Config;
use crate::journal::{Journal, Operation};
use crate::operator::{DeadError, Deed, LetterOrder, handle_letter, letter_name, shown};

/// Digits of a letter's name that a list shows; enough to name it by.
const NAME_SHOWN: usize = 12;
/// How many letters are looked through for one.
const LOOKED_MOST: u32 = 10_000;
/// RabbitMQ 4 drops a message that came back 20 times, unless a policy says otherwise.
const RETURNED_WARNED: u64 = 15;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum DeadCommand {
    /// The letters and why each is here. They stay; while they are looked at, another operator does not see them.
    List(ListArgs),
    /// One letter, whole.
    Show(ShowArgs),
    /// Publishes a letter as a new command, with an id, an actor and a reason of its own, and takes it out.
    Replay(ReplayArgs),
    /// Takes a letter out for good.
    Discard(DiscardArgs),
    /// What operators did with letters and events, and why: the log in the journal, the last first.
    Log(ListArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Answers in JSON: a list.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ShowArgs {
    /// The letter: 12 or more of its digits.
    letter: String,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReplayArgs {
    /// The letter: 12 or more of its digits.
    letter: String,
    /// Publishes it as it came, under the id that it has: done twice it is one run.
    #[arg(long)]
    unchanged: bool,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct DiscardArgs {
    /// The letter: 12 or more of its digits.
    letter: String,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

/// Looks at letters, or does something with one.
pub(super) async fn run(command: DeadCommand, config: &Config) -> Result<Ended, CliError> {
    let (done, json) = match command {
        DeadCommand::List(args) => return list(&args, config).await,
        DeadCommand::Show(args) => return show(&args, config).await,
        DeadCommand::Log(args) => return log(&args, config).await,
        DeadCommand::Replay(args) => {
            let deed = if args.unchanged { Deed::ReplayUnchanged } else { Deed::Replay };
            let order = LetterOrder { order: args.said.order()?, letter: args.letter, deed };
            (act(order, config).await?, args.json)
        }
        DeadCommand::Discard(args) => {
            let order = LetterOrder { order: args.said.order()?, letter: args.letter, deed: Deed::Discard };
            (act(order, config).await?, args.json)
        }
    };
    answer(&if json { done.to_string() } else { in_words(&done) })?;
    Ok(Ended::Well)
}

async fn list(args: &ListArgs, config: &Config) -> Result<Ended, CliError> {
    let mut letters = open(config).await?;
    let mut lines = Vec::new();
    let mut told = Vec::new();
    let mut returned = 0;
    let looked = loop {
        if told.len() >= args.limit as usize {
            break letters.waiting().await;
        }
        match letters.next().await {
            // Told at once: of a body that may be large, a line is kept.
            Ok(Some(letter)) => {
                returned = returned.max(letter.returned);
                lines.push(line(&letter));
                told.push(summary(&letter));
            }
            Ok(None) => break Ok(0),
            Err(error) => break Err(error),
        }
    };
    letters.close().await;
    let more = looked.map_err(|error| CliError::OutOfReach(error.to_string()))?;
    if args.json {
        answer(&format!("{:#}", json!(told)))?;
        return Ok(Ended::Well);
    }
    if more > 0 {
        lines.push(format!("and {more} more: --limit shows them"));
    }
    if returned >= RETURNED_WARNED {
        lines.push(format!("warning: one was looked at {returned} times. RabbitMQ 4 drops a message at 20 unless a policy sets delivery-limit on {}", config.amqp.names.dead));
    }
    answer(&if lines.is_empty() { "no letter is ready".to_owned() } else { lines.join("\n") })?;
    Ok(Ended::Well)
}

async fn show(args: &ShowArgs, config: &Config) -> Result<Ended, CliError> {
    let mut letters = open(config).await?;
    let mut found = Ok(None);
    for _ in 0..LOOKED_MOST {
        match letters.next().await {
            Ok(Some(letter)) if !is_named(&letter, &args.letter) => {}
            other => {
                found = other;
                break;
            }
        }
    }
    letters.close().await;
    let letter = found.map_err(|error| CliError::OutOfReach(error.to_string()))?;
    let gone = || format!("no letter {} is ready: it was taken out, or another operator looks at it now", args.letter);
    let letter = letter.ok_or_else(|| CliError::Failed(gone()))?;
    let body = String::from_utf8_lossy(&letter.body);
    if args.json {
        let mut told = summary(&letter);
        told["body"] = json!(body);
        answer(&format!("{told:#}"))?;
    } else {
        answer(&format!("{}\n{body}", line(&letter)))?;
    }
    Ok(Ended::Well)
}

async fn log(args: &ListArgs, config: &Config) -> Result<Ended, CliError> {
    let journal = read_journal(config).await?;
    let done = journal.operations(args.limit).await;
    journal.close().await;
    let done = done.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    let line = |one: &Operation| {
        let came = one.came.as_deref().unwrap_or("what came of it is not known");
        let target: String = one.target.chars().take(NAME_SHOWN).collect();
        format!("{:.0}  {}  {}  {target}  {came} (because: {})", one.at, one.actor, one.verb, one.reason)
    };
    answer(&if args.json {
        format!("{:#}", json!(done.iter().map(shown::operation).collect::<Vec<_>>()))
    } else if done.is_empty() {
        "nothing was done yet".to_owned()
    } else {
        done.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Ended::Well)
}

fn is_named(letter: &Letter, name: &str) -> bool {
    name.len() >= NAME_SHOWN && letter_name(letter).starts_with(&name.to_ascii_lowercase())
}

async fn open(config: &Config) -> Result<Letters, CliError> {
    Letters::open(worker::broker_config(&config.amqp)).await.map_err(|error| send::out_of_reach(&error))
}

async fn act(order: LetterOrder, config: &Config) -> Result<Json, CliError> {
    match Door::open(config).await? {
        Door::Worker(worker) => {
            let (verb, own) = match order.deed {
                Deed::Replay => ("replay", json!({ "unchanged": false })),
                Deed::ReplayUnchanged => ("replay", json!({ "unchanged": true })),
                Deed::Discard => ("discard", json!({})),
            };
            let letter = order.letter.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            let path = format!("/api/v1/dead/{letter}/{verb}");
            worker.post(&path, &door::in_json(&order.order, own)).await.map_err(door::refused)
        }
        Door::Journal(journal) => act_here(&journal, &order, config).await,
    }
}

async fn act_here(journal: &Journal, order: &LetterOrder, config: &Config) -> Result<Json, CliError> {
    let broker = worker::broker_config(&config.amqp);
    let limit = usize::try_from(config.limits.command_bytes).unwrap_or(usize::MAX);
    let done = handle_letter(&broker, journal, order, limit, Timestamp::now()).await;
    journal.close().await;
    done.map(|done| shown::done(&done)).map_err(|error| undone(&error))
}

fn undone(error: &DeadError) -> CliError {
    match error {
        DeadError::BadName => CliError::Usage(error.to_string()),
        DeadError::NotThere { .. } | DeadError::Unfit { .. } => CliError::Failed(error.to_string()),
        DeadError::NotTaken { .. } | DeadError::Unknown { .. } | DeadError::Broker(_) | DeadError::Journal(_) => {
            CliError::OutOfReach(error.to_string())
        }
    }
}

fn in_words(done: &Json) -> String {
    let letter: String = done["letter"].as_str().unwrap_or_default().chars().take(NAME_SHOWN).collect();
    match done["command"].as_str() {
        None => format!("{letter} is discarded"),
        Some(command) if done["taken_out"] == false => {
            format!("{letter} is published as {command}, but could not be taken out: it is still in the queue")
        }
        Some(command) => format!("{letter} is published as {command}: see `bindery status {command}`"),
    }
}

/// A letter in one line: its name, what it seems to be, and why it is here.
fn line(letter: &Letter) -> String {
    let name: String = letter_name(letter).chars().take(NAME_SHOWN).collect();
    let body: Json = serde_json::from_slice(&letter.body).unwrap_or_default();
    let id = body["id"].as_str().unwrap_or("(no id)");
    format!("{name}  {}  {id}  {} bytes  {}", letter.routing_key, letter.body.len(), why(letter))
}

fn why(letter: &Letter) -> String {
    match (&letter.code, &letter.reason, &letter.died_of) {
        (Some(code), Some(reason), _) => format!("{code}: {reason}"),
        (Some(code), None, _) => code.clone(),
        (None, _, Some(died_of)) => format!("set aside by the broker: {died_of}"),
        (None, _, None) => "no reason in its headers".to_owned(),
    }
}

fn summary(letter: &Letter) -> Json {
    json!({
        "letter": letter_name(letter), "routing_key": letter.routing_key, "bytes": letter.body.len(),
        "code": letter.code, "reason": letter.reason, "died_of": letter.died_of, "returned": letter.returned,
        "correlation_id": letter.correlation_id, "content_type": letter.content_type,
    })
}
