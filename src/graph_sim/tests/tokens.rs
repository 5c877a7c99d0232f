use super::*;
use crate::graph_sim::world::{Holder, Token};

fn person_token() -> World {
    World::demo()
        .token("anna", Token::of(Holder::User { account: "83001".into() }))
        .token("cleo", Token::of(Holder::User { account: "83003".into() }))
}

#[test]
fn no_token_an_unknown_and_a_dead_one_are_told_apart() {
    assert_eq!(demo().with_token("").get("/2001").refused(), (104, 0));
    assert_eq!(demo().with_token("nonsense").get("/2001").refused(), (190, 0));
    for (dead, subcode) in [(0, 0), (460, 460), (463, 463)] {
        let mut client = demo();
        client.state.world.tokens.get_mut(TOKEN).expect("token").dead = Some(dead);
        assert_eq!(client.get("/2001").refused(), (190, subcode));
        assert_eq!(client.post("/2001/owned_pages", "page_id=1015").refused(), (190, subcode));
        assert_eq!(client.effects(), Vec::<String>::new());
    }
}

#[test]
fn a_token_ends_by_the_clock() {
    let mut client = demo();
    client.state.world.tokens.get_mut(TOKEN).expect("token").expires = Some(start() + seconds(3600));
    client.get("/2001").good();
    client.advance("1h");
    assert_eq!(client.get("/2001").refused(), (190, 463));
}

#[test]
fn scopes_that_are_missing_are_refused() {
    let mut client = demo();
    client.state.world.tokens.get_mut(TOKEN).expect("token").scopes.remove("pages_manage_metadata");
    assert_eq!(client.post("/2001/client_pages", "page_id=1009&permitted_tasks=[\"ADVERTISE\"]").refused(), (200, 0));
    client.state.world.tokens.get_mut(TOKEN).expect("token").scopes.clear();
    assert_eq!(client.get("/2001/owned_pages").refused(), (200, 0));
}

#[test]
fn an_employee_is_no_admin() {
    let mut client = of(person_token()).with_token("anna");
    assert_eq!(client.get("/2001/owned_pages").refused(), (10, 0));
    assert_eq!(client.delete("/3002").refused(), (10, 0));
    let me = client.get("/me?fields=id,name,business_users{id,business}").good();
    assert_eq!(me["id"], "83001");
    assert_eq!(me["business_users"]["data"][0]["id"], "3001", "the id within the business is another");
}

#[test]
fn an_admin_in_person_claims_with_the_role_of_the_personal_account() {
    let mut client = of(person_token()).with_token("cleo");
    assert_eq!(client.post("/2001/owned_pages", "page_id=1015").good()["access_status"], "CONFIRMED");
}

#[test]
fn the_token_for_all_acts_for_whatever_business_is_asked() {
    let mut client = demo().with_token("sim-token");
    for business in ["2001", "2002", "2003"] {
        client.get(&format!("/{business}/owned_pages")).good();
    }
    assert_eq!(client.post("/2001/owned_pages", "page_id=1015").good()["access_status"], "CONFIRMED");
    assert_eq!(client.get("/2009/owned_pages").refused(), (100, 33));
}

#[test]
fn debug_token_tells_a_living_token_from_a_dead_one() {
    let mut client = demo();
    let living = client.get(&format!("/debug_token?input_token={TOKEN}")).good();
    assert_eq!((&living["data"]["is_valid"], &living["data"]["type"]), (&json!(true), &json!("SYSTEM_USER")));
    client.state.world.tokens.get_mut("sim-token-2002").expect("token").dead = Some(467);
    let dead = client.get("/debug_token?input_token=sim-token-2002").good();
    assert_eq!((&dead["data"]["is_valid"], &dead["data"]["error"]["subcode"]), (&json!(false), &json!(467)));
    assert_eq!(client.get("/debug_token").refused(), (100, 0));
}

#[test]
fn a_proof_is_asked_for_where_there_is_a_secret() {
    let mut client = of(World::new(1).business("2001", |b| b.token_with_secret(TOKEN, "key")));
    // HMAC-SHA256 by openssl: of the token, and of "token|1795600800", which is the second the story begins.
    let plain = "65238a02e12f047308d50097b0d5ebf42dbf97ae2bfb1c6a8f291eb5d5659ce3";
    let timed = "cfef4e0de29dda0cf3a1aba6092d97291c2dbb55aa39ce1cfb9450bd4c9ba8c3";
    assert_eq!(client.get("/2001").refused(), (100, 0));
    for wrong in [timed, "zz", "", &"0".repeat(64)] {
        assert_eq!(client.get(&format!("/2001?appsecret_proof={wrong}")).refused(), (100, 0), "{wrong}");
    }
    client.get(&format!("/2001?appsecret_proof={plain}")).good();
    let signed = format!("/2001?appsecret_proof={timed}&appsecret_time=1795600800");
    client.get(&signed).good();
    client.advance("6m");
    assert_eq!(client.get(&signed).refused(), (100, 0), "the timed form is good for five minutes");
}

#[test]
fn neither_token_nor_proof_stands_in_the_log() {
    let mut client = demo();
    client.get(&format!("/debug_token?input_token={TOKEN}&access_token={TOKEN}&appsecret_proof=abc")).good();
    client.post("/", "batch=[{\"method\":\"GET\",\"relative_url\":\"2001?access_token=sim-token-2001\"}]").good();
    let log = serde_json::to_string(&client.state.calls.after(0)).expect("a log");
    assert!(!log.contains(TOKEN) && !log.contains("abc"), "{log}");
}
