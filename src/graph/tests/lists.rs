use super::*;
use crate::meta::{Holding, PersonOn};

const NEXT: &str = r#""next":"BASE/v26.0/2001/client_pages?access_token=EAABx&appsecret_proof=dead&limit=100&after="#;

/// A page of `client_pages` with these ids, and a next one behind `cursor` if there is one.
fn page(ids: &[&str], cursor: Option<&str>) -> Play {
    let rows: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id":"{id}","permitted_tasks":["ADVERTISE"]}}"#)).collect();
    let next = cursor.map(|cursor| format!(r#","paging":{{{NEXT}{cursor}"}}"#)).unwrap_or_default();
    ok(&format!(r#"{{"data":[{}]{next}}}"#, rows.join(",")))
}

/// One page of this `paging` with nothing else in it.
fn paging(members: &str) -> Play {
    ok(&format!(r#"{{"data":[],"paging":{{{members}}}}}"#))
}

fn pages(asked: &Asked) -> Vec<String> {
    match &asked.result {
        Ok(Reply::Answer(Answer::Assets(held))) => held.iter().map(|held| held.id.to_string()).collect(),
        other => panic!("no list: {other:?}"),
    }
}

fn is_transient(asked: &Asked) -> bool {
    matches!(asked.result, Err(Trouble::Transient { .. }))
}

#[tokio::test]
async fn a_walk_ends_where_next_ends_and_nowhere_else() {
    let after = r#""cursors":{"before":"x","after":"y"}"#;
    let rows: [(Vec<Play>, &[&str]); 5] = [
        (vec![page(&["1", "2"], None)], &["1", "2"]),
        (vec![page(&["1"], Some("a")), page(&[], Some("b")), page(&["3"], None)], &["1", "3"]),
        (vec![page(&["1"], Some("a")), paging(after)], &["1"]),
        (vec![page(&["1", "2"], Some("a")), page(&["2", "3"], None)], &["1", "2", "3"]),
        (vec![paging(r#""next":null"#)], &[]),
    ];
    for (script, expected) in rows {
        let requests = script.len();
        let (asked, heard) = asked(script.clone(), &list(AssetList::Client(Kind::Page))).await;
        assert_eq!(pages(&asked), expected, "{script:?}");
        assert_eq!(heard.len(), requests, "{script:?}");
    }
}

#[tokio::test]
async fn a_next_page_is_asked_for_in_our_own_words() {
    let (asked, heard) =
        asked(vec![page(&["1"], Some("cursor-2")), page(&["2"], None)], &list(AssetList::Client(Kind::Page))).await;
    assert_eq!(pages(&asked), ["1", "2"]);
    let line = heard[1].lines().next().unwrap();
    assert!(line.starts_with("GET /v26.0/2001/client_pages?fields=id%2Cpermitted_tasks&"), "{line}");
    assert!(line.contains("after=cursor-2") && line.contains("limit=100"), "{line}");
    assert!(!line.contains("access_token") && !line.contains("appsecret_proof=dead"), "{line}");
    assert_eq!(line.matches("limit=").count() + line.matches("appsecret_proof=").count(), 2, "{line}");
}

#[tokio::test]
async fn a_walk_that_is_odd_is_broken_and_proves_nothing() {
    let other = |next: &str| vec![paging(&format!(r#""next":"{next}""#)), page(&["1"], None)];
    let rows = [
        other("https://evil.example/v26.0/2001/client_pages?after=a"),
        other("http://127.0.0.1:1/v26.0/2001/client_pages?after=a"),
        other("BASE/v26.0/2002/client_pages?after=a"),
        other("BASE/v26.0/2001/owned_pages?after=a"),
        other("BASE/2001/client_pages?after=a"),
        other("BASE/v26.0/../v26.0/x/2001/client_pages?after=a"),
        other("/v26.0/2001/client_pages?after=a"),
        other(""),
        other(&format!("BASE/v26.0/2001/client_pages?after={}", "a".repeat(9000))),
        vec![paging(r#""next":7"#)],
        vec![page(&["1"], Some("a")), page(&["2"], Some("b")), page(&["3"], Some("a")), page(&["4"], None)],
        vec![page(&["1"], Some("a")), page(&["2"], Some("a")), page(&["3"], None)],
        vec![page(&["1"], Some("a")), answer(502, "<html>")],
        vec![page(&["1"], Some("a")), Play::HangUp],
        vec![page(&["1"], Some("a")), Play::Silence],
        vec![Play::Half(r#"{"data":[]}"#)],
        vec![Play::Flood],
        vec![ok("")],
        vec![ok("{}")],
        vec![ok(r#"{"data":{}}"#)],
        vec![ok(r#"{"success":true}"#)],
        vec![answer(302, "")],
        vec![answer(500, r#"{"error":{}}"#)],
        vec![error(r#""code":2,"is_transient":true"#)],
        vec![page(&["1"], Some("a")), error(r#""code":1"#)],
        vec![ok(r#"{"data":[{"name":"no id"}]}"#)],
        vec![ok(r#"{"data":[{"id":"not digits"}]}"#)],
        vec![ok(r#"{"data":[{"id":1.0e3}]}"#)],
        vec![ok(r#"{"data":[{"id":123456789012345678901234567890}]}"#)],
        vec![ok(r#"{"data":[null]}"#)],
    ];
    for script in rows {
        let (asked, _) = asked(script.clone(), &list(AssetList::Client(Kind::Page))).await;
        assert!(is_transient(&asked), "{script:?}: {:?}", asked.result);
    }
}

#[tokio::test]
async fn an_id_that_came_as_an_exact_number_is_kept_to_the_digit() {
    let (asked, _) =
        asked(vec![ok(r#"{"data":[{"id":9007199254740993}]}"#)], &list(AssetList::Client(Kind::Page))).await;
    assert_eq!(pages(&asked), ["9007199254740993"]);
}

#[tokio::test]
async fn an_expired_cursor_starts_the_walk_anew_once_and_forgets_what_it_saw() {
    let expired = || error(r#""code":2642"#);
    let script = vec![
        page(&["1", "gone".replace("gone", "9").as_str()], Some("a")),
        expired(),
        page(&["1"], Some("a")),
        page(&["2"], None),
    ];
    let (whole, heard) = asked(script, &list(AssetList::Client(Kind::Page))).await;
    assert_eq!(pages(&whole), ["1", "2"], "rows of the first try were kept");
    assert_eq!(heard.len(), 4);

    let script = vec![page(&["1"], Some("a")), expired(), page(&["1"], Some("a")), expired(), page(&[], None)];
    let (twice, heard) = asked(script, &list(AssetList::Client(Kind::Page))).await;
    assert!(is_transient(&twice), "{:?}", twice.result);
    assert_eq!(heard.len(), 4);
}

#[tokio::test]
async fn a_list_that_is_too_much_is_asked_for_in_smaller_pages_but_not_for_ever() {
    let much = || {
        answer(
            500,
            r#"{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}"#,
        )
    };
    let (whole, heard) =
        asked(vec![much(), much(), page(&["1"], Some("a")), page(&["2"], None)], &list(AssetList::Client(Kind::Page)))
            .await;
    assert_eq!(pages(&whole), ["1", "2"]);
    let limits: Vec<bool> =
        ["limit=100", "limit=50", "limit=25", "limit=25"].iter().zip(&heard).map(|(l, h)| h.contains(l)).collect();
    assert_eq!(limits, [true; 4], "{heard:?}");

    let (never, heard) = asked(vec![much(); 20], &list(AssetList::Client(Kind::Page))).await;
    assert!(is_transient(&never), "{:?}", never.result);
    assert_eq!(heard.len(), 5);
}

#[tokio::test]
async fn looking_for_a_page_stops_where_it_is_found_and_only_a_whole_walk_says_no() {
    let (there, heard) =
        asked(vec![page(&["1"], Some("a")), page(&["1009", "2"], Some("b"))], &find(AssetList::Client(Kind::Page)))
            .await;
    let holding = Holding { id: "1009".parse().unwrap(), tasks: tasks("ADVERTISE") };
    assert_eq!(there.result, Ok(Reply::Answer(Answer::Listed(Some(holding)))));
    assert_eq!(heard.len(), 2);

    let (gone, _) =
        asked(vec![page(&["1"], Some("a")), page(&["2"], None)], &find(AssetList::Client(Kind::Page))).await;
    assert_eq!(gone.result, Ok(Reply::Answer(Answer::Listed(None))));

    let (broken, _) = asked(vec![page(&["1"], Some("a")), answer(503, "")], &find(AssetList::Client(Kind::Page))).await;
    assert!(is_transient(&broken), "half a walk said no: {:?}", broken.result);
}

#[tokio::test]
async fn in_a_pending_list_the_page_counts_and_not_the_request() {
    let row = r#"{"data":[{"id":"1009","page":{"id":"5"}},{"id":"77","page":{"id":"1009"},"permitted_tasks":["ANALYZE","odd task"]}]}"#;
    let (asked_, _) = asked(vec![ok(row)], &find(AssetList::PendingClient(Claimable::Page))).await;
    let holding = Holding { id: "1009".parse().unwrap(), tasks: tasks("ANALYZE") };
    assert_eq!(asked_.result, Ok(Reply::Answer(Answer::Listed(Some(holding)))));

    let (odd, _) =
        asked(vec![ok(r#"{"data":[{"id":"1009"}]}"#)], &find(AssetList::PendingClient(Claimable::Page))).await;
    assert!(is_transient(&odd), "a request without a Page passed: {:?}", odd.result);
}

#[tokio::test]
async fn every_list_is_told_in_its_own_kind() {
    let ben = PersonOn { id: "31".parse().unwrap(), email: None, tasks: tasks("MANAGE") };
    let held = Holding { id: "1009".parse().unwrap(), tasks: tasks("ANALYZE") };
    let bare = Holding { tasks: Tasks::default(), ..held.clone() };
    let person = || "31".parse().unwrap();
    let users = r#"{"data":[{"id":"30"},{"id":"31","email":"Ben@Example.com"},{"id":"32","email":"ann@example.com"}]}"#;
    let rows = [
        (people(), r#"{"data":[{"id":"31","name":"Ben","tasks":["MANAGE"]}]}"#, Answer::People(vec![ben.clone()])),
        (
            Call::RolesOn { page: "1009".parse().unwrap() },
            r#"{"data":[{"id":"31","tasks":["MANAGE"]}]}"#,
            Answer::People(vec![ben]),
        ),
        (
            Call::FindPerson { business: "2001".parse().unwrap(), email: "ben@example.com".parse().unwrap() },
            users,
            Answer::Persons(vec![person()]),
        ),
        (
            Call::AssetsOf { person: person(), kind: Kind::Page },
            r#"{"data":[{"id":"1009","tasks":["ANALYZE"]}]}"#,
            Answer::Assets(vec![held]),
        ),
        (
            Call::GroupsOf { person: person(), asset: "page/1009".parse().unwrap() },
            r#"{"data":[{"id":"500"},{"id":"500"}]}"#,
            Answer::Groups(vec!["500".parse().unwrap()]),
        ),
        (
            Call::InGroup { group: "500".parse().unwrap(), what: Grouped::Pages },
            r#"{"data":[{"id":"1009"}]}"#,
            Answer::Assets(vec![bare]),
        ),
    ];
    for (call, body, expected) in rows {
        let (asked, _) = asked(vec![ok(body)], &call).await;
        assert_eq!(asked.result, Ok(Reply::Answer(expected)), "{call:?}");
    }
}

#[tokio::test]
async fn metas_no_to_a_read_is_no_trouble_that_passes() {
    let rows = [(r#""code":100,"error_subcode":33"#, 100), (r#""code":200"#, 200), (r#""code":7"#, 7)];
    for (fields, code) in rows {
        let (asked, heard) =
            asked(vec![page(&["1"], Some("a")), error(fields)], &list(AssetList::Client(Kind::Page))).await;
        assert!(matches!(&asked.result, Ok(Reply::Refused(no)) if no.code == code), "{fields}: {:?}", asked.result);
        assert_eq!(heard.len(), 2, "{fields}");
    }
}
