//! `bindery graph-sim`: the stand-in of Meta on a port of its own.

use super::{CliError, Ended};
use crate::graph_sim::{GraphSimArgs, serve};

/// Serves until it is told to stop.
pub(super) async fn run(args: GraphSimArgs) -> Result<Ended, CliError> {
    serve(args).await.map(|()| Ended::Well).map_err(|error| CliError::Failed(error.to_string()))
}
