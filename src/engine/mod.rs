//! The engine acts: intake, dispatch, steps, sweeps and the relay.
mod board;
