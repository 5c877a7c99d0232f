//! Who may give which command: `publishers`, matched on the user that the broker vouches for.

use anyhow::{Context, Result, ensure};
use lapin::BasicProperties;
use lapin::types::AMQPValue;
use serde_json::{Value, json};

use crate::harness::{
    BUSINESS, NEIGHBOUR, OWNER, Story, WORKER, agency_claim, cancel, clients_page, ends, fails, order, owner_claim,
    phase, world,
};
use crate::rabbit::{Message, Vhost};

const PAGE: &str = "1001";
/// What the stranger may do, and that our own user may do everything.
const RULES: &str = r#"[
    {user = "stranger", commands = ["claim", "transfer", "share", "cancel", "undo"], businesses = ["2001"], partners = ["3001"]},
    {user = "bindery", commands = ["*"], businesses = ["*"], partners = ["*"]},
]"#;

/// A worker with rules, and the stranger's own way to its exchange.
async fn restricted(world: bindery::graph_sim::World) -> Result<(Story, Vhost)> {
    let story = Story::with(world, &[("PUBLISHERS", RULES)]).await?;
    story.vhost.permit("stranger", ["^$", "^bindery[.]commands$", "^$"]).await?;
    let mut stranger = story.vhost.clone();
    stranger.url = story.vhost.url.replace("amqp://bindery:", "amqp://stranger:");
    Ok((story, stranger))
}

/// Publishes as the vhost's user, and says so.
async fn give(vhost: &Vhost, user: &str, command: &Value) -> Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(2).with_user_id(user.into());
    let key = command["command"].as_str().context("a command without a name")?;
    vhost.publish("bindery.commands", key, command.to_string(), properties).await
}

fn header(message: &Message, name: &str) -> String {
    let headers = message.properties.headers().clone().unwrap_or_default();
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => format!("no text: {other:?}"),
    }
}

fn of(business: &str, mut command: Value) -> Value {
    command["business"] = json!(business);
    command
}

#[tokio::test]
async fn what_a_publisher_may_not_give_is_kept_among_the_dead_and_told() -> Result<()> {
    let (story, stranger) = restricted(clients_page(PAGE)).await?;
    let mut dead = story.vhost.drain("bindery.dead").await?;
    let share = json!({"partner": NEIGHBOUR, "permitted_tasks": ["ANALYZE"]});
    for (command, word) in [
        (order("unbind", "u", PAGE, json!({})), "give unbind"),
        (of(NEIGHBOUR, owner_claim("c", PAGE)), "business 2002"),
        (order("transfer", "t", PAGE, json!({"to_business": NEIGHBOUR})), "business 2002"),
        (order("share", "s", PAGE, share), "partner 2002"),
    ] {
        give(&stranger, "stranger", &command).await?;
        let message = dead.next().await.with_context(|| command.to_string())?;
        assert_eq!(message.body, command.to_string().into_bytes(), "kept as it came");
        assert_eq!(header(&message, "x-bindery-code"), "unauthorised");
        let reason = header(&message, "x-bindery-reason");
        ensure!(reason.contains("stranger") && reason.contains(word), "{word}: {reason}");
        let rejected = story.told(command["id"].as_str().context("id")?, "rejected").await?;
        let data = &rejected["data"];
        assert_eq!((&data["error"]["category"], &data["published_by"]), (&json!("unauthorised"), &json!("stranger")));
        ensure!(data["terminal"] == true && data["changed"] == false && data["delivery"].is_string(), "{rejected:#}");
    }
    assert_eq!(story.calls(), []);
    give(&stranger, "stranger", &agency_claim("mine", PAGE)).await?;
    story.told("mine", "pending").await?;
    Ok(())
}

#[tokio::test]
async fn a_message_that_names_no_user_is_rejected_where_publishers_are_listed() -> Result<()> {
    let (story, _) = restricted(clients_page(PAGE)).await?;
    let mut dead = story.vhost.drain("bindery.dead").await?;
    story.send(&agency_claim("c", PAGE)).await?;
    ensure!(header(&dead.next().await?, "x-bindery-reason").contains("names no user"), "no reason");
    let rejected = story.told("c", "rejected").await?;
    assert_eq!(rejected["data"]["error"]["code"], json!("unauthorised"));
    // The id is not used up: who may give it gives it.
    give(&story.vhost, "bindery", &agency_claim("c", PAGE)).await?;
    story.told("c", "pending").await?;
    Ok(())
}

#[tokio::test]
async fn a_user_who_is_listed_nowhere_is_rejected() -> Result<()> {
    let only_another = r#"[{user = "hr", commands = ["*"], businesses = ["*"]}]"#;
    let story = Story::with(clients_page(PAGE), &[("PUBLISHERS", only_another)]).await?;
    give(&story.vhost, "bindery", &agency_claim("c", PAGE)).await?;
    let rejected = story.told("c", "rejected").await?;
    ensure!(
        rejected["data"]["error"]["message"].as_str().is_some_and(|text| text.contains("no publisher")),
        "{rejected:#}"
    );
    story.vhost.expect_depth("bindery.dead", 1).await
}

#[tokio::test]
async fn a_publisher_under_anothers_name_is_refused_by_the_broker_itself() -> Result<()> {
    let (story, stranger) = restricted(clients_page(PAGE)).await?;
    let error = give(&stranger, "bindery", &of(NEIGHBOUR, agency_claim("spoofed", PAGE))).await.unwrap_err();
    ensure!(format!("{error:#}").contains("user_id"), "refused for another reason: {error:#}");
    give(&stranger, "stranger", &agency_claim("honest", PAGE)).await?;
    story.told("honest", "pending").await?;
    assert_eq!((story.events_of("spoofed").len(), story.vhost.depth("bindery.dead").await?), (0, 0));
    Ok(())
}

#[tokio::test]
async fn schema_and_publisher_are_judged_before_the_id_and_the_answer_stays_the_same() -> Result<()> {
    let (story, stranger) = restricted(clients_page(PAGE)).await?;
    give(&story.vhost, "bindery", &of(NEIGHBOUR, agency_claim("c", PAGE))).await?;
    story.told("c", "pending").await?;
    // The very same command, from who may not give it: not a duplicate, and nothing is learnt about the id.
    for _ in 0..2 {
        give(&stranger, "stranger", &of(NEIGHBOUR, agency_claim("c", PAGE))).await?;
    }
    let twice = story.events_told(2, |event| phase(event) == "rejected").await?;
    assert_eq!(twice[0], twice[1], "a delivery that comes again is answered with the same event");
    assert_eq!(twice[0]["data"]["error"]["code"], json!("unauthorised"));
    let mut malformed = agency_claim("c", PAGE);
    malformed["acess"] = json!("agency");
    story.send(&malformed).await?;
    let rejected = story.event("the schema", |event| event["data"]["error"]["category"] == "invalid").await?;
    assert_eq!(rejected["data"]["error"]["code"], json!("unknown_field"), "before the missing user");
    story.meta.approve(NEIGHBOUR, PAGE, None)?;
    story.told("c", "confirmed").await?;
    Ok(())
}

#[tokio::test]
async fn a_cancel_of_anothers_command_ends_as_unauthorised_and_stops_nothing() -> Result<()> {
    let (story, stranger) = restricted(clients_page(PAGE).page("1002", |p| p.owned_by(OWNER))).await?;
    give(&story.vhost, "bindery", &of(NEIGHBOUR, agency_claim("theirs", PAGE))).await?;
    give(&stranger, "stranger", &agency_claim("mine", "1002")).await?;
    story.told("theirs", "pending").await?;
    story.told("mine", "pending").await?;
    give(&stranger, "stranger", &cancel("x", "theirs")).await?;
    fails(&story.event_of("x").await?, "unauthorised", "unauthorised")?;
    give(&stranger, "stranger", &cancel("y", "mine")).await?;
    ends(&story.event_of("y").await?, "completed", json!(true))?;
    ends(&story.event_of("mine").await?, "cancelled", json!(true))?;
    story.meta.approve(NEIGHBOUR, PAGE, None)?;
    ends(&story.event_of("theirs").await?, "confirmed", json!(true))?;
    // Once it has ended there is nothing to stop, and still nothing to be learnt.
    give(&stranger, "stranger", &cancel("z", "theirs")).await?;
    fails(&story.event_of("z").await?, "unauthorised", "unauthorised")
}

#[tokio::test]
async fn a_cancel_that_comes_first_counts_only_from_who_may_give_the_command() -> Result<()> {
    let pages = world().page(PAGE, |p| p.direct_admin(WORKER)).page("1002", |p| p.direct_admin("92002"));
    let (story, stranger) = restricted(pages).await?;
    for (id, target) in [("x", "theirs"), ("y", "mine")] {
        give(&stranger, "stranger", &cancel(id, target)).await?;
        ends(&story.event_of(id).await?, "completed", json!(false))?;
    }
    give(&story.vhost, "bindery", &of(NEIGHBOUR, owner_claim("theirs", "1002"))).await?;
    ends(&story.event_of("theirs").await?, "confirmed", json!(true))?;
    give(&stranger, "stranger", &owner_claim("mine", PAGE)).await?;
    ends(&story.event_of("mine").await?, "cancelled", json!(false))?;
    assert_eq!(story.posts("owned_pages"), 1);
    Ok(())
}

#[tokio::test]
async fn a_command_under_anothers_routing_key_is_rejected() -> Result<()> {
    let story = Story::of(clients_page(PAGE)).await?;
    let mut dead = story.vhost.drain("bindery.dead").await?;
    for (id, key) in [("a", "inspect"), ("b", "claim.page"), ("c", "")] {
        story.send_raw(key, agency_claim(id, PAGE).to_string().as_bytes()).await?;
        assert_eq!(header(&dead.next().await?, "x-bindery-code"), "wrong_routing_key", "{key:?}");
        let rejected = story.told(id, "rejected").await?;
        assert_eq!(rejected["data"]["error"]["category"], json!("unauthorised"), "{key:?}");
    }
    assert_eq!(story.calls(), []);
    story.send(&of(BUSINESS, agency_claim("a", PAGE))).await?;
    story.told("a", "pending").await?;
    Ok(())
}

#[tokio::test]
async fn an_undo_of_anothers_command_ends_as_unauthorised_and_tells_nothing() -> Result<()> {
    let pages = world().page(PAGE, |p| p.direct_admin("92002"));
    let (story, stranger) = restricted(pages).await?;
    give(&story.vhost, "bindery", &of(NEIGHBOUR, owner_claim("theirs", PAGE))).await?;
    ends(&story.event_of("theirs").await?, "confirmed", json!(true))?;
    let undo = json!({"id": "u", "command": "undo", "target": "theirs"});
    give(&stranger, "stranger", &undo).await?;
    let event = story.event_of("u").await?;
    fails(&event, "unauthorised", "unauthorised")?;
    assert_eq!(story.writes().len(), 1, "the claim alone");
    Ok(())
}
