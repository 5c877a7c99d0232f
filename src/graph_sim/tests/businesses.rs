use super::*;

#[test]
fn an_invitation_stays_open_until_it_is_accepted() {
    let mut client = demo();
    let future = client.post("/2001/business_users", "email=eve@northwind.example&role=EMPLOYEE").good();
    let pending = client.get("/2001/pending_users?fields=id,email,status,expiry_time").good();
    assert_eq!(pending["data"][0]["email"], "eve@northwind.example");
    assert_ne!(pending["data"][0]["id"], future["id"], "the role request is not the person");
    let user = client
        .state
        .alter(|world, now| world.accept("2001", "eve@northwind.example", now))
        .expect("an open invitation");
    assert_eq!(future["id"], user.as_str());
    assert!(client.walk("/2001/business_users").contains(&user));
    assert_eq!(client.walk("/2001/pending_users"), Vec::<String>::new());
}

#[test]
fn an_invitation_lapses_after_thirty_days_and_may_be_called_off() {
    let mut client = demo();
    client.post("/2001/business_users", "email=eve@northwind.example").good();
    let request = client.walk("/2001/pending_users").pop().expect("an invitation");
    assert_eq!(client.get(&format!("/{request}?fields=status")).good()["status"], "PENDING");
    client.advance("31d");
    assert_eq!(client.walk("/2001/pending_users"), Vec::<String>::new());
    assert_eq!(client.state.alter(|world, now| world.accept("2001", "eve@northwind.example", now)), None);
    assert_eq!(client.delete(&format!("/{request}")).good(), success());
    assert_eq!(client.delete(&format!("/{request}")).refused(), (100, 33));
}

#[test]
fn invitations_are_refused_where_they_make_no_sense() {
    let mut client = demo();
    client.post("/2001/business_users", "email=eve@northwind.example").good();
    for body in [
        "email=eve@northwind.example",
        "email=anna@northwind.example",
        "email=eve",
        "role=ADMIN",
        "email=x@y.z&role=KING",
    ] {
        assert_eq!(client.post("/2001/business_users", body).refused(), (100, 0), "{body}");
    }
}

#[test]
fn a_person_who_leaves_is_off_all_pages_and_groups_but_keeps_direct_roles() {
    let mut client = demo();
    let direct = set_of(&["MANAGE"]);
    let role = crate::graph_sim::DirectRole { name: "Anna".into(), tasks: direct, since: start() };
    client.state.world.page_mut("1001").expect("page").roles.insert("83001".into(), role);
    client.delete("/3001").good();
    let world = client.world();
    assert_eq!(world.pages_of("2001", "3001"), Vec::<String>::new());
    assert!(world.businesses["2001"].groups["5001"].users.is_empty());
    assert!(world.managers_of("1001").contains("83001"));
    assert!(client.effects()[0].contains("nobody manages page 1004 now"));
    assert_eq!(client.delete("/3001").refused(), (100, 33));
}

#[test]
fn the_last_admin_stays_but_one_of_two_may_go() {
    let mut client = demo();
    assert_eq!(client.delete("/3003").refused(), (3914, 0));
    client.state.world.businesses.get_mut("2001").expect("business").users.get_mut("3002").expect("Ben").role =
        crate::graph_sim::BusinessRole::Admin;
    client.delete("/3003").good();
    assert_eq!(client.delete("/3002").refused(), (3914, 0));
}

#[test]
fn assigned_pages_carry_tasks_and_can_be_narrowed() {
    let mut client = demo();
    let pages = client.get("/3001/assigned_pages?fields=id,tasks,permitted_tasks").good();
    assert_eq!(rows(&pages, "id"), ["1001", "1002", "1003", "1004", "1005"]);
    assert_eq!(pages["data"][1]["tasks"], json!(["ADVERTISE", "ANALYZE"]));
    let some = client.get("/3001/assigned_pages?pages=[\"1002\",\"1009\"]").good();
    assert_eq!(rows(&some, "id"), ["1002"]);
    assert_eq!(client.get("/3101/assigned_pages").refused(), (100, 33), "someone of another business");
}

#[test]
fn kinds_of_asset_that_the_world_has_none_of_are_empty_lists() {
    let mut client = demo();
    for path in [
        "/2001/owned_whatsapp_business_accounts",
        "/2001/client_pixels",
        "/3002/assigned_ad_accounts",
        "/5001/contained_adaccounts",
    ] {
        assert_eq!(client.get(path).good(), json!({ "data": [] }), "{path}");
    }
}

#[test]
fn unknown_nodes_edges_fields_and_verbs_are_refused_as_meta_does() {
    let mut client = demo();
    for (verb, path, refusal) in [
        (Verb::Get, "/31337", (100, 33)),
        (Verb::Get, "/7001", (100, 33)),
        (Verb::Get, "/2001/no_such_edge", (100, 0)),
        (Verb::Post, "/2001/no_such_edge", (2500, 0)),
        (Verb::Delete, "/1001/no_such_edge", (2500, 0)),
        (Verb::Get, "/2001?fields=id,no_such_field", (100, 0)),
        (Verb::Get, "/2003/pending_owned_pages?fields=id", (10, 0)),
        (Verb::Get, "/2001/pending_owned_pages?fields=id,status", (100, 0)),
        (Verb::Get, "/2001?fields=id,", (2500, 0)),
        (Verb::Post, "/2001/pages?page_id=1001", (100, 33)),
        (Verb::Delete, "/2001", (100, 33)),
        (Verb::Delete, "/92001", (100, 33)),
        (Verb::Delete, "/5001", (100, 33)),
        (Verb::Get, "/2001/owned_pages/1001", (2500, 0)),
        (Verb::Get, "/", (2500, 0)),
    ] {
        assert_eq!(client.call(verb, path, "").refused(), refusal, "{verb:?} {path}");
    }
    assert_eq!(client.effects(), Vec::<String>::new());
}

#[test]
fn a_business_is_seen_by_those_who_have_a_place_in_it() {
    let mut client = demo();
    assert_eq!(client.get("/2001").good(), json!({ "id": "2001", "name": "Northwind Agency" }));
    assert_eq!(client.get("/2001?fields=verification_status").good()["verification_status"], "verified");
    assert_eq!(client.get("/2002").refused(), (100, 33));
    assert_eq!(client.get("/2002/owned_pages").refused(), (10, 0));
    assert_eq!(client.post("/2002/owned_pages", "page_id=1015").refused(), (10, 0));
    assert_eq!(rows(&client.get("/2001/system_users").good(), "id"), ["92001"]);
    assert_eq!(rows(&client.get("/2001/business_asset_groups").good(), "id"), ["5001"]);
}
