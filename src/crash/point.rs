//! The points and the plan: which one, about what, at which hit.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A place at which the worker can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// A delivery is in our hands and not yet in the journal. About: the command's id.
    Delivered,
    /// The command is in the journal, its delivery is not acknowledged. About: the command's id.
    Stored,
    /// The intent of a write is in the journal, the request has not left. About: the command's id.
    Intended,
    /// The request has left and the answer's first bytes have come, none of it is understood. About: method and path.
    Sent,
    /// The answer to a write is understood and not recorded. About: the command's id.
    Answered,
    /// An answer is recorded, nothing follows yet. About: the command's id.
    Recorded,
    /// A walk has shown the end of a pending claim, the claim does not know. About: the command's id.
    Settled,
    /// The end of a command is in the journal, its event is not published. About: the command's id.
    Ended,
    /// Events are confirmed by the broker and still in the outbox. About: the ids of their commands.
    Published,
}

impl CrashPoint {
    /// Every point, in the order in which one command passes them.
    pub const ALL: [Self; 9] = [
        Self::Delivered,
        Self::Stored,
        Self::Intended,
        Self::Sent,
        Self::Answered,
        Self::Recorded,
        Self::Settled,
        Self::Ended,
        Self::Published,
    ];

    /// Its name in `BINDERY_CRASH_AT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Stored => "stored",
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Recorded => "recorded",
            Self::Settled => "settled",
            Self::Ended => "ended",
            Self::Published => "published",
        }
    }
}

/// What the environment asks for.
struct Plan {
    at: String,
    about: String,
    hits_left: AtomicU32,
}

impl Plan {
    fn read() -> Option<Self> {
        let read = |name: &str| std::env::var(name).ok();
        let at = read("BINDERY_CRASH_AT")?;
        let about = read("BINDERY_CRASH_ABOUT").unwrap_or_default();
        let hit = read("BINDERY_CRASH_HIT").and_then(|hit| hit.parse().ok()).unwrap_or(1);
        Some(Self { at, about, hits_left: AtomicU32::new(hit) })
    }

    /// Whether this hit is the one.
    fn strikes(&self, point: CrashPoint, about: &str) -> bool {
        self.at == point.name() && about.contains(&self.about) && self.hits_left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// Dies here, if that is what the environment asks for. No destructor runs and nothing is flushed.
pub(crate) fn reached(point: CrashPoint, about: impl FnOnce() -> String) {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    let Some(plan) = PLAN.get_or_init(Plan::read) else { return };
    let about = about();
    if plan.strikes(point, &about) {
        eprintln!("dying at the crash point `{}`, about {about}", point.name());
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_that_was_asked_for_is_the_last_one() {
        let plan = Plan { at: "stored".to_owned(), about: "c-7".to_owned(), hits_left: AtomicU32::new(2) };
        assert!(!plan.strikes(CrashPoint::Ended, "c-7") && !plan.strikes(CrashPoint::Stored, "c-8"));
        assert!(!plan.strikes(CrashPoint::Stored, "c-7"), "the first");
        assert!(plan.strikes(CrashPoint::Stored, "c-7"), "the second");
        assert!(!plan.strikes(CrashPoint::Stored, "c-7"), "one that another thread makes meanwhile");
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = CrashPoint::ALL.map(CrashPoint::name).into_iter().collect();
        assert_eq!(names.len(), CrashPoint::ALL.len());
    }
}
