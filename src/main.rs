//! Arguments, TLS provider, runtime, telemetry, exit code: nothing else.

use std::process::ExitCode;
use std::time::Duration;

use bindery::cli::{Cli, CliError, Ended};
use clap::Parser;

/// How long the runtime may take to let go of blocking work (a read of stdin, for one) once all is done.
const LET_GO_WITHIN: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let ended = start(Cli::parse());
    match ended {
        Ok(ended) => ended.into(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(&error)
        }
    }
}

fn start(cli: Cli) -> Result<Ended, CliError> {
    // The first thing of all: reqwest and lapin panic without a provider. It fails only where one is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Failed(format!("could not start the runtime: {error}")))?;
    let telemetry = runtime.block_on(async { bindery::telemetry::init(cli.role()) })?;
    let ended = runtime.block_on(cli.run());
    // The runtime is still there: what goes to a collector by gRPC goes through it.
    telemetry.end();
    runtime.shutdown_timeout(LET_GO_WITHIN);
    ended
}
