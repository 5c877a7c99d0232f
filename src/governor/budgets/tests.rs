use crate::contract::BusinessId;

use super::*;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn business(id: &str) -> BusinessId {
    id.parse().unwrap()
}

/// A read of the business's own Pages.
pub(super) fn wish(business: &BusinessId) -> Wish<'_> {
    Wish {
        credential: "main",
        business,
        class: "Business",
        edge: "owned_pages",
        node: business.as_str(),
        purpose: Purpose::Other,
        rank: Rank::fresh(4),
        has_waited: false,
    }
}

pub(super) fn object_usage(id: &str, percent: f64) -> Usage {
    of_kind(id, "pages", percent)
}

fn of_kind(id: &str, kind: &str, percent: f64) -> Usage {
    let bucket = meta::Bucket::Object { id: id.to_owned(), kind: kind.to_owned() };
    Usage { bucket, percent, regain: None, tier: None }
}

fn of_app(percent: f64) -> Usage {
    Usage { bucket: meta::Bucket::App, ..of_kind("", "", percent) }
}

fn regain(usage: Usage, minutes: u64) -> Usage {
    Usage { regain: Some(Duration::from_secs(minutes * 60)), ..usage }
}

fn budgets() -> Budgets {
    Budgets::new(Pace::DEFAULT)
}

/// One call that is answered at once.
fn call(budgets: &mut Budgets, wish: &Wish<'_>, usage: &[Usage], now: Timestamp) -> Told {
    let spending = budgets.leave(wish, now).expect("it may leave");
    budgets.answered(wish, &spending, Answer { requests: 1, usage, is_throttled: false }, now)
}

/// One call that is throttled.
fn refused(budgets: &mut Budgets, wish: &Wish<'_>, scope: Scope, usage: &[Usage], now: Timestamp) -> Vec<Wait> {
    let spending = budgets.leave(wish, now).expect("it may leave");
    budgets.answered(wish, &spending, Answer { requests: 1, usage, is_throttled: true }, now);
    budgets.throttled(wish, scope, None, usage, now)
}

/// Why a call may not leave, and until when.
fn held(budgets: &mut Budgets, wish: &Wish<'_>, now: Timestamp) -> Option<(Held, Timestamp)> {
    match budgets.leave(wish, now) {
        Ok(spending) => {
            budgets.unsent(&spending);
            None
        }
        Err(wait) => Some((wait.held, wait.until)),
    }
}

#[test]
fn f34_a_throttle_that_names_no_bucket_stops_its_business_and_no_other() {
    let (mut budgets, own, other) = (budgets(), business("2001"), business("2002"));
    let parked = refused(&mut budgets, &wish(&own), Scope::Business, &[], at(0));
    assert_eq!(parked[0].bucket.to_string(), "business/main/2001");
    assert_eq!(held(&mut budgets, &wish(&own), at(59)), Some((Held::Parked, at(60))));
    assert_eq!(held(&mut budgets, &wish(&other), at(1)), None);
    assert_eq!(held(&mut budgets, &Wish { credential: "second", ..wish(&own) }, at(1)), None);
    assert_eq!(held(&mut budgets, &wish(&own), at(60)), None);
}

#[test]
fn f34_a_throttle_whose_header_names_the_bucket_leaves_the_business_its_other_buckets() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let catalogs = Wish { edge: "owned_product_catalogs", ..wish(&own) };
    call(&mut budgets, &wish(&own), &[object_usage("2001", 10.0)], at(0));
    call(&mut budgets, &catalogs, &[of_kind("2001", "catalog_management", 10.0)], at(0));
    let full = [regain(object_usage("2001", 100.0), 7)];
    let parked = refused(&mut budgets, &wish(&own), Scope::Business, &full, at(1));
    assert_eq!((parked[0].bucket.to_string().as_str(), parked[0].until), ("object/2001/2001/pages/main", at(421)));
    assert_eq!(held(&mut budgets, &wish(&own), at(2)), Some((Held::Parked, at(421))));
    assert_eq!(held(&mut budgets, &catalogs, at(2)), None);
}

#[test]
fn f34_a_throttle_of_the_app_stops_everything_of_its_credential() {
    let (mut budgets, own, other) = (budgets(), business("2001"), business("2002"));
    refused(&mut budgets, &wish(&own), Scope::App, &[of_app(100.0)], at(0));
    assert_eq!(held(&mut budgets, &wish(&other), at(59)), Some((Held::Parked, at(60))));
    assert_eq!(held(&mut budgets, &Wish { credential: "second", ..wish(&other) }, at(59)), None);
}

#[test]
fn f35_of_all_entries_of_a_header_the_worst_holds() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let lines = [of_kind("2001", "pages", 5.0), of_kind("2001", "ads_management", 96.0), of_kind("77", "pages", 3.0)];
    let told = call(&mut budgets, &wish(&own), &lines, at(0));
    let parked: Vec<_> = told.parked.iter().map(|(bucket, until, _)| (bucket.to_string(), *until)).collect();
    assert_eq!(parked, [("object/2001/2001/ads_management/main".to_owned(), at(60))]);
    assert_eq!(held(&mut budgets, &wish(&own), at(59)), Some((Held::Parked, at(60))));
}

#[test]
fn f36_a_jump_is_believed_at_once_and_so_is_the_fall_after_it() {
    let (mut budgets, own) = (budgets(), business("2001"));
    call(&mut budgets, &wish(&own), &[object_usage("2001", 10.0)], at(0));
    assert_eq!(held(&mut budgets, &wish(&own), at(1)), None);
    let told = call(&mut budgets, &wish(&own), &[object_usage("2001", 118.0)], at(1));
    assert_eq!(told.parked.len(), 1);
    assert_eq!(held(&mut budgets, &wish(&own), at(2)), Some((Held::Parked, at(61))));
    let told = call(&mut budgets, &Wish { has_waited: true, ..wish(&own) }, &[object_usage("2001", 12.0)], at(61));
    assert_eq!(told.eased.len(), 1, "whoever waits for it is called");
    assert_eq!(held(&mut budgets, &wish(&own), at(62)), None);
}

#[test]
fn the_stated_time_is_kept_over_a_restart_for_whatever_may_count_in_the_bucket() {
    let (mut budgets, own) = (budgets(), business("2001"));
    budgets.remember("object/2001/77/ads_management/main".parse().unwrap(), at(500));
    assert_eq!(held(&mut budgets, &wish(&own), at(499)), Some((Held::Parked, at(500))));
    assert_eq!(held(&mut budgets, &wish(&business("2002")), at(0)), None);
    call(&mut budgets, &wish(&own), &[object_usage("2001", 3.0)], at(500));
    budgets.remember("object/2001/77/ads_management/main".parse().unwrap(), at(900));
    assert_eq!(held(&mut budgets, &wish(&own), at(501)), None, "its edge is known to count in another by now");
}

#[test]
fn a_call_of_a_node_counts_in_the_bucket_of_that_node() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let people = |node| Wish { class: "AdAccount", edge: "assigned_users", node, ..wish(&own) };
    call(&mut budgets, &people("act_1"), &[of_kind("act_1", "ad_account", 99.0)], at(0));
    assert!(held(&mut budgets, &people("act_1"), at(1)).is_some());
    assert_eq!(held(&mut budgets, &people("act_2"), at(1)), None);
    call(&mut budgets, &people("act_2"), &[of_kind("act_2", "ad_account", 96.0)], at(1));
    assert_eq!(held(&mut budgets, &people("act_2"), at(2)), Some((Held::Parked, at(61))));
}

#[test]
fn before_a_header_has_come_few_calls_are_out_and_more_with_each_answer() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let mut out: Vec<Spending> = std::iter::from_fn(|| budgets.leave(&wish(&own), at(0)).ok()).take(100).collect();
    assert_eq!(out.len(), 4);
    for spending in out.drain(..) {
        budgets.answered(&wish(&own), &spending, Answer { requests: 1, usage: &[], is_throttled: false }, at(1));
    }
    let waited = Wish { has_waited: true, ..wish(&own) };
    assert_eq!(std::iter::from_fn(|| budgets.leave(&waited, at(2)).ok()).take(100).count(), 8);
}

#[test]
fn what_takes_access_away_may_use_what_is_kept_for_it() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let removal = Wish { purpose: Purpose::Offboarding, edge: "pages", ..wish(&own) };
    call(&mut budgets, &wish(&own), &[object_usage("2001", 76.0)], at(0));
    assert_eq!(held(&mut budgets, &wish(&own), at(1)), Some((Held::Stopped, at(60))));
    assert_eq!(held(&mut budgets, &removal, at(1)), None);
    call(&mut budgets, &removal, &[object_usage("2001", 95.0)], at(10));
    assert_eq!(held(&mut budgets, &removal, at(11)), Some((Held::Parked, at(70))));
}

#[test]
fn at_the_stop_one_call_looks_and_looks_more_rarely_as_long_as_nothing_falls() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let waited = Wish { has_waited: true, ..wish(&own) };
    call(&mut budgets, &wish(&own), &[object_usage("2001", 80.0)], at(0));
    let mut now = at(0);
    let mut gaps = Vec::new();
    for _ in 0..8 {
        let until = held(&mut budgets, &waited, now).map_or(now, |(_, until)| until);
        gaps.push(until.duration_since(now).as_secs());
        now = until;
        let look = budgets.leave(&waited, now).expect("one call looks");
        assert!(budgets.leave(&waited, now).is_err(), "and one alone");
        budgets.answered(
            &waited,
            &look,
            Answer { requests: 1, usage: &[object_usage("2001", 80.0)], is_throttled: false },
            now,
        );
    }
    assert!(gaps.is_sorted() && gaps[0] == 60 && gaps[7] == 3_600, "{gaps:?}");
}

#[test]
fn near_the_stop_calls_are_spaced_out_and_those_that_wait_come_back_one_by_one() {
    let (mut budgets, own) = (budgets(), business("2001"));
    for now in [0, 100] {
        call(&mut budgets, &wish(&own), &[object_usage("2001", 70.0)], at(now));
    }
    let places: Vec<Timestamp> =
        (0..5).filter_map(|_| held(&mut budgets, &wish(&own), at(101))).map(|held| held.1).collect();
    assert!(
        places.len() == 5 && places.is_sorted() && places.iter().collect::<std::collections::HashSet<_>>().len() == 5
    );
    let begun = Wish { rank: Rank::BEGUN, ..wish(&own) };
    assert!(held(&mut budgets, &begun, at(101)).unwrap().1 < places[1], "who has begun goes before them");
    let urgent = Wish { rank: Rank::fresh(9), ..wish(&own) };
    assert!(held(&mut budgets, &urgent, at(101)).unwrap().1 < places[4], "and so does who is urgent");
}

#[test]
fn the_small_tier_is_left_alone_for_as_long_as_meta_documents() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let small = Usage { tier: Some(Tier::Development), ..of_kind("act_1", "ad_account", 100.0) };
    let people = Wish { class: "AdAccount", edge: "assigned_users", node: "act_1", ..wish(&own) };
    assert_eq!(refused(&mut budgets, &people, Scope::Business, &[small], at(0))[0].until, at(300));
}

#[test]
fn a_walk_counts_with_as_many_requests_as_it_is_known_to_take() {
    let (mut budgets, own) = (budgets(), business("2001"));
    let walk = budgets.leave(&wish(&own), at(0)).unwrap();
    let usage = [object_usage("2001", 40.0)];
    budgets.answered(&wish(&own), &walk, Answer { requests: 30, usage: &usage, is_throttled: false }, at(1));
    call(&mut budgets, &Wish { edge: "clients", ..wish(&own) }, &[object_usage("2001", 50.0)], at(2));
    assert!(matches!(held(&mut budgets, &wish(&own), at(3)), Some((Held::Stopped, _))), "thirty more would not fit");
    assert_eq!(held(&mut budgets, &Wish { edge: "clients", has_waited: true, ..wish(&own) }, at(3)), None);
}

#[test]
fn a_call_that_has_not_left_takes_nothing() {
    let (mut budgets, own) = (budgets(), business("2001"));
    for _ in 0..1_000 {
        let spending = budgets.leave(&wish(&own), at(0)).expect("it may leave");
        budgets.unsent(&spending);
    }
}

#[test]
fn however_many_buckets_are_named_only_so_many_are_kept() {
    let (mut budgets, own) = (budgets(), business("2001"));
    for n in 0..70_000_u32 {
        let usage = [object_usage(&n.to_string(), 1.0)];
        let waited = Wish { has_waited: true, class: "Page", edge: "roles", node: "9", ..wish(&own) };
        if let Ok(spending) = budgets.leave(&waited, at(i64::from(n))) {
            budgets.answered(
                &waited,
                &spending,
                Answer { requests: 1, usage: &usage, is_throttled: false },
                at(i64::from(n)),
            );
        }
    }
    assert!(budgets.levels.len() <= KEPT);
}
