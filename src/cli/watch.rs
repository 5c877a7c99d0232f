//! `bindery watch`: the events as they come, of one command, of one business, or all.

use std::io::{ErrorKind, Write, stdout};
use std::ops::ControlFlow;

use clap::Args;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tracing::warn;

use super::{CliError, Ended, run, send};
use crate::broker::{self, Heard};
use crate::config::Config;
use crate::contract::{BusinessId, CommandId, Event};

#[derive(Debug, Clone, Args)]
pub(super) struct WatchArgs {
    /// Only what is told of this command, and of what bindery itself does after it.
    #[arg(long, value_name = "ID", conflicts_with = "business")]
    command: Option<CommandId>,
    /// Only what is told of this business's commands.
    #[arg(long, value_name = "ID")]
    business: Option<BusinessId>,
    /// Prints each event as it was published, one a line.
    #[arg(long)]
    json: bool,
}

/// Watches until it is told to stop, over every loss of the broker; exit 3 where there is none to begin with.
pub(super) async fn run(args: WatchArgs, config: &Config) -> Result<Ended, CliError> {
    let mut signals = run::Signals::new()?;
    let watched = tokio::select! {
        watched = broker::watch(run::broker_config(&config.amqp)) => watched,
        () = signals.one() => return Ok(Ended::Well),
    };
    let (heard, listening) = watched.map_err(|error| send::out_of_reach(&error))?;
    tokio::select! {
        told = args.tell(heard) => told?,
        () = listening => {}
        () = signals.one() => {}
    }
    Ok(Ended::Well)
}

impl WatchArgs {
    async fn tell(&self, mut heard: mpsc::Receiver<Heard>) -> Result<(), CliError> {
        while let Some(heard) = heard.recv().await {
            match heard {
                Heard::Event(told) => {
                    if self.show(&told.body)?.is_break() {
                        return Ok(());
                    }
                }
                Heard::Gap { since } => {
                    warn!("events told since {since:.0} may be missing here; the journal has them (`bindery list`)");
                }
            }
        }
        Ok(())
    }

    /// What is no event of ours is shown to whoever wants everything as it is, and to nobody else.
    fn show(&self, body: &[u8]) -> Result<ControlFlow<()>, CliError> {
        let event = serde_json::from_slice::<Event>(body).ok();
        let wanted = match &event {
            Some(event) => self.wants(event),
            None => self.command.is_none() && self.business.is_none(),
        };
        match event {
            _ if !wanted => Ok(ControlFlow::Continue(())),
            _ if self.json => print(&in_a_line(body)),
            Some(event) => print(&line(&event)),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let data = &event.data;
        match (&self.command, &self.business) {
            (Some(id), _) => data.command_id.as_ref() == Some(id) || data.told.follows.as_ref() == Some(id),
            (None, Some(business)) => data.about.business.as_ref() == Some(business),
            (None, None) => true,
        }
    }
}

/// Prints a line; a break where the reader has gone (`| head`), which is how a watch may end.
fn print(text: &str) -> Result<ControlFlow<()>, CliError> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(CliError::Failed(format!("could not write an event: {error}"))),
    }
}

/// The event's own bytes, but for line breaks that somebody else's publisher may have put in.
fn in_a_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<Json>(&text) {
        Ok(json) if text.contains(['\n', '\r']) => json.to_string(),
        Ok(_) => text.into_owned(),
        Err(_) => Json::from(&*text).to_string(),
    }
}

fn line(event: &Event) -> String {
    let data = &event.data;
    let id = data.command_id.as_ref().map_or("unknown", CommandId::as_str);
    format!("{} {id}: {}", data.command, send::line(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(command: Option<&str>, business: Option<&str>) -> WatchArgs {
        WatchArgs {
            command: command.map(|id| id.parse().unwrap()),
            business: business.map(|id| id.parse().unwrap()),
            json: false,
        }
    }

    fn rejected(id: &str, business: &str) -> Event {
        let body = format!(r#"{{"id": "{id}", "command": "claim", "business": "{business}"}}"#);
        let malformed = crate::contract::parse(body.as_bytes(), 1024).unwrap_err();
        let delivery = crate::contract::Delivery::of(body.as_bytes(), "/s", jiff::Timestamp::UNIX_EPOCH);
        Event::rejected(malformed.into(), &delivery)
    }

    #[test]
    fn only_what_was_asked_for_is_shown() {
        let event = rejected("a", "2001");
        for (command, business, wanted) in [
            (None, None, true),
            (Some("a"), None, true),
            (Some("b"), None, false),
            (None, Some("2001"), true),
            (None, Some("2002"), false),
        ] {
            assert_eq!(args(command, business).wants(&event), wanted, "{command:?} {business:?}");
        }
    }

    #[test]
    fn a_line_says_whose_it_is() {
        let line = line(&rejected("a", "2001"));
        assert!(line.starts_with("claim a: ") && line.contains(" rejected command/a"), "{line}");
    }

    #[test]
    fn an_event_stays_one_line_and_keeps_its_bytes() {
        assert_eq!(in_a_line(br#"{"b": 1, "a": 2}"#), r#"{"b": 1, "a": 2}"#);
        assert_eq!(in_a_line(b"{\n\"a\": 2}"), r#"{"a":2}"#);
        assert_eq!(in_a_line(b"no\nevent"), r#""no\nevent""#);
    }
}
