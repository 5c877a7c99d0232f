use super::*;
use crate::graph_sim::usage::{Quota, Throttle, UsageOrder};

const BUSINESS: &str = "x-business-use-case-usage";

fn usage_of(seen: &Seen, business: &str) -> Value {
    let text = seen.header(BUSINESS).expect("a usage header");
    serde_json::from_str::<Value>(text).expect("JSON")[business].clone()
}

#[test]
fn little_use_brings_no_header_and_more_of_it_one_that_rises_and_decays() {
    let mut client = demo();
    assert_eq!(client.get("/2001").header(BUSINESS), None);
    client.state.set_quota(Quota::business("2001", 200));
    let share = |seen: &Seen| usage_of(seen, "2001")[0]["call_count"].as_u64();
    assert_eq!(client.get("/2001").header(BUSINESS), None, "half a percent");
    for _ in 0..99 {
        client.get("/2001").good();
    }
    assert_eq!(share(&client.get("/2001")), Some(50));
    client.advance("15m");
    assert_eq!(share(&client.get("/2001")), Some(25));
    client.advance("1h");
    assert_eq!(client.get("/2001").header(BUSINESS), None);
}

#[test]
fn a_quota_that_is_used_up_refuses_and_says_for_how_long() {
    let mut client = demo();
    client.state.set_quota(Quota::business("2001", 60).code(80_004));
    for _ in 0..60 {
        client.get("/2001").good();
    }
    let refused = client.post("/2001/owned_pages", "page_id=1015");
    assert_eq!(refused.refused(), (80_004, 0));
    assert_eq!(usage_of(&refused, "2001")[0]["type"], "ads_management");
    assert_eq!(usage_of(&refused, "2001")[0]["estimated_time_to_regain_access"], 2, "the refused call counted too");
    assert!(!client.world().is_owned("1015", "2001"));
    client.advance("3m");
    client.get("/2001").good();
}

#[test]
fn an_ad_accounts_score_has_its_own_prices_window_and_block() {
    let mut client = demo();
    let score =
        Quota::business("2001", 60).code(80_004).window(300).prices(1, 3).blocking(300).tier("development_access");
    client.state.set_quota(score);
    for _ in 0..20 {
        let written = client.post("/1001/assigned_users", "business=2001&user=3002&tasks=[\"ANALYZE\"]");
        written.good();
    }
    let refused = client.get("/2001");
    assert_eq!(refused.refused(), (80_004, 0));
    let usage = usage_of(&refused, "2001");
    assert_eq!(
        (&usage[0]["ads_api_access_tier"], &usage[0]["estimated_time_to_regain_access"]),
        (&"development_access".into(), &5.into())
    );
    client.advance("4m");
    assert_eq!(client.get("/2001").refused(), (80_004, 0), "most points are back, but it is blocked");
    client.advance("5m");
    assert_eq!(client.get("/2001").refused(), (80_004, 0), "and longer for that call");
    client.advance("11m");
    client.get("/2001").good();
}

#[test]
fn what_a_call_costs_varies_by_the_seed_and_not_by_the_run() {
    let shares = || {
        let mut client = demo();
        client.state.set_quota(Quota::business("2001", 100).prices(4, 4).varying(50));
        let share = |seen: &Seen| usage_of(seen, "2001")[0]["call_count"].as_u64();
        (0..12).map(|_| share(&client.get("/2001"))).collect::<Vec<_>>()
    };
    let steps: Vec<u64> = shares().windows(2).map(|pair| pair[1].unwrap() - pair[0].unwrap()).collect();
    assert_eq!(shares(), shares());
    assert!(steps.iter().any(|step| *step < 4) && steps.iter().any(|step| *step > 4), "{steps:?}");
}

#[test]
fn a_throttle_lengthens_when_called_and_ends_by_the_clock() {
    let mut client = demo();
    client.state.throttle(Throttle::business("2001", 5));
    let minutes: Vec<_> =
        (0..3).map(|_| usage_of(&client.get("/2001"), "2001")[0]["estimated_time_to_regain_access"].as_u64()).collect();
    assert_eq!(minutes, [Some(6), Some(7), Some(8)]);
    client.advance("7m");
    assert_eq!(client.get("/2001").refused(), (80_001, 0));
    client.advance("3m");
    let calm = client.get("/2001");
    calm.good();
    assert_eq!(calm.header(BUSINESS), None);
}

#[test]
fn a_throttled_business_leaves_its_neighbour_alone() {
    let mut client = demo();
    client.state.throttle(Throttle::business("2001", 5));
    assert_eq!(client.get("/1001/assigned_users?business=2001").refused(), (80_001, 0));
    assert_eq!(client.delete("/3001").refused(), (80_001, 0), "a person counts for the business");
    assert_eq!(client.get("/me").refused(), (80_001, 0), "so does the token");
    client.token = "sim-token-2002".to_owned();
    client.get("/2002/owned_pages").good();
}

#[test]
fn a_throttle_of_the_app_stops_everyone_and_speaks_in_the_app_header() {
    let mut client = demo();
    client.state.throttle(Throttle::app(1).times(2));
    let refused = client.get("/2001");
    assert_eq!(refused.refused(), (4, 0));
    let usage: Value = serde_json::from_str(refused.header("x-app-usage").expect("a header")).expect("JSON");
    assert_eq!(usage["call_count"], 100);
    client.token = "sim-token-2002".to_owned();
    assert_eq!(client.get("/2002").refused(), (4, 0));
    client.get("/2002").good();
}

#[test]
fn throttles_come_with_any_code_and_without_a_word_if_so_ordered() {
    let mut client = demo();
    for (code, subcode) in [(17, 2_446_079), (32, 0), (613, 1_487_742), (80_002, 0), (80_008, 0)] {
        client.state.throttle(Throttle::business("2001", 5).code(code).subcode(subcode).silent().times(1));
        let refused = client.get("/2001");
        assert_eq!(refused.refused(), (code, subcode));
        assert_eq!(refused.header(BUSINESS), None);
    }
}

#[test]
fn usage_may_jump_or_be_malformed_by_order() {
    let mut client = demo();
    let order =
        |percent, raw: Option<&str>| UsageOrder { business: Some("2001".into()), percent, raw: raw.map(str::to_owned) };
    client.state.order_usage(order(Some(118), None));
    let refused = client.get("/2001");
    assert_eq!((refused.refused(), usage_of(&refused, "2001")[0]["call_count"].as_u64()), ((80_001, 0), Some(118)));
    client.state.order_usage(order(Some(0), Some("{not json")));
    assert_eq!(client.get("/2001").header(BUSINESS), Some("{not json"));
    client.state.heal();
    assert_eq!(client.get("/2001").header(BUSINESS), None);
}

#[test]
fn a_bad_token_is_told_before_any_throttle() {
    let mut client = demo().with_token("nonsense");
    client.state.throttle(Throttle::app(5));
    assert_eq!(client.get("/2001").refused(), (190, 0));
}
