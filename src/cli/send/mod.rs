//! `bindery send`: one command to the broker, and with `--wait` what becomes of it.

mod fields;
mod wait;

use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Read, Write, stderr, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use super::{CliError, Ended, answer, run};
use crate::broker::{BrokerConfig, BrokerError, Exchange, Publication, Reader, Requester, Settled};
use crate::config::Config;
use crate::contract::{Body, Command, command_names, delivery_digest, parse};
use fields::Fields;
use wait::Wait;
pub(super) use wait::line;

#[derive(Debug, Clone, Args)]
pub(super) struct SendArgs {
    /// What to do.
    #[arg(value_parser = PossibleValuesParser::new(command_names()), required_unless_present = "body")]
    command: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Sends a whole command from this file instead, `-` for stdin.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "Fields"])]
    body: Option<PathBuf>,
    /// Waits for the end, and shows what is told on the way.
    #[arg(long)]
    wait: bool,
    /// How long to wait.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Does not ask before something is taken from somebody.
    #[arg(long, short)]
    yes: bool,
    /// Answers in JSON: the events as they are; without --wait {"id": …}.
    #[arg(long)]
    json: bool,
}

/// Sends; 0 where it was taken, or with `--wait` ended well.
pub(super) async fn run(args: SendArgs, config: &Config) -> Result<Ended, CliError> {
    let limit = usize::try_from(config.limits.command_bytes).unwrap_or(usize::MAX);
    let body = args.bytes(limit)?;
    let command = parse(&body, limit).map_err(|malformed| CliError::Usage(format!("no command: {malformed}")))?;
    if !args.yes && takes_away(&command) && stdin().is_terminal() && !agreed(&command)? {
        return Err(CliError::Failed("nothing was sent".to_owned()));
    }
    let broker = run::broker_config(&config.amqp);
    let requester = Requester::open(broker.clone()).await.map_err(|error| out_of_reach(&error))?;
    let sent = args.send(&requester, &broker, &command, body).await;
    requester.close().await;
    sent
}

impl SendArgs {
    fn bytes(&self, limit: usize) -> Result<Vec<u8>, CliError> {
        match (&self.body, &self.command) {
            (Some(file), _) => whole(file, limit),
            (None, Some(name)) => {
                let id = self.fields.id.clone().unwrap_or_else(new_id);
                Ok(self.fields.command(name, &id).to_string().into_bytes())
            }
            (None, None) => Err(CliError::Usage("no command was named".to_owned())),
        }
    }

    /// Follows before it publishes: no event can come too early.
    async fn send(
        &self,
        requester: &Requester,
        broker: &BrokerConfig,
        command: &Command,
        body: Vec<u8>,
    ) -> Result<Ended, CliError> {
        let (id, delivery) = (command.id.to_string(), delivery_digest(&body));
        let keys = format!("{}.#", command.body.name());
        let events = if self.wait { Some(Reader::open(broker, &keys).await) } else { None };
        let events = events.transpose().map_err(|error| out_of_reach(&error))?;
        taken(requester.publish(&publication(command, body)).await, &id)?;
        match events {
            None if self.json => answer(&serde_json::json!({ "id": id }).to_string())?,
            None => answer(&id)?,
            Some(_) if self.json => {}
            Some(_) => answer(&format!("sent {} {id}", command.body.name()))?,
        }
        let Some(events) = events else { return Ok(Ended::Well) };
        let wait = Wait { id: &id, delivery: &delivery, within: self.timeout, json: self.json };
        wait.for_the_end(events).await
    }
}

fn publication(command: &Command, body: Vec<u8>) -> Publication {
    Publication {
        exchange: Exchange::Commands,
        routing_key: command.body.name().to_owned(),
        body,
        message_id: command.id.to_string(),
        correlation_id: Some(command.id.to_string()),
        kind: Some("bindery.command".to_owned()),
        content_type: Some("application/json".to_owned()),
        headers: Vec::new(),
        mandatory: true,
    }
}

fn taken(settled: Settled, id: &str) -> Result<(), CliError> {
    let why = match settled {
        Settled::Confirmed => return Ok(()),
        Settled::Unrouted => {
            "nobody takes commands there: no queue is bound to the exchange of commands, start a worker first"
                .to_owned()
        }
        Settled::Refused { reason } => format!("the broker did not take it: {reason}"),
        Settled::NoAnswer { reason } => {
            format!("nobody knows whether the broker has it ({reason}): send it again with --id {id}, it is done once")
        }
    };
    Err(CliError::OutOfReach(format!("{id} was not sent: {why}")))
}

/// What waiting cannot mend is a matter of configuration only where the URL or a file is wrong.
pub(super) fn out_of_reach(error: &BrokerError) -> CliError {
    match error {
        BrokerError::BadUrl { .. } | BrokerError::BadName { .. } | BrokerError::TlsFile { .. } => {
            CliError::Usage(error.to_string())
        }
        BrokerError::Unreachable { .. }
        | BrokerError::Tls { .. }
        | BrokerError::Silent { .. }
        | BrokerError::LoginRefused { .. }
        | BrokerError::VhostMissing { .. }
        | BrokerError::VhostRefused { .. }
        | BrokerError::Drift { .. }
        | BrokerError::Forbidden { .. }
        | BrokerError::Refused { .. }
        | BrokerError::NoAnswer { .. }
        | BrokerError::Lost { .. }
        | BrokerError::Cancelled { .. } => CliError::OutOfReach(error.to_string()),
    }
}

/// Whether the command takes something from somebody.
fn takes_away(command: &Command) -> bool {
    let takes = match &command.body {
        Body::Unbind { .. }
        | Body::Reassign { .. }
        | Body::Unassign { .. }
        | Body::Offboard { .. }
        | Body::Transfer { .. }
        | Body::Revoke { .. }
        | Body::Disconnect { .. }
        | Body::Undo { .. } => true,
        Body::Claim { irreversible, .. } => *irreversible,
        Body::Assign { .. } | Body::Invite { .. } | Body::Share { .. } | Body::Inspect { .. } | Body::Cancel { .. } => {
            false
        }
    };
    takes && !command.dry_run
}

fn agreed(command: &Command) -> Result<bool, CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("could not ask: {error}"));
    let mut out = stderr().lock();
    writeln!(out, "{:#}", command.to_json())
        .and_then(|()| write!(out, "Send this {}? [y/N] ", command.body.name()))
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut said = String::new();
    stdin().read_line(&mut said).map_err(failed)?;
    Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}

/// A file's bytes; one that is larger than any command is not read to its end.
fn whole(file: &Path, limit: usize) -> Result<Vec<u8>, CliError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    let read = match file.to_str() {
        Some("-") => stdin().lock().take(most).read_to_end(&mut body),
        Some(_) | None => std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut body)),
    };
    read.map_err(|error| CliError::Usage(format!("could not read {}: {error}", file.display())))?;
    Ok(body)
}

/// A UUID by time (version 7). Its random part is the standard library's seed of hash maps.
fn new_id() -> String {
    let [a, b] = [0_u8, 1].map(|salt| RandomState::new().hash_one(salt).to_be_bytes());
    let mut random = [0; 10];
    random[..8].copy_from_slice(&a);
    random[8..].copy_from_slice(&b[..2]);
    let millis = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests;
