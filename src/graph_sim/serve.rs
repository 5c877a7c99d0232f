//! `bindery graph-sim`: the simulator as a program of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::awkward::Awkward;
use super::control::CONTROL_HELP;
use super::sim::{Sim, SimConfig};
use super::world::World;

/// Lists of the awkward profile lag this much where nothing else is said.
const AWKWARD_LAG: Duration = Duration::from_secs(2);

/// Arguments of `bindery graph-sim`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = CONTROL_HELP)]
pub struct GraphSimArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9480")]
    pub listen: SocketAddr,
    /// What all chance and all new ids of the demo world come from; a world file has its own
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// World as a JSON file (its format: GET /_sim/world); the demo world when left out
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
    /// How far lists lag behind writes, as in 5s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub lag: Option<Duration>,
    /// Let things go wrong by chance: errors, cut connections, odd lists, lists that lag by 2s
    #[arg(long)]
    pub awkward: bool,
}

/// Why `bindery graph-sim` could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The world file cannot be read.
    #[error("could not read world file {path}: {why}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The world file is no world.
    #[error("world file {path} is not right: {why}")]
    World {
        /// Which file.
        path: PathBuf,
        /// What is wrong where.
        why: serde_json::Error,
    },
    /// The address cannot be listened on, or signals cannot be heard.
    #[error("could not listen on {listen}: {why}")]
    Listen {
        /// Which address.
        listen: SocketAddr,
        /// Why.
        why: io::Error,
    },
}

/// Runs the simulator until Ctrl-C or SIGTERM; says on stdout where it listens.
///
/// # Errors
/// When the world file or the address is no good.
pub async fn serve(args: GraphSimArgs) -> Result<(), ServeError> {
    let listen = args.listen;
    let unheard = |why| ServeError::Listen { listen, why };
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let sim = Sim::start(config(args)?).await.map_err(unheard)?;
    print_line(&format!("graph-sim listens on {}, control at {}/_sim", sim.base_url(), sim.base_url()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    sim.stop().await;
    Ok(())
}

fn config(args: GraphSimArgs) -> Result<SimConfig, ServeError> {
    let world = match &args.world {
        Some(path) => read_world(path)?,
        None => World::demo_with(args.seed),
    };
    let usual = if args.awkward { AWKWARD_LAG } else { Duration::ZERO };
    Ok(SimConfig {
        listen: args.listen,
        world,
        lag: args.lag.unwrap_or(usual),
        awkward: args.awkward.then(Awkward::default),
        ..SimConfig::default()
    })
}

fn read_world(path: &Path) -> Result<World, ServeError> {
    let text = std::fs::read_to_string(path).map_err(|why| ServeError::File { path: path.to_owned(), why })?;
    serde_json::from_str(&text).map_err(|why| ServeError::World { path: path.to_owned(), why })
}

/// One line on stdout; a reader that is gone is no reason to stop.
fn print_line(line: &str) {
    use std::io::Write as _;
    let mut out = io::stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        args: GraphSimArgs,
    }

    fn asked(line: &str) -> GraphSimArgs {
        <Alone as clap::Parser>::try_parse_from(line.split(' ')).expect("good arguments").args
    }

    #[test]
    fn plain_arguments_bring_the_demo_world_without_trouble() {
        let plain = config(asked("graph-sim")).expect("a configuration");
        assert_eq!(plain.listen, SocketAddr::from(([127, 0, 0, 1], 9480)));
        assert!(plain.world == World::demo() && plain.awkward.is_none() && plain.lag.is_zero());
        let awkward = config(asked("graph-sim --awkward --seed 9")).expect("a configuration");
        assert!(awkward.awkward.is_some() && awkward.lag == AWKWARD_LAG && awkward.world.seed == 9);
        assert!(config(asked("graph-sim --awkward --lag 0s")).expect("a configuration").lag.is_zero());
    }

    #[test]
    fn a_world_file_that_is_missing_or_wrong_is_named() {
        let missing = config(asked("graph-sim --world /nowhere/world.json")).expect_err("no such file");
        assert!(missing.to_string().contains("/nowhere/world.json"), "{missing}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("world.json");
        std::fs::write(&path, r#"{"page":{}}"#).expect("written");
        let wrong = config(asked(&format!("graph-sim --world {}", path.display()))).expect_err("no world");
        assert!(wrong.to_string().contains("unknown field `page`"), "{wrong}");
    }
}
