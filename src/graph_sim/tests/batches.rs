use super::*;
use crate::graph_sim::awkward::{Break, How};
use crate::graph_sim::usage::Throttle;

fn batch(client: &mut Client, entries: &Value, more: &str) -> Seen {
    let body = form::encode([("batch", entries.to_string().as_str())]);
    client.post("/", &format!("{body}{more}"))
}

fn body_of(entry: &Value) -> Value {
    serde_json::from_str(entry["body"].as_str().expect("a text")).expect("JSON in it")
}

#[test]
fn each_entry_is_answered_for_itself_in_order() {
    let mut client = demo();
    let entries = json!([
        { "method": "GET", "relative_url": "2001?fields=name" },
        { "method": "POST", "relative_url": "2001/owned_pages", "body": "page_id=1016" },
        { "method": "DELETE", "relative_url": "2001/pages?page_id=1013" },
        { "method": "DELETE", "relative_url": "v26.0/2001/pages", "body": "page_id=1014" },
        { "method": "PATCH", "relative_url": "2001" },
    ]);
    let answers = batch(&mut client, &entries, "").good();
    let codes: Vec<_> = answers.as_array().expect("a list").iter().map(|entry| entry["code"].as_u64()).collect();
    assert_eq!(codes, [Some(200), Some(400), Some(200), Some(200), Some(400)]);
    assert_eq!(body_of(&answers[1])["error"]["code"], 3977);
    assert_eq!(client.effects().len(), 2);
    let calls = client.state.calls.after(0);
    assert!(calls.len() == 4 && calls.iter().all(|call| call.batch == Some(1)), "{calls:?}");
}

#[test]
fn an_entry_without_an_answer_is_null_though_its_write_took_effect() {
    let mut client = demo();
    for how in [How::Null, How::TimeoutAfter, How::Reset] {
        client.state.faults.add_break(Break::next(Verb::Delete, "page_id=1013", how));
        let entries = json!([
            { "method": "DELETE", "relative_url": "2001/pages?page_id=1013" },
            { "method": "GET", "relative_url": "2001" },
        ]);
        let answers = batch(&mut client, &entries, "").good();
        assert!(answers[0].is_null() && answers[1]["code"] == 200, "{answers}");
    }
    assert!(!client.world().is_client("1013", "2001"));
}

#[test]
fn a_batch_that_is_none_and_one_too_large_are_refused_as_a_whole() {
    let mut client = demo();
    let many = Value::Array(vec![json!({ "method": "GET", "relative_url": "2001" }); 51]);
    assert_eq!(batch(&mut client, &many, "").refused(), (100, 0));
    assert_eq!(client.post("/", "batch=[{},]").refused(), (100, 0));
    assert_eq!(client.post("/", "").refused(), (100, 0));
    let mut stranger = demo().with_token("nonsense");
    assert_eq!(batch(&mut stranger, &json!([]), "").refused(), (190, 0));
    client.state.throttle(Throttle::app(5));
    assert_eq!(batch(&mut client, &json!([{ "method": "GET", "relative_url": "2001" }]), "").refused(), (4, 0));
}

#[test]
fn an_entry_may_bring_its_own_token_and_headers_may_be_left_out() {
    let mut client = demo();
    let entries = json!([{ "method": "GET", "relative_url": "2002?access_token=sim-token-2002" }, { "method": "GET", "relative_url": "2002" }]);
    let answers = batch(&mut client, &entries, "&include_headers=false").good();
    assert!(answers[0]["code"] == 200 && answers[1]["code"] == 400 && answers[0]["headers"].is_null(), "{answers}");
}

#[test]
fn entries_refer_to_results_of_earlier_ones() {
    let mut client = demo();
    let entries = json!([
        { "method": "GET", "name": "mine", "relative_url": "2001/client_pages?fields=id" },
        { "method": "GET", "relative_url": "{result=mine:$.data[0].id}?fields=id" },
        { "method": "GET", "relative_url": "{result=gone:$.data.*.id}?fields=id" },
    ]);
    let answers = batch(&mut client, &entries, "").good();
    assert!(answers[0].is_null(), "a result that others depend on is left out: {answers}");
    assert_eq!(body_of(&answers[1]), json!({ "id": "1013" }));
    assert_eq!(answers[2]["code"], 400);
}
