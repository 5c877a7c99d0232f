//! `bindery health`: is the worker beside us ready? For containers and scripts that have no HTTP client at hand.

use clap::Args;
use serde_json::json;

use super::{CliError, Ended, answer};
use crate::config::Config;
use crate::operator::Worker;

#[derive(Debug, Clone, Args)]
pub(super) struct HealthArgs {
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

/// Asks `/readyz` on `http.listen`; exit 0 where it is ready, 1 where it is not, 3 where nobody answers.
pub(super) async fn run(args: HealthArgs, config: &Config) -> Result<Ended, CliError> {
    let reasons = Worker::at(config.http.clone()).reasons().await;
    let reasons = reasons.map_err(|error| CliError::OutOfReach(error.to_string()))?;
    let ready = reasons.is_empty();
    let words = || if ready { "ready".to_owned() } else { format!("not ready: {}", reasons.join("; ")) };
    answer(&if args.json { json!({ "ready": ready, "reasons": reasons }).to_string() } else { words() })?;
    Ok(if ready { Ended::Well } else { Ended::OtherThanWell })
}
