//! A share and its revoke, whatever is lost, however lists lag and whoever must approve.

use proptest::prelude::*;

use super::desk::{Desk, TOKEN};
use super::{PARTNER, has, revoke, share, stands, words, world_of};
use crate::contract::{Kind, Phase};
use crate::graph_sim::{Approver, AssetBuilder};
use crate::meta::Call;
use crate::meta::kinds::{Deed, Way, cell};

/// How a share comes about.
#[derive(Debug, Clone, Copy)]
enum Course {
    AtOnce,
    Asked(Asked),
}

/// Who is asked, whether anybody sees that, what they say and after how many seconds.
#[derive(Debug, Clone, Copy)]
struct Asked {
    by: Approver,
    hidden: bool,
    approves: bool,
    after: u64,
}

fn courses() -> impl Strategy<Value = Course> {
    let asked =
        (any::<bool>(), any::<bool>(), any::<bool>(), 0..1_500u64).prop_map(|(admin, hidden, approves, after)| {
            let by = if admin { Approver::Admin } else { Approver::Partner };
            Course::Asked(Asked { by, hidden, approves, after })
        });
    prop_oneof![1 => Just(Course::AtOnce), 3 => asked]
}

fn on(course: Course, asset: AssetBuilder) -> AssetBuilder {
    let Course::Asked(Asked { by, hidden, approves, after }) = course else { return asset };
    let asset = if hidden { asset.shared_out_of_sight(by) } else { asset.shared_once_approved(by) };
    if approves { asset.approves_after(after) } else { asset.denies_after(after) }
}

/// Endings of writes whose answers were lost over and over, and of requests out of sight: told, and never as a success.
const GIVEN_UP: [&str; 4] = ["unknown_outcome", "not_seen", "not_withdrawn", "100"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is lost, however the list lags and whoever must approve: what is told as a success stands, what is told
    /// as denied does not, a revoke gives the state before the share, and nobody and nothing else is touched.
    #[test]
    fn a_share_and_its_revoke_are_what_they_say(
        kind in prop::sample::select(Kind::ALL.into_iter().filter(|kind| cell(*kind, Deed::Share).way == Way::Call).collect::<Vec<_>>()),
        course in courses(),
        luck in prop::collection::vec(any::<u8>(), 1..12),
        lag in prop_oneof![Just(0u64), 1u64..250],
    ) {
        let mut desk = Desk::of(world_of(kind, |a| on(course, a))).with(luck, lag);
        let before = stands(&desk.sim.world);
        let (_, some) = words(kind);
        let shared = desk.does(share(kind, some));
        let held = has(&desk.sim.world, kind, PARTNER).is_some();
        match shared.ending() {
            (Phase::Completed, ..) => prop_assert!(held, "no share stands: {:?}", shared.outcome),
            (Phase::Denied | Phase::Expired, _, None) => prop_assert!(!held, "it stands: {:?}", shared.outcome),
            (_, _, code) => prop_assert!(code.is_some_and(|code| GIVEN_UP.contains(&code)), "{:?}", shared.outcome),
        }
        // Whatever the share left open is decided before, and shown by the list.
        for seconds in [4_000, 300] {
            desk.sim.clock.advance(std::time::Duration::from_secs(seconds));
            super::super::line::ask(&mut desk.sim, TOKEN, &Call::MyPeople);
        }
        let revoked = desk.does(revoke(kind));
        if revoked.outcome.phase == Phase::Completed {
            prop_assert_eq!(stands(&desk.sim.world), before);
        } else {
            let code = revoked.outcome.error.as_ref().map(|error| error.code.as_str());
            prop_assert!(code.is_some_and(|code| GIVEN_UP.contains(&code)), "{:?}", revoked.outcome);
        }
    }
}
