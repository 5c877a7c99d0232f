//! The command line: one file a subcommand. What they answer goes to stdout, everything else to stderr.

mod breaker;
mod config;
mod db;
mod dead;
mod demo;
mod doctor;
mod door;
mod events;
mod evidence;
mod explain;
mod graph_sim;
mod health;
mod hold;
mod journal;
mod list;
mod pipe;
mod release;
mod run;
mod schema;
mod send;
mod status;
mod watch;

use std::io::{ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::telemetry::{Role, TelemetryError};

/// Claims, unbinds and reassigns Meta business assets, as commands on RabbitMQ ask.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// A TOML file over the compiled-in defaults; variables BINDERY__SECTION__KEY win over both.
    #[arg(long, global = true, env = "BINDERY_CONFIG", value_name = "FILE", value_parser = path())]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 the command ended other than well · 2 usage or configuration · \
                          3 broker, journal or Graph out of reach";

#[derive(Debug, Subcommand)]
enum Command {
    /// Works: takes commands from RabbitMQ, carries them out on Graph, publishes what became of them.
    Run,
    /// Works without a broker: commands as JSON lines on stdin, events as JSON lines on stdout.
    Pipe,
    /// Sends one command to the workers.
    Send(Box<send::SendArgs>),
    /// How one command stands.
    Status(status::StatusArgs),
    /// The commands that the journal holds, the last arrived first.
    List(list::ListArgs),
    /// Why one command stands where it stands, what happens next and when.
    Explain(explain::ExplainArgs),
    /// All that is kept as evidence of one command: a report for an auditor, and whether it holds.
    Evidence(evidence::EvidenceArgs),
    /// Is the worker that listens on `http.listen` ready, and if not, why? For containers and scripts.
    Health(health::HealthArgs),
    /// Looks over broker, journal, worker and Graph, a line each with what to do. Changes nothing.
    Doctor(doctor::DoctorArgs),
    /// Events that nobody was bound for.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Messages that are no commands: looked at, replayed or discarded.
    #[command(subcommand)]
    Dead(dead::DeadCommand),
    /// The stop switch: no new write leaves for a business, or for any, within one call's time. Reads go on.
    Hold(hold::HoldArgs),
    /// Takes a hold back: what it stopped goes on where it stood.
    Resume(hold::ResumeArgs),
    /// Lets a command and its children pass the blast radius (`offboarding.blast_radius`).
    Release(release::ReleaseArgs),
    /// Breakers: the claims of a business stop when Meta takes one for abuse, until a person resets it.
    #[command(subcommand)]
    Breaker(breaker::BreakerCommand),
    /// Shows events as they come, of one command, one business, or all.
    Watch(watch::WatchArgs),
    /// Tells the product's story: real commands through a real RabbitMQ, with a stand-in of Meta at the other end.
    Demo(demo::DemoArgs),
    /// A stateful stand-in of Meta, for demos, tests and staging.
    GraphSim(crate::graph_sim::GraphSimArgs),
    /// A whole journal, out of one store and into another.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// The journal's schema: how far it is, and its next steps.
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Writes the contract as files: JSON Schema, AsyncAPI, and OpenAPI of the simulator's control API.
    Schema(schema::SchemaArgs),
    /// Looks at the configuration: is it right, and what is in force?
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// How a subcommand that could do its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As asked: exit code 0.
    Well,
    /// Other than well: exit code 1.
    OtherThanWell,
}

/// Why a subcommand could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration is wrong, a line for each problem: exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `RUST_LOG` is wrong: exit code 2.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The arguments make no sense together: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A neighbour cannot be reached, and why: exit code 3.
    #[error("{0}")]
    OutOfReach(String),
    /// Anything else that failed: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::OtherThanWell => Self::from(1),
        }
    }
}

impl From<&CliError> for ExitCode {
    fn from(error: &CliError) -> Self {
        match error {
            CliError::Failed(_) => Self::from(1),
            CliError::Config(_) | CliError::Telemetry(_) | CliError::Usage(_) => Self::from(2),
            CliError::OutOfReach(_) => Self::from(3),
        }
    }
}

impl Cli {
    /// What this process is to telemetry.
    #[must_use]
    pub fn role(&self) -> Role {
        if matches!(self.command, Command::Run | Command::Pipe) { Role::Worker } else { Role::Tool }
    }

    /// Carries out the subcommand.
    ///
    /// # Errors
    /// What kept it from its work; its exit code follows from [`CliError`].
    pub async fn run(self) -> Result<Ended, CliError> {
        match &self.command {
            Command::Run => run::run(self.load_config()?).await,
            Command::Pipe => pipe::run(self.load_config()?).await,
            Command::Send(args) => send::run((**args).clone(), &self.load_config()?).await,
            Command::Status(args) => status::run(args.clone(), &self.load_config()?).await,
            Command::List(args) => list::run(args.clone(), &self.load_config()?).await,
            Command::Explain(args) => explain::run(args.clone(), &self.load_config()?).await,
            Command::Evidence(args) => match args.verifies() {
                Some(args) => evidence::verify(args),
                None => evidence::run(args.clone(), &self.load_config()?).await,
            },
            Command::Health(args) => health::run(args.clone(), &self.load_config()?).await,
            Command::Doctor(args) => doctor::run(args.clone(), &self.load_config()?).await,
            Command::Events(command) => events::run(command.clone(), &self.load_config()?).await,
            Command::Dead(command) => dead::run(command.clone(), &self.load_config()?).await,
            Command::Hold(args) => hold::hold(args.clone(), &self.load_config()?).await,
            Command::Resume(args) => hold::resume(args.clone(), &self.load_config()?).await,
            Command::Release(args) => release::run(args.clone(), &self.load_config()?).await,
            Command::Breaker(command) => breaker::run(command.clone(), &self.load_config()?).await,
            Command::Watch(args) => watch::run(args.clone(), &self.load_config()?).await,
            Command::Demo(args) => demo::run(self.load_config()?, args).await,
            Command::GraphSim(args) => graph_sim::run(args.clone()).await,
            Command::Journal(command) => journal::run(command.clone(), &self.load_config()?).await,
            Command::Db(command) => db::run(command.clone(), &self.load_config()?).await,
            Command::Schema(args) => schema::run(args),
            Command::Config(command) => command.run(self.load_config(), self.config_file()),
        }
    }

    fn load_config(&self) -> Result<Config, ConfigError> {
        Config::load(self.config_file())
    }

    /// An empty name counts as none, as with every variable.
    fn config_file(&self) -> Option<&Path> {
        self.config.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// A path that may be empty, which clap's own parser refuses.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Prints an answer. A reader that has gone (`| head`) is none of our business.
fn answer(text: &str) -> Result<(), CliError> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Failed(format!("could not write the answer: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_file_may_stand_before_and_behind_the_subcommand() {
        for line in [["bindery", "--config", "x", "config", "check"], ["bindery", "config", "check", "--config", "x"]] {
            assert_eq!(Cli::try_parse_from(line).unwrap().config.as_deref(), Some("x".as_ref()));
        }
    }
}
