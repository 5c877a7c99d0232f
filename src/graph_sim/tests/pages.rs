use super::*;

const STAFF: &str = "/1003/assigned_users?business=2001&fields=id,user_type,tasks";

#[test]
fn assigning_replaces_the_whole_set() {
    let mut client = demo();
    client.post("/1003/assigned_users", "user=3002&business=2001&tasks=[\"MANAGE\"]").good();
    client.post("/1003/assigned_users", "user=3002&business=2001&tasks=[\"ADVERTISE\"]").good();
    let listed = client.get(STAFF).good();
    assert_eq!(listed["data"][1], json!({ "id": "3002", "user_type": "business_user", "tasks": ["ADVERTISE"] }));
    client.post("/1003/assigned_users", "user=3002&business=2001&tasks=[\"ADVERTISE\"]").good();
    assert_eq!(client.effects().len(), 2, "the same set again changes nothing");
}

#[test]
fn assigning_is_refused_with_metas_codes() {
    let mut client = demo();
    for (body, refusal) in [
        ("user=3002&tasks=[\"ANALYZE\"]", (100, 0)),
        ("business=2001&tasks=[\"ANALYZE\"]", (100, 0)),
        ("user=3002&business=2001", (100, 0)),
        ("user=3002&business=2001&tasks=[]", (100, 0)),
        ("user=3002&business=2001&tasks=[\"RULE\"]", (100, 0)),
        ("user=83002&business=2001&tasks=[\"ANALYZE\"]", (100, 1_752_100)),
        ("user=3101&business=2001&tasks=[\"ANALYZE\"]", (100, 1_752_100)),
        ("user=3101&business=2002&tasks=[\"ANALYZE\"]", (10, 0)),
    ] {
        assert_eq!(client.post("/1003/assigned_users", body).refused(), refusal, "{body}");
    }
    let elsewhere = client.post("/1009/assigned_users", "user=3002&business=2001&tasks=[\"ANALYZE\"]");
    assert_eq!(elsewhere.refused(), (200, 0), "2001 has no access to 1009");
    assert_eq!(client.post("/31337/assigned_users", "user=3002&business=2001").refused(), (100, 33));
    assert_eq!(client.effects(), Vec::<String>::new());
}

#[test]
fn an_agency_gives_its_people_no_more_than_it_has() {
    let mut client = demo();
    client.post("/1013/assigned_users", "user=3002&business=2001&tasks=[\"ADVERTISE\"]").good();
    assert_eq!(client.post("/1013/assigned_users", "user=3002&business=2001&tasks=[\"MANAGE\"]").refused(), (100, 0));
}

#[test]
fn removing_twice_is_answered_like_an_object_that_is_gone() {
    let mut client = demo();
    assert_eq!(client.delete("/1003/assigned_users?user=3001").good(), success());
    assert_eq!(client.delete("/1003/assigned_users?user=3001").refused(), (100, 33));
    assert_eq!(client.delete("/1003/assigned_users?user=83001").refused(), (100, 1_752_100));
    assert_eq!(client.delete("/1003/assigned_users").refused(), (100, 0));
}

#[test]
fn taking_the_last_manager_off_is_possible_and_shows_in_the_log() {
    let mut client = demo();
    client.delete("/1004/assigned_users?user=3001").good();
    assert!(client.world().orphans().contains("1004"));
    assert!(client.effects()[0].contains("nobody manages it now"));
}

#[test]
fn what_an_asset_group_gives_cannot_be_taken_on_the_asset() {
    let mut client = demo();
    assert_eq!(client.delete("/1005/assigned_users?user=3001").refused().0, 100);
    assert_eq!(client.post("/1005/assigned_users", "user=3001&business=2001&tasks=[\"ANALYZE\"]").refused().0, 100);
    client.post("/1005/assigned_users", "user=3001&business=2001&tasks=[\"ANALYZE\",\"ADVERTISE\",\"MANAGE\"]").good();
    let groups = client.get("/3001/assigned_business_asset_groups?contained_asset_id=1005").good();
    assert_eq!(rows(&groups, "id"), ["5001"]);
    assert_eq!(rows(&client.get("/3001/assigned_business_asset_groups?contained_asset_id=1001").good(), "id").len(), 0);
    client.delete("/5001/assigned_users?user=3001").good();
    client.delete("/1005/assigned_users?user=3001").good();
    assert_eq!(client.world().tasks_of("1005", "2001", "3001"), set_of(&[]));
}

#[test]
fn rights_that_come_with_a_group_alone_end_with_it_on_all_its_pages() {
    let mut client = demo();
    for page in ["1001", "1002"] {
        client.post("/5001/contained_pages", &format!("asset_id={page}")).good();
    }
    client.post("/5001/assigned_users", "user=3002&page_tasks=[\"MODERATE\"]").good();
    assert_eq!(client.world().pages_of("2001", "3002"), ["1001", "1002", "1003", "1005", "1008"]);
    client.delete("/5001/assigned_users?user=3002").good();
    assert_eq!(client.world().pages_of("2001", "3002"), ["1003", "1008"]);
    assert_eq!(client.delete("/5001/assigned_users?user=3002").refused(), (100, 33));
    assert_eq!(client.delete("/5001/contained_pages?asset_id=1003").refused(), (100, 33));
    assert_eq!(client.post("/5001/contained_pages", "asset_id=1009").refused(), (200, 0));
    assert_eq!(client.get("/5001/assigned_users").refused(), (100, 0), "business is required");
}

#[test]
fn assigned_users_are_seen_by_the_business_and_the_owner_only() {
    let mut client = demo();
    assert_eq!(client.get("/1003/assigned_users").refused(), (100, 0), "business is required");
    assert_eq!(client.get("/1009/assigned_users?business=2001").refused(), (200, 0));
    assert_eq!(client.get("/1009/assigned_users?business=2002").refused(), (10, 0));
    let mut owner = demo().with_token("sim-token-2002");
    owner.get("/1013/assigned_users?business=2001").good();
}

#[test]
fn a_strict_page_takes_a_page_token_only_and_roles_always_do() {
    let mut client = demo();
    client.state.world.page_mut("1003").expect("page").page_token_required = true;
    assert_eq!(client.get(STAFF).refused(), (190, 2_069_032));
    assert_eq!(client.delete("/1003/assigned_users?user=3001").refused(), (190, 2_069_032));
    assert_eq!(client.get("/1008/roles").refused(), (190, 2_069_032));
    let shown = client.get("/1003?fields=access_token").good();
    client.token = shown["access_token"].as_str().expect("a Page token").to_owned();
    client.get(STAFF).good();
    assert_eq!(client.get("/1008/roles").refused(), (190, 2_069_032), "a token of another Page is none");
}

#[test]
fn roles_show_direct_admins_and_may_be_refused() {
    let mut client = demo();
    let shown = client.get("/1008?fields=access_token").good();
    client.token = shown["access_token"].as_str().expect("a Page token").to_owned();
    let roles = client.get("/1008/roles").good();
    assert_eq!(rows(&roles, "id"), ["83003"]);
    assert!(roles["data"][0]["tasks"].to_string().contains("MANAGE"));
    client.state.world.page_mut("1008").expect("page").refuses_roles = true;
    assert_eq!(client.get("/1008/roles").refused(), (200, 2_069_030));
}

#[test]
fn a_page_token_dies_with_the_last_role_of_its_user() {
    let mut client = demo();
    let shown = client.get("/1013?fields=access_token").good();
    let page_token = shown["access_token"].as_str().expect("a Page token").to_owned();
    client.delete("/2001/pages?page_id=1013").good();
    client.token = page_token;
    assert_eq!(client.get("/1013").refused(), (190, 492));
    let mut stranger = demo();
    assert_eq!(stranger.get("/1009?fields=access_token").good(), json!({ "id": "1009" }), "no role, no token");
}

#[test]
fn sharing_grants_with_the_owners_token_and_asks_with_the_partners() {
    let mut owner = demo().with_token("sim-token-2002");
    owner.post("/1009/agencies", "business=2001&permitted_tasks=[\"ANALYZE\"]").good();
    assert!(owner.world().is_client("1009", "2001"));
    assert_eq!(owner.post("/1009/agencies", "business=2001").refused(), (3989, 0));
    assert_eq!(owner.post("/1009/agencies", "business=2002").refused(), (3946, 0));
    assert_eq!(owner.post("/1009/agencies", "business=31337").refused(), (100, 0));
    let mut partner = demo();
    partner.post("/1009/agencies", "business=2001&permitted_tasks=[\"ANALYZE\"]").good();
    assert!(partner.world().is_pending("1009", "2001"));
    assert_eq!(partner.post("/1010/agencies", "business=2003").refused(), (10, 0), "an agency cannot share on");
}

#[test]
fn partners_are_listed_with_their_status_to_the_pages_own_side_alone() {
    let mut owner = demo().with_token("sim-token-2002");
    let listed = owner.get("/1014/agencies?fields=id,access_status,permitted_tasks,access_requested_time").good();
    assert_eq!(listed["data"][0]["access_status"], "PENDING");
    let listed = owner.get("/1013/agencies?fields=id,access_status").good();
    assert_eq!(listed["data"][0], json!({ "id": "2001", "access_status": "CONFIRMED" }));
    owner.delete("/1013/agencies?business=2001").good();
    assert_eq!(owner.delete("/1013/agencies?business=2001").refused(), (100, 0));
    assert_eq!(demo().get("/1013/agencies").refused(), (200, 0));
}
