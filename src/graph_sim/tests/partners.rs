//! Partners of assets that are no Pages, shares that somebody must approve, and partnerships as a whole.

use serde_json::json;

use super::super::control::orders::Decide;
use super::super::world::{Approver, AssetBuilder, AssetKind, Verdict};
use super::*;

const WITH: &str = "business=2002&permitted_tasks=[\"ANALYZE\"]";
const LIST: &str = "/555/agencies?fields=id,access_status,permitted_tasks";

/// A pixel of business 2001.
fn pixel(build: impl FnOnce(AssetBuilder) -> AssetBuilder) -> Client {
    let business = |world: World, id: &str| world.business(id, |b| b.token(&format!("sim-token-{id}")));
    let world = business(business(business(World::new(1), "2001"), "2002"), "2003");
    of(world.asset(AssetKind::Pixel, "555", |a| build(a.owned_by("2001"))))
}

fn decide(client: &mut Client, verdict: Verdict) -> bool {
    let order = Decide { business: "2002".to_owned(), page: "555".to_owned(), tasks: None, after: None };
    client.state.decide(verdict, order).is_ok()
}

#[test]
fn an_asset_is_shared_listed_and_taken_back() {
    let mut client = pixel(|a| a);
    assert_eq!(client.post("/555/agencies", WITH).good(), success());
    let row = json!({ "id": "2002", "access_status": "CONFIRMED", "permitted_tasks": ["ANALYZE"] });
    assert_eq!(client.get(LIST).good()["data"], json!([row]));
    assert_eq!(client.post("/555/agencies", WITH).refused(), (3989, 0));
    assert_eq!(client.delete("/555/agencies?business=2002").good(), success());
    assert_eq!(client.get(LIST).good()["data"], json!([]));
    assert_eq!(client.delete("/555/agencies?business=2002").refused(), (100, 0));
}

#[test]
fn what_an_admin_or_the_partner_must_approve_is_no_access_until_they_do() {
    for (by, word) in [(Approver::Admin, "requires_admin_approval"), (Approver::Partner, "pending_request_id")] {
        let mut client = pixel(|a| a.shared_once_approved(by));
        let answer = client.post("/555/agencies", WITH).good();
        assert!(answer["success"] == true && !answer[word].is_null(), "{answer}");
        assert_eq!(client.get(LIST).good()["data"][0]["access_status"], "PENDING");
        assert_eq!(client.post("/555/agencies", WITH).good(), answer, "once more it is the same request");
        assert!(decide(&mut client, Verdict::Approve) && !decide(&mut client, Verdict::Approve));
        assert_eq!(client.get(LIST).good()["data"][0]["access_status"], "CONFIRMED");
    }
}

#[test]
fn a_denied_share_leaves_no_trace_and_an_open_one_can_be_taken_back() {
    let mut client = pixel(|a| a.shared_once_approved(Approver::Partner));
    client.post("/555/agencies", WITH).good();
    assert!(decide(&mut client, Verdict::Deny));
    assert_eq!(client.get(LIST).good()["data"], json!([]));
    client.post("/555/agencies", WITH).good();
    assert_eq!(client.delete("/555/agencies?business=2002").good(), success());
    assert!(client.world().offers.is_empty());
}

#[test]
fn a_share_out_of_sight_is_in_no_list_and_is_not_taken_back() {
    let mut client = pixel(|a| a.shared_out_of_sight(Approver::Admin));
    client.post("/555/agencies", WITH).good();
    assert_eq!(client.get(LIST).good()["data"], json!([]));
    assert_eq!(client.delete("/555/agencies?business=2002").refused(), (100, 0));
    assert!(decide(&mut client, Verdict::Approve));
}

#[test]
fn sharing_is_the_owners_and_asks_for_what_metas_specs_ask_for() {
    let mut client = pixel(|a| a.shared_with("2003", &["ANALYZE"]));
    for (body, code) in [
        ("business=2002", 100),
        ("business=2002&permitted_tasks=[\"MANAGE\"]", 100),
        ("permitted_tasks=[\"ANALYZE\"]", 100),
        ("business=2099&permitted_tasks=[\"ANALYZE\"]", 100),
        ("business=2001&permitted_tasks=[\"ANALYZE\"]", 3946),
    ] {
        assert_eq!(client.post("/555/agencies", body).refused().0, code, "{body}");
    }
    let mut agency = client.with_token("sim-token-2003");
    assert_eq!(agency.post("/555/agencies", WITH).refused().0, 200);
    assert_eq!(agency.get(LIST).refused().0, 200);
    assert_eq!(agency.delete("/555/agencies?business=2003").good(), success(), "its own access it may give up");
}

#[test]
fn a_partnership_ends_with_all_that_is_shared_in_it() {
    let mut client = pixel(|a| a.shared_with("2002", &["ANALYZE"]).shared_with("2003", &["ANALYZE"]));
    assert_eq!(client.walk("/2001/agencies"), ["2002", "2003"]);
    assert_eq!(client.delete("/2001/agencies?business=2002").good(), success());
    assert_eq!(client.walk("/2001/agencies"), ["2003"]);
    assert_eq!(client.delete("/2001/agencies?business=2002").refused().0, 100);
    let mut agency = client.with_token("sim-token-2003");
    assert_eq!(agency.walk("/2003/clients"), ["2001"]);
    assert_eq!(agency.delete("/2003/clients?business=2001").good(), success());
    assert!(agency.world().assets["555"].agencies.is_empty());
}
