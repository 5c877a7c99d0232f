use super::*;

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let right = config_at("https://graph.facebook.com");
    let base = |base: &str| GraphConfig { base_url: base.to_owned(), ..right.clone() };
    let version = |version: &str| GraphConfig { api_version: version.to_owned(), ..right.clone() };
    let rows = [
        (base(""), "base_url"),
        (base("graph.facebook.com"), "base_url"),
        (base("ftp://graph.facebook.com"), "base_url"),
        (base("https://user:secret@graph.facebook.com"), "base_url"),
        (base("https://graph.facebook.com/?a=b"), "base_url"),
        (version(""), "api_version"),
        (version("26.0"), "api_version"),
        (version("v26"), "api_version"),
        (version("v26.0/../x"), "api_version"),
        (GraphConfig { call_within: Duration::ZERO, ..right.clone() }, "call_within"),
        (GraphConfig { page_limit: 0, ..right.clone() }, "rows"),
        (GraphConfig { page_limit: 101, ..right.clone() }, "rows"),
    ];
    for (config, named) in rows {
        let text = Graph::new(&config).unwrap_err().to_string();
        assert!(text.contains(named), "{config:?}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(Graph::new(&right).is_ok());
}

#[tokio::test]
async fn a_path_before_the_version_is_kept() {
    let meta = FakeMeta::playing(vec![
        ok(r#"{"data":[],"paging":{"next":"BASE/meta/v25.0/2001/owned_pages?after=a"}}"#),
        ok(r#"{"data":[]}"#),
    ])
    .await;
    let graph = graph_at(&format!("{}/meta/", meta.base));
    let asked = graph.ask(&secrets(), &list(AssetList::Owned(Kind::Page))).await;
    assert_eq!(asked.result, Ok(Reply::Answer(Answer::Assets(vec![]))));
    assert!(
        meta.heard().iter().all(|request| request.starts_with("GET /meta/v26.0/2001/owned_pages?")),
        "{:?}",
        meta.heard()
    );
}

#[tokio::test]
async fn a_call_tells_when_it_began_and_what_was_said() {
    let at: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let meta = FakeMeta::playing(vec![error(r#""code":190,"error_subcode":463"#)]).await;
    let asked = meta.graph().with_clock(move || at).ask(&secrets(), &claim()).await;
    let sent = Sent {
        at,
        call: "POST /2001/client_pages".to_owned(),
        answer: "400, error 190/463".to_owned(),
        trace: Some("Atrace".to_owned()),
    };
    assert_eq!((asked.began, asked.requests), (at, vec![sent]));
}

#[tokio::test]
async fn of_several_usage_headers_on_a_bucket_the_last_holds() {
    let page = |count: &'static str, body: &str| Play::Answer(200, vec![("X-App-Usage", count)], body.to_owned());
    let next = r#"{"data":[],"paging":{"next":"BASE/v26.0/2001/client_pages?after=a"}}"#;
    let script = vec![page(r#"{"call_count":90}"#, next), page(r#"{"call_count":12}"#, r#"{"data":[]}"#)];
    let (asked, _) = asked(script, &list(AssetList::Client(Kind::Page))).await;
    assert_eq!(asked.usage.iter().map(|usage| usage.percent).collect::<Vec<_>>(), [12.0]);
    assert_eq!(asked.requests[0].answer, "200, 0 rows");
}

#[tokio::test]
async fn a_credential_says_who_it_is_or_why_not() {
    let meta = FakeMeta::playing(vec![ok(r#"{"id":"42","name":"Worker"}"#)]).await;
    let me = meta.graph().whoami(&secrets()).await.unwrap();
    assert_eq!((me.id.as_str(), me.name.as_str()), ("42", "Worker"));
    assert!(meta.heard()[0].starts_with("GET /v26.0/me?fields=id%2Cname&"), "{:?}", meta.heard());

    let rows: [(Play, Is<WhoamiError>); 5] = [
        (error(r#""code":190"#), |e| matches!(e, WhoamiError::Trouble(Trouble::CredentialDead { .. }))),
        (error(r#""code":200"#), |e| matches!(e, WhoamiError::Refused(_))),
        (error(r#""code":2"#), |e| matches!(e, WhoamiError::Trouble(Trouble::Transient { .. }))),
        (ok("{}"), |e| matches!(e, WhoamiError::Trouble(Trouble::Transient { .. }))),
        (Play::Silence, |e| matches!(e, WhoamiError::Trouble(Trouble::Transient { .. }))),
    ];
    for (play, right) in rows {
        let meta = FakeMeta::playing(vec![play.clone()]).await;
        let error = meta.graph().whoami(&secrets()).await.unwrap_err();
        assert!(right(&error), "{play:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_message_is_cut_to_what_an_event_can_carry() {
    let long = "ä".repeat(20).replace('ä', "ä ").repeat(100);
    let play = answer(400, &format!(r#"{{"error":{{"code":100,"message":"{long}"}}}}"#));
    let (asked, _) = asked(vec![play], &claim()).await;
    let Ok(Reply::Refused(no)) = asked.result else { panic!("{:?}", asked.result) };
    assert_eq!(no.message.chars().count(), 301);
}

#[test]
fn only_one_file_names_backoff() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("graph/retry.rs") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(!text.contains(concat!("backoff", "::")), "{} names it", path.display());
            }
        }
    }
}
