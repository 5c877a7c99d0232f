use super::*;
use crate::graph_sim::control::orders::{PageOrder, PersonOrder, TokenOrder};
use crate::graph_sim::control::{CONTROL_HELP, ControlError};

fn person(text: &str) -> PersonOrder {
    serde_json::from_str(text).expect("an order")
}

#[test]
fn a_world_survives_its_json() {
    let world = World::demo();
    let text = serde_json::to_string(&world).expect("JSON");
    assert_eq!(serde_json::from_str::<World>(&text).expect("a world"), world);
}

#[test]
fn a_short_world_file_is_enough_and_a_typo_is_refused() {
    let world: World = serde_json::from_str(
        r#"{"businesses":{"1":{"name":"One"}},"pages":{"2":{"owner":"1","roles":{"3":{"tasks":["MANAGE"]}}}},
            "tokens":{"t":{"holder":{"kind":"anyone"}}}}"#,
    )
    .expect("a world");
    assert!(world.is_owned("2", "1") && world.managers_of("2").contains("3"));
    for wrong in [
        r#"{"bussinesses":{}}"#,
        r#"{"pages":{"2":{"instagramm":true}}}"#,
        r#"{"tokens":{"t":{"holder":{"kind":"nobody"}}}}"#,
    ] {
        assert!(serde_json::from_str::<World>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn people_come_change_and_leave_by_order() {
    let mut client = demo();
    let eve = r#"{"business":"2001","id":"3009","name":"Eve","email":"e@b.c","role":"ADMIN"}"#;
    client.state.change_person(person(eve)).expect("added");
    client.state.change_person(person(r#"{"business":"2001","id":"3009","name":"Eva"}"#)).expect("changed");
    let found = &client.world().businesses["2001"].users["3009"];
    assert_eq!((found.name.as_str(), found.email.as_str(), found.role.as_str()), ("Eva", "e@b.c", "ADMIN"));
    client.state.change_person(person(r#"{"business":"2001","id":"3009","remove":true}"#)).expect("removed");
    for missing in [
        r#"{"business":"2001","id":"3009","remove":true}"#,
        r#"{"business":"2001","email":"e@b.c","accept":true}"#,
        r#"{"business":"2009","id":"3009"}"#,
    ] {
        let refused = client.state.change_person(person(missing));
        assert!(matches!(refused, Err(ControlError::Missing(_))), "{missing}: {refused:?}");
    }
    assert!(matches!(client.state.change_person(person(r#"{"business":"2001"}"#)), Err(ControlError::Invalid(_))));
}

#[test]
fn a_page_changes_only_in_what_is_named() {
    let mut client = demo();
    let order = PageOrder { page: "1006".into(), instagram: Some(false), ..PageOrder::default() };
    client.state.change_page(order).expect("changed");
    client.delete("/2001/pages?page_id=1006").good();
    let order = PageOrder { page: "1001".into(), owner: Some(String::new()), ..PageOrder::default() };
    client.state.change_page(order).expect("changed");
    assert_eq!(client.world().pages["1001"].owner, None);
    let order = || PageOrder { page: "1014".into(), remove: true, ..PageOrder::default() };
    client.state.change_page(order()).expect("removed");
    assert!(client.world().requests.is_empty() && client.state.change_page(order()).is_err());
}

#[test]
fn orders_about_what_is_not_there_say_so() {
    let mut client = demo();
    let order = |text: &str| serde_json::from_str(text).expect("an order");
    assert!(client.state.set_token(TokenOrder { token: "x".into(), dead: None, expires: None }).is_err());
    assert!(client.state.withdraw(&order(r#"{"business":"2001","page":"1009"}"#)).is_err());
    client.state.withdraw(&order(r#"{"business":"2001","page":"1014"}"#)).expect("an open request");
    assert!(client.state.advance(&order_clock("soon")).is_err());
}

fn order_clock(text: &str) -> ClockOrder {
    ClockOrder { advance: text.to_owned() }
}

#[test]
fn reset_brings_the_first_world_back_and_forgets_the_log() {
    let mut client = demo();
    client.delete("/2001/pages?page_id=1013").good();
    client.state.reset();
    assert!(client.world().is_client("1013", "2001") && client.state.calls.after(0).is_empty());
}

#[test]
fn merging_replaces_what_has_the_same_id_and_leaves_the_rest() {
    let mut client = demo();
    client.state.merge_world(World::new(1).page("1001", |p| p.owned_by("2002")).page("2000", |p| p));
    assert!(client.world().is_owned("1001", "2002") && client.world().is_owned("1002", "2001"));
    assert!(client.world().pages.contains_key("2000"));
}

#[test]
fn the_help_names_every_order() {
    for name in [
        "world", "reset", "approve", "deny", "withdraw", "person", "page", "break", "listing", "throttle", "quota",
        "usage",
    ] {
        assert!(CONTROL_HELP.contains(&format!("/_sim/{name} ")), "{name}");
    }
    for name in ["lag", "awkward", "token", "clock", "heal"] {
        assert!(CONTROL_HELP.contains(&format!("/_sim/{name} ")), "{name}");
    }
}
