//! Chance faults, the same for the same seed and the same calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fault, How, Oddity, Scripted};
use crate::graph_sim::rng::draw;
use crate::graph_sim::wire::request::{GraphRequest, Verb};

/// How often something goes wrong by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Awkward {
    /// Calls in a thousand that meet a fault.
    #[serde(default = "usual")]
    pub per_mille: u64,
    /// Whether calls may hang without an answer, too.
    #[serde(default)]
    pub timeouts: bool,
}

impl Default for Awkward {
    fn default() -> Self {
        Self { per_mille: usual(), timeouts: false }
    }
}

impl Awkward {
    pub(super) fn draw(&self, request: &GraphRequest, seed: u64, number: u64) -> Option<Fault> {
        let luck = draw(seed, &format!("fault {}", super::line(request)), number);
        if luck % 1000 >= self.per_mille {
            return None;
        }
        let how = self.choose(luck / 1000, request.verb);
        let applied = how.takes_effect();
        Some(Fault { how, applied })
    }

    pub(super) fn draw_oddity(&self, request: &GraphRequest, seed: u64, number: u64) -> Option<Oddity> {
        let luck = draw(seed, &format!("list {}", super::line(request)), number);
        if luck % 1000 >= self.per_mille {
            return None;
        }
        // The two that break a walk for good come by order only.
        let odd = [Oddity::EmptyMiddlePage, Oddity::NoCursors, Oddity::ExpireCursor];
        Some(odd[((luck / 1000) % 3) as usize])
    }

    fn choose(&self, luck: u64, verb: Verb) -> How {
        let mut ways =
            vec![How::Html502, How::EmptyError, How::Truncated, How::Reset, How::Empty200, transient(1), transient(2)];
        match verb {
            Verb::Get => {}
            Verb::Post | Verb::Delete => ways.extend([How::SuccessFalse, How::Null]),
        }
        if self.timeouts {
            ways.extend([How::TimeoutAfter, How::TimeoutBefore]);
        } else {
            // Alone, `null` hangs as well.
            ways.retain(|way| *way != How::Null);
        }
        let chosen = (luck % ways.len() as u64) as usize;
        ways.swap_remove(chosen)
    }
}

fn transient(code: i64) -> How {
    let message = Some("An unexpected error has occurred. Please retry your request later.".to_owned());
    How::Error(Scripted { code, subcode: None, is_transient: Some(true), status: 500, message })
}

fn usual() -> u64 {
    50
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64) -> Vec<Option<Fault>> {
        let request = GraphRequest::new(Verb::Post, "/v26.0/2001/client_pages", vec![]);
        (0..2000).map(|number| Awkward::default().draw(&request, seed, number)).collect()
    }

    #[test]
    fn the_same_seed_brings_the_same_faults() {
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
    }

    #[test]
    fn about_as_many_calls_fail_as_were_asked_for_and_none_hangs() {
        let faults: Vec<Fault> = fates(3).into_iter().flatten().collect();
        assert!((60..140).contains(&faults.len()), "{}", faults.len());
        assert!(faults.iter().all(|fault| !matches!(fault.how, How::TimeoutAfter | How::TimeoutBefore | How::Null)));
    }
}
