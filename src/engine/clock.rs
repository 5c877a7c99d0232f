//! Domain time: due times, gaps and deadlines of commands. Tests move it; deadlines of network awaits are tokio's.
//!
//! # What must hold
//! Time never goes back, and passes as fast as it does on the wall: a settle window, a cool-down or the wait before a
//! retry is as long as it says, whatever happens to the system's clock meanwhile.
//!
//! - *The clock is set on by an hour.* Nothing has settled by that, and nobody is removed early.
//! - *The clock is set back by an hour.* Nothing waits an hour longer for that.
//!
//! So the system's clock is read once, at the start, and from then on time is counted from there. What the two come to
//! differ is made up for slowly, one part in a hundred, so that deadlines which name a time of day come right in the end;
//! a restart is right at once.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tracing::warn;

/// Of the time that has passed, the part by which it may be stretched or shortened.
const MADE_UP_FOR: i32 = 100;
/// A jump that an operator wants to know of.
const JUMP: SignedDuration = SignedDuration::from_secs(10);

/// The one clock of a worker. Clones share it.
#[derive(Debug, Clone)]
pub struct Clock {
    ahead_micros: Arc<AtomicI64>,
    moved: Arc<Notify>,
    counted: Arc<Mutex<Counted>>,
}

/// Time as it was counted so far.
#[derive(Debug)]
struct Counted {
    now: Timestamp,
    at: Instant,
    told: bool,
}

impl Default for Clock {
    fn default() -> Self {
        let counted = Counted { now: Timestamp::now(), at: Instant::now(), told: false };
        Self { ahead_micros: Arc::default(), moved: Arc::default(), counted: Arc::new(Mutex::new(counted)) }
    }
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.ahead_micros.load(Ordering::Relaxed));
        // A panic under the lock cannot be: what is counted is two times and a flag.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.count(Timestamp::now(), Instant::now()).saturating_add(ahead).expect("a saturated time is a time")
    }

    /// Moves the clock on, for tests, demos and benchmarks: what falls due by that is looked at now.
    pub fn advance(&self, by: Duration) {
        self.ahead_micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Until the clock is moved on the next time: whoever sleeps for a due time in real time wakes by this too.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// The clock as a function, for rooms that only read it.
    pub fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

impl Counted {
    /// Counts on to the instant `at`, at which the wall shows `wall`.
    fn count(&mut self, wall: Timestamp, at: Instant) -> Timestamp {
        let passed = SignedDuration::try_from(at.saturating_duration_since(self.at)).unwrap_or(SignedDuration::MAX);
        let reckoned = self.now.saturating_add(passed).expect("a saturated time is a time");
        let apart = wall.duration_since(reckoned);
        let most = passed / MADE_UP_FOR;
        self.now = reckoned.saturating_add(apart.clamp(-most, most)).expect("a saturated time is a time");
        self.at = at;
        self.tell(apart);
        self.now
    }

    /// Tells of a jump once, until it has been made up for.
    fn tell(&mut self, apart: SignedDuration) {
        let jumped = apart.abs() > JUMP;
        if jumped && !self.told {
            warn!(
                seconds = apart.as_secs(),
                "the system's clock has jumped by {} s: waits go on as long as they say, and times of day are made up \
                 for slowly; a restart follows the new clock at once",
                apart.as_secs()
            );
        }
        self.told = jumped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn counted() -> Counted {
        Counted { now: "2026-11-25T10:00:00Z".parse().unwrap(), at: Instant::now(), told: false }
    }

    /// How much time passes by the clock while a minute does, after the wall has jumped.
    fn a_minute_after(jump: SignedDuration) -> SignedDuration {
        let mut counted = counted();
        let (began, at) = (counted.now, counted.at);
        for second in 1..=60 {
            let passed = SignedDuration::from_secs(second);
            counted.count(began + passed + jump, at + passed.unsigned_abs());
        }
        counted.now.duration_since(began)
    }

    #[test]
    fn a_minute_is_a_minute_whatever_the_wall_shows() {
        for (jump, least, most) in [
            (SignedDuration::ZERO, 60_000, 60_000),
            (HOUR, 60_000, 60_600),
            (-HOUR, 59_400, 60_000),
            (HOUR * 24 * 365, 60_000, 60_600),
        ] {
            let passed = a_minute_after(jump).as_millis();
            assert!((least..=most).contains(&passed), "{jump}: {passed} ms");
        }
    }

    #[test]
    fn a_difference_is_made_up_for_in_the_end() {
        let mut counted = counted();
        let (began, at) = (counted.now, counted.at);
        for minute in 1..=60 * 101 {
            let passed = SignedDuration::from_mins(minute);
            counted.count(began + passed + HOUR, at + passed.unsigned_abs());
        }
        assert_eq!(counted.now.duration_since(began), SignedDuration::from_mins(60 * 101) + HOUR);
        assert!(!counted.told, "nothing to tell of any more");
    }

    #[test]
    fn time_never_goes_back() {
        let mut counted = counted();
        let (began, at) = (counted.now, counted.at);
        let mut last = counted.now;
        for (millis, jump) in [(1, HOUR), (2, -HOUR), (2, HOUR), (3, SignedDuration::ZERO), (1, -HOUR)] {
            let passed = SignedDuration::from_millis(millis);
            let now = counted.count(began + passed + jump, at + passed.unsigned_abs());
            assert!(now >= last, "{last} to {now}");
            last = now;
        }
    }

    #[test]
    fn a_moved_clock_is_ahead_by_as_much() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(3_600));
        assert!(clock.now() >= before + HOUR);
    }
}
