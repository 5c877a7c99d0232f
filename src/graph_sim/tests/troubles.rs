use super::*;
use crate::graph_sim::awkward::{Awkward, Break, How, Scripted};

const CLAIM: &str = "page_id=1009&permitted_tasks=[\"ADVERTISE\"]";

/// What a claim sees that meets `how`, and whether it took effect.
fn claim_meets(how: How) -> (Seen, bool) {
    let mut client = demo();
    client.state.faults.add_break(Break::next(Verb::Post, "/client_pages", how));
    let seen = client.post("/2001/client_pages", CLAIM);
    (seen, client.world().is_pending("1009", "2001"))
}

#[test]
fn each_way_to_fail_arrives_as_it_should_with_or_without_effect() {
    for (how, status, delivery, took_effect) in [
        (How::TimeoutAfter, 200, Delivery::Never, true),
        (How::TimeoutBefore, 200, Delivery::Never, false),
        (How::Reset, 200, Delivery::CutOff, true),
        (How::Truncated, 200, Delivery::Truncated, true),
        (How::Slow(3), 200, Delivery::Late(3), true),
        (How::Null, 200, Delivery::Never, true),
        (How::Html502, 502, Delivery::Whole, false),
        (How::Html200, 200, Delivery::Whole, false),
        (How::EmptyError, 500, Delivery::Whole, false),
        (How::SuccessFalse, 200, Delivery::Whole, false),
        (How::Empty200, 200, Delivery::Whole, true),
        (How::error(2), 400, Delivery::Whole, false),
    ] {
        let (seen, effect) = claim_meets(how.clone());
        assert_eq!((seen.answer.status, seen.delivery, effect), (status, delivery, took_effect), "{how:?}");
    }
}

#[test]
fn bodies_of_broken_answers_are_what_clients_have_seen_from_meta() {
    assert_eq!(claim_meets(How::EmptyError).0.answer.body, r#"{"error":{}}"#);
    assert_eq!(claim_meets(How::SuccessFalse).0.answer.body, r#"{"success":false}"#);
    assert_eq!(claim_meets(How::Empty200).0.answer.body, "");
    let (html, _) = claim_meets(How::Html502);
    assert!(html.answer.content_type.starts_with("text/html") && html.answer.body.starts_with("<!DOCTYPE"));
}

#[test]
fn an_error_comes_as_ordered() {
    let scripted =
        Scripted { code: 2, subcode: Some(99), is_transient: Some(true), status: 503, message: Some("later".into()) };
    let (seen, _) = claim_meets(How::Error(scripted));
    assert_eq!((seen.answer.status, seen.refused()), (503, (2, 99)));
    let error = &seen.body()["error"];
    assert_eq!((&error["is_transient"], &error["message"]), (&json!(true), &json!("later")));
    assert!(error["fbtrace_id"].is_string());
    assert_eq!(claim_meets(How::error(368)).0.refused(), (368, 0));
    let with_200 = Scripted { code: 190, subcode: None, is_transient: None, status: 200, message: None };
    assert_eq!(claim_meets(How::Error(with_200)).0.answer.status, 200);
}

#[test]
fn whether_a_broken_call_takes_effect_can_be_turned_round() {
    let mut client = demo();
    client.state.faults.add_break(Break::next(Verb::Post, "/client_pages", How::Html502).with_effect());
    client.state.faults.add_break(Break::next(Verb::Delete, "/pages", How::Reset).without_effect());
    client.post("/2001/client_pages", CLAIM);
    client.delete("/2001/pages?page_id=1009");
    assert!(client.world().is_pending("1009", "2001"));
}

#[test]
fn the_log_names_fault_code_and_effect() {
    let mut client = demo();
    client.state.faults.add_break(Break::next(Verb::Post, "/client_pages", How::TimeoutAfter));
    client.state.faults.add_break(Break::next(Verb::Get, "/2001", How::error_with(190, 460)));
    client.post("/2001/client_pages", CLAIM);
    client.get("/2001");
    client.get("/2001").good();
    let calls = client.state.calls.after(0);
    assert_eq!(calls[0].fault.as_deref(), Some("timeout_after"));
    assert!(calls[0].effect.as_ref().is_some_and(|effect| effect.contains("agency request")));
    assert_eq!(
        (calls[1].status, calls[1].code, calls[1].subcode, &calls[1].effect),
        (400, Some(190), Some(460), &None)
    );
    assert_eq!((calls[2].n, &calls[2].fault, calls[2].business.as_deref()), (3, &None, Some("2001")));
}

#[test]
fn the_awkward_profile_does_the_same_to_the_same_calls_and_ends_when_healed() {
    let fates = || {
        let mut client = demo();
        client.state.set_awkward(Awkward { per_mille: 300, timeouts: false });
        (0..100).map(|_| client.get("/2001/owned_pages?limit=2").answer.status).collect::<Vec<_>>()
    };
    assert_eq!(fates(), fates());
    assert!(fates().contains(&500) || fates().contains(&502));
    let mut client = demo();
    client.state.set_awkward(Awkward { per_mille: 1000, timeouts: true });
    client.get("/2001");
    client.state.heal();
    client.get("/2001").good();
}
