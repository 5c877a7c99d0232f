//! Places at which a test lets the worker die, as abruptly as a power cut.
//!
//! Only a build with the feature `crash-points` has them: those of tests and benches do, no release does.
//! `BINDERY_CRASH_AT` names the point, `BINDERY_CRASH_ABOUT` a text that must be in what the point is about (a command's
//! id, for most), and `BINDERY_CRASH_HIT` which of the hits that fit is the last one, counted from 1 (the first where it
//! is not set).

#[cfg(feature = "crash-points")]
mod point;

#[cfg(feature = "crash-points")]
pub use point::CrashPoint;
#[cfg(feature = "crash-points")]
pub(crate) use point::reached;

/// Marks a crash point; a build without the feature has nothing here, not even what the point is about.
macro_rules! crash_point {
    ($point:ident, $about:expr) => {
        #[cfg(feature = "crash-points")]
        crate::crash::reached(crate::crash::CrashPoint::$point, || ToString::to_string($about));
    };
}

pub(crate) use crash_point;
