//! The stop switch: the businesses that no write may leave for.

use std::collections::HashSet;

use crate::contract::BusinessId;

/// What is on hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    everything: bool,
    businesses: HashSet<BusinessId>,
}

impl Holds {
    /// Of every hold the business that it is on; `None` for all of them.
    pub fn of<'b>(on: impl IntoIterator<Item = Option<&'b BusinessId>>) -> Self {
        let mut holds = Self::default();
        for business in on {
            match business {
                Some(business) => {
                    holds.businesses.insert(business.clone());
                }
                None => holds.everything = true,
            }
        }
        holds
    }

    /// Whether no write may leave for one of these businesses.
    #[must_use]
    pub fn stop<'b>(&self, businesses: impl IntoIterator<Item = &'b BusinessId>) -> bool {
        self.everything || businesses.into_iter().any(|business| self.businesses.contains(business))
    }

    /// How many businesses are on hold by name, and whether all are.
    #[must_use]
    pub fn count(&self) -> (usize, bool) {
        (self.businesses.len(), self.everything)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn business(id: &str) -> BusinessId {
        id.parse().unwrap()
    }

    #[test]
    fn a_hold_of_one_business_stops_whoever_needs_it_and_nobody_else() {
        let (held, other) = (business("1"), business("2"));
        let holds = Holds::of([Some(&held)]);
        for (needs, stopped) in
            [(vec![&held], true), (vec![&other], false), (vec![&other, &held], true), (vec![], false)]
        {
            assert_eq!(holds.stop(needs.clone()), stopped, "{needs:?}");
        }
    }

    #[test]
    fn a_hold_of_everything_stops_all_and_no_hold_nobody() {
        let any = business("1");
        assert!(Holds::of([None]).stop([&any]));
        assert!(Holds::of([None]).stop([]));
        assert!(!Holds::default().stop([&any]));
    }
}
