//! The simulator is Meta-shaped: code that nobody here wrote, Meta's official Python SDK, can work with it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use bindery::graph_sim::{Sim, SimConfig};

/// Made by `make test` from `tests/sdk/requirements.txt`.
const PYTHON: &str = "target/sdk-venv/bin/python";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metas_official_sdk_claims_lists_assigns_unassigns_and_removes_through_the_simulator() -> Result<()> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(PYTHON);
    ensure!(python.exists(), "{} is missing: `make test` makes it", python.display());
    let sim = Sim::start(SimConfig::default()).await?;
    let mut drive = Command::new(python);
    drive.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/drive.py")).arg(sim.base_url());
    let out = tokio::task::spawn_blocking(move || drive.output()).await??;
    let (told, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    ensure!(out.status.success(), "the SDK could not work with the simulator:\n{told}\n{wrong}");
    ensure!(told.contains("all steps as they should be"), "{told}");
    sim.stop().await;
    Ok(())
}
