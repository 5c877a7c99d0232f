//! Examples for the documents: commands that parse, and events as the code makes them.

use jiff::Timestamp;
use serde_json::Value;

use crate::contract::{
    AssetSeen, Category, Command, Delivery, Detail, Digest, ErrorInfo, Event, EventContext, EvidenceEntry, Inspection,
    ItemResult, Kind, Malformed, Outcome, Pending, PersonSeen, Phase, Plan, PlanStep, Progress, Refusal, WaitCause,
    Waiting, parse,
};

/// One example.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it shows, in a few words.
    pub name: &'static str,
    /// The message.
    pub message: Value,
}

/// Largest sample: they are short.
const LIMIT: usize = 16 * 1024;

#[rustfmt::skip]
const COMMANDS: [(&str, &str); 16] = [
    ("claim a Page as an agency", r#"{"id": "onb-7731", "command": "claim", "business": "2001", "asset": {"kind": "page", "id": "1009"}, "access": "agency", "permitted_tasks": ["ADVERTISE", "ANALYZE"], "actor": "onboarding"}"#),
    ("own an ad account, for good", r#"{"id": "onb-7732", "command": "claim", "business": "2001", "asset": {"kind": "ad_account", "id": "act_77"}, "access": "owner", "irreversible": true}"#),
    ("let go of a Page after a notice", r#"{"id": "end-12", "command": "unbind", "business": "2001", "asset": {"kind": "page", "id": "1013"}, "notice": "2d", "reason": "contract ended"}"#),
    ("give everything that a person has to another", r#"{"id": "hr-90", "command": "reassign", "business": "2001", "assets": "all", "from": "3001", "to": "ben@northwind.example"}"#),
    ("exactly these tasks", r#"{"id": "a-1", "command": "assign", "business": "2001", "asset": {"kind": "page", "id": "1001"}, "user": "3002", "tasks": ["ANALYZE", "MODERATE"]}"#),
    ("take a person off two Pages", r#"{"id": "a-2", "command": "unassign", "business": "2001", "assets": [{"kind": "page", "id": "1001"}, {"kind": "page", "id": "1002"}], "user": "3002"}"#),
    ("invite, with rights once accepted", r#"{"id": "inv-1", "command": "invite", "business": "2001", "email": "eve@northwind.example", "role": "EMPLOYEE", "assets": [{"kind": "page", "id": "1001"}], "tasks": ["ANALYZE"]}"#),
    ("a leaver with a successor", r#"{"id": "hr-91", "command": "offboard", "business": "2001", "user": "anna@northwind.example", "successor": "3002", "protected": ["page/1008"], "actor": "hr"}"#),
    ("from one business to another", r#"{"id": "mv-3", "command": "transfer", "business": "2001", "asset": {"kind": "page", "id": "1001"}, "to_business": "2002", "cool_down": "10m"}"#),
    ("share with a partner", r#"{"id": "sh-1", "command": "share", "business": "2001", "asset": {"kind": "page", "id": "1001"}, "partner": "2002", "permitted_tasks": ["ANALYZE"]}"#),
    ("take back what is shared", r#"{"id": "sh-2", "command": "revoke", "business": "2001", "asset": {"kind": "page", "id": "1001"}, "partner": "2002"}"#),
    ("let go of a client's Pages", r#"{"id": "end-13", "command": "disconnect", "business": "2001", "kinds": ["page"], "dry_run": true}"#),
    ("what the business holds", r#"{"id": "in-1", "command": "inspect", "business": "2001", "kinds": ["page"]}"#),
    ("take back what a command changed", r#"{"id": "un-1", "command": "undo", "target": "hr-90"}"#),
    ("stop a command", r#"{"id": "st-1", "command": "cancel", "target": "onb-7731", "priority": 9}"#),
    ("within a window of time", r#"{"id": "st-2", "command": "inspect", "business": "2001", "not_before": "2026-11-23T01:00:00+01:00", "expires_at": "2026-11-23T05:00:00+01:00"}"#),
];

/// Commands, at least one of each name.
#[must_use]
pub fn commands() -> Vec<Sample> {
    COMMANDS.iter().map(|(name, text)| Sample { name, message: serde_json::from_str(text).expect("JSON") }).collect()
}

/// Events of every phase, made as the engine makes them.
#[must_use]
pub fn events() -> Vec<Sample> {
    let mut events: Vec<(&str, Event)> = on_the_way();
    events.extend(endings());
    events.push(("no command", rejected()));
    let message = |event: &Event| serde_json::to_value(event).expect("an event is JSON");
    events.iter().map(|(name, event)| Sample { name, message: message(event) }).collect()
}

fn on_the_way() -> Vec<(&'static str, Event)> {
    let pending = Pending {
        request: Some("120330007000000001".to_owned()),
        since: at(5),
        awaits: "an admin of the Page approves".to_owned(),
    };
    let waiting = Waiting {
        bucket: Some("object/2001/2001/pages/main".to_owned()),
        usage_percent: Some(76),
        ..Waiting::of(WaitCause::Quota, at(5), Some(at(65)))
    };
    let people = vec![PersonSeen { id: Some(id("3001")), email: Some(id("anna@northwind.example")) }];
    let progress =
        Progress { done: Some(1), total: Some(2), results: vec![result("1001", None)], ..Progress::default() };
    vec![
        ("taken in", of("onb-7731", 1, Detail::Accepted)),
        ("what will be done after the notice", of("end-12", 1, Detail::Announced { plan: plan(), people })),
        ("others must approve", of("onb-7731", 1, Detail::Pending(pending))),
        ("held back by a rate limit", of("hr-90", 1, Detail::Waiting(waiting))),
        ("part of a fan-out", of("a-2", 1, Detail::Progress(progress))),
    ]
}

fn endings() -> Vec<(&'static str, Event)> {
    let tasks = ["ADVERTISE", "ANALYZE"].map(id).into_iter().collect();
    let confirmed = Outcome { granted_tasks: Some(tasks), ..Outcome::of(Phase::Confirmed, true) };
    let denied = Outcome { inferred: true, ..Outcome::of(Phase::Denied, true) };
    let expired = Outcome {
        expired_because: Some(crate::contract::ExpiredBecause::GivenUp),
        ..Outcome::of(Phase::Expired, true)
    };
    let superseded = Outcome { superseded_by: Some(id("onb-7740")), ..Outcome::of(Phase::Cancelled, false) };
    let results = vec![result("1001", None), result("1002", Some(orphan()))];
    let incomplete = Outcome { results, ..Outcome::of(Phase::Incomplete, true) };
    let planned = Outcome { plan: Some(plan()), ..Outcome::of(Phase::Completed, false) };
    let seen = AssetSeen {
        kind: Kind::Page,
        id: id("1001"),
        name: Some("Northwind Coffee".to_owned()),
        access: crate::contract::Access::Owner,
        tasks: None,
        people: None,
        direct: None,
        unread: Vec::new(),
    };
    let inspection = Inspection { assets: vec![seen], totals: [(Kind::Page, 1)].into(), unread: Vec::new() };
    let inspected = Outcome { inspection: Some(inspection), ..Outcome::of(Phase::Completed, false) };
    vec![
        ("approved by the client", of("onb-7731", 2, confirmed.into())),
        ("denied or withdrawn", of("onb-7731", 2, denied.into())),
        ("nobody answered", of("onb-7731", 2, expired.into())),
        ("taken over by a later claim", of("onb-7731", 2, superseded.into())),
        ("half of a fan-out", of("a-2", 2, incomplete.into())),
        ("a plan", of("end-13", 1, planned.into())),
        ("what the business holds", of("in-1", 1, inspected.into())),
        ("a person is needed", of("end-12", 2, Outcome::failed(false, orphan()).into())),
    ]
}

/// The answer to a message that is no command.
fn rejected() -> Event {
    let body = br#"{"id": "onb-7733", "command": "claim", "business": 2001}"#;
    let malformed: Malformed = parse(body, LIMIT).expect_err("the business is a number");
    let delivery = Delivery::of(body, "/bindery/default", at(0));
    Event::rejected(Refusal::from(malformed), &delivery)
}

fn of(command: &str, sequence: u32, detail: Detail) -> Event {
    let entry = EvidenceEntry {
        at: at(4),
        call: "GET /2001/client_pages".to_owned(),
        answer: "200, 1 rows".to_owned(),
        trace: Some("ALrWma3UzZg".to_owned()),
    };
    let context = EventContext {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        graph_calls: 1,
        evidence: vec![entry],
        evidence_total: 1,
        evidence_head: Some(Digest::of(b"the last entry")),
        ..EventContext::new("/bindery/default", at(6), at(3))
    };
    Event::of(&sample(command), sequence, detail, &context)
}

fn sample(command: &str) -> Command {
    let parsed = COMMANDS.iter().filter_map(|(_, text)| parse(text.as_bytes(), LIMIT).ok());
    let mut parsed = parsed;
    parsed.find(|parsed| parsed.id.as_str() == command).expect("it is among the samples")
}

fn at(second: i64) -> Timestamp {
    // 2026-11-22T10:00:00Z
    Timestamp::from_second(1_795_341_600 + second).expect("a time of this century")
}

fn id<T: std::str::FromStr<Err = crate::contract::IdError>>(text: &str) -> T {
    text.parse().expect("a sample is well formed")
}

fn plan() -> Plan {
    let step = PlanStep {
        method: "DELETE".to_owned(),
        path: "/2001/pages".to_owned(),
        params: [("page_id".to_owned(), "1013".to_owned())].into(),
        why: "the Page leaves the business".to_owned(),
    };
    let steps = vec![step];
    Plan { digest: Plan::digest_of(&steps), steps }
}

fn result(page: &str, error: Option<ErrorInfo>) -> ItemResult {
    let phase = if error.is_some() { Phase::Failed } else { Phase::Completed };
    ItemResult { asset: id(&format!("page/{page}")), phase, changed: error.is_none(), error }
}

fn orphan() -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "would_orphan".to_owned(),
        subcode: None,
        message: "nobody else is seen to manage the Page".to_owned(),
        trace: None,
        remedy: "give somebody MANAGE on it first".to_owned(),
    }
}
