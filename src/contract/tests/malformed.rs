//! What is refused, with the place and the word that says what would be right.

use serde_json::{Value, json};

use super::super::{Command, Malformed, parse, parse_own};
use super::{LIMIT, parse_json, sample, with};

/// `command` with `changes` must be refused at `pointer` with `code`, and the message must have `word`.
type Row = (&'static str, Value, &'static str, &'static str, &'static str);

fn refused(rows: Vec<Row>) {
    for (command, changes, pointer, code, word) in rows {
        let body = with(sample(command), changes.clone());
        let error = expect_error(parse_json(&body), &body.to_string());
        let row = format!("row {command} {changes}: got {error:?}");
        assert_eq!(error.pointer, pointer, "{row}");
        assert_eq!(error.code(), code, "{row}");
        assert!(error.message.contains(word), "no {word:?} in {row}");
    }
}

fn expect_error(result: Result<Command, Malformed>, body: &str) -> Malformed {
    match result {
        Ok(command) => panic!("accepted {body} as {command:?}"),
        Err(error) => error,
    }
}

#[test]
fn what_is_no_json_object_is_refused_as_a_whole() {
    let huge = vec![b' '; LIMIT + 1];
    for (body, code, word) in [
        (&b""[..], "not_json", "EOF"),
        (b"{", "not_json", "EOF"),
        (b"{\"id\": \"a\",}", "not_json", "trailing comma"),
        (b"{} {}", "not_json", "trailing"),
        (b"{'id': 1}", "not_json", "line 1"),
        (b"\xef\xbb\xbf{}", "not_json", "expected value"),
        (b"{\"id\": \"\\ud800\"}", "not_json", "is no JSON"),
        (b"{\"priority\": 1e999}", "not_json", "out of range"),
        (b"{\"id\": NaN}", "not_json", "is no JSON"),
        (b"{\"id\": \"\xff\"}", "not_utf8", "byte 8"),
        (b"[]", "not_an_object", "is a list"),
        (b"\"claim\"", "not_an_object", "is a text"),
        (b"7", "not_an_object", "is a number"),
        (b"null", "not_an_object", "one JSON object"),
        (&huge, "too_large", "at most 262144"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let error = expect_error(parse(body, LIMIT), &shown);
        assert_eq!((error.pointer.as_str(), error.code()), ("", code), "row {shown:?}: {error:?}");
        assert!(error.message.contains(word), "no {word:?} in row {shown:?}: {error:?}");
        assert_eq!((error.id, error.command), (None, None), "row {shown:?}");
    }
}

#[test]
fn what_json_lets_pass_is_refused_in_its_place() {
    for (body, pointer, code) in [
        (r#"{"id": "a", "command": "cancel", "target": "b", "target": "b"}"#, "/target", "duplicate_field"),
        (r#"{"id": "a", "x": [{"k": 1, "k": 1}]}"#, "/x/0/k", "duplicate_field"),
        (r#"{"id": "a", "id": "a"}"#, "/id", "duplicate_field"),
        (r#"{"id": "a", "\u0069d": "b"}"#, "/id", "duplicate_field"),
        (r#"{"id": "a", "x": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"#, "/x/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", "too_deep"),
    ] {
        let error = expect_error(parse(body.as_bytes(), LIMIT), body);
        assert_eq!((error.pointer.as_str(), error.code()), (pointer, code), "row {body}: {error:?}");
    }
}

#[test]
fn the_frame_of_a_command_is_checked_field_by_field() {
    refused(vec![
        ("claim", json!({"command": null}), "/command", "missing_field", "required"),
        ("claim", json!({"command": "clam"}), "/command", "unknown_command", "\"claim\""),
        ("claim", json!({"command": "Claim"}), "/command", "unknown_command", "\"claim\""),
        ("claim", json!({"command": "delete_everything"}), "/command", "unknown_command", "known are claim, unbind"),
        ("claim", json!({"command": 7}), "/command", "wrong_type", "is a number"),
        ("claim", json!({"id": null}), "/id", "missing_field", "required"),
        ("claim", json!({"id": 7731}), "/id", "wrong_type", "2^53"),
        ("claim", json!({"id": ""}), "/id", "invalid_value", "1 to 128"),
        ("claim", json!({"id": "x".repeat(129)}), "/id", "invalid_value", "1 to 128"),
        ("claim", json!({"id": "onb 7731"}), "/id", "invalid_value", "1 to 128"),
        ("claim", json!({"id": "onb-7731~recheck-1"}), "/id", "invalid_value", "'~'"),
        ("claim", json!({"business": null}), "/business", "missing_field", "required"),
        ("claim", json!({"business": 2001}), "/business", "wrong_type", "2^53"),
        ("claim", json!({"business": "my-shop"}), "/business", "invalid_value", "digits"),
        ("claim", json!({"actor": {"name": "ben"}}), "/actor", "wrong_type", "is an object"),
        ("claim", json!({"reason": false}), "/reason", "wrong_type", "a text"),
        ("claim", json!({"priority": 10}), "/priority", "invalid_value", "0 to 9"),
        ("claim", json!({"priority": -1}), "/priority", "invalid_value", "0 to 9"),
        ("claim", json!({"priority": 4.0}), "/priority", "invalid_value", "0 to 9"),
        ("claim", json!({"priority": "4"}), "/priority", "wrong_type", "without quotes"),
        ("claim", json!({"dry_run": "yes"}), "/dry_run", "wrong_type", "true or false"),
        ("claim", json!({"dry_run": 1}), "/dry_run", "wrong_type", "true or false"),
        ("claim", json!({"not_before": "tomorrow"}), "/not_before", "invalid_value", "RFC 3339"),
        ("claim", json!({"expires_at": 1_795_341_600}), "/expires_at", "wrong_type", "text"),
        ("claim", json!({"expires_at": "2026-02-30T10:00:00Z"}), "/expires_at", "invalid_value", "RFC 3339"),
        (
            "claim",
            json!({"not_before": "2026-11-22T10:00:00+01:00", "expires_at": "2026-11-22T08:59:59Z"}),
            "/not_before",
            "invalid_value",
            "after \"expires_at\"",
        ),
        ("cancel", json!({"business": "2001"}), "/business", "unknown_field", "but of claim"),
        ("claim", json!({"notice": "3d"}), "/notice", "unknown_field", "but of unbind, reassign, unassign, offboard"),
        ("unbind", json!({"notice": 3}), "/notice", "wrong_type", "text"),
        ("unbind", json!({"notice": "3"}), "/notice", "invalid_value", "unit"),
        ("unbind", json!({"notice": "9999999999d"}), "/notice", "invalid_value", "366d"),
    ]);
}

#[test]
fn an_unknown_field_is_told_with_what_was_meant() {
    refused(vec![
        ("claim", json!({"permited_tasks": ["ADVERTISE"]}), "/permited_tasks", "unknown_field", "\"permitted_tasks\""),
        ("claim", json!({"Asset": {}}), "/Asset", "unknown_field", "\"asset\""),
        ("unbind", json!({"dryrun": true}), "/dryrun", "unknown_field", "\"dry_run\""),
        ("unbind", json!({"irreversible": true}), "/irreversible", "unknown_field", "but of claim"),
        ("inspect", json!({"colour": "blue"}), "/colour", "unknown_field", "\"inspect\" takes id, command"),
        ("offboard", json!({"asset": {"kind": "page", "id": "1"}}), "/asset", "unknown_field", "but of claim, unbind"),
        ("inspect", json!({"a/b~c": 1}), "/a~1b~0c", "unknown_field", "no known field"),
        (
            "unbind",
            json!({"asset": {"kind": "page", "id": "1", "nam": "x"}}),
            "/asset/nam",
            "unknown_field",
            "kind, id",
        ),
    ]);
}

#[test]
fn assets_are_one_or_a_list_and_each_is_right() {
    let page = json!({"kind": "page", "id": "1009"});
    let account = |id: &str| json!({"kind": "ad_account", "id": id});
    let many: Vec<Value> = (0..1001).map(|n| json!({"kind": "page", "id": n.to_string()})).collect();
    refused(vec![
        ("unbind", json!({"asset": null}), "/asset", "missing_field", "\"assets\""),
        ("unbind", json!({"assets": [page]}), "/assets", "invalid_value", "one of the two"),
        ("unbind", json!({"asset": "page/1009"}), "/asset", "wrong_type", "an object"),
        ("unbind", json!({"asset": [page]}), "/asset", "wrong_type", "is a list"),
        ("unbind", json!({"asset": {"id": "1009"}}), "/asset/kind", "missing_field", "required"),
        ("unbind", json!({"asset": {"kind": "page"}}), "/asset/id", "missing_field", "required"),
        ("unbind", json!({"asset": {"kind": "page", "id": 1009}}), "/asset/id", "wrong_type", "2^53"),
        ("unbind", json!({"asset": {"kind": "page", "id": "act_"}}), "/asset/id", "invalid_value", "digits"),
        ("unbind", json!({"asset": {"kind": "pages", "id": "1"}}), "/asset/kind", "invalid_value", "one of page, ad_"),
        ("unbind", json!({"asset": null, "assets": []}), "/assets", "invalid_value", "1 to 1000"),
        ("unbind", json!({"asset": null, "assets": many}), "/assets", "invalid_value", "1001 entries"),
        ("unbind", json!({"asset": null, "assets": page}), "/assets", "wrong_type", "a list"),
        ("unbind", json!({"asset": null, "assets": "all"}), "/assets", "invalid_value", "\"reassign\" alone"),
        ("unbind", json!({"asset": null, "assets": [page, 7]}), "/assets/1", "wrong_type", "an object"),
        ("unbind", json!({"asset": null, "assets": [page, page]}), "/assets/1", "invalid_value", "twice"),
        (
            "unbind",
            json!({"asset": null, "assets": [account("act_1"), account("1")]}),
            "/assets/1",
            "invalid_value",
            "twice",
        ),
        ("reassign", json!({"assets": "all"}), "/assets", "invalid_value", "one of the two"),
        ("reassign", json!({"asset": null, "assets": "every"}), "/assets", "invalid_value", "\"all\""),
        ("invite", json!({"assets": "all", "tasks": ["MANAGE"]}), "/assets", "wrong_type", "a list"),
    ]);
}

#[test]
fn a_claim_says_as_what_and_with_which_rights() {
    let account = json!({"kind": "ad_account", "id": "act_5"});
    let page = json!({"kind": "page", "id": "1"});
    let owner = json!({"access": "owner", "permitted_tasks": null});
    refused(vec![
        ("claim", json!({"access": null}), "/access", "missing_field", "required"),
        ("claim", json!({"access": "partner"}), "/access", "invalid_value", "\"agency\""),
        ("claim", json!({"permitted_tasks": null}), "/permitted_tasks", "missing_field", "agency"),
        ("claim", json!({"permitted_tasks": []}), "/permitted_tasks", "invalid_value", "1 to"),
        ("claim", json!({"permitted_tasks": "ADVERTISE"}), "/permitted_tasks", "wrong_type", "a list"),
        ("claim", json!({"permitted_tasks": ["ADVERTIZE"]}), "/permitted_tasks/0", "invalid_value", "\"ADVERTISE\""),
        ("claim", json!({"permitted_tasks": ["advertise"]}), "/permitted_tasks/0", "invalid_value", "\"ADVERTISE\""),
        ("claim", json!({"permitted_tasks": ["DRAFT"]}), "/permitted_tasks/0", "invalid_value", "no task of a Page"),
        ("claim", json!({"permitted_tasks": ["MANAGE", "MANAGE"]}), "/permitted_tasks/1", "invalid_value", "twice"),
        ("claim", json!({"permitted_tasks": [7]}), "/permitted_tasks/0", "wrong_type", "a text"),
        (
            "claim",
            json!({"asset": account, "permitted_tasks": ["a b"]}),
            "/permitted_tasks/0",
            "invalid_value",
            "capitals",
        ),
        ("claim", json!({"access": "owner"}), "/permitted_tasks", "invalid_value", "everything"),
        ("claim", with(owner.clone(), json!({"asset": account})), "/irreversible", "irreversible", "no way back"),
        (
            "claim",
            json!({"access": "owner", "permitted_tasks": null, "asset": null, "assets": [page, account]}),
            "/irreversible",
            "irreversible",
            "no way back",
        ),
        ("claim", json!({"again": "true"}), "/again", "wrong_type", "true or false"),
    ]);
    let owned = with(with(sample("claim"), json!({"access": "owner"})), json!({"permitted_tasks": null}));
    let kept = with(owned, json!({"asset": account, "irreversible": false}));
    assert_eq!(expect_error(parse_json(&kept), "irreversible: false").code(), "irreversible");
}

#[test]
fn people_and_partners_are_somebody_and_somebody_else() {
    refused(vec![
        ("reassign", json!({"from": null}), "/from", "missing_field", "required"),
        ("reassign", json!({"to": null}), "/to", "missing_field", "required"),
        ("reassign", json!({"to": "31"}), "/to", "invalid_value", "must be another"),
        ("reassign", json!({"from": "A@x.org", "to": "a@X.org"}), "/to", "invalid_value", "must be another"),
        ("reassign", json!({"from": 31}), "/from", "wrong_type", "2^53"),
        ("assign", json!({"user": "ben"}), "/user", "invalid_value", "digits"),
        ("assign", json!({"user": "ben@"}), "/user", "invalid_value", "e-mail"),
        ("assign", json!({"tasks": null}), "/tasks", "missing_field", "required"),
        ("assign", json!({"tasks": []}), "/tasks", "invalid_value", "1 to"),
        ("unassign", json!({"user": null}), "/user", "missing_field", "required"),
        ("unassign", json!({"tasks": []}), "/tasks", "invalid_value", "1 to"),
        ("unassign", json!({"tasks": ["MODERAT"]}), "/tasks/0", "invalid_value", "\"MODERATE\""),
        ("invite", json!({"email": "31"}), "/email", "invalid_value", "e-mail"),
        ("invite", json!({"role": null}), "/role", "missing_field", "required"),
        ("invite", json!({"role": "admin"}), "/role", "invalid_value", "\"ADMIN\""),
        ("invite", json!({"tasks": ["MANAGE"]}), "/assets", "missing_field", "together"),
        ("invite", json!({"assets": [{"kind": "page", "id": "1"}]}), "/tasks", "missing_field", "together"),
        ("offboard", json!({"user": null}), "/user", "missing_field", "required"),
        ("offboard", json!({"successor": "BEN@example.com"}), "/successor", "invalid_value", "must be another"),
        ("offboard", json!({"protected": "page/1"}), "/protected", "wrong_type", "a list"),
        ("offboard", json!({"protected": ["page/1", "sofa/1"]}), "/protected/1", "invalid_value", "person/456"),
        ("offboard", json!({"protected": ["person/ben"]}), "/protected/0", "invalid_value", "digits"),
        ("offboard", json!({"plan": "latest"}), "/plan", "invalid_value", "sha256:"),
        ("transfer", json!({"to_business": null}), "/to_business", "missing_field", "required"),
        ("transfer", json!({"to_business": "2001"}), "/to_business", "invalid_value", "\"business\""),
        ("transfer", json!({"cool_down": 120}), "/cool_down", "wrong_type", "a text"),
        ("transfer", json!({"cool_down": "soon"}), "/cool_down", "invalid_value", "unit"),
        ("share", json!({"partner": "2001"}), "/partner", "invalid_value", "\"business\""),
        ("share", json!({"permitted_tasks": null}), "/permitted_tasks", "missing_field", "required"),
        ("revoke", json!({"partner": null}), "/partner", "missing_field", "required"),
        ("disconnect", json!({"kinds": ["page", "group"]}), "/kinds/1", "invalid_value", "one of page"),
        ("disconnect", json!({"kinds": []}), "/kinds", "invalid_value", "1 to"),
        ("inspect", json!({"people": "all"}), "/people", "wrong_type", "true or false"),
        ("undo", json!({"target": null}), "/target", "missing_field", "required"),
        ("cancel", json!({"target": "onb-7731"}), "/target", "invalid_value", "\"id\""),
        ("cancel", json!({"target": 1}), "/target", "wrong_type", "2^53"),
    ]);
}

#[test]
fn null_never_stands_for_nothing() {
    // `"tasks": null` from a careless serialiser would take all rights instead of some.
    for (command, field) in [("unassign", "tasks"), ("offboard", "plan"), ("claim", "expires_at"), ("claim", "dry_run")]
    {
        let mut body = sample(command);
        body[field] = Value::Null;
        let error = expect_error(parse_json(&body), &body.to_string());
        assert_eq!((error.pointer.clone(), error.code()), (format!("/{field}"), "wrong_type"), "row {command} {field}");
        assert!(error.message.contains("leave the field out"), "row {command} {field}");
    }
}

#[test]
fn a_rejection_names_the_command_as_far_as_it_can_be_read() {
    let known = |body: &str| {
        let error = expect_error(parse(body.as_bytes(), LIMIT), body);
        (error.id.map(String::from), error.command, error.business.map(String::from))
    };
    let text = |text: &str| Some(text.to_owned());
    for (body, readable) in [
        (r#"{"id": "a", "command": "claim", "business": "1", "x": 1}"#, (text("a"), Some("claim"), text("1"))),
        (r#"{"id": "a", "command": "clam", "business": 1}"#, (text("a"), None, None)),
        (r#"{"id": 7, "command": "claim"}"#, (None, Some("claim"), None)),
        (r#"{"id": "a~1", "command": "claim"}"#, (None, Some("claim"), None)),
        (r#"{"id": "a", "id": "b", "command": "claim"}"#, (None, Some("claim"), None)),
        (r#"{"id": "a", "command": "claim", "command": "unbind"}"#, (text("a"), None, None)),
        (r#"{"id": "a", "command": "claim""#, (None, None, None)),
        ("[]", (None, None, None)),
    ] {
        assert_eq!(known(body), readable, "row {body}");
    }
}

#[test]
fn no_value_of_the_message_is_repeated() {
    let secret = "EAAB-not-for-logs";
    for field in ["id", "command", "business", "actor", "asset", "access", "permitted_tasks", "not_before", "again"] {
        for value in [json!(secret), json!([secret]), json!({"kind": secret})] {
            let body = with(sample("claim"), json!({ field: value }));
            if let Err(error) = parse_json(&body) {
                assert!(!format!("{error:?} {error}").contains(secret), "{body}: {error:?}");
            }
        }
    }
}

#[test]
fn our_own_commands_may_have_what_a_publishers_may_not() {
    let child = with(sample("claim"), json!({"id": "onb-7731~1", "permitted_tasks": ["SOMETHING_NEW"]}));
    let command = parse_own(child.to_string().as_bytes()).unwrap();
    assert_eq!(command.id.follows().unwrap().as_str(), "onb-7731");
    // All else is as strict.
    for changes in [json!({"id": "~1"}), json!({"access": "x"}), json!({"colour": 1}), json!({"permitted_tasks": null})]
    {
        let body = with(child.clone(), changes).to_string();
        expect_error(parse_own(body.as_bytes()), &body);
    }
}
