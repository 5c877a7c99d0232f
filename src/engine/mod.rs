//! The engine acts: intake, dispatch, steps, sweeps and the relay.
mod ask;
mod board;
mod clock;
mod error;
mod follow;
mod progress;
mod shared;
mod step;
mod sweep;
mod tell;
