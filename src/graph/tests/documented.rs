//! Every call stands in Meta's specs, or in our own short list with its source.

use serde_json::Value;

use super::*;
use crate::contract::{Person, Role};
use crate::meta::{Contained, Request};

const SPECS: &str = include_str!("../../../tests/data/endpoints.json");

/// What we send beyond the specs: method, class, edge (`*` for any), parameter, and where it is documented.
const ADDITIONS: &[(&str, &str, &str, &str, &str)] = &[
    ("GET", "*", "*", "fields", "D developers.facebook.com/docs/graph-api/overview: every read takes it"),
    ("GET", "*", "*", "limit", "D developers.facebook.com/docs/graph-api/results: every list takes it"),
    (
        "POST",
        "Page",
        "assigned_users",
        "business",
        "D guides/pages; R matas-offpixel/meta-campaign-builder: 100 without it",
    ),
];

/// One of each call, and of each list and access that changes its request. The match stops the build when a
/// call is added and not tried here.
fn every_call() -> Vec<Call> {
    let (business, page, person) = ("2001".parse().unwrap(), "1009".parse().unwrap(), "31".parse().unwrap());
    let lists = [PageList::Owned, PageList::Client, PageList::PendingOwned, PageList::PendingClient];
    let mut calls: Vec<Call> = lists.into_iter().flat_map(|edge| [find(edge), list(edge)]).collect();
    calls.extend([claim(), remove(), assign(), people()]);
    calls.push(Call::ClaimPage { business, page, access: Access::Owner, tasks: Tasks::default() });
    calls.push(Call::FindPerson { business: "2001".parse().unwrap(), email: "ben@example.com".parse().unwrap() });
    calls.push(Call::Unassign { page: "1009".parse().unwrap(), person });
    calls.push(Call::RolesOn { page: "1009".parse().unwrap() });
    calls.push(Call::PagesOf { person: "31".parse().unwrap() });
    calls.push(Call::GroupsOf { person: "31".parse().unwrap(), page: "1009".parse().unwrap() });
    calls.push(Call::PagesInGroup { group: "500".parse().unwrap() });
    calls.push(Call::LeaveGroup { group: "500".parse().unwrap(), person: "31".parse().unwrap() });
    calls.push(Call::ListPart { business: "2001".parse().unwrap(), list: PageList::Owned, after: None });
    calls.push(Call::RemovePerson { person: "31".parse().unwrap() });
    calls.push(Call::GroupsOfPerson { person: "31".parse().unwrap() });
    let anna = || Some(Person::Email("anna@example.com".parse().unwrap()));
    calls.push(Call::Members { business: "2001".parse().unwrap(), who: anna() });
    calls.push(Call::Invitations { business: "2001".parse().unwrap(), who: anna() });
    calls.push(Call::Myself);
    calls.push(Call::CallOff { request: "77".parse().unwrap() });
    let (business, email) = ("2001".parse().unwrap(), "anna@example.com".parse().unwrap());
    calls.push(Call::Invite { business, email, role: Role::Employee });
    for what in [Contained::AdAccounts, Contained::Pixels] {
        calls.push(Call::ContainedIn { group: "500".parse().unwrap(), what });
    }
    calls.push(Call::Directory { business: "2001".parse().unwrap() });
    calls.push(Call::StaffedPart { business: "2001".parse().unwrap(), list: PageList::Owned, after: None });
    calls
}

fn number_of(call: &Call) -> usize {
    match call {
        Call::FindPage { .. } => 0,
        Call::ListPages { .. } => 1,
        Call::PeopleOn { .. } => 2,
        Call::RolesOn { .. } => 3,
        Call::FindPerson { .. } => 4,
        Call::PagesOf { .. } => 5,
        Call::GroupsOf { .. } => 6,
        Call::PagesInGroup { .. } => 7,
        Call::ClaimPage { .. } => 8,
        Call::RemovePage { .. } => 9,
        Call::Assign { .. } => 10,
        Call::Unassign { .. } => 11,
        Call::LeaveGroup { .. } => 12,
        Call::ListPart { .. } => 13,
        Call::RemovePerson { .. } => 14,
        Call::GroupsOfPerson { .. } => 15,
        Call::ContainedIn { .. } => 16,
        Call::Directory { .. } => 17,
        Call::StaffedPart { .. } => 18,
        Call::Members { .. } => 19,
        Call::Invitations { .. } => 20,
        Call::Myself => 21,
        Call::Invite { .. } => 22,
        Call::CallOff { .. } => 23,
    }
}

fn is_addition(request: &Request, param: &str) -> bool {
    let fits = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    ADDITIONS.iter().any(|(method, class, edge, name, _)| {
        *method == request.method.word() && fits(class, request.class) && fits(edge, request.edge) && *name == param
    })
}

#[test]
fn every_call_is_tried() {
    let mut tried: Vec<usize> = every_call().iter().map(number_of).collect();
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried, (0..24).collect::<Vec<_>>());
}

#[test]
fn every_call_stands_in_metas_specs_with_all_that_they_require() {
    let specs: Value = serde_json::from_str(SPECS).unwrap();
    for call in every_call() {
        let request = call.request();
        let is = |spec: &&Value| {
            spec["method"] == request.method.word() && spec["node"] == request.class && spec["edge"] == request.edge
        };
        let spec = specs["endpoints"].as_array().unwrap().iter().find(is);
        let spec = spec.unwrap_or_else(|| panic!("{call:?} stands in no spec: {request:?}"));
        let params = spec["params"].as_array().unwrap();
        for param in params.iter().filter(|param| param["required"] == true) {
            let name = param["name"].as_str().unwrap();
            assert!(request.params.contains_key(name), "{call:?} lacks {name}");
        }
        for name in request.params.keys() {
            let known = params.iter().any(|param| param["name"] == name.as_str());
            assert!(known || is_addition(&request, name), "{call:?} sends {name}, which nobody documents");
        }
    }
}

#[test]
fn every_addition_has_a_source_and_is_needed() {
    for (method, class, edge, name, source) in ADDITIONS {
        assert!(source.starts_with("D ") || source.starts_with("R "), "{method} {class}/{edge} {name} has no source");
    }
    assert!(is_addition(&assign().request(), "business"));
    assert!(!is_addition(&claim().request(), "business"));
}
