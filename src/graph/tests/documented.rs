//! Every call stands in Meta's specs, or in our own short list with its source.

use serde_json::Value;

use super::*;
use crate::contract::{BusinessId, Person, PersonId, Role};
use crate::meta::{Method, Request};

const SPECS: &str = include_str!("../../../tests/data/endpoints.json");

/// What we send beyond the specs: method, class, edge (`*` for any), parameter, and where it is documented.
const ADDITIONS: &[(&str, &str, &str, &str, &str)] = &[
    ("GET", "*", "*", "fields", "D developers.facebook.com/docs/graph-api/overview: every read takes it"),
    ("GET", "*", "*", "limit", "D developers.facebook.com/docs/graph-api/results: every list takes it"),
    (
        "POST",
        "*",
        "assigned_users",
        "business",
        "D guides/pages, guides/catalog; R matas-offpixel/meta-campaign-builder: 100 without it",
    ),
    ("POST", "Business", "client_ad_accounts", "adaccount_id", "D guides/business-to-business"),
    ("POST", "Business", "client_ad_accounts", "permitted_tasks", "D guides/business-to-business"),
];

/// Edges that we call though the specs lack them, and where they are documented.
const EDGES_BEYOND: &[(&str, &str, &str, &str)] = &[
    ("GET", "BusinessUser", "assigned_ads_pixels", "D reference/business-user/assigned_ads_pixels"),
    ("GET", "BusinessUser", "assigned_instagram_accounts", "D reference/business-user/assigned_instagram_accounts"),
    ("POST", "Business", "client_ad_accounts", "D guides/business-to-business; left the specs in v11"),
    ("POST", "WhatsAppBusinessPhoneNumber", "deregister", "D whatsapp/business-phone-numbers/registration"),
    ("GET", "Page", "", "D reference/page: instagram_business_account and connected_instagram_account are its fields"),
    ("GET", "User", "", "D developers.facebook.com/docs/graph-api/overview: `me` is the node behind the token"),
];

/// One of each call, and of each list and access that changes its request. The match stops the build when a
/// call is added and not tried here.
fn every_call() -> Vec<Call> {
    let mut calls = vec![claim(), remove()];
    calls.extend(AssetList::all().into_iter().flat_map(|edge| [find(edge), list(edge)]));
    calls.extend(Kind::ALL.into_iter().flat_map(on_an_asset));
    for kind in Claimable::ALL {
        calls.extend([Access::Owner, Access::Agency].map(|access| Call::Claim {
            business: business(),
            kind,
            id: "1009".parse().unwrap(),
            access,
            tasks: Tasks::default(),
        }));
    }
    for what in [Removable::AdAccount("17".parse().unwrap()), Removable::InstagramUser("18".parse().unwrap())] {
        calls.push(Call::Remove { business: business(), what });
    }
    calls.extend(Grouped::ALL.map(|what| Call::InGroup { group: "500".parse().unwrap(), what }));
    calls.push(Call::FindPerson { business: business(), email: "ben@example.com".parse().unwrap() });
    calls.push(Call::RolesOn { page: "1009".parse().unwrap() });
    calls.push(Call::LeaveGroup { group: "500".parse().unwrap(), person: person() });
    calls.push(Call::RemovePerson { person: person() });
    calls.push(Call::GroupsOfPerson { person: person() });
    calls.push(Call::Directory { business: business() });
    for access in [Access::Owner, Access::Agency] {
        calls.push(Call::InstagramUser { business: business(), access, asset: "18".parse().unwrap() });
    }
    let account = || "19".parse().unwrap();
    calls.extend([Call::Numbers { account: account() }, Call::AppsOn { account: account() }]);
    calls.extend([Call::Unsubscribe { account: account() }, Call::Deregister { number: account() }]);
    let anna = || Some(Person::Email("anna@example.com".parse().unwrap()));
    calls.push(Call::Members { business: business(), who: anna() });
    calls.push(Call::Invitations { business: business(), who: anna() });
    calls.push(Call::MyPeople);
    calls.push(Call::CallOff { request: "77".parse().unwrap() });
    let email = "anna@example.com".parse().unwrap();
    calls.push(Call::Invite { business: business(), email, role: Role::Employee });
    calls.push(Call::LinksOf { page: "1009".parse().unwrap() });
    calls.push(Call::Myself { business: business() });
    let owned = AssetList::Owned(Kind::Page);
    calls.push(Call::ListPart { business: business(), list: owned, after: None });
    calls.push(Call::StaffedPart { business: business(), list: owned, after: None });
    calls
}

/// What is asked about the people of an asset.
fn on_an_asset(kind: Kind) -> Vec<Call> {
    let asset = Asset { kind, id: "1009".parse().unwrap() };
    let mut calls = vec![
        Call::PeopleOn { business: business(), asset: asset.clone() },
        Call::Assign { business: business(), asset: asset.clone(), person: person(), tasks: Tasks::default() },
        Call::AssetsOf { person: person(), kind },
        Call::GroupsOf { person: person(), asset: asset.clone() },
    ];
    // The specs have no such edge on WhatsApp accounts, nor is it ever called there.
    if kind != Kind::WhatsappAccount {
        let partner = business;
        calls.push(Call::PartnersOn { business: business(), asset: asset.clone() });
        calls.push(Call::Share { asset: asset.clone(), partner: partner(), tasks: Tasks::default() });
        calls.push(Call::Unshare { asset: asset.clone(), partner: partner() });
    }
    if kind != Kind::Pixel {
        // Of a pixel nobody can be taken off by a call: the edge left the specs in v6.
        calls.push(Call::Unassign { asset, person: person() });
    }
    calls
}

fn business() -> BusinessId {
    "2001".parse().unwrap()
}

fn person() -> PersonId {
    "31".parse().unwrap()
}

fn number_of(call: &Call) -> usize {
    match call {
        Call::Find { .. } => 0,
        Call::ListAll { .. } => 1,
        Call::PeopleOn { .. } => 2,
        Call::RolesOn { .. } => 3,
        Call::FindPerson { .. } => 4,
        Call::AssetsOf { .. } => 5,
        Call::GroupsOf { .. } => 6,
        Call::InGroup { .. } => 7,
        Call::Claim { .. } => 8,
        Call::Remove { .. } => 9,
        Call::Assign { .. } => 10,
        Call::Unassign { .. } => 11,
        Call::LeaveGroup { .. } => 12,
        Call::ListPart { .. } => 13,
        Call::RemovePerson { .. } => 14,
        Call::GroupsOfPerson { .. } => 15,
        Call::Directory { .. } => 16,
        Call::StaffedPart { .. } => 17,
        Call::InstagramUser { .. } => 18,
        Call::Numbers { .. } => 19,
        Call::AppsOn { .. } => 20,
        Call::Unsubscribe { .. } => 21,
        Call::Deregister { .. } => 22,
        Call::LinksOf { .. } => 23,
        Call::Myself { .. } => 24,
        Call::Members { .. } => 25,
        Call::Invitations { .. } => 26,
        Call::MyPeople => 27,
        Call::Invite { .. } => 28,
        Call::CallOff { .. } => 29,
        Call::PartnersOn { .. } => 30,
        Call::Share { .. } => 31,
        Call::Unshare { .. } => 32,
    }
}

fn is_addition(request: &Request, param: &str) -> bool {
    let fits = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    ADDITIONS.iter().any(|(method, class, edge, name, _)| {
        *method == request.method.word() && fits(class, request.class) && fits(edge, request.edge) && *name == param
    })
}

fn is_beyond(request: &Request) -> bool {
    EDGES_BEYOND.iter().any(|(method, class, edge, _)| {
        *method == request.method.word() && *class == request.class && *edge == request.edge
    })
}

#[test]
fn what_does_not_only_read_is_a_write() {
    for call in every_call() {
        assert_eq!(call.is_write(), call.request().method != Method::Get, "{call:?}");
    }
}

#[test]
fn every_call_is_tried() {
    let mut tried: Vec<usize> = every_call().iter().map(number_of).collect();
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried, (0..33).collect::<Vec<_>>());
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
        let params = match spec {
            Some(spec) => spec["params"].as_array().unwrap().clone(),
            None if is_beyond(&request) => Vec::new(),
            None => panic!("{call:?} stands in no spec: {request:?}"),
        };
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
    for (method, class, edge, source) in EDGES_BEYOND {
        assert!(source.starts_with("D ") || source.starts_with("R "), "{method} {class}/{edge} has no source");
        let is = |call: &Call| call.request().edge == *edge && is_beyond(&call.request());
        assert!(every_call().iter().any(is), "{method} {class}/{edge} is never called");
    }
    assert!(is_addition(&assign().request(), "business"));
    assert!(!is_addition(&claim().request(), "business"));
}
