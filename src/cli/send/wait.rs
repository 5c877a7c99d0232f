//! `bindery send --wait`: the events of one command as they come, until the one that ends it.

use std::time::Duration;

use tokio::time::Instant;

use crate::broker::{BrokerError, Reader};
use crate::cli::{CliError, Ended, answer};
use crate::contract::{Event, Phase};

/// What is waited for, and how it is told.
pub(super) struct Wait<'a> {
    pub(super) id: &'a str,
    /// By which a `rejected` event is known for ours.
    pub(super) delivery: &'a str,
    pub(super) within: Duration,
    pub(super) json: bool,
}

impl Wait<'_> {
    /// Prints the events until the end.
    pub(super) async fn for_the_end(&self, mut events: Reader) -> Result<Ended, CliError> {
        let ended = self.follow(&mut events).await;
        events.close().await;
        ended
    }

    async fn follow(&self, events: &mut Reader) -> Result<Ended, CliError> {
        let until = Instant::now() + self.within;
        loop {
            let told = events.next(until).await.map_err(|error| self.lost(&error))?.ok_or_else(|| self.too_late())?;
            if told.correlation_id.as_deref() != Some(self.id) {
                continue;
            }
            let body = told.body;
            let Ok(event) = serde_json::from_slice::<Event>(&body) else { continue };
            if !self.is_ours(&event) {
                continue;
            }
            if self.json {
                answer(&String::from_utf8_lossy(&body))?
            } else {
                answer(&line(&event))?
            }
            if event.is_terminal() {
                return Ok(ended(event.data.phase));
            }
        }
    }

    /// Somebody else's delivery under this id may have been rejected.
    fn is_ours(&self, event: &Event) -> bool {
        event.data.delivery.as_deref().is_none_or(|delivery| delivery == self.delivery)
    }

    fn lost(&self, error: &BrokerError) -> CliError {
        let id = self.id;
        CliError::OutOfReach(format!("{error}; the command was taken and goes on, see `bindery status {id}`"))
    }

    fn too_late(&self) -> CliError {
        let (id, within) = (self.id, humantime::format_duration(self.within));
        CliError::Failed(format!("{id} has not ended within {within}; it goes on, see `bindery status {id}`"))
    }
}

fn ended(phase: Phase) -> Ended {
    if matches!(phase, Phase::Confirmed | Phase::Completed) { Ended::Well } else { Ended::OtherThanWell }
}

/// An event in one line: when, how it stands, and what a person should know of it.
pub(in crate::cli) fn line(event: &Event) -> String {
    let data = &event.data;
    let mut line = format!("{:.0} {} {}", event.time, data.phase.word(), event.subject);
    if let Some(waiting) = &data.told.waiting {
        let cause = serde_json::to_value(waiting.cause).unwrap_or_default();
        line += &format!(" for {}", cause.as_str().unwrap_or("a while"));
        line += &waiting.until.map_or_else(String::new, |until| format!(" until {until:.0}"));
    }
    if let (Some(done), Some(total)) = (data.told.done, data.told.total) {
        line += &format!(" {done}/{total}");
    }
    if let Some(plan) = &data.told.plan {
        line += &format!(", plan of {} steps, {}", plan.steps.len(), plan.digest);
    }
    match data.told.changed {
        Some(true) => line += " (changed)",
        Some(false) => line += " (nothing changed)",
        None => {}
    }
    if let Some(error) = &data.error {
        line += &format!(": {} ({}); {}", error.message, error.code, error.remedy);
    }
    line
}
