//! Whatever Meta answers: a fact, a no, or nothing that can be relied on, and never a panic.

use proptest::prelude::*;
use proptest::sample::select;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::json::{Body, Json};
use super::super::said::{Said, read};
use super::super::wire::Answered;
use super::super::{distil, said};
use super::{Gathered, NOT_OURS_TO_REPEAT, Onward, Outgoing, Walk};
use crate::contract::{Access, Asset, Kind, Person, Tasks};
use crate::fuzz::{inputs, spoiled};
use crate::meta::{Answer, AssetList, Call, Claimable, Grouped, Method, Removable, Usage, classify};

const BASE: &str = "https://graph.example/below";
const TOKEN: &str = "EAABsystemUserTokenOfTheAgency";

/// Answers as Meta documents them, for every edge that is asked.
fn right() -> Vec<Value> {
    let next = |path: &str| json!({"cursors": {"after": "QVFI"}, "next": format!("{BASE}/v26.0{path}?limit=100&after=QVFI&access_token={TOKEN}")});
    let error = |code: i64, subcode: i64| {
        json!({"error": {"message": format!("(#{code}) no, {TOKEN}"), "type": "OAuthException", "code": code,
            "error_subcode": subcode, "is_transient": true, "fbtrace_id": "A1b2C3"}})
    };
    vec![
        json!({"data": [{"id": "1009", "permitted_tasks": ["ADVERTISE", "ANALYZE"]}], "paging": next("/2001/client_pages")}),
        json!({"data": [{"id": "77", "page": {"id": "1009"}, "permitted_tasks": []}], "paging": {"cursors": {}}}),
        json!({"data": [{"id": "3001", "name": "Anna", "email": "anna@northwind.example", "tasks": ["MANAGE"]}, {"id": "3002"}]}),
        json!({"data": [], "paging": next("/1009/assigned_users")}),
        json!({"data": [{"id": 4001}, {"id": "4002"}], "paging": next("/3001/assigned_business_asset_groups")}),
        json!({"success": true}),
        json!({"success": false}),
        json!({"access_status": "PENDING", "id": "77"}),
        json!({"access_status": "CONFIRMED", "success": true}),
        json!({"requires_admin_approval": true, "pending_request_id": "8", "success": true}),
        json!({"id": "92001", "name": "worker"}),
        json!({"access_token": "EAABpageToken", "id": "1009"}),
        error(4, 0),
        error(190, 460),
        error(368, 1_390_008),
        error(80_001, 2_446_079),
        error(200, 1_690_061),
        error(2, 0),
        json!({"error": {}}),
        json!({"error": {"code": "100", "message": null}}),
    ]
}

/// Every call, reads and writes.
fn calls() -> Vec<Call> {
    let business = || "2001".parse().expect("an id");
    let page = || "1009".parse().expect("an id");
    let person = || "3001".parse().expect("an id");
    let group = || "4001".parse().expect("an id");
    let lists = AssetList::all();
    let email = "anna@northwind.example".parse().expect("an address");
    let asset = || Asset { kind: Kind::Page, id: page() };
    let (kind, access) = (Claimable::AdAccount, Access::Agency);
    let claim = Call::Claim { business: business(), kind, id: page(), access, tasks: Tasks::default() };
    let mut calls = vec![
        Call::PeopleOn { business: business(), asset: asset() },
        Call::RolesOn { page: page() },
        Call::FindPerson { business: business(), email },
        Call::AssetsOf { person: person(), kind: Kind::AdAccount },
        Call::GroupsOf { person: person(), asset: asset() },
        Call::InGroup { group: group(), what: Grouped::Pixels },
        Call::Directory { business: business() },
        claim,
        Call::Remove { business: business(), what: Removable::Page(page()) },
        Call::Assign { business: business(), asset: asset(), person: person(), tasks: Tasks::default() },
        Call::Unassign { asset: asset(), person: person() },
        Call::InstagramUser { business: business(), access, asset: page() },
        Call::Numbers { account: page() },
        Call::AppsOn { account: page() },
        Call::Unsubscribe { account: page() },
        Call::Deregister { number: page() },
        Call::LeaveGroup { group: group(), person: person() },
        Call::RemovePerson { person: person() },
        Call::Members { business: business(), who: None },
        Call::Members { business: business(), who: Some(Person::Id(person())) },
        Call::Invitations { business: business(), who: None },
        Call::MyPeople,
        Call::CallOff { request: page() },
        Call::PartnersOn { business: business(), asset: asset() },
        Call::Share { asset: asset(), partner: business(), tasks: Tasks::default() },
        Call::Unshare { asset: asset(), partner: business() },
    ];
    for list in lists {
        calls.push(Call::Find { business: business(), list, id: page() });
        calls.push(Call::ListAll { business: business(), list });
        calls.push(Call::StaffedPart { business: business(), list, after: None });
        calls.push(Call::ListPart { business: business(), list, after: None });
    }
    calls
}

fn answered(status: u16, body: Vec<u8>) -> Answered {
    Answered { status, body, usage: Vec::<Usage>::new(), retry_after: None, trace: None, date: None, tier: None }
}

/// The walk of a read, at its top.
fn top_of(call: &Call) -> Walk<'_> {
    let request = call.request();
    let out = Outgoing { method: request.method, path: request.path(), params: request.params.into_iter().collect() };
    let mut walk = Walk {
        call,
        gathered: Gathered::default(),
        first: out.clone(),
        next: out,
        seen: std::collections::HashSet::new(),
        limit: 100,
    };
    walk.ask_for(100);
    walk
}

/// A walk over these pages: where it goes on, it goes on along its own path and takes nothing secret with it.
fn walks_well(call: &Call, pages: &[Body]) -> Result<(), TestCaseError> {
    let base = Url::parse(BASE).expect("an address");
    let mut walk = top_of(call);
    for page in pages {
        match walk.take(&base, page.json()) {
            Onward::More => {
                prop_assert_eq!(&walk.next.path, &walk.first.path);
                let told = walk.next.params.iter().any(|(name, _)| NOT_OURS_TO_REPEAT.contains(&name.as_str()));
                prop_assert!(!told, "{:?}", walk.next.params);
                let kept = walk.first.params.iter().filter(|(name, _)| name != "limit");
                for asked in kept {
                    prop_assert!(walk.next.params.contains(asked), "{asked:?} is not asked for any more");
                }
            }
            Onward::End => break,
            Onward::Broken(why) => {
                prop_assert!(!why.is_empty() && !why.contains(TOKEN), "{why}");
                break;
            }
        }
    }
    fits(call, &walk.gathered.answer(call))
}

/// An answer is of the kind that its call asks for.
fn fits(call: &Call, answer: &Answer) -> Result<(), TestCaseError> {
    let fits = match answer {
        Answer::Listed(_) => matches!(call, Call::Find { .. }),
        Answer::Assets(_) => matches!(call, Call::ListAll { .. } | Call::AssetsOf { .. } | Call::InGroup { .. }),
        Answer::Part { .. } => matches!(call, Call::ListPart { .. } | Call::StaffedPart { .. }),
        Answer::People(_) => matches!(call, Call::PeopleOn { .. } | Call::RolesOn { .. }),
        Answer::Persons(_) => matches!(call, Call::FindPerson { .. } | Call::MyPeople),
        Answer::Members { .. } => matches!(call, Call::Members { .. }),
        Answer::Invitations(_) => matches!(call, Call::Invitations { .. }),
        Answer::Groups(_) => matches!(call, Call::GroupsOf { .. }),
        // A node is no list.
        Answer::Linked(_) | Answer::Myself(_) => false,
        // A walk gives the rows; who is on them is asked beside it.
        Answer::StaffedPart { .. } => false,
        Answer::Id(_) => matches!(call, Call::InstagramUser { .. }),
        Answer::Numbers(_) => matches!(call, Call::Numbers { .. }),
        Answer::Apps(_) => matches!(call, Call::AppsOn { .. }),
        Answer::Directory(_) => matches!(call, Call::Directory { .. }),
        Answer::Partners(_) => matches!(call, Call::PartnersOn { .. }),
        Answer::Claimed(_) => matches!(call, Call::Claim { .. } | Call::Share { .. }),
        Answer::Done => call.is_write() && !matches!(call, Call::Claim { .. } | Call::Share { .. }),
    };
    prop_assert!(fits, "{call:?}: {answer:?}");
    Ok(())
}

fn says_well(said: Said, status: u16) -> Result<Option<Body>, TestCaseError> {
    match said {
        Said::Good(body) => {
            prop_assert!(
                (200..300).contains(&status) && body.json().get("error").is_none(),
                "{status}: {:?}",
                body.json()
            );
            return Ok(Some(body));
        }
        Said::No(no) => {
            prop_assert!(no.message.chars().count() <= 301 && !no.message.contains(TOKEN), "{}", no.message);
            prop_assert!(!no.row.remedy.is_empty());
            // Whatever it is, it is settled: for a read and for a write.
            let _ = no.settle(if status.is_multiple_of(2) { Method::Get } else { Method::Post });
        }
        Said::Lost(why) | Said::NotSent(why) => prop_assert!(!why.is_empty()),
    }
    Ok(None)
}

proptest! {
    #![proptest_config(inputs())]

    #[test]
    fn every_answer_is_a_fact_a_no_or_nothing(
        first in spoiled(right()),
        second in spoiled(right()),
        call in select(calls()),
        status in select(vec![200_u16, 204, 302, 400, 401, 403, 429, 500, 503]),
    ) {
        let secret = SecretString::from(TOKEN);
        let mut pages = Vec::new();
        for (body, status) in [(first, status), (second, 200)] {
            pages.extend(says_well(read(&answered(status, body), || vec![secret.clone()]), status)?);
        }
        for body in &pages {
            let _ = distil::me(body.json());
            if let Some(answer) = distil::written(&call, body.json()) {
                let denied = body.json().get("success").and_then(Json::as_bool) == Some(false);
                prop_assert!(!denied, "{:?} is no success", body.json());
                fits(&call, &answer)?;
            }
        }
        if !call.is_write() {
            walks_well(&call, &pages)?;
        }
    }

    #[test]
    fn every_text_of_metas_is_cleaned(text in ".{0,400}") {
        let secret = SecretString::from(TOKEN);
        let told = said::clean(&format!("{text}{TOKEN} {text}"), &[secret]);
        prop_assert!(!told.contains(TOKEN) && told.chars().count() <= 301, "{told}");
    }

    #[test]
    fn every_number_has_a_row_with_a_remedy(code in any::<i64>(), subcode in any::<Option<i64>>(), transient in any::<Option<bool>>()) {
        prop_assert!(!classify(code, subcode, transient).remedy.is_empty());
    }
}
