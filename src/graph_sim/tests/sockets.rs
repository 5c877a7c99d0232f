//! Over real sockets, with a client of a few lines: what arrives when little arrives.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::graph_sim::{Break, How, Sim, SimConfig};

pub(super) async fn sim() -> Sim {
    let config = SimConfig { hold: seconds(5), ..SimConfig::of(World::demo()) };
    Sim::start(config).await.expect("a free port")
}

/// Everything that arrives until the other side closes.
pub(super) async fn ask(sim: &Sim, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(sim.addr()).await?;
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut all = String::new();
    stream.read_to_string(&mut all).await?;
    Ok(all)
}

#[tokio::test]
async fn graph_and_control_share_a_port() {
    let sim = sim().await;
    let told = ask(&sim, "POST", "/_sim/approve", r#"{"business":"2001","page":"1014"}"#).await.expect("an answer");
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("approved"), "{told}");
    let listed = ask(&sim, "GET", "/v26.0/2001/client_pages", "").await.expect("an answer");
    assert!(
        listed.contains(r#""id":"1014""#)
            && listed.contains("x-fb-trace-id")
            && listed.contains("facebook-api-version: v26.0"),
        "{listed}"
    );
    for (method, path, body, status) in [
        ("POST", "/_sim/approve", r#"{"business":"2001","page":"1014"}"#, "404"),
        ("POST", "/_sim/approve", r#"{"business":"2001"}"#, "400"),
        ("POST", "/_sim/break", r#"{"how":"softly"}"#, "400"),
        ("POST", "/_sim/nothing", "", "404"),
        ("POST", "/_sim/heal", "", "200"),
        ("GET", "/_sim/calls?after=0", "", "200"),
        ("GET", "/_sim/world", "", "200"),
        ("GET", "/_sim/clock", "", "200"),
        ("POST", "/_sim/world", "{}", "200"),
        ("PUT", "/_sim/world", "{}", "200"),
        ("PATCH", "/v26.0/2001", "", "405"),
    ] {
        let told = ask(&sim, method, path, body).await.expect("an answer");
        assert!(told.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {told}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_cut_connection_ends_in_mid_body_and_a_truncated_one_at_half_the_json() {
    let sim = sim().await;
    sim.break_next(Break::next(Verb::Get, "/2001", How::Reset));
    sim.break_next(Break::next(Verb::Get, "/2002", How::Truncated));
    let cut = ask(&sim, "GET", "/v26.0/2001", "").await.expect("a head at least");
    assert!(
        cut.contains("transfer-encoding: chunked") && cut.contains(r#"{"id":"2001""#) && !cut.ends_with("0\r\n\r\n"),
        "{cut}"
    );
    let truncated = ask(&sim, "GET", "/v26.0/2002", "").await.expect("an answer");
    let body = truncated.split("\r\n\r\n").nth(1).expect("a body");
    assert!(!body.is_empty() && serde_json::from_str::<Value>(body).is_err(), "{body}");
    sim.stop().await;
}

#[tokio::test]
async fn a_call_without_an_answer_has_had_its_effect_when_the_client_gives_up() {
    let sim = sim().await;
    sim.break_next(Break::next(Verb::Delete, "/pages", How::TimeoutAfter));
    let waited =
        tokio::time::timeout(Duration::from_millis(300), ask(&sim, "DELETE", "/v26.0/2001/pages?page_id=1013", ""))
            .await;
    assert!(waited.is_err(), "no answer may come");
    assert!(!sim.world().is_client("1013", "2001"));
    let call = sim.call_where(seconds(1), |call| call.is(Verb::Delete, "pages")).await.expect("it is in the log");
    assert_eq!((call.param("page_id"), call.fault.as_deref()), (Some("1013"), Some("timeout_after")));
    assert_eq!(sim.call_where(Duration::from_millis(10), |call| call.n > 1).await, None);
    sim.stop().await;
}

#[tokio::test]
async fn stopping_lets_go_of_calls_on_hold() {
    let sim = sim().await;
    sim.break_next(Break::next(Verb::Get, "/2001", How::TimeoutBefore));
    let mut stream = TcpStream::connect(sim.addr()).await.expect("a connection");
    let asked = format!("GET /v26.0/2001 HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.expect("sent");
    sim.call_where(seconds(1), |_| true).await.expect("it arrived");
    let began = std::time::Instant::now();
    sim.stop().await;
    let mut rest = Vec::new();
    let _broken = stream.read_to_end(&mut rest).await;
    assert!(began.elapsed() < seconds(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let sim = sim().await;
    let again = SimConfig { listen: sim.addr(), ..SimConfig::default() };
    assert_eq!(Sim::start(again).await.map(|_| ()).map_err(|why| why.kind()), Err(io::ErrorKind::AddrInUse));
    sim.stop().await;
}

#[tokio::test]
async fn the_handle_plays_the_people_at_the_other_end() {
    let sim = sim().await;
    assert!(sim.base_url().starts_with("http://127.0.0.1:"));
    sim.approve("2001", "1014", Some(&["ANALYZE"])).expect("an open request");
    assert_eq!(sim.world().granted_to("1014", "2001"), Some(&set_of(&["ANALYZE"])));
    assert!(sim.deny("2001", "1014").is_err() && sim.withdraw("2001", "1014").is_err());
    sim.edit(|world| world.page_mut("1013").expect("page").instagram = true);
    sim.token(TOKEN, Some(460)).expect("the token");
    let before = sim.now();
    assert!(sim.advance(seconds(3600)) >= before + seconds(3600));
    let refused = ask(&sim, "GET", "/v26.0/2001", "").await.expect("an answer");
    assert!(refused.contains(r#""error_subcode":460"#), "{refused}");
    assert_eq!(sim.calls().len(), 1);
    sim.reset();
    assert!(sim.calls().is_empty());
    sim.stop().await;
}
