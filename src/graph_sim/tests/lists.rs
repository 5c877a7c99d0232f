use super::*;
use crate::graph_sim::awkward::{ListingOddity, Oddity};
use crate::graph_sim::control::orders::LagOrder;

/// Business 2001 with Pages 101 to 107.
fn seven() -> Client {
    let world = World::new(1).business("2001", |b| b.token(TOKEN));
    of((101..108).fold(world, |world, id| world.page(&id.to_string(), |p| p.owned_by("2001"))))
}

fn all_seven() -> Vec<String> {
    (101..108).map(|id: u32| id.to_string()).collect()
}

fn odd(how: Oddity, times: Option<u32>) -> Client {
    let mut client = seven();
    let rule = ListingOddity { list: Some("owned_pages".into()), business: None, how, times };
    client.state.faults.add_oddity(rule);
    client
}

fn lag(client: &mut Client, list: Option<&str>, seconds: f64) {
    client.state.set_lag(LagOrder { seconds, list: list.map(str::to_owned) }).expect("a lag");
}

#[test]
fn a_walk_sees_each_row_once_and_ends_without_next_though_cursors_go_on() {
    let mut client = seven();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(client.walk(&format!("/2001/owned_pages?limit={limit}")), all_seven(), "{limit}");
    }
    let last = client.get("/2001/owned_pages").good();
    assert!(last["paging"]["cursors"]["after"].is_string() && last["paging"]["next"].is_null());
    let after = last["paging"]["cursors"]["after"].as_str().expect("a cursor");
    assert_eq!(client.get(&format!("/2001/owned_pages?after={after}")).good(), json!({ "data": [] }));
}

#[test]
fn next_is_a_whole_url_with_the_token_in_it() {
    let mut client = seven();
    let page = client.get("/2001/owned_pages?limit=2&fields=id").good();
    let next = page["paging"]["next"].as_str().expect("a link");
    for part in ["http://sim/v26.0/2001/owned_pages?", "access_token=sim-token-2001", "limit=2", "fields=id", "after="]
    {
        assert!(next.contains(part), "{next} has no {part}");
    }
}

#[test]
fn a_walk_that_is_under_way_neither_doubles_nor_loses_what_stays() {
    let mut client = seven();
    let first = client.get("/2001/owned_pages?limit=3").good();
    client.delete("/2001/pages?page_id=101").good();
    let next = first["paging"]["next"].as_str().expect("a link").replace("http://sim/v26.0", "");
    assert_eq!(rows(&client.get(&next).good(), "id"), ["104", "105", "106"]);
}

#[test]
fn limits_and_cursors_that_make_no_sense_are_refused() {
    let mut client = seven();
    for (query, refusal) in [
        ("limit=0", (100, 0)),
        ("limit=many", (100, 0)),
        ("limit=5000", (1, 0)),
        ("after=xyz", (2642, 0)),
        ("after=00", (2642, 0)),
    ] {
        assert_eq!(client.get(&format!("/2001/owned_pages?{query}")).refused(), refusal, "{query}");
    }
    let page = client.get("/2001/owned_pages?limit=2").good();
    let after = page["paging"]["cursors"]["after"].as_str().expect("a cursor");
    assert_eq!(
        client.get(&format!("/2001/client_pages?after={after}")).refused(),
        (2642, 0),
        "a cursor of another list"
    );
}

#[test]
fn the_summary_comes_when_asked_for_and_is_empty_for_pending_client_pages() {
    let mut client = seven();
    assert!(client.get("/2001/owned_pages").good()["summary"].is_null());
    assert_eq!(client.get("/2001/owned_pages?summary=true&limit=2").good()["summary"], json!({ "total_count": 7 }));
    assert_eq!(client.get("/2001/pending_client_pages?summary=total_count").good()["summary"], json!({}));
}

#[test]
fn an_empty_page_in_the_middle_leads_on() {
    let mut client = odd(Oddity::EmptyMiddlePage, None);
    let first = client.get("/2001/owned_pages?limit=3").good();
    let next = first["paging"]["next"].as_str().expect("a link").replace("http://sim/v26.0", "");
    let gap = client.get(&next).good();
    assert_eq!(gap["data"], json!([]));
    assert!(gap["paging"]["next"].is_string());
    assert_eq!(client.walk("/2001/owned_pages?limit=3"), all_seven());
}

#[test]
fn a_repeated_cursor_shows_the_same_page_for_ever() {
    let mut client = odd(Oddity::RepeatCursor, None);
    let walked = client.walk("/2001/owned_pages?limit=3");
    assert!(walked.len() > 20 && !walked.contains(&"107".to_owned()), "{walked:?}");
}

#[test]
fn a_cursor_expires_as_often_as_ordered() {
    let mut client = odd(Oddity::ExpireCursor, Some(2));
    let first = client.get("/2001/owned_pages?limit=3").good();
    let next = first["paging"]["next"].as_str().expect("a link").replace("http://sim/v26.0", "");
    assert_eq!(client.get(&next).refused(), (2642, 0));
    assert_eq!(client.walk("/2001/owned_pages?limit=3"), all_seven());
}

#[test]
fn paging_may_lack_its_cursors_or_be_missing_altogether() {
    let mut client = odd(Oddity::NoCursors, None);
    assert!(client.get("/2001/owned_pages?limit=3").good()["paging"]["cursors"].is_null());
    assert_eq!(client.walk("/2001/owned_pages?limit=3"), all_seven());
    let mut client = odd(Oddity::NoPaging, None);
    assert!(client.get("/2001/owned_pages?limit=3").good()["paging"].is_null());
}

#[test]
fn next_may_lead_to_another_host() {
    let mut client = odd(Oddity::ForeignNext, None);
    let first = client.get("/2001/owned_pages?limit=3").good();
    assert!(first["paging"]["next"].as_str().expect("a link").starts_with("https://graph.elsewhere.invalid/"));
}

#[test]
fn other_lists_and_other_businesses_page_as_ever() {
    let mut client = seven();
    let rule = ListingOddity { list: None, business: Some("2002".into()), how: Oddity::NoPaging, times: None };
    client.state.faults.add_oddity(rule);
    assert_eq!(client.walk("/2001/owned_pages?limit=3"), all_seven());
}

#[test]
fn lists_lag_behind_writes_and_nodes_do_not() {
    let mut client = demo();
    lag(&mut client, None, 10.0);
    client.delete("/1003/assigned_users?user=3001").good();
    let staff = "/1003/assigned_users?business=2001";
    assert_eq!(rows(&client.get(staff).good(), "id"), ["3001", "3002"]);
    assert_eq!(client.delete("/1003/assigned_users?user=3001").refused(), (100, 33), "the write itself knows");
    client.advance("11s");
    assert_eq!(rows(&client.get(staff).good(), "id"), ["3002"]);
}

#[test]
fn a_granted_claim_may_be_in_neither_list_for_a_while() {
    let mut client = demo();
    lag(&mut client, Some("client_pages"), 60.0);
    client
        .state
        .alter(|world, now| world.decide(crate::graph_sim::Verdict::Approve, "2001", "1014", None, now))
        .expect("open");
    assert_eq!(client.walk("/2001/pending_client_pages"), Vec::<String>::new());
    assert_eq!(client.walk("/2001/client_pages"), ["1013"]);
    client.advance("61s");
    assert_eq!(client.walk("/2001/client_pages"), ["1013", "1014"]);
}
