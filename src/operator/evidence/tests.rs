use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

use super::report::{Deed, FORMAT, Holding, Link, Part, WalkPart};
use super::{Anchor, Finding, Report, Unsound};
use crate::contract::{CommandId, Digest, Event, EventContext, Outcome, Phase, parse};
use crate::journal::{EvidenceEntry, Walk, evidence};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id(text: &str) -> CommandId {
    text.parse().unwrap()
}

fn entry(second: i64, call: &str, answer: &str) -> EvidenceEntry {
    EvidenceEntry { at: at(second), call: call.to_owned(), answer: answer.to_owned(), trace: Some("A1b2".to_owned()) }
}

/// A command on record, with its chain and its seal made as the engine makes them.
fn part(name: &str, parent: Option<&str>, reason: &str, entries: Vec<EvidenceEntry>) -> Part {
    let asked =
        json!({"id": name, "command": "reassign", "business": "2001", "from": "3001", "to": "ben@northwind.example",
        "asset": {"kind": "page", "id": "1001"}, "actor": "hr", "reason": reason})
        .to_string();
    let observed = [
        json!({"seen": "asked", "call": {"call": "people_on", "business": "2001", "asset": {"kind": "page", "id": "1001"}}, "began": at(1),
            "reply": {"answer": {"people": [{"id": "3001", "email": null, "tasks": ["MANAGE"]}]}}}),
        json!({"seen": "asked", "call": {"call": "unassign", "asset": {"kind": "page", "id": "1001"}, "person": "3001"}, "began": at(2),
            "reply": {"answer": "done"}}),
    ]
    .map(|seen| seen.to_string())
    .to_vec();
    let outcome = serde_json::to_string(&Outcome::of(Phase::Completed, true)).unwrap();
    let facts = observed.iter().fold(evidence::genesis(name), |facts, fact| evidence::follow_fact(&facts, fact));
    let seal = evidence::Seal {
        accepted_at: at(0),
        asked: &asked,
        facts: &facts,
        finished_at: at(9),
        outcome: &outcome,
        parent,
        published_by: Some("hr-system"),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    };
    let entries = entries.into_iter().chain([seal.entry(Phase::Completed)]).collect();
    let (chain, head) = chained(name, entries);
    Part {
        id: id(name),
        held: Holding::Whole,
        parent: parent.map(id),
        phase: Some(Phase::Completed),
        accepted_at: Some(at(0)),
        finished_at: Some(at(9)),
        published_by: seal.published_by.map(str::to_owned),
        traceparent: seal.traceparent.map(str::to_owned),
        cancelled_by: None,
        asked: Some(asked.clone()),
        total: chain.len() as u64,
        observed: observed.clone(),
        outcome: Some(outcome.clone()),
        chain,
        head,
    }
}

fn chained(name: &str, entries: Vec<EvidenceEntry>) -> (Vec<Link>, Digest) {
    let mut head = evidence::genesis(name);
    let link = |(n, entry): (u64, EvidenceEntry)| {
        head = evidence::follow(&head, &entry);
        let EvidenceEntry { at, call, answer, trace } = entry;
        Link { n, at, call, answer, trace, hash: head.clone() }
    };
    let links = (1..).zip(entries).map(link).collect();
    (links, head)
}

/// A fan-out of two, one of which a shared walk helped.
fn report(reason: &str) -> Report {
    let walk = Walk {
        business: "2001".parse().unwrap(),
        list: "client_pages".to_owned(),
        began: at(3),
        ended: at(4),
        pages: 2,
        rows: 40,
        complete: true,
        traces: r#"["A1","A2"]"#.to_owned(),
    };
    let previous = Digest::of(b"the walk before it");
    let hash = evidence::follow_walk(&previous, &walk);
    let first = part(
        "p~1",
        Some("p"),
        reason,
        vec![entry(1, "GET /1001/assigned_users", "200, 1 rows"), evidence::of_walk(&walk, &hash)],
    );
    let second = part("p~2", Some("p"), reason, vec![entry(2, "DELETE /1001/assigned_users", "200, done")]);
    let ends = [&first, &second].map(|child| evidence::of_child(child.id.as_str(), "completed", &child.head, at(9)));
    let parent = part("p", None, reason, ends.to_vec());
    let walk = WalkPart {
        business: walk.business,
        list: walk.list,
        began: walk.began,
        ended: walk.ended,
        pages: walk.pages,
        rows: walk.rows,
        complete: walk.complete,
        traces: walk.traces,
        previous,
        hash,
    };
    let deed = Deed {
        at: at(20),
        actor: "kim".to_owned(),
        verb: "events replay".to_owned(),
        target: "p".to_owned(),
        reason: reason.to_owned(),
        came: Some("1 events queued".to_owned()),
    };
    Report {
        format: FORMAT.to_owned(),
        of: id("p"),
        made_at: at(30),
        commands: vec![parent, first, second],
        walks: vec![walk],
        operations: vec![deed],
        digest: Digest::of(b""),
    }
    .with_digest()
}

fn unsound(report: &Report, anchor: Option<&Anchor>) -> Unsound {
    match report.verify(anchor) {
        Finding::Unsound(unsound) => unsound,
        Finding::Sound(sound) => panic!("taken for sound: {sound:?}"),
    }
}

/// The terminal event that told of the report's command.
fn event_of(report: &Report) -> Event {
    let root = report.root().unwrap();
    let command = parse(root.asked.as_ref().unwrap().as_bytes(), 1 << 18).unwrap();
    let mut context = EventContext::new("/bindery/default", at(9), at(0));
    let told = |link: &Link| crate::contract::EvidenceEntry {
        at: link.at,
        call: link.call.clone(),
        answer: link.answer.clone(),
        trace: link.trace.clone(),
    };
    context.evidence = root.chain.iter().map(told).collect();
    (context.evidence_total, context.evidence_head) = (root.total, Some(root.head.clone()));
    Event::of(&command, 1, Outcome::of(Phase::Completed, true), &context)
}

/// Every place in the report that holds a value of its own.
fn leaves(value: &Json, at: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(key, one)| leaves(one, &format!("{at}/{key}"), found)),
        Json::Array(items) => items.iter().enumerate().for_each(|(n, one)| leaves(one, &format!("{at}/{n}"), found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => found.push(at.to_owned()),
    }
}

/// Another value of the same kind, so that the report can still be read.
fn altered(value: &Json, by: u64) -> Json {
    match value {
        Json::Bool(yes) => json!(!yes),
        Json::Number(n) => json!(n.as_u64().unwrap_or(0) + 1 + by % 7),
        Json::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => json!(time + std::time::Duration::from_secs(1 + by % 90)),
            Err(_) if text.starts_with("sha256:") => json!(Digest::of(&by.to_be_bytes())),
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => json!(format!("{text}7")),
            Err(_) if text == "whole" => json!("chain"),
            Err(_) if text == "completed" => json!("confirmed"),
            Err(_) => json!(format!("{text}x")),
        },
        Json::Null => json!("x-1"),
        Json::Array(_) | Json::Object(_) => unreachable!("a leaf holds nothing else"),
    }
}

/// What no chain binds, as the fields themselves say.
fn is_bound(pointer: &str) -> bool {
    let free = pointer.starts_with("/operations/") || pointer == "/made_at" || pointer.ends_with("/cancelled_by");
    // Held less than there is: what is left out is told as not proved.
    !free && !pointer.ends_with("/held") && pointer != "/digest"
}

#[test]
fn an_untouched_report_is_sound_and_held_against_its_event() {
    let report = report("left");
    let anchor = Anchor::of_event(&event_of(&report)).unwrap();
    let Finding::Sound(sound) = report.verify(Some(&anchor)) else { panic!("{:?}", report.verify(Some(&anchor))) };
    assert_eq!((sound.chains, sound.entries, sound.walks, sound.anchored), (3, 8, 1, true));
    assert!(sound.missing.is_empty(), "{sound:?}");
    let again: Report = serde_json::from_str(&serde_json::to_string_pretty(&report).unwrap()).unwrap();
    assert_eq!(again, report, "a file holds all of it");
}

proptest! {
    #[test]
    fn whatever_field_is_altered_is_found(which: Index, by: u64, covers_its_tracks: bool) {
        let told = serde_json::to_value(report("left")).unwrap();
        let mut all = Vec::new();
        leaves(&told, "", &mut all);
        let pointer = which.get(&all);
        let mut forged = told.clone();
        *forged.pointer_mut(pointer).unwrap() = altered(told.pointer(pointer).unwrap(), by);
        // What no longer reads as a report is no report.
        if let Ok(mut forged) = serde_json::from_value::<Report>(forged) {
            if covers_its_tracks {
                prop_assume!(is_bound(pointer));
                forged = forged.with_digest();
            }
            let found = forged.verify(None);
            prop_assert!(matches!(found, Finding::Unsound(_)), "{pointer}: {found:?}");
        }
    }

    #[test]
    fn the_first_altered_entry_is_named(chain in 0usize..3, place: Index, by: u64, second: Index) {
        let report = report("left");
        let mut forged = report.clone();
        let links = &mut forged.commands[chain].chain;
        let (first, other) = (place.index(links.len()), second.index(links.len()));
        for n in [first, other] {
            links[n].answer = format!("{}{by}", links[n].answer);
        }
        let found = unsound(&forged.with_digest(), None);
        prop_assert_eq!(found.command.as_ref(), Some(&report.commands[chain].id));
        prop_assert_eq!(found.entry, Some(first.min(other) as u64 + 1));
    }

    #[test]
    fn a_chain_that_was_rewritten_to_its_end_is_told_by_what_the_event_carried(place: Index) {
        let honest = report("left");
        let anchor = Anchor::of_event(&event_of(&honest)).unwrap();
        let mut forged = honest.clone();
        let root = &mut forged.commands[0];
        let mut entries: Vec<EvidenceEntry> = root.chain.iter().map(Link::entry).collect();
        // An entry slips in, and all the hashes after it are made to fit.
        let n = place.index(entries.len());
        entries.insert(n, entry(5, "GET /1001", "200"));
        (root.chain, root.head) = chained("p", entries);
        root.total += 1;
        let forged = forged.with_digest();
        prop_assert!(matches!(forged.verify(None), Finding::Sound(_)), "it is whole in itself");
        let found = unsound(&forged, Some(&anchor));
        prop_assert_eq!(found.entry, Some(n as u64 + 1));
        prop_assert!(matches!(forged.verify(Some(&Anchor::head(anchor.head.clone()))), Finding::Unsound(_)));
    }
}

#[test]
fn what_was_left_out_is_missed() {
    let honest = report("left");
    let mut without_an_entry = honest.clone();
    without_an_entry.commands[1].chain.remove(1);
    let found = unsound(&without_an_entry.with_digest(), None);
    assert_eq!((found.command, found.entry), (Some(id("p~1")), Some(2)));

    let mut cut_short = honest.clone();
    cut_short.commands[2].chain.pop();
    assert_eq!(unsound(&cut_short.with_digest(), None).entry, Some(2));

    let mut without_a_child = honest.clone();
    without_a_child.commands.pop();
    let Finding::Sound(sound) = without_a_child.with_digest().verify(None) else { panic!("nothing was altered") };
    assert!(sound.missing[0].contains("p~2"), "{sound:?}");

    let mut nothing = honest.clone();
    nothing.commands.clear();
    assert!(unsound(&nothing.with_digest(), None).reason.contains("no chain of p"));
}

#[test]
fn an_event_of_another_command_proves_nothing() {
    let report = report("left");
    let mut anchor = Anchor::of_event(&event_of(&report)).unwrap();
    anchor.of = Some(id("q"));
    assert!(unsound(&report, Some(&anchor)).reason.contains("of q"));
}

#[test]
fn an_event_on_the_way_proves_the_chain_up_to_there() {
    let report = report("left");
    let root = report.root().unwrap();
    let so_far = |n: usize, head: &Digest| Anchor { total: Some(n as u64), ..Anchor::head(head.clone()) };
    for n in 1..=root.chain.len() {
        assert!(matches!(report.verify(Some(&so_far(n, &root.chain[n - 1].hash))), Finding::Sound(_)));
        assert!(matches!(report.verify(Some(&so_far(n, &Digest::of(b"another")))), Finding::Unsound(_)));
    }
}

#[test]
fn a_page_shows_every_text_and_runs_none() {
    let nasty = r#"<script>alert("1")</script> & 'quotes' <img src=x onerror=alert(1)>"#;
    let page = report(nasty).in_html();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("'quotes'"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;quotes&#39;"));
    assert!(page.contains("default-src 'none'") && page.contains("@media print"));
    for elsewhere in ["http://", "https://", "src=", "href=", "url("] {
        assert!(!page.replace("&lt;img src=x", "").contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_person_reads_who_why_before_done_after_and_what_is_left() {
    insta::assert_snapshot!(report("left the company").in_words().replace(env!("CARGO_PKG_VERSION"), "<version>"));
}

#[test]
fn somebody_else_verifies_it_with_pythons_standard_library() {
    let folder = tempfile::tempdir().unwrap();
    let python = |report: &Report, head: Option<&str>| {
        let file = folder.path().join("report.json");
        std::fs::write(&file, serde_json::to_string(report).unwrap()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/verify.py");
        let out = std::process::Command::new("python3").arg(script).arg(file).args(head).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned() + &String::from_utf8(out.stderr).unwrap()
    };
    let honest = report("für Ärger: \u{1f600} \"quoted\"\n\ttabs");
    assert_eq!(python(&honest, Some(honest.commands[0].head.as_str())), "sound");
    assert!(python(&honest, Some(Digest::of(b"x").as_str())).starts_with("altered: all of it"));
    let mut forged = honest.clone();
    forged.commands[1].chain[0].answer.push('x');
    assert_eq!(python(&forged.with_digest(), None), "altered: entry 1 of p~1");
    let mut forged = honest.clone();
    forged.commands[0].published_by = None;
    assert_eq!(python(&forged.with_digest(), None), "altered: the seal of p");
    let mut forged = honest;
    forged.walks[0].rows += 1;
    assert_eq!(python(&forged.with_digest(), None), "altered: the walk of entry 2 of p~1");
}
