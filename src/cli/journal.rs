//! `bindery journal export|import`: a whole journal, out of one store and into another.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::door::Said;
use super::{CliError, Ended, answer, run};
use crate::config::Config;
use crate::journal::portable::{self, Sums};
use crate::journal::{Journal, JournalError};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum JournalCommand {
    /// Writes the whole journal of `journal.url` to a file, as of one moment, beside a worker or without one.
    Export(ExportArgs),
    /// Reads an export into `journal.url`, which must hold nothing and have no worker. It stands as a whole, after it was
    /// read back and its counts and hashes are those of the export, or not at all.
    Import(ImportArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ExportArgs {
    /// The file to write; it must not be there yet.
    file: PathBuf,
    /// Answers in JSON: the count and the hash of each table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ImportArgs {
    /// The file to read.
    file: PathBuf,
    #[command(flatten)]
    said: Said,
    /// Answers in JSON: the count and the hash of each table.
    #[arg(long)]
    json: bool,
}

/// Moves a journal.
pub(super) async fn run(command: JournalCommand, config: &Config) -> Result<Ended, CliError> {
    match command {
        JournalCommand::Export(args) => export(&args, config).await,
        JournalCommand::Import(args) => import(&args, config).await,
    }
}

async fn export(args: &ExportArgs, config: &Config) -> Result<Ended, CliError> {
    let at = run::journal_address(config)?;
    let file = File::create_new(&args.file).map_err(|error| unusable(args.file.display(), &error))?;
    let mut out = BufWriter::new(file);
    let exported = portable::export(&at, &mut out).await.map_err(failed);
    // Half an export is none: it would be refused by its missing end, and stand in the way of the next.
    let exported = exported.and_then(|sums| {
        let synced = out.flush().and_then(|()| out.get_ref().sync_all());
        synced.map_err(|error| unusable(args.file.display(), &error)).map(|()| sums)
    });
    if exported.is_err() {
        let _ = std::fs::remove_file(&args.file);
    }
    let sums = exported?;
    told(&if args.json { in_json(&sums) } else { in_words(&sums, &format!("{at} is in {}", args.file.display())) })
}

async fn import(args: &ImportArgs, config: &Config) -> Result<Ended, CliError> {
    let at = run::journal_address(config)?;
    let order = args.said.order()?;
    let file = File::open(&args.file).map_err(|error| unusable(args.file.display(), &error))?;
    let sums = portable::import(&at, BufReader::new(file)).await.map_err(failed)?;
    // After it: what is in the journal is what was exported, and then this.
    let journal = Journal::open(at.clone()).await.map_err(failed)?;
    let operation = order.operation("journal import", &args.file.display().to_string(), Timestamp::now());
    let noted = journal.begin_operation(operation).await;
    journal.close().await;
    noted.map_err(failed)?;
    told(&if args.json { in_json(&sums) } else { in_words(&sums, &format!("{} is in {at}", args.file.display())) })
}

fn told(answered: &str) -> Result<Ended, CliError> {
    answer(answered)?;
    Ok(Ended::Well)
}

fn in_json(sums: &Sums) -> String {
    json!(sums).to_string()
}

fn in_words(sums: &Sums, what: &str) -> String {
    let rows: u64 = sums.values().map(|sum| sum.rows).sum();
    format!("{what}: {rows} rows, as its counts and hashes say")
}

fn unusable(file: impl std::fmt::Display, error: &std::io::Error) -> CliError {
    CliError::Usage(format!("{file}: {error}"))
}

fn failed(error: JournalError) -> CliError {
    let told = error.to_string();
    if matches!(error, JournalError::NotEmpty { .. } | JournalError::NotAnExport { .. }) {
        CliError::Failed(told)
    } else {
        CliError::OutOfReach(told)
    }
}
