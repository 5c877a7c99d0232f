//! `bindery db status|migrate`: the schema of the journal. A worker takes its steps by itself at its start; this is for who
//! wants to see it first, or to take them apart from a start.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::door::Said;
use super::{CliError, Ended, answer, run};
use crate::config::Config;
use crate::journal::{Presence, Schema};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum DbCommand {
    /// How far the schema is, and whether this version can work on it. Changes nothing.
    Status(StatusArgs),
    /// Takes the steps that are missing. In a database a worker may go on meanwhile: no step takes away what the version
    /// before needs, unless the CHANGELOG says so.
    Migrate(MigrateArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// Answers in JSON: {"schema": …, "known": …, "needs": …, "usable": …}.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    said: Said,
    /// Answers in JSON: {"taken": …}.
    #[arg(long)]
    json: bool,
}

/// Looks, or takes steps.
pub(super) async fn run(command: DbCommand, config: &Config) -> Result<Ended, CliError> {
    match command {
        DbCommand::Status(args) => status(&args, config).await,
        DbCommand::Migrate(args) => migrate(&args, config).await,
    }
}

async fn status(args: &StatusArgs, config: &Config) -> Result<Ended, CliError> {
    let at = run::journal_address(config)?;
    if at.presence() != Presence::There {
        return Err(CliError::OutOfReach(format!("there is no journal at {at} yet: the first start makes it")));
    }
    let schema = at.schema().await.map_err(|error| CliError::OutOfReach(error.to_string()))?;
    let Schema { at: step, known, needs } = schema;
    let usable = needs <= known;
    answer(&if args.json {
        json!({ "schema": step, "known": known, "needs": needs, "usable": usable }).to_string()
    } else {
        format!("{at}: schema {step}, this version knows {known}: {}", in_words(&schema))
    })?;
    Ok(if usable { Ended::Well } else { Ended::OtherThanWell })
}

fn in_words(schema: &Schema) -> &'static str {
    let Schema { at, known, needs } = *schema;
    if needs > known {
        "a newer bindery wrote it, and this one cannot work on it"
    } else if at > known {
        "a newer bindery wrote it, and this one can live with it"
    } else if at < known {
        "`bindery db migrate`, or the next start of a worker, takes the steps that are missing"
    } else {
        "up to date"
    }
}

async fn migrate(args: &MigrateArgs, config: &Config) -> Result<Ended, CliError> {
    let at = run::journal_address(config)?;
    let operation = args.said.order()?.operation("db migrate", &at.to_string(), Timestamp::now());
    let taken = at.migrate(operation).await.map_err(|error| CliError::OutOfReach(error.to_string()))?;
    answer(&match taken {
        _ if args.json => json!({ "taken": taken }).to_string(),
        0 => format!("{at} was up to date"),
        n => format!("{at}: {n} steps taken"),
    })?;
    Ok(Ended::Well)
}
