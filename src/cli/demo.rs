//! `bindery demo`: the product's story, told as it happens, and checked against the simulator's own log.
//!
//! Everything is real but Meta: the broker, the journal, the engine, the HTTP calls. Names at the broker carry the
//! process id and are deleted at the end, so that a broker in use is left as it was.

mod checks;
mod stage;
mod story;

use std::convert::Infallible;

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, Ended};
use crate::config::Config;
use stage::Stage;

/// What `bindery demo` may be told.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DemoArgs {
    /// The broker; that of the configuration unless given.
    #[arg(long, value_name = "URL", value_parser = secret)]
    amqp_url: Option<SecretString>,
}

/// Tells the story; exit 1 where anything came out otherwise than told.
pub(super) async fn run(config: Config, args: &DemoArgs) -> Result<Ended, CliError> {
    let failed = |error| CliError::Failed(format!("could not hear signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut stage = Stage::set(&config, args.amqp_url.as_ref()).await?;
    let told = tokio::select! {
        told = story::tell(&mut stage) => told,
        _ = interrupt.recv() => Err(stage::Trouble::Stopped),
        _ = terminate.recv() => Err(stage::Trouble::Stopped),
    };
    let checked = told.map(|()| checks::all(&stage));
    stage.strike().await;
    let checked = checked.map_err(|trouble| CliError::Failed(trouble.to_string()))?;
    Ok(if checks::print(&checked) { Ended::Well } else { Ended::OtherThanWell })
}

/// A URL may hold a password, which nothing shows.
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text.to_owned()))
}
