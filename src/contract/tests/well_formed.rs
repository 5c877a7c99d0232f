//! What is accepted, and with which defaults.

use std::time::Duration;

use serde_json::json;

use super::super::{Body, Kind, PAGE_TASKS, Person, Targets, command_names};
use super::{parse_json, sample, with};

#[test]
fn every_command_has_a_smallest_form() {
    for name in command_names() {
        let command = parse_json(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(command.body.name(), name);
        assert_eq!((command.priority, command.dry_run, command.notice), (4, false, None), "{name}");
    }
}

#[test]
fn a_notice_goes_before_what_takes_something_from_people() {
    let with_notice = ["unbind", "unassign", "reassign", "offboard", "transfer", "revoke", "disconnect"];
    for name in command_names() {
        let parsed = parse_json(&with(sample(name), json!({"notice": "3d"})));
        assert_eq!(parsed.is_ok(), with_notice.contains(&name), "{name}");
        if let Ok(command) = parsed {
            assert!(command.body.takes_notice());
            assert_eq!(command.notice, Some(Duration::from_hours(72)));
        }
    }
}

#[test]
fn defaults_are_the_contracts() {
    let body = |name| parse_json(&sample(name)).unwrap().body;
    assert!(matches!(body("unbind"), Body::Unbind { remove_people: true, unmanaged: false, .. }));
    assert!(matches!(body("offboard"), Body::Offboard { remove_from_business: true, successor: None, plan: None, .. }));
    assert!(matches!(body("transfer"), Body::Transfer { cool_down: None, unmanaged: false, .. }));
    assert_eq!(body("disconnect"), Body::Disconnect { kinds: Kind::ALL.to_vec(), include_owned: false });
    assert_eq!(body("inspect"), Body::Inspect { kinds: Kind::ALL.to_vec(), people: false });
}

#[test]
fn all_assets_of_a_person_may_be_reassigned() {
    let all = with(sample("reassign"), json!({"asset": null, "assets": "all", "from": "Ben@Example.com"}));
    let Body::Reassign { targets, from, tasks, .. } = parse_json(&all).unwrap().body else { panic!("no reassign") };
    assert_eq!((targets, tasks), (Targets::All, None));
    assert_eq!(from, Person::Email("ben@example.com".parse().unwrap()));
}

#[test]
fn the_edges_of_the_ranges_are_inside() {
    let thousand: Vec<_> = (0..1000).map(|n| json!({"kind": "page", "id": n.to_string()})).collect();
    let moment = "2026-11-22T10:00:00Z";
    for (name, changes) in [
        ("unbind", json!({"asset": null, "assets": thousand})),
        ("unbind", json!({"asset": null, "assets": [{"kind": "page", "id": "1"}, {"kind": "pixel", "id": "1"}]})),
        ("claim", json!({"id": "x".repeat(128), "priority": 0})),
        ("claim", json!({"id": "A.z_0:-", "priority": 9})),
        ("claim", json!({"not_before": moment, "expires_at": moment})),
        ("claim", json!({"permitted_tasks": PAGE_TASKS})),
        ("claim", json!({"asset": {"kind": "pixel", "id": "1"}, "permitted_tasks": null})),
        ("assign", json!({"asset": {"kind": "ad_account", "id": "act_1"}, "tasks": ["DRAFT"]})),
        ("offboard", json!({"protected": ["page/1", "person/2", "Ceo@example.com"], "notice": "0s"})),
        ("cancel", json!({"target": "off-1~recheck-1"})),
    ] {
        assert_eq!(parse_json(&with(sample(name), changes.clone())).err(), None, "{name} {changes}");
    }
}

#[test]
fn owning_an_ad_account_is_possible_once_it_is_said() {
    let owner = json!({
        "access": "owner", "permitted_tasks": null, "irreversible": true, "asset": {"kind": "ad_account", "id": "act_5"}
    });
    let command = parse_json(&with(sample("claim"), owner)).unwrap();
    assert!(matches!(command.body, Body::Claim { irreversible: true, .. }));
}
