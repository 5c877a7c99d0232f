//! Medians, percentiles and the bounds that the figures are held to.

use std::fmt;
use std::time::Duration;

/// The middle one; of an even number the lower of the two. Nothing has the median 0.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// The smallest of `sorted` that `percent` of them do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: f64) -> Duration {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// What a figure is held to.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// It is this or more.
    AtLeast(f64),
    /// It is less than this.
    Below(f64),
}

impl Bound {
    /// Whether `figure` keeps it.
    pub(crate) fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::Below(limit) => figure < limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Below(limit) => write!(f, "below {limit}"),
        }
    }
}
