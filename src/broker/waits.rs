//! How long to wait between two tries to connect: doubling, with jitter, and no memory of a connection that held.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// The next wait, growing from a quarter of a second to five seconds.
#[derive(Debug)]
pub(super) struct Waits {
    next: Duration,
}

impl Waits {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Between half of the wait and all of it, so that workers cut off together do not come back together.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait.mul_f64(0.5 + 0.5 * chance())
    }

    /// Starts anew after a connection that held for `held`. One that broke sooner than the longest wait counts as one
    /// more failed try: a flapping broker is not asked four times a second.
    pub(super) fn note_connection(&mut self, held: Duration) {
        if held >= LONGEST {
            *self = Self::new();
        }
    }
}

/// A number in `0.0..1.0`. The standard library seeds each `RandomState` at random, which is all that jitter needs.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn chance() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut waits = Waits::new();
        for most in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            let wait = waits.next();
            let most = Duration::from_millis(most);
            assert!(wait <= most && wait >= most / 2, "{wait:?} is not within {:?}..{most:?}", most / 2);
        }
    }

    #[test]
    fn only_a_connection_that_held_starts_anew() {
        let mut waits = Waits::new();
        for _ in 0..9 {
            waits.next();
        }
        waits.note_connection(Duration::from_secs(1));
        assert!(waits.next() >= LONGEST / 2);
        waits.note_connection(LONGEST);
        assert!(waits.next() <= FIRST);
    }
}
