//! Who and what stories are about: the businesses, the people, the commands, and how a command ends.

use anyhow::{Result, ensure};
use bindery::graph_sim::World;
use serde_json::{Value, json};

/// The business that acts.
pub const BUSINESS: &str = "2001";
/// A business beside it, through the same worker.
pub const NEIGHBOUR: &str = "2002";
/// A business that is no client of ours: owns what is asked for.
pub const OWNER: &str = "2009";
/// The system user through which the worker acts for [`BUSINESS`].
pub const WORKER: &str = "92001";
/// An outsider with full control of a Page.
pub const OUTSIDER: &str = "8999";
pub const ANNA: &str = "3001";
pub const BEN: &str = "3002";
/// A token for every business.
pub const TOKEN: &str = "story-token-never-to-be-shown";
/// What a manager has.
pub const MANAGER: &[&str] = &["ADVERTISE", "ANALYZE", "MANAGE"];

/// Two businesses of ours with Anna and Ben in the first, and an owner elsewhere.
pub fn world() -> World {
    World::new(7)
        .token_for_all(TOKEN)
        .business(BUSINESS, |b| {
            b.admin("3000", "Root", "root@northwind.example").person(ANNA, "Anna", "anna@northwind.example").person(
                BEN,
                "Ben",
                "ben@northwind.example",
            )
        })
        .business(NEIGHBOUR, |b| b.person("3101", "Cleo", "cleo@southwind.example"))
        .business(OWNER, |b| b.person("3901", "Otto", "otto@owner.example"))
}

/// A Page that somebody else owns, to be claimed as an agency.
pub fn clients_page(page: &str) -> World {
    world().page(page, |p| p.owned_by(OWNER).assign(OWNER, "3901", MANAGER))
}

/// A Page of [`BUSINESS`] with Anna as manager.
pub fn annas_page(page: &str) -> World {
    world().page(page, |p| p.owned_by(BUSINESS).assign(BUSINESS, ANNA, MANAGER))
}

/// A command of [`BUSINESS`] on one Page, with fields of its own.
pub fn order(command: &str, id: &str, page: &str, fields: Value) -> Value {
    let mut order = json!({
        "id": id, "command": command, "business": BUSINESS, "asset": {"kind": "page", "id": page},
    });
    merge(&mut order, fields);
    order
}

/// As [`order`], on several Pages.
pub fn orders(command: &str, id: &str, pages: &[&str], fields: Value) -> Value {
    let assets: Vec<Value> = pages.iter().map(|page| json!({"kind": "page", "id": page})).collect();
    let mut order = json!({"id": id, "command": command, "business": BUSINESS, "assets": assets});
    merge(&mut order, fields);
    order
}

/// An agency claim that asks for ADVERTISE and ANALYZE.
pub fn agency_claim(id: &str, page: &str) -> Value {
    order("claim", id, page, json!({"access": "agency", "permitted_tasks": ["ADVERTISE", "ANALYZE"]}))
}

pub fn owner_claim(id: &str, page: &str) -> Value {
    order("claim", id, page, json!({"access": "owner"}))
}

pub fn cancel(id: &str, target: &str) -> Value {
    json!({"id": id, "command": "cancel", "target": target})
}

fn merge(order: &mut Value, fields: Value) {
    if let (Some(order), Value::Object(fields)) = (order.as_object_mut(), fields) {
        order.extend(fields);
    }
}

pub fn phase(event: &Value) -> &str {
    event["data"]["phase"].as_str().unwrap_or("(no phase)")
}

/// Checks the ending: its phase and whether something was changed.
pub fn ends(event: &Value, as_phase: &str, changed: Value) -> Result<()> {
    ensure!(phase(event) == as_phase && event["data"]["changed"] == changed, "not {as_phase}, {changed}: {event:#}");
    Ok(())
}

/// Checks a failure: its category and code, and that it tells a person what to do.
pub fn fails(event: &Value, category: &str, code: &str) -> Result<()> {
    let error = &event["data"]["error"];
    ensure!(phase(event) == "failed", "not failed: {event:#}");
    ensure!(error["category"] == category && error["code"] == code, "not {category} {code}: {event:#}");
    ensure!(error["remedy"].as_str().is_some_and(|remedy| remedy.len() > 10), "no remedy: {event:#}");
    Ok(())
}
