//! Breakers: businesses whose claims stop, because Meta took something of theirs for abuse.
//!
//! An open breaker stays open until a person resets it: an abuse answer that is met again and again lasts longer.

use std::collections::HashSet;

use crate::contract::BusinessId;

/// The breakers that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakers {
    open: HashSet<BusinessId>,
}

impl Breakers {
    /// Those of these businesses are open, all others closed.
    pub fn of<'b>(businesses: impl IntoIterator<Item = &'b BusinessId>) -> Self {
        Self { open: businesses.into_iter().cloned().collect() }
    }

    /// Whether no claim of the business may leave.
    #[must_use]
    pub fn stop(&self, business: &BusinessId) -> bool {
        self.open.contains(business)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_breaker_stops_its_own_business_alone() {
        let [ours, other]: [BusinessId; 2] = ["2001", "2002"].map(|id| id.parse().unwrap());
        let breakers = Breakers::of([&ours]);
        assert!(breakers.stop(&ours) && !breakers.stop(&other));
        assert!(!Breakers::default().stop(&ours));
    }
}
