//! What a collector hears of the worker, and what the worker does not care whether it hears.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::{Break, Holder, How, Scripted, Token, Verb, World};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use crate::collector::{Collector, Protocol, Seen, nobody, settings};
use crate::harness::{
    ANNA, BUSINESS, Story, TOKEN, WORKER, agency_claim, annas_page, clients_page, ends, order, owner_claim, world,
};
use crate::telemetry_metrics::scrape;

const PAGE: &str = "50010011";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00f067aa0ba902b7";
const APP_SECRET: &str = "app-secret-never-to-be-shown";

/// The kinds of OTLP.
const INTERNAL: i32 = 1;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

fn traceparent() -> String {
    format!("00-{TRACE}-{PUBLISHER}-01")
}

fn own_page() -> World {
    world().page(PAGE, |p| p.direct_admin(WORKER))
}

async fn told_to(world: World, variables: &[(&str, String)]) -> Result<Story> {
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Story::with(world, &variables).await
}

fn named<'n>(name: &'n str) -> impl Fn(&Seen) -> bool + 'n {
    move |span| span.name == name
}

fn is_linked(span: &Seen, trace: &str, id: &str) -> bool {
    span.links.iter().any(|(to, of)| to == trace && of == id)
}

#[tokio::test]
async fn a_collector_hears_of_a_command_from_its_message_to_its_result() -> Result<()> {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let collector = Collector::start(protocol).await?;
        let story = told_to(own_page(), &collector.settings(protocol)).await?;
        let mut listener = story.vhost.events().await?;
        story.send_traced(&owner_claim("c", PAGE), &traceparent()).await?;
        let message = listener.next().await?;

        let process = collector.span("the message", named("process bindery.commands")).await?;
        ensure!(process.kind == CONSUMER && process.parent.is_empty(), "{protocol:?}: {process:#?}");
        ensure!(process.trace != TRACE && is_linked(&process, TRACE, PUBLISHER), "{protocol:?}: {process:#?}");
        let step = collector.span("the step", named("step claim")).await?;
        ensure!(step.kind == INTERNAL && step.parent.is_empty() && step.trace != process.trace, "{step:#?}");
        ensure!(is_linked(&step, TRACE, PUBLISHER) && is_linked(&step, &process.trace, &process.id), "{step:#?}");
        ensure!(step.attributes["bindery.command.id"] == "c" && step.attributes["bindery.phase"] == "confirmed");

        let call = collector.span("the write", named("POST /{version}/{id}/owned_pages")).await?;
        ensure!(call.kind == CLIENT && call.parent == step.id && call.trace == step.trace, "{call:#?}");
        ensure!(call.attributes["http.response.status_code"] == "200", "{call:#?}");
        ensure!(call.attributes["url.full"].ends_with("/2001/owned_pages"), "{call:#?}");

        let publish = collector.span("the event", named("publish bindery.events:claim.page.confirmed")).await?;
        ensure!(publish.kind == PRODUCER && publish.trace == TRACE && publish.parent == PUBLISHER, "{publish:#?}");
        ensure!(is_linked(&publish, &process.trace, &process.id), "{publish:#?}");
        let carried = header(message.properties.headers().as_ref(), "traceparent");
        ensure!(carried == Some(format!("00-{TRACE}-{}-01", publish.id)), "the header was {carried:?}");
        let event: Value = serde_json::from_slice(&message.body)?;
        ensure!(event["traceparent"] == traceparent(), "the event's own context is its publisher's: {event:#}");
        ensure!(publish.attributes["cloudevents.event_id"] == event["id"].as_str().unwrap_or_default());
        for metric in ["bindery.commands", "bindery.outbox.pending", "http.client.request.duration"] {
            collector.metric(metric).await.with_context(|| format!("{protocol:?}"))?;
        }
    }
    Ok(())
}

fn header(headers: Option<&FieldTable>, name: &str) -> Option<String> {
    let text = headers?.inner().get(name)?.as_long_string()?;
    Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
}

#[tokio::test]
async fn a_later_poll_is_a_trace_of_its_own_linked_to_the_first() -> Result<()> {
    let collector = Collector::start(Protocol::Grpc).await?;
    let story = told_to(clients_page(PAGE), &collector.settings(Protocol::Grpc)).await?;
    story.send(&agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    let process = collector.span("the message", named("process bindery.commands")).await?;
    let poll = collector.span("a poll", named("poll claims")).await?;
    ensure!(poll.parent.is_empty() && poll.trace != process.trace, "{poll:#?}");
    ensure!(is_linked(&poll, &process.trace, &process.id), "{poll:#?}");
    let of_poll = |span: &Seen| span.trace == poll.trace && span.kind == CLIENT && span.parent == poll.id;
    let walked = collector.span("the walk", of_poll).await?;
    ensure!(walked.name == "GET /{version}/{id}/pending_client_pages", "{walked:#?}");
    story.meta.approve(BUSINESS, PAGE, None)?;
    ends(&story.event_of("c").await?, "confirmed", json!(true))
}

#[tokio::test]
async fn a_message_that_is_no_command_is_a_failed_span_and_nothing_more() -> Result<()> {
    let collector = Collector::start(Protocol::Http).await?;
    let story = told_to(own_page(), &collector.settings(Protocol::Http)).await?;
    story.send_raw("claim", b"{\"id\": \"c\", \"command\": \"claim\", \"buisness\": \"2001\"}").await?;
    story.event("a refusal", |event| event["data"]["phase"] == "rejected").await?;
    let refused = collector.span("the message", |span| span.attributes.contains_key("error.type")).await?;
    ensure!(refused.name == "process bindery.commands", "{refused:#?}");
    ends(&story.ask(&owner_claim("d", PAGE)).await?, "confirmed", json!(true))
}

#[tokio::test]
async fn without_a_collector_a_trace_context_is_carried_on_as_it_came() -> Result<()> {
    let story = Story::of(own_page()).await?;
    let mut listener = story.vhost.events().await?;
    story.send_traced(&owner_claim("c", PAGE), &traceparent()).await?;
    let message = listener.next().await?;
    ensure!(header(message.properties.headers().as_ref(), "traceparent") == Some(traceparent()), "{message:?}");
    Ok(())
}

#[tokio::test]
async fn f57_a_collector_that_is_down_frozen_or_none_at_all_is_nobodys_trouble() -> Result<()> {
    const CLAIMS: usize = 24;
    // Accepts, by the kernel, and never says a word.
    let frozen = TcpListener::bind("127.0.0.1:0")?;
    let frozen_at = format!("http://{}", frozen.local_addr()?);
    for (endpoint, protocol) in [
        (nobody()?, "grpc"),
        (nobody()?, "http/protobuf"),
        (frozen_at.clone(), "grpc"),
        (frozen_at, "http/protobuf"),
        ("http://collector.invalid:4318".to_owned(), "http/protobuf"),
        ("no address at all".to_owned(), "grpc"),
        (nobody()?, "carrier-pigeon"),
    ] {
        let pages = (0..CLAIMS).fold(world(), |world, n| world.page(&format!("5{n:03}"), |p| p.direct_admin(WORKER)));
        let mut variables = settings(&endpoint, protocol);
        variables.push(("OTEL_BSP_MAX_QUEUE_SIZE", "8".to_owned()));
        variables.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4".to_owned()));
        let mut story = told_to(pages, &variables).await.with_context(|| format!("{protocol} {endpoint}"))?;
        for n in 0..CLAIMS {
            story.send_traced(&owner_claim(&format!("c{n}"), &format!("5{n:03}")), &traceparent()).await?;
        }
        let done = story.events_told(CLAIMS, |event| event["data"]["phase"] == "confirmed").await;
        done.with_context(|| format!("{protocol} {endpoint}"))?;
        ensure!(story.posts("owned_pages") == CLAIMS, "{protocol} {endpoint}");
        // The patience of a stop is that of every story: nobody waits for the collector.
        story.stop().await.with_context(|| format!("{protocol} {endpoint}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn f61_a_broken_or_enormous_trace_context_is_ignored_counted_and_never_fatal() -> Result<()> {
    let collector = Collector::start(Protocol::Grpc).await?;
    let pages = (0..6).fold(world(), |world, n| world.page(&format!("500{n}"), |p| p.direct_admin(WORKER)));
    let story = told_to(pages, &collector.settings(Protocol::Grpc)).await?;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let giant = "x".repeat(100_000);
    let broken = [
        ("traceparent", text("")),
        ("traceparent", text("00-0-0-0")),
        ("traceparent", text(&giant)),
        ("traceparent", AMQPValue::LongLongInt(7)),
        ("traceparent", AMQPValue::LongString(vec![0xff, 0x00].into())),
        ("baggage", text(&giant)),
    ];
    for (n, (name, value)) in broken.iter().enumerate() {
        let mut headers = FieldTable::default();
        headers.insert((*name).into(), value.clone());
        story.send_with(&owner_claim(&format!("c{n}"), &format!("500{n}")), headers).await?;
        let event = story.event_of(&format!("c{n}")).await.with_context(|| format!("{n}: {name}"))?;
        ends(&event, "confirmed", json!(true))?;
    }
    let metrics = scrape(&story).await?;
    ensure!(metrics.value("bindery_ignored_total", &[("what", "trace_context")]) == Some(6.0), "{}", metrics.text);
    let process = collector.span("a message", named("process bindery.commands")).await?;
    ensure!(process.links.is_empty(), "{process:#?}");
    ensure!(!collector.text().contains("xxxxxxxx"), "baggage was carried on");
    Ok(())
}

#[tokio::test]
async fn i7_no_secret_and_no_name_is_in_spans_metrics_or_logs() -> Result<()> {
    let collector = Collector::start(Protocol::Http).await?;
    let mut variables = collector.settings(Protocol::Http);
    variables.push(("CREDENTIALS__STORY__APP_SECRET", APP_SECRET.to_owned()));
    let token = Token { app_secret: Some(APP_SECRET.to_owned()), ..Token::of(Holder::Anyone) };
    let story = told_to(annas_page(PAGE).token(TOKEN, token), &variables).await?;
    story.meta.break_next(Break::next(Verb::Get, "/2001/", How::error(2)));
    story.meta.break_next(Break::next(Verb::Post, "/assigned_users", How::TimeoutAfter));
    let by_mail = json!({"from": "anna@northwind.example", "to": "ben@northwind.example"});
    let moved = story.ask(&order("reassign", "r", PAGE, by_mail)).await?;
    // Meta's texts repeat what they were sent.
    let secret_word = format!("Malformed access token {TOKEN} EAAGm0PX4ZCpsBAKwVqt5ZBZCkq8ZD");
    let repeats =
        Scripted { code: 100, subcode: None, is_transient: None, status: 400, message: Some(secret_word.clone()) };
    story.meta.break_next(Break::next(Verb::Get, "/2001/", How::Error(repeats)));
    story.ask(&order("unassign", "u", PAGE, json!({"user": ANNA}))).await?;
    story.send_raw("claim", format!("{{\"id\": \"{secret_word}\"").as_bytes()).await?;
    story.event("a refusal", |event| event["data"]["phase"] == "rejected").await?;
    collector.span("the reassign", named("step reassign")).await?;
    collector.span("the unassign", named("step unassign")).await?;
    collector.metric("bindery.graph.errors").await?;

    let metrics = scrape(&story).await?.text;
    for (place, text) in [("spans", collector.text()), ("metrics", metrics), ("log", story.log_text())] {
        let proof = proof_of(TOKEN, APP_SECRET);
        for secret in [TOKEN, APP_SECRET, &proof, "EAAGm0PX4", "anna@northwind", "ben@northwind", "\"Anna\"", "Root"] {
            ensure!(!text.contains(secret), "{secret} is in the {place}, after {moved:#}");
        }
        ensure!(text.len() > 1_000, "there is hardly anything in the {place}: {text}");
    }
    Ok(())
}

/// As Meta wants it beside a token.
fn proof_of(token: &str, app_secret: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(app_secret.as_bytes()).expect("a key of any length");
    mac.update(token.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
