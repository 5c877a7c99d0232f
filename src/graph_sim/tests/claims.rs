use super::*;
use crate::graph_sim::control::orders::Decide;
use crate::graph_sim::world::{Access, Verdict};

const ADVERTISE: &str = "permitted_tasks=[\"ADVERTISE\",\"ANALYZE\"]";

fn agency(page: &str) -> String {
    format!("page_id={page}&{ADVERTISE}")
}

fn decide(client: &mut Client, verdict: Verdict, page: &str, after: Option<&str>) -> Result<String, String> {
    let order = Decide { business: "2001".into(), page: page.into(), tasks: None, after: after.map(str::to_owned) };
    client.state.decide(verdict, order).map_err(|why| why.to_string())
}

/// Page 1 without a business; the worker's system user is its admin since `hours` ago.
fn fresh_admin(hours: i64) -> Client {
    of(World::new(1)
        .business("2001", |b| b.token(TOKEN))
        .page("1", |p| p.direct_admin_since("92001", hours_ago(hours))))
}

#[test]
fn an_owner_claim_of_a_long_standing_admin_is_confirmed_at_once() {
    let mut client = fresh_admin(7 * 24 + 1);
    assert_eq!(client.post("/2001/owned_pages", "page_id=1").good(), json!({ "access_status": "CONFIRMED" }));
    assert!(client.world().is_owned("1", "2001") && !client.world().is_pending("1", "2001"));
}

#[test]
fn an_owner_claim_of_an_admin_of_seven_days_or_less_is_pending() {
    for hours in [0, 24, 7 * 24 - 1] {
        let mut client = fresh_admin(hours);
        assert_eq!(
            client.post("/2001/owned_pages", "page_id=1").good(),
            json!({ "access_status": "PENDING" }),
            "{hours}"
        );
        assert_eq!(rows(&client.get("/2001/owned_pages").good(), "id"), Vec::<String>::new());
        let pending = client.get("/2001/pending_owned_pages?fields=page{id}").good();
        assert_eq!(pending["data"][0]["page"]["id"], "1");
    }
}

#[test]
fn an_admin_who_has_waited_out_the_seven_days_is_confirmed() {
    let mut client = fresh_admin(0);
    client.advance("7d 1m");
    assert_eq!(client.post("/2001/owned_pages", "page_id=1").good()["access_status"], "CONFIRMED");
}

#[test]
fn owner_claims_are_refused_with_metas_codes() {
    let mut client = demo();
    for (page, refusal) in
        [("1016", (3977, 0)), ("1009", (3918, 1_690_024)), ("1001", (3944, 0)), ("31337", (100, 33)), ("", (100, 0))]
    {
        assert_eq!(client.post("/2001/owned_pages", &format!("page_id={page}")).refused(), refusal, "{page}");
    }
    assert_eq!(client.effects(), Vec::<String>::new());
}

#[test]
fn obstacles_that_only_a_person_can_clear_stop_an_owner_claim() {
    let mut client = fresh_admin(1000);
    for (instagram, two_factor, code) in [(true, false, 42_001), (false, true, 415)] {
        let page = client.state.world.page_mut("1").expect("page 1");
        (page.instagram, page.two_factor) = (instagram, two_factor);
        assert_eq!(client.post("/2001/owned_pages", "page_id=1").refused(), (code, 0));
    }
}

#[test]
fn an_agency_claim_waits_for_the_owner_and_is_then_held_with_the_tasks_granted() {
    let mut client = demo();
    assert_eq!(client.post("/2001/client_pages", &agency("1009")).good(), json!({ "access_status": "PENDING" }));
    let pending = client.get("/2001/pending_client_pages?fields=id,page{id,name},permitted_tasks").good();
    let row =
        pending["data"].as_array().expect("rows").iter().find(|row| row["page"]["id"] == "1009").expect("the claim");
    assert_ne!(row["id"], "1009", "the request has an id of its own");
    assert_eq!(row["permitted_tasks"], json!(["ADVERTISE", "ANALYZE"]));
    let order = Decide { business: "2001".into(), page: "1009".into(), tasks: Some(set_of(&["ANALYZE"])), after: None };
    client.state.decide(Verdict::Approve, order).expect("an open request");
    assert!(!client.world().is_pending("1009", "2001"));
    assert_eq!(client.world().granted_to("1009", "2001"), Some(&set_of(&["ANALYZE"])));
}

#[test]
fn a_denied_claim_is_in_no_list_at_all() {
    let mut client = demo();
    client.post("/2001/client_pages", &agency("1009")).good();
    decide(&mut client, Verdict::Deny, "1009", None).expect("an open request");
    assert_eq!(client.walk("/2001/client_pages"), ["1013"]);
    assert!(!client.world().is_pending("1009", "2001") && !client.world().is_client("1009", "2001"));
    assert!(decide(&mut client, Verdict::Deny, "1009", None).is_err(), "there is nothing left to deny");
}

#[test]
fn decisions_may_fall_later_by_the_clock() {
    let mut client = demo();
    client.post("/2001/client_pages", &agency("1009")).good();
    decide(&mut client, Verdict::Approve, "1009", Some("2h")).expect("a time");
    client.advance("119m");
    client.get("/2001/client_pages").good();
    assert!(client.world().is_pending("1009", "2001"));
    client.advance("1m");
    assert!(client.world().is_client("1009", "2001"));
}

#[test]
fn a_page_may_answer_each_claim_by_itself() {
    let world = World::new(1).business("2001", |b| b.token(TOKEN)).business("2002", |b| b);
    let world =
        world.page("1", |p| p.owned_by("2002").approves_after(60)).page("2", |p| p.owned_by("2002").denies_after(60));
    let mut client = of(world);
    for page in ["1", "2"] {
        assert_eq!(client.post("/2001/client_pages", &agency(page)).good()["access_status"], "PENDING");
    }
    client.advance("61s");
    let world = client.world();
    assert!(world.is_client("1", "2001") && !world.is_client("2", "2001") && world.requests.is_empty());
}

#[test]
fn repeating_an_open_claim_makes_no_second_request() {
    let mut client = demo();
    for _ in 0..2 {
        assert_eq!(client.post("/2001/client_pages", &agency("1009")).good()["access_status"], "PENDING");
    }
    assert_eq!(client.world().requests_of("2001", Access::Agency).len(), 2, "1014 was open before");
    assert_eq!(client.effects().len(), 1);
}

#[test]
fn agency_claims_are_refused_with_metas_codes() {
    let mut client = demo();
    for (body, refusal) in [
        (agency("1001"), (3946, 0)),
        (agency("1013"), (3944, 0)),
        (agency("1015"), (100, 0)),
        (agency("31337"), (100, 33)),
        ("page_id=1009".to_owned(), (100, 0)),
        ("page_id=1009&permitted_tasks=[\"EVERYTHING\"]".to_owned(), (100, 0)),
        (ADVERTISE.to_owned(), (100, 0)),
    ] {
        assert_eq!(client.post("/2001/client_pages", &body).refused(), refusal, "{body}");
    }
    assert_eq!(client.effects(), Vec::<String>::new());
}

#[test]
fn an_agency_claim_of_someone_who_manages_the_page_is_confirmed_at_once() {
    let world = World::new(1).business("2001", |b| b.token(TOKEN)).business("2002", |b| b);
    let mut client = of(world.page("1", |p| p.owned_by("2002").direct_admin_since("92001", hours_ago(24))));
    assert_eq!(client.post("/2001/client_pages", &agency("1")).good()["access_status"], "CONFIRMED");
    assert!(client.world().is_client("1", "2001"));
}

#[test]
fn letting_go_drops_the_request_first_then_agency_access_then_ownership() {
    let mut client = demo();
    for (page, left) in [("1014", "request"), ("1013", "agency access"), ("1001", "no longer owned")] {
        assert_eq!(client.delete(&format!("/2001/pages?page_id={page}")).good(), success());
        let effect = client.effects().pop().expect("an effect");
        assert!(effect.contains(left), "{effect}");
        assert_eq!(
            client.delete(&format!("/2001/pages?page_id={page}")).refused(),
            (3996, 0),
            "{page} is gone already"
        );
    }
}

#[test]
fn an_owned_page_with_obstacles_stays_and_a_client_page_goes_all_the_same() {
    let mut client = demo();
    assert_eq!(client.delete("/2001/pages?page_id=1006").refused(), (42_001, 0));
    assert_eq!(client.delete("/2001/pages?page_id=1007").refused(), (415, 0));
    client.state.world.page_mut("1013").expect("page").instagram = true;
    client.delete("/2001/pages?page_id=1013").good();
    client.state.world.page_mut("1001").expect("page").needs_manager = true;
    assert_eq!(client.delete("/2001/pages?page_id=1001").refused(), (3948, 0));
}

#[test]
fn with_the_owner_go_the_partners_the_people_and_the_open_requests() {
    let mut client = demo().with_token("sim-token-2002");
    client.post("/1014/assigned_users", "user=3101&business=2002&tasks=[\"MANAGE\"]").good();
    client.delete("/2002/pages?page_id=1014").good();
    client.delete("/2002/pages?page_id=1013").good();
    let world = client.world();
    assert!(!world.is_client("1013", "2001") && !world.is_pending("1014", "2001"));
    assert_eq!(world.managers_of("1014").len(), 0, "nobody is left, and the log says so");
    assert!(client.effects().iter().any(|effect| effect.contains("nobody manages it now")));
}
