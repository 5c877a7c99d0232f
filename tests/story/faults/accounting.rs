//! What became of every command of a run, counted.

use std::fmt;

/// The line that every run prints. `lost` and `unexpected` must be empty.
#[derive(Debug, Default)]
pub struct Accounting {
    /// Commands that somebody tried to send.
    pub attempted: usize,
    /// Those that the broker confirmed.
    pub acked: usize,
    /// Acked ones with their one end.
    pub terminal: usize,
    /// Acked ones that visibly wait, with a reason.
    pub parked: usize,
    /// Acked ones that have neither.
    pub lost: Vec<String>,
    /// What must not be: ends of nothing, two ends of one, a broken invariant.
    pub unexpected: Vec<String>,
    /// Events that came more than once, under one id.
    pub duplicated: usize,
    /// Commands that were open when a fault struck and ended all the same.
    pub recovered: usize,
}

impl Accounting {
    pub fn is_sound(&self) -> bool {
        self.lost.is_empty() && self.unexpected.is_empty()
    }
}

impl fmt::Display for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "attempted {} acked {} terminal {} parked {} lost {} unexpected {} duplicated {} recovered {}",
            self.attempted,
            self.acked,
            self.terminal,
            self.parked,
            self.lost.len(),
            self.unexpected.len(),
            self.duplicated,
            self.recovered
        )
    }
}
