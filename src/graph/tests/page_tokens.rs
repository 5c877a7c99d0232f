use super::*;

const WANTED: &str = r#""code":190,"error_subcode":2069032"#;

fn token(text: &str) -> Play {
    ok(&format!(r#"{{"access_token":"{text}","id":"1009"}}"#))
}

fn done() -> Play {
    ok(r#"{"success":true}"#)
}

/// Whose token each request carried.
fn voices(heard: &[String]) -> Vec<&'static str> {
    let voice = |request: &String| match (request.contains(TOKEN), request.contains("EAABpage")) {
        (true, false) => "own",
        (false, true) => "page",
        _ => "odd",
    };
    heard.iter().map(voice).collect()
}

#[tokio::test]
async fn a_call_that_wants_a_page_token_gets_one_and_is_repeated_once() {
    let meta = FakeMeta::playing(vec![error(WANTED), token(PAGE_TOKEN), done(), done()]).await;
    let graph = meta.graph();
    for _ in 0..2 {
        assert_eq!(graph.ask(&secrets(), &assign()).await.result, Ok(Reply::Answer(Answer::Done)));
    }
    let heard = meta.heard();
    assert_eq!(voices(&heard), ["own", "own", "page", "page"], "the token was not kept");
    assert!(heard[1].starts_with("GET /v26.0/1009?fields=access_token&appsecret_proof="), "{}", heard[1]);
    let own = wire::proof(&TOKEN.into(), &APP_SECRET.into());
    assert!(!heard[2].contains(secrecy::ExposeSecret::expose_secret(&own)), "the Page token has a proof of its own");
}

#[tokio::test]
async fn no_trouble_with_a_page_token_kills_the_credential_or_hides_what_a_write_did() {
    let rows: [(Vec<Play>, Is<Asked>); 9] = [
        (vec![error(WANTED), error(WANTED)], |a| matches!(a.result, Ok(Reply::Refused(_)))),
        (vec![error(WANTED), token(PAGE_TOKEN), error(WANTED)], |a| matches!(a.result, Ok(Reply::Refused(_)))),
        (vec![error(WANTED), token(PAGE_TOKEN), error(r#""code":190,"error_subcode":492"#)], |a| {
            matches!(a.result, Ok(Reply::Refused(_)))
        }),
        (vec![error(WANTED), token(PAGE_TOKEN), error(r#""code":190"#)], |a| {
            matches!(a.result, Err(Trouble::NotSent { .. }))
        }),
        (vec![error(WANTED), token(PAGE_TOKEN), answer(502, "")], |a| matches!(a.result, Ok(Reply::Unknown))),
        (vec![error(WANTED), ok(r#"{"id":"1009"}"#)], |a| matches!(a.result, Ok(Reply::Refused(_)))),
        (vec![error(WANTED), answer(502, "")], |a| matches!(a.result, Err(Trouble::NotSent { .. }))),
        (vec![error(WANTED), error(r#""code":2"#)], |a| matches!(a.result, Err(Trouble::NotSent { .. }))),
        (vec![error(WANTED), error(r#""code":4"#)], |a| matches!(a.result, Err(Trouble::Throttled { .. }))),
    ];
    for (script, right) in rows {
        let requests = script.len();
        let (asked, heard) = asked(script.clone(), &assign()).await;
        assert!(right(&asked), "{script:?}: {:?}", asked.result);
        assert_eq!(heard.len(), requests, "{script:?}");
    }
}

#[tokio::test]
async fn a_kept_page_token_that_died_is_replaced_within_the_call() {
    let script = vec![
        error(WANTED),
        token(PAGE_TOKEN),
        done(),
        error(r#""code":190,"error_subcode":460"#),
        error(WANTED),
        token("EAABpageTokenTheSecond"),
        done(),
    ];
    let meta = FakeMeta::playing(script).await;
    let graph = meta.graph();
    for _ in 0..2 {
        assert_eq!(graph.ask(&secrets(), &assign()).await.result, Ok(Reply::Answer(Answer::Done)));
    }
    assert_eq!(voices(&meta.heard()), ["own", "own", "page", "page", "own", "own", "page"]);
}

#[tokio::test]
async fn a_page_token_is_nobody_elses() {
    let meta = FakeMeta::playing(vec![error(WANTED), token(PAGE_TOKEN), done(), done()]).await;
    let graph = meta.graph();
    graph.ask(&secrets(), &assign()).await;
    let other = Secrets { name: "other".to_owned(), ..secrets() };
    graph.ask(&other, &assign()).await;
    assert_eq!(voices(&meta.heard()), ["own", "own", "page", "own"]);
}

#[tokio::test]
async fn the_pages_of_one_walk_share_a_page_token() {
    let next = r#"{"data":[],"paging":{"next":"BASE/v26.0/1009/assigned_users?after=a"}}"#;
    let script = vec![error(WANTED), token(PAGE_TOKEN), ok(next), ok(r#"{"data":[{"id":"31"}]}"#)];
    let (asked, heard) = asked(script, &people()).await;
    assert!(matches!(&asked.result, Ok(Reply::Answer(Answer::People(on))) if on.len() == 1), "{:?}", asked.result);
    assert_eq!(voices(&heard), ["own", "own", "page", "page"]);
}

#[tokio::test]
async fn a_call_on_no_page_gets_no_page_token() {
    let (asked, heard) = asked(vec![error(WANTED)], &claim()).await;
    assert!(matches!(asked.result, Ok(Reply::Refused(_))), "{:?}", asked.result);
    assert_eq!(heard.len(), 1);
}
