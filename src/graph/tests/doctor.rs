//! What a doctor makes of answers of every kind, and that a token shows in none of them.

use super::*;
use crate::graph::doctor::LookedOver;

const VALID: &str = r#"{"data":{"is_valid":true,"type":"SYSTEM_USER","app_id":"4001","expires_at":0,"scopes":["business_management"]}}"#;

async fn looked(script: Vec<Play>) -> (LookedOver, Vec<String>) {
    let meta = FakeMeta::playing(script).await;
    let looked = meta.graph().look_over(&secrets()).await;
    let told = format!("{looked:?}");
    for secret in [TOKEN, APP_SECRET] {
        assert!(!told.contains(secret), "a secret was told: {told}");
    }
    (looked, meta.heard())
}

#[tokio::test]
async fn the_tier_and_the_time_come_from_the_headers_and_are_unknown_without_them() {
    let headers = vec![
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        (
            "X-Business-Use-Case-Usage",
            r#"{"1":[{"type":"ads_management","call_count":1,"ads_api_access_tier": "development_access"}]}"#,
        ),
    ];
    let (seen, heard) = looked(vec![Play::Answer(200, headers, VALID.to_owned())]).await;
    assert_eq!(seen.tier.as_deref(), Some("development_access"));
    assert!(seen.ahead.is_some_and(|ahead| ahead.as_hours() < -24 * 365 * 30), "{seen:?}");
    assert_eq!(heard.len(), 1);
    let (seen, _) = looked(vec![ok(VALID)]).await;
    assert_eq!((seen.tier, seen.ahead), (None, None));
}

#[tokio::test]
async fn headers_that_make_no_sense_say_nothing() {
    let headers = vec![("Date", "yesterday"), ("X-Ad-Account-Usage", r#"{"ads_api_access_tier":"Not A Tier!"}"#)];
    let (seen, _) = looked(vec![Play::Answer(200, headers, VALID.to_owned())]).await;
    assert_eq!((seen.tier, seen.ahead), (None, None));
    assert!(matches!(seen.alive, Alive::Yes(_)));
}

#[tokio::test]
async fn where_meta_does_not_tell_of_a_token_being_taken_is_enough_to_be_alive() {
    let refused = error(r#""code":100"#);
    let (seen, heard) = looked(vec![refused.clone(), ok(r#"{"id":"7"}"#)]).await;
    assert!(matches!(seen.alive, Alive::Untold { .. }), "{seen:?}");
    assert!(heard[1].starts_with("GET /v26.0/me?"), "{heard:?}");
    let (seen, _) = looked(vec![refused, error(r#""code":190"#)]).await;
    assert!(matches!(seen.alive, Alive::Dead { .. }), "{seen:?}");
}

#[tokio::test]
async fn what_is_no_answer_of_graphs_is_out_of_reach_and_a_throttle_is_not() {
    for script in [Play::HangUp, Play::Silence, Play::Half("{"), ok("<html>"), answer(502, "<html>"), answer(404, "{}")]
    {
        let (seen, _) = looked(vec![script.clone()]).await;
        assert!(matches!(seen.alive, Alive::OutOfReach { .. }), "{script:?}: {seen:?}");
    }
    for code in ["4", "2"] {
        let (seen, _) = looked(vec![error(&format!(r#""code":{code}"#))]).await;
        assert!(matches!(seen.alive, Alive::Unknown { .. }), "{code}: {seen:?}");
    }
}

#[tokio::test]
async fn a_token_that_meta_repeats_is_struck_out() {
    let echo = format!(r#"{{"data":{{"is_valid":false,"error":{{"code":190,"message":"bad token {TOKEN}"}}}}}}"#);
    let (seen, _) = looked(vec![ok(&echo)]).await;
    assert!(matches!(&seen.alive, Alive::Dead { why } if why.contains("[secret]")), "{seen:?}");
}
