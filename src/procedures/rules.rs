//! What the configuration says about procedures.

use std::time::Duration;

use super::verdict::Proof;

/// What the configuration says about procedures.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `poll.settle`: how long one of Meta's lists may lag behind a write.
    pub settle: Duration,
    /// `poll.deny_after_walks`.
    pub deny_after_walks: u32,
    /// `retry.first`: gap before the second look at what a write should have brought about; it doubles.
    pub look_first: Duration,
    /// How often a write with unknown effect is sent, at most.
    pub writes_at_most: u32,
    /// `cool_down`: between letting go of an asset and claiming it again, or looking whether it has left.
    pub cool_down: Duration,
    /// `protected`: `page/123`, `person/456` or an address.
    pub protected: Vec<String>,
}

impl Rules {
    /// What it takes to believe an absence.
    #[must_use]
    pub fn proof(&self) -> Proof {
        Proof { settle: self.settle, walks: self.deny_after_walks }
    }
}
