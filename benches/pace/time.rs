//! The clocks of simulator and engine, moved on together whenever nothing is left to do.

use std::time::Duration;

use bindery::engine::Clock;
use bindery::graph_sim::Sim;

/// By how much they are moved at a time.
const STEP: Duration = Duration::from_secs(1);
/// Nobody has called for so long: whoever may go on has gone, and waits for time to pass.
const QUIET: Duration = Duration::from_millis(3);

/// What the simulator was asked so far.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) calls: u64,
    pub(crate) throttled: u64,
    seen: u64,
}

/// Moves both clocks on until dropped; `heard` counts the calls.
pub(crate) async fn pass(sim: &Sim, clock: &Clock, heard: &std::sync::Mutex<Heard>) {
    loop {
        tokio::time::sleep(QUIET).await;
        if listen(sim, heard) {
            continue;
        }
        // The simulator first: nobody may believe that more has come back than has.
        sim.advance(STEP);
        clock.advance(STEP);
    }
}

/// Takes what was called since the last time into the count; whether there was anything.
pub(crate) fn listen(sim: &Sim, heard: &std::sync::Mutex<Heard>) -> bool {
    let mut heard = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let calls = sim.calls_after(heard.seen);
    for call in &calls {
        heard.calls += 1;
        heard.throttled += u64::from(call.code == Some(80_001));
    }
    heard.seen = calls.last().map_or(heard.seen, |call| call.n);
    !calls.is_empty()
}
