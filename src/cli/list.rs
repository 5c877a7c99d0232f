//! `bindery list`: the commands of the journal, the last arrived first.

use clap::Args;
use serde_json::{Value as Json, json};

use super::{CliError, Ended, answer, run};
use crate::config::Config;
use crate::contract::BusinessId;
use crate::journal::{CommandRow, Filter, Journal, State, StateName};
use crate::operator::shown;

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// In this state alone: ready, running, waiting, pending, awaiting_children, awaiting, ended.
    #[arg(long)]
    state: Option<StateName>,
    /// Of this business alone.
    #[arg(long, value_name = "ID")]
    business: Option<BusinessId>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Answers in JSON: a list.
    #[arg(long)]
    json: bool,
}

/// Lists them, with or without a worker.
pub(super) async fn run(args: ListArgs, config: &Config) -> Result<Ended, CliError> {
    let journal = read_journal(config).await?;
    let filter = Filter { state: args.state, business: args.business, before: None, limit: args.limit };
    let rows = journal.list(&filter).await;
    let rows = rows.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    journal.close().await;
    if args.json {
        let rows: Vec<Json> = rows.iter().map(shown::command).collect();
        answer(&format!("{:#}", json!(rows)))?;
    } else if !rows.is_empty() {
        answer(&in_words(&rows))?;
    }
    Ok(Ended::Well)
}

/// The journal, to read.
pub(super) async fn read_journal(config: &Config) -> Result<Journal, CliError> {
    let at = run::journal_address(config)?;
    Journal::open_read_only(at).await.map_err(|error| CliError::OutOfReach(error.to_string()))
}

/// How a command stands, in a few words.
pub(super) fn state(row: &CommandRow) -> String {
    match &row.state {
        State::Waiting { cause, until: Some(until), .. } => format!("waiting for {cause} until {until:.0}"),
        State::Waiting { cause, until: None, .. } => format!("waiting for {cause}"),
        State::Awaiting { target } => format!("awaiting {target}"),
        State::Ended(ended) if ended.changed => format!("{} (changed)", ended.phase.word()),
        State::Ended(ended) => format!("{} (nothing changed)", ended.phase.word()),
        State::Ready | State::Running | State::Pending | State::AwaitingChildren => row.state.name().word().to_owned(),
    }
}

fn in_words(rows: &[CommandRow]) -> String {
    let asked: Vec<String> = rows.iter().map(name).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let ids = width(&mut rows.iter().map(|row| row.id.as_str().len()));
    let names = width(&mut asked.iter().map(String::len));
    let line = |(row, name): (&CommandRow, &String)| {
        let since = format!("{:.0}", row.since);
        format!("{:ids$}  {name:names$}  {since}  {}", row.id.as_str(), state(row))
    };
    rows.iter().zip(&asked).map(line).collect::<Vec<_>>().join("\n")
}

/// The command's name and what it is about.
fn name(row: &CommandRow) -> String {
    let body: Json = serde_json::from_str(&row.body).unwrap_or_default();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let asset = body.get("asset").map(|asset| format!(" {}/{}", text(&asset["kind"]), text(&asset["id"])));
    text(&body["command"]) + &asset.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::status::StatusArgs;

    #[derive(Debug, Parser)]
    struct List {
        #[command(flatten)]
        args: ListArgs,
    }

    #[derive(Debug, Parser)]
    struct Status {
        #[command(flatten)]
        _args: StatusArgs,
    }

    #[test]
    fn what_cannot_be_listed_is_told() {
        for (line, told) in [
            ("--state nope", "must be one of ready"),
            ("--state ", "a value is required"),
            ("--business x", "invalid value"),
            ("--limit 0", "not in 1..=100000"),
            ("--limit -1", "unexpected argument"),
            ("--limit many", "invalid digit"),
            ("c1", "unexpected argument"),
        ] {
            let error = List::try_parse_from(std::iter::once("list").chain(line.split_whitespace())).expect_err(line);
            assert!(error.to_string().contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn every_state_can_be_listed() {
        for state in StateName::ALL {
            let list = List::try_parse_from(["list", "--state", state.word()]).unwrap();
            assert_eq!((list.args.state, list.args.limit), (Some(state), 50));
        }
    }

    #[test]
    fn a_status_needs_one_id_that_can_be_one() {
        for line in [&["status"][..], &["status", ""], &["status", "a b"], &["status", "a", "b"]] {
            assert!(Status::try_parse_from(line).is_err(), "{line:?}");
        }
        assert!(Status::try_parse_from(["status", "a~recheck-1"]).is_ok());
    }
}
