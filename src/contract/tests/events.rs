//! Events on the wire, compared with the contract field by field.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::*;
use super::schema::told_as_documented;
use super::{LIMIT, parse_json, sample, with};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn context() -> EventContext {
    EventContext::new("/bindery/default", at("2026-11-22T10:00:00Z"), at("2026-11-22T09:00:00Z"))
}

fn command(name: &str, changes: Value) -> Command {
    parse_json(&with(sample(name), changes)).unwrap()
}

/// As it goes out, which the published schema knows.
fn wire(event: &Event) -> Value {
    let value = serde_json::to_value(event).unwrap();
    told_as_documented(&value).unwrap();
    value
}

fn ending(phase: Phase) -> Outcome {
    Outcome::of(phase, false)
}

fn trouble() -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "would_orphan".to_owned(),
        subcode: None,
        message: "nobody else manages page/1009".to_owned(),
        trace: None,
        remedy: "give somebody MANAGE first".to_owned(),
    }
}

#[test]
fn the_contracts_example_comes_out_as_it_stands() {
    let claim = command("claim", json!({"actor": "onboarding"}));
    let entry = EvidenceEntry {
        at: at("2026-11-22T09:00:01Z"),
        call: "POST /2001/client_pages".to_owned(),
        answer: "access_status PENDING".to_owned(),
        trace: Some("A1b2".to_owned()),
    };
    let context = EventContext {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        graph_calls: 3,
        polls: 2,
        evidence: vec![entry],
        evidence_total: 3,
        evidence_head: Some(Digest::of(b"chain")),
        ..context()
    };
    let outcome = Outcome {
        granted_tasks: Some(["ADVERTISE".parse().unwrap()].into_iter().collect()),
        ..Outcome::of(Phase::Confirmed, true)
    };
    let event = Event::of(&claim, 2, outcome, &context);
    let wanted = json!({
        "specversion": "1.0", "id": event.id.to_string(), "source": "/bindery/default",
        "type": "bindery.claim.confirmed", "subject": "page/1009", "time": "2026-11-22T10:00:00Z",
        "datacontenttype": "application/json", "dataschema": DATA_SCHEMA,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {
            "command_id": "onb-7731", "sequence": 2, "command": "claim", "phase": "confirmed", "terminal": true,
            "business": "2001", "asset": {"kind": "page", "id": "1009"}, "access": "agency",
            "changed": true, "granted_tasks": ["ADVERTISE"], "actor": "onboarding", "reason": null,
            "accepted_at": "2026-11-22T09:00:00Z", "finished_at": "2026-11-22T10:00:00Z",
            "graph_calls": 3, "polls": 2,
            "evidence": [{"at": "2026-11-22T09:00:01Z", "call": "POST /2001/client_pages",
                          "answer": "access_status PENDING", "trace": "A1b2"}],
            "evidence_total": 3, "evidence_head": Digest::of(b"chain").as_str(), "error": null
        }
    });
    let (got, wanted_fields) = (wire(&event), wanted.as_object().unwrap());
    for (field, value) in wanted_fields.iter().filter(|(field, _)| *field != "data") {
        assert_eq!(&got[field], value, "field {field}");
    }
    for (field, value) in wanted["data"].as_object().unwrap() {
        assert_eq!(&got["data"][field], value, "field data.{field}");
    }
    assert_eq!(got, wanted, "nothing beside it");
    assert_eq!(event.routing_key(), "claim.page.confirmed");
    assert_eq!(serde_json::from_value::<Event>(got).unwrap(), event);
}

#[test]
fn subject_and_routing_key_are_the_contracts_for_every_command() {
    let list = json!({"asset": null, "assets": [{"kind": "page", "id": "1"}, {"kind": "pixel", "id": "2"}]});
    for (name, changes, subject, key) in [
        ("claim", json!({}), "page/1009", "claim.page.failed"),
        ("unbind", json!({"asset": {"kind": "ad_account", "id": "act_7"}}), "ad_account/7", "unbind.ad_account.failed"),
        ("unbind", list, "assets/2001", "unbind.assets.failed"),
        ("reassign", json!({"asset": null, "assets": "all"}), "assets/2001", "reassign.assets.failed"),
        ("assign", json!({}), "page/1009", "assign.page.failed"),
        ("unassign", json!({}), "page/1009", "unassign.page.failed"),
        ("invite", json!({}), "user/unknown", "invite.user.failed"),
        ("offboard", json!({}), "user/unknown", "offboard.user.failed"),
        ("offboard", json!({"user": "31"}), "user/31", "offboard.user.failed"),
        ("transfer", json!({}), "page/1009", "transfer.page.failed"),
        ("share", json!({}), "page/1009", "share.page.failed"),
        ("revoke", json!({}), "page/1009", "revoke.page.failed"),
        ("disconnect", json!({}), "business/2001", "disconnect.business.failed"),
        ("inspect", json!({}), "business/2001", "inspect.business.failed"),
        ("undo", json!({}), "command/onb-7731", "undo.command.failed"),
        ("cancel", json!({}), "command/onb-7731", "cancel.command.failed"),
    ] {
        let event = Event::of(&command(name, changes.clone()), 1, Outcome::failed(false, trouble()), &context());
        assert_eq!((event.subject.as_str(), event.routing_key().as_str()), (subject, key), "row {name} {changes}");
        assert_eq!(event.type_, format!("bindery.{name}.failed"));
        assert_eq!(serde_json::from_value::<Event>(wire(&event)).unwrap(), event, "row {name} {changes}");
    }
}

#[test]
fn an_address_is_told_in_the_data_and_never_in_subject_or_key() {
    let offboard = command("offboard", json!({"successor": "ann@example.com"}));
    let ben = PersonSeen { id: Some("31".parse().unwrap()), email: Some("ben@example.com".parse().unwrap()) };
    for (people, subject, user) in [
        (vec![], "user/unknown", json!({"id": null, "email": "ben@example.com"})),
        (vec![ben], "user/31", json!({"id": "31", "email": "ben@example.com"})),
    ] {
        let event = Event::of(&offboard, 1, ending(Phase::Completed), &EventContext { people, ..context() });
        assert_eq!(event.subject, subject);
        assert!(!event.routing_key().contains('@'));
        assert_eq!(wire(&event)["data"]["user"], user);
        assert_eq!(wire(&event)["data"]["successor"], json!({"id": null, "email": "ann@example.com"}));
    }
    let invited = EventContext { role_request: Some("88".to_owned()), ..context() };
    assert_eq!(Event::of(&command("invite", json!({})), 2, ending(Phase::Expired), &invited).subject, "user/88");
}

#[test]
fn each_phase_on_the_way_tells_its_own_and_no_ending() {
    let plan = Plan { digest: Digest::of(b"plan"), steps: vec![] };
    let moment = at("2026-11-22T09:30:00Z");
    let waiting = Waiting::of(WaitCause::Quota, moment, None);
    let pending = Pending { request: Some("5".to_owned()), since: moment, awaits: "an admin approves".to_owned() };
    let result =
        ItemResult { asset: "page/1".parse().unwrap(), phase: Phase::Failed, changed: false, error: Some(trouble()) };
    let progress =
        Progress { part: Some(1), done: Some(3), total: Some(9), results: vec![result], ..Progress::default() };
    let announced = Detail::Announced { plan, people: vec![PersonSeen::default()] };
    for (detail, phase, has) in [
        (Detail::Accepted, "accepted", &[][..]),
        (announced, "announced", &["plan", "people"]),
        (Detail::Pending(pending), "pending", &["pending"]),
        (Detail::Waiting(waiting), "waiting", &["waiting"]),
        (Detail::Progress(progress), "progress", &["part", "done", "total", "results"]),
    ] {
        let event = Event::of(&command("unbind", json!({})), 1, detail, &context());
        let data = wire(&event)["data"].clone();
        assert_eq!((&data["phase"], &data["terminal"]), (&json!(phase), &json!(false)));
        let frame = ["command_id", "sequence", "command", "phase", "terminal", "business", "asset", "actor", "reason"];
        let record = ["accepted_at", "graph_calls", "polls", "evidence", "evidence_total", "evidence_head", "error"];
        let wanted: BTreeSet<&str> = [&frame[..], &record, has].concat().into_iter().collect();
        let got: BTreeSet<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(got, wanted, "row {phase}");
        assert_eq!(serde_json::from_value::<Event>(wire(&event)).unwrap(), event, "row {phase}");
    }
}

#[test]
fn a_waiting_event_says_why_since_when_and_until_when() {
    for cause in WaitCause::ALL {
        let (since, until) = (at("2026-11-22T09:30:00Z"), at("2026-11-22T10:30:00Z"));
        let detail = Detail::Waiting(Waiting::of(cause, since, Some(until)));
        let event = wire(&Event::of(&command("claim", json!({})), 3, detail, &context()));
        let wanted = json!({"cause": cause.word(), "since": "2026-11-22T09:30:00Z", "until": "2026-11-22T10:30:00Z"});
        assert_eq!(event["data"]["waiting"], wanted);
    }
}

#[test]
fn unhappy_endings_say_what_became_of_it() {
    let of = |outcome: Outcome| wire(&Event::of(&command("claim", json!({})), 4, outcome, &context()))["data"].clone();
    let denied = of(Outcome { inferred: true, ..ending(Phase::Denied) });
    assert_eq!((&denied["inferred"], &denied["changed"]), (&json!(true), &json!(false)));
    for (because, word) in [
        (ExpiredBecause::NotStarted, "not_started"),
        (ExpiredBecause::Deadline, "deadline"),
        (ExpiredBecause::GivenUp, "given_up"),
    ] {
        let expired = of(Outcome { expired_because: Some(because), ..ending(Phase::Expired) });
        assert_eq!(expired["expired_because"], word);
    }
    let superseded = of(Outcome { superseded_by: Some("onb-2".parse().unwrap()), ..ending(Phase::Cancelled) });
    assert_eq!(superseded["superseded_by"], "onb-2");
    let failed = of(Outcome::failed(true, trouble()));
    let error = json!({
        "category": "needs_human", "code": "would_orphan", "subcode": null,
        "message": "nobody else manages page/1009", "trace": null, "remedy": "give somebody MANAGE first"
    });
    assert_eq!((&failed["error"], &failed["changed"]), (&error, &json!(true)));
}

#[test]
fn an_inspection_has_assets_and_totals_even_where_there_are_none() {
    let inspect = command("inspect", json!({}));
    let seen = |inspection| Outcome { inspection: Some(inspection), ..ending(Phase::Completed) };
    let nothing = wire(&Event::of(&inspect, 1, seen(Inspection::default()), &context()));
    assert_eq!((&nothing["data"]["assets"], &nothing["data"]["totals"]), (&json!([]), &json!({})));
    let asset = AssetSeen {
        kind: Kind::Page,
        id: "1009".parse().unwrap(),
        name: Some("Café".to_owned()),
        access: Access::Agency,
        tasks: None,
        people: Some(vec![PersonOnAsset { person: PersonSeen::default(), tasks: Tasks::default() }]),
        direct: None,
        unread: vec![Unread { list: "direct".to_owned(), error: trouble() }],
    };
    let unread = vec![Unread { list: "owned_pixels".to_owned(), error: trouble() }];
    let inspection = Inspection { assets: vec![asset], totals: [(Kind::Page, 100_000)].into(), unread };
    let event = Event::of(&inspect, 2, seen(inspection), &context());
    assert_eq!(wire(&event)["data"]["totals"], json!({"page": 100_000}));
    assert_eq!(wire(&event)["data"]["assets"][0]["people"][0], json!({"id": null, "email": null, "tasks": []}));
    assert_eq!(wire(&event)["data"]["assets"][0]["unread"][0]["error"]["code"], json!("would_orphan"));
    assert_eq!(wire(&event)["data"]["assets"][0].get("direct"), None);
    assert_eq!(wire(&event)["data"]["unread"][0]["list"], json!("owned_pixels"));
    assert_eq!(nothing["data"].get("unread"), None);
    assert_eq!(serde_json::from_value::<Event>(wire(&event)).unwrap(), event);
}

#[test]
fn what_follows_a_command_of_a_publisher_names_it() {
    let own = |id: &str| {
        let claim = with(sample("claim"), json!({"id": id, "actor": "bindery"}));
        let command = parse_own(claim.to_string().as_bytes()).unwrap();
        wire(&Event::of(&command, 1, ending(Phase::Confirmed), &context()))["data"].clone()
    };
    let late = own("onb-7731~late-1");
    assert_eq!((&late["follows"], &late["late"]), (&json!("onb-7731"), &json!(true)));
    let recheck = own("onb-7731~recheck-2");
    assert_eq!((&recheck["follows"], recheck.get("late")), (&json!("onb-7731"), None));
    assert_eq!(own("onb-7731").get("follows"), None);
}

#[test]
fn only_the_last_fifty_entries_of_evidence_are_told() {
    let entry = |n: i64| EvidenceEntry {
        at: Timestamp::from_second(n).unwrap(),
        call: format!("GET /{n}"),
        answer: "200".to_owned(),
        trace: None,
    };
    let context = EventContext { evidence: (0..60).map(entry).collect(), evidence_total: 60, ..context() };
    let event = Event::of(&command("claim", json!({})), 1, ending(Phase::Completed), &context);
    let shown = &event.data.record.evidence;
    assert_eq!((shown.len(), shown[0].call.as_str(), event.data.record.evidence_total), (50, "GET /10", 60));
}

#[test]
fn an_event_id_is_the_same_for_the_same_event_and_no_other() {
    let id = |name: &str, sequence, now: &str, source: &str| {
        let context = EventContext { source: source.to_owned(), now: at(now), ..context() };
        Event::of(&command("claim", json!({"id": name})), sequence, ending(Phase::Denied), &context).id
    };
    let first = id("a", 1, "2026-11-22T10:00:00Z", "/s");
    assert_eq!(first, id("a", 1, "2026-11-23T10:00:00Z", "/s"), "the time does not count");
    // The number itself: another namespace or another text would replay every event under a new id.
    assert_eq!(first.to_string(), "f726fafa-f072-54e8-b6e7-23ae91de3c13");
    let others = [
        id("a", 2, "2026-11-22T10:00:00Z", "/s"),
        id("a", 11, "2026-11-22T10:00:00Z", "/s"),
        id("a1", 1, "2026-11-22T10:00:00Z", "/s"),
        id("a", 1, "2026-11-22T10:00:00Z", "/t"),
    ];
    let distinct: BTreeSet<_> = others.iter().chain([&first]).collect();
    assert_eq!(distinct.len(), 5);
}

#[test]
fn a_rejection_answers_the_delivery_and_says_what_would_be_right() {
    for (body, id, name, pointer) in [
        (r#"{"id": "a", "command": "claim", "business": "1", "acces": "owner"}"#, Some("a"), "claim", "/acces"),
        (r#"{"id": "a", "command": "clam"}"#, Some("a"), "unknown", "/command"),
        (r#"{"id": 12, "command": "claim"}"#, None, "claim", "/id"),
        (r#"{"id": "a", "command""#, None, "unknown", ""),
    ] {
        let malformed = parse(body.as_bytes(), LIMIT).unwrap_err();
        assert_eq!(malformed.pointer, pointer, "row {body}");
        let delivery = Delivery::of(body.as_bytes(), "/bindery/default", at("2026-11-22T10:00:00Z"));
        let refusal = Refusal::from(malformed.clone());
        assert!(refusal.is_dead_letter(), "row {body}");
        let event = Event::rejected(refusal, &delivery);
        let data = wire(&event)["data"].clone();
        assert_eq!(data["command_id"], json!(id), "row {body}");
        assert_eq!((&data["terminal"], data.get("sequence")), (&json!(true), None), "row {body}");
        assert_eq!(data["delivery"], delivery_digest(body.as_bytes()), "row {body}");
        assert_eq!(data["error"]["category"], "invalid", "row {body}");
        assert_eq!(data["error"]["message"], malformed.to_string(), "row {body}");
        assert_eq!(event.type_, format!("bindery.{name}.rejected"), "row {body}");
        assert_eq!(event.subject, format!("command/{}", id.unwrap_or("unknown")), "row {body}");
        assert_eq!(event.routing_key(), format!("{name}.command.rejected"), "row {body}");
        assert_eq!(serde_json::from_value::<Event>(wire(&event)).unwrap(), event, "row {body}");
    }
}

#[test]
fn a_redelivery_is_rejected_under_the_same_id_and_other_bytes_under_another() {
    let claim = command("claim", json!({}));
    let id = |body: &[u8], now: &str| {
        Event::rejected(Refusal::id_reused(&claim), &Delivery::of(body, "/bindery/default", at(now))).id
    };
    assert_eq!(id(b"a", "2026-11-22T10:00:00Z"), id(b"a", "2026-11-23T10:00:00Z"));
    assert_ne!(id(b"a", "2026-11-22T10:00:00Z"), id(b"b", "2026-11-22T10:00:00Z"));
}

#[test]
fn a_refused_command_that_was_readable_is_told_with_who_asked() {
    let claim = command("claim", json!({"actor": "onboarding", "reason": "new client"}));
    let ended = Ended { fingerprint: Digest::of(b"x"), phase: Phase::Denied, event_id: "e-1".to_owned() };
    for (refusal, category, code, dead) in [
        (Refusal::unauthorised(&claim, "user crm may not claim"), "unauthorised", "unauthorised", true),
        (Refusal::id_reused(&claim), "conflict", "id_reused", false),
        (Refusal::already_ended(&claim, ended), "conflict", "already_ended", false),
    ] {
        assert_eq!(refusal.is_dead_letter(), dead, "row {code}");
        let delivery =
            Delivery { published_by: Some("crm".to_owned()), ..Delivery::of(b"x", "/s", Timestamp::UNIX_EPOCH) };
        let data = wire(&Event::rejected(refusal, &delivery))["data"].clone();
        assert_eq!((&data["error"]["category"], &data["error"]["code"]), (&json!(category), &json!(code)));
        assert_eq!((&data["actor"], &data["published_by"]), (&json!("onboarding"), &json!("crm")), "row {code}");
        assert_eq!(data["business"], "2001", "row {code}");
        assert_eq!(data["ended"]["phase"] == "denied", code == "already_ended", "row {code}");
    }
}

#[test]
fn an_event_of_a_newer_minor_version_is_still_read() {
    let mut newer = wire(&Event::of(&command("claim", json!({})), 1, ending(Phase::Denied), &context()));
    newer["data"]["mood"] = "good".into();
    newer["partitionkey"] = "p".into();
    assert!(serde_json::from_value::<Event>(newer.clone()).is_ok());
    for (field, value) in [("phase", json!("vanished")), ("terminal", json!("yes")), ("business", json!(2001))] {
        let mut broken = newer.clone();
        broken["data"][field] = value;
        assert!(serde_json::from_value::<Event>(broken).is_err(), "{field}");
    }
}
