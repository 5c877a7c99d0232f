use super::*;
use crate::contract::Category;
use crate::meta::{Claimed, Scope};

/// How a write may end, as far as the tests tell endings apart.
#[derive(Debug, PartialEq)]
enum End {
    Answer(Answer),
    Refused(i64, Category, bool),
    Unknown,
    Throttled(Scope, Option<u64>),
    CredentialDead(i64),
    Abuse(i64),
    NotSent,
    Other,
}

fn end(asked: &Asked) -> End {
    match &asked.result {
        Ok(Reply::Answer(answer)) => End::Answer(answer.clone()),
        Ok(Reply::Refused(no)) => End::Refused(no.code, no.category, no.state),
        Ok(Reply::Unknown) => End::Unknown,
        Ok(Reply::GaveUp(_)) | Err(Trouble::Transient { .. }) => End::Other,
        Err(Trouble::Throttled { scope, wait, .. }) => End::Throttled(*scope, wait.map(|time| time.as_secs())),
        Err(Trouble::CredentialDead { code, .. }) => End::CredentialDead(*code),
        Err(Trouble::Abuse { refusal }) => End::Abuse(refusal.code),
        Err(Trouble::NotSent { .. }) => End::NotSent,
    }
}

#[tokio::test]
async fn what_a_claim_is_told_is_what_meta_said_and_no_more() {
    let claimed = |how| End::Answer(Answer::Claimed(how));
    let rows = [
        (ok(r#"{"access_status":"CONFIRMED"}"#), claimed(Claimed::Confirmed)),
        (ok(r#"{"success":true,"access_status":"PENDING"}"#), claimed(Claimed::Pending)),
        (ok(r#"{"access_status":"CLIENT_RESPONSE_PENDING"}"#), claimed(Claimed::Pending)),
        (ok(r#"{"access_status":"ON_THE_MOON"}"#), claimed(Claimed::Unclear)),
        (ok(r#"{"success":true}"#), claimed(Claimed::Unclear)),
        (ok(r#"{"success":true,"requires_admin_approval":true}"#), claimed(Claimed::Pending)),
        (ok(r#"{"access_status":"CONFIRMED","success":false}"#), End::Unknown),
        (ok(r#"{"access_status":7}"#), End::Unknown),
        (ok("{}"), End::Unknown),
        (
            error(r#""code":3918,"error_subcode":1690024,"is_transient":false"#),
            End::Refused(3918, Category::Conflict, true),
        ),
        (error(r#""code":3944"#), End::Refused(3944, Category::Conflict, true)),
        (error(r#""code":3977"#), End::Refused(3977, Category::Permission, false)),
        (error(r#""code":415"#), End::Refused(415, Category::NeedsHuman, false)),
        (error(r#""code":3999,"is_transient":true"#), End::Refused(3999, Category::NeedsHuman, false)),
        (error(r#""code":368"#), End::Abuse(368)),
    ];
    for (play, expected) in rows {
        let (asked, _) = asked(vec![play.clone()], &claim()).await;
        assert_eq!(end(&asked), expected, "{play:?}");
    }
}

#[tokio::test]
async fn a_write_whose_effect_nobody_knows_is_unknown_and_is_not_repeated() {
    let rows = [
        Play::Silence,
        Play::HangUp,
        Play::Half(r#"{"success":true}"#),
        Play::Flood,
        ok(""),
        ok("Service Unavailable"),
        ok("{}"),
        ok("true"),
        ok("[]"),
        ok(r#"{"success":false}"#),
        ok(r#"{"success":"true"}"#),
        ok(r#"{"data":[]}"#),
        ok(r#"{"error":"odd"}"#),
        answer(302, ""),
        answer(404, "<html>"),
        answer(429, ""),
        answer(500, r#"{"error":{}}"#),
        answer(500, r#"{"error":{"code":7,"message":"who knows"}}"#),
        answer(502, "<html>Bad Gateway"),
        answer(503, r#"{"success":true}"#),
        error(r#""code":1"#),
        error(r#""code":1,"error_subcode":99"#),
        error(r#""code":2,"is_transient":true"#),
        error(r#""code":7,"is_transient":true"#),
        error(r#""code":3912"#),
    ];
    for play in rows {
        let (asked, heard) = asked(vec![play.clone()], &remove()).await;
        assert_eq!(end(&asked), End::Unknown, "{play:?}");
        assert_eq!(heard.len(), 1, "{play:?} was answered by a repetition");
    }
}

#[tokio::test]
async fn metas_no_to_a_write_is_told_from_trouble_that_passes() {
    let rows = [
        (error(r#""code":4"#), End::Throttled(Scope::App, None)),
        (error(r#""code":80001"#), End::Throttled(Scope::Business, None)),
        (answer(200, r#"{"error":{"code":613}}"#), End::Throttled(Scope::Business, None)),
        (error(r#""code":190"#), End::CredentialDead(190)),
        (error(r#""code":190,"error_subcode":460"#), End::CredentialDead(190)),
        (error(r#""code":"190""#), End::CredentialDead(190)),
        (error(r#""code":104"#), End::CredentialDead(104)),
        (error(r#""code":190,"error_subcode":492"#), End::Refused(190, Category::Permission, false)),
        (error(r#""code":190,"error_subcode":2069032"#), End::Refused(190, Category::Permission, false)),
        (error(r#""code":3996"#), End::Refused(3996, Category::Conflict, true)),
        (error(r#""code":100,"error_subcode":33"#), End::Refused(100, Category::Permission, true)),
        (error(r#""code":1,"error_subcode":2853006"#), End::Refused(1, Category::Permission, false)),
        (error(r#""code":42001,"is_transient":true"#), End::Refused(42001, Category::NeedsHuman, false)),
        (error(r#""code":1487901"#), End::Refused(1_487_901, Category::Internal, false)),
        (answer(500, r#"{"error":{"code":200}}"#), End::Refused(200, Category::Permission, false)),
    ];
    for (play, expected) in rows {
        let (asked, heard) = asked(vec![play.clone()], &remove()).await;
        assert_eq!(end(&asked), expected, "{play:?}");
        assert_eq!(heard.len(), 1, "{play:?} was answered by a repetition");
    }
}

#[tokio::test]
async fn a_throttle_waits_as_long_as_the_bucket_it_is_about_says() {
    let usage = r#"{"2001":[{"type":"pages","call_count":10},{"type":"ads","call_count":100,"estimated_time_to_regain_access":7}]}"#;
    let headers = vec![("x-business-use-case-usage", usage), ("X-App-Usage", r#"{"call_count":12}"#)];
    let rows = [(80_001, Some(420)), (4, None)];
    for (code, wait) in rows {
        let play = Play::Answer(400, headers.clone(), format!(r#"{{"error":{{"code":{code}}}}}"#));
        let (asked, _) = asked(vec![play], &claim()).await;
        assert!(matches!(end(&asked), End::Throttled(_, told) if told == wait), "{code}: {:?}", asked.result);
        assert_eq!(asked.usage.len(), 3, "{:?}", asked.usage);
    }
}

#[tokio::test]
async fn a_write_that_never_left_may_be_repeated() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    // It takes the greeting of TLS and waits for more: the handshake never ends.
    let mute = FakeMeta::playing(vec![]).await;
    for base in [closed, mute.base.replace("http:", "https:")] {
        for call in [claim(), remove(), assign()] {
            let graph = set_up(&GraphConfig { call_within: 4 * SHORT, ..config_at(&base) });
            let asked = graph.ask(&secrets(), &call).await;
            assert_eq!(end(&asked), End::NotSent, "{base} {call:?}: {:?}", asked.result);
        }
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_dead_before_it_is_sent() {
    for token in ["", "two words", "line\nend", "ünicode"] {
        let secrets = Secrets { access_token: token.into(), ..secrets() };
        let meta = FakeMeta::playing(vec![]).await;
        let asked = meta.graph().ask(&secrets, &claim()).await;
        assert_eq!(end(&asked), End::CredentialDead(0), "{token:?}");
        assert_eq!(meta.heard().len(), 0, "{token:?}");
    }
}

#[tokio::test]
async fn a_claim_goes_as_a_form_and_a_removal_in_the_query() {
    let proof = wire::proof(&TOKEN.into(), &APP_SECRET.into());
    let proof = secrecy::ExposeSecret::expose_secret(&proof);
    let (_, heard) = asked(vec![ok(r#"{"access_status":"PENDING"}"#)], &claim()).await;
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v26.0/2001/client_pages HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains(&format!("authorization: bearer {}", TOKEN.to_lowercase())), "{head}");
    assert!(head.contains(&format!("bindery/{}", env!("CARGO_PKG_VERSION"))), "{head}");
    let tasks = "permitted_tasks=%5B%22ADVERTISE%22%2C%22ANALYZE%22%5D";
    assert_eq!(body, format!("page_id=1009&{tasks}&appsecret_proof={proof}"));

    let (removed, heard) = asked(vec![ok(r#"{"success":true}"#)], &remove()).await;
    assert_eq!(end(&removed), End::Answer(Answer::Done));
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("DELETE /v26.0/2001/pages?page_id=1009&appsecret_proof={proof} ")), "{head}");
    assert_eq!(body, "");
}

#[tokio::test]
async fn without_an_app_secret_there_is_no_proof() {
    let meta = FakeMeta::playing(vec![ok(r#"{"success":true}"#)]).await;
    meta.graph().ask(&Secrets { app_secret: None, ..secrets() }, &remove()).await;
    assert!(!meta.heard()[0].contains("appsecret_proof"), "{:?}", meta.heard());
}
