//! `unbind` of a WhatsApp account: as far as calls go, in order, and then what a person does.

use anyhow::Result;
use bindery::contract::Kind;
use bindery::graph_sim::{AssetBuilder, AssetKind, Break, Call, How, Verb, World};
use serde_json::{Value, json};

use crate::harness::{ANNA, BUSINESS, OWNER, Story, ends, fails, world};
use crate::kinds::on;

const ID: &str = "504";
const QUICK: &[(&str, &str)] = &[("COOL_DOWN", "100ms")];

fn shared(build: impl FnOnce(AssetBuilder) -> AssetBuilder) -> World {
    world().asset(AssetKind::WhatsappAccount, ID, |a| {
        build(a.owned_by(OWNER).shared_with(BUSINESS, &["MANAGE", "MESSAGING"]).assign(BUSINESS, ANNA, &["MESSAGING"]))
    })
}

fn unbind(id: &str, fields: Value) -> Value {
    on(Kind::WhatsappAccount, "unbind", id, ID, fields)
}

fn remedy(event: &Value) -> &str {
    event["data"]["error"]["remedy"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn the_app_leaves_then_the_numbers_then_the_people_and_the_rest_is_a_persons() -> Result<()> {
    let story = Story::with(shared(|a| a.app("4001").number("7101").number("7102")), QUICK).await?;
    let event = story.ask(&unbind("u", json!({}))).await?;
    fails(&event, "needs_human", "partner_removal")?;
    assert_eq!(event["data"]["changed"], json!(true));
    assert!(remedy(&event).contains("Partners") && remedy(&event).contains("Remove"), "{event:#}");
    let writes: Vec<_> = story.writes().iter().map(|call| (call.method, call.path.clone())).collect();
    assert_eq!(
        writes,
        [
            (Verb::Delete, format!("/{ID}/subscribed_apps")),
            (Verb::Post, "/7101/deregister".to_owned()),
            (Verb::Post, "/7102/deregister".to_owned()),
            (Verb::Delete, format!("/{ID}/assigned_users")),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn once_a_person_has_ended_the_share_the_command_ends_well_and_nothing_is_done_twice() -> Result<()> {
    let story = Story::with(shared(|a| a.app("4001").number("7101")), QUICK).await?;
    fails(&story.ask(&unbind("u", json!({}))).await?, "needs_human", "partner_removal")?;
    let writes = story.writes().len();
    fails(&story.ask(&unbind("v", json!({}))).await?, "needs_human", "partner_removal")?;
    assert_eq!(story.writes().len(), writes, "what is done is not done again");
    story.meta.edit(|world| {
        world.asset_mut(ID).expect("the account").agencies.clear();
    });
    ends(&story.ask(&unbind("w", json!({}))).await?, "completed", json!(false))
}

#[tokio::test]
async fn an_account_that_leaves_while_we_wait_ends_well() -> Result<()> {
    let story = Story::with(shared(|a| a.number("7101")), &[("COOL_DOWN", "3s")]).await?;
    story.send(&unbind("u", json!({}))).await?;
    let off = story.call("the people", |call| call.is(Verb::Delete, "assigned_users")).await?;
    let looked = |call: &Call| call.n > off.n && call.is(Verb::Get, "client_whatsapp_business_accounts");
    story.call("a look at the list", looked).await?;
    story.meta.edit(|world| {
        world.asset_mut(ID).expect("the account").agencies.clear();
    });
    ends(&story.event_of("u").await?, "completed", json!(true))
}

#[tokio::test]
async fn a_number_that_the_phone_uses_too_is_left_alone_and_its_click_path_told() -> Result<()> {
    let story = Story::with(shared(|a| a.number("7101").number_on_phone("7102")), QUICK).await?;
    let event = story.ask(&unbind("u", json!({}))).await?;
    fails(&event, "needs_human", "coexistence_number")?;
    assert!(remedy(&event).contains("Business Platform > Disconnect") && remedy(&event).contains("7102"), "{event:#}");
    assert_eq!(story.posts("deregister"), 1);
    assert!(story.writes().iter().all(|call| call.path != "/7102/deregister"));
    Ok(())
}

#[tokio::test]
async fn a_number_that_meta_connects_again_by_itself_is_told_as_such() -> Result<()> {
    let story = Story::with(shared(|a| a.number_that_comes_back("7101", 1)), &[("COOL_DOWN", "1500ms")]).await?;
    let event = story.ask(&unbind("u", json!({}))).await?;
    fails(&event, "needs_human", "reconnected")?;
    assert!(event["data"]["error"]["message"].to_string().contains("7101"), "{event:#}");
    assert_eq!(story.posts("deregister"), 1, "never register and deregister in a loop");
    Ok(())
}

#[tokio::test]
async fn a_deregistration_without_an_answer_is_looked_up_and_not_sent_again() -> Result<()> {
    let story = Story::with(shared(|a| a.number("7101")), QUICK).await?;
    story.meta.break_next(Break::next(Verb::Post, "/7101/deregister", How::TimeoutAfter));
    fails(&story.ask(&unbind("u", json!({}))).await?, "needs_human", "partner_removal")?;
    assert_eq!(story.posts("deregister"), 1);
    Ok(())
}

#[tokio::test]
async fn an_owned_account_stays_and_needs_to_be_told_that_it_may_go_unmanaged() -> Result<()> {
    let ours = world().asset(AssetKind::WhatsappAccount, ID, |a| a.owned_by(BUSINESS).app("4001").number("7101"));
    let story = Story::with(ours, QUICK).await?;
    fails(&story.ask(&unbind("u", json!({}))).await?, "needs_human", "would_orphan")?;
    assert_eq!(story.writes(), []);
    let event = story.ask(&unbind("v", json!({"unmanaged": true}))).await?;
    fails(&event, "needs_human", "owned_whatsapp_account")?;
    assert_eq!(event["data"]["changed"], json!(true));
    Ok(())
}

#[tokio::test]
async fn a_dry_run_tells_the_calls_in_their_order_and_the_person_who_is_needed_after_them() -> Result<()> {
    let story = Story::with(shared(|a| a.app("4001").number("7101").number_on_phone("7102")), QUICK).await?;
    let event = story.ask(&unbind("u", json!({"dry_run": true}))).await?;
    fails(&event, "needs_human", "coexistence_number")?;
    assert_eq!(event["data"]["changed"], json!(false));
    let steps = event["data"]["plan"]["steps"].as_array().cloned().unwrap_or_default();
    let paths: Vec<_> = steps.iter().map(|step| step["path"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        paths,
        [format!("/{ID}/subscribed_apps"), "/7101/deregister".to_owned(), format!("/{ID}/assigned_users")]
    );
    assert_eq!(story.writes(), []);
    Ok(())
}
