//! `/{asset}` and its edges, for every kind but Pages; and the numbers of WhatsApp accounts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Change, Content, Listing, View, no_such_edge, refuse_verb, rows};
use crate::graph_sim::wire::nodes::{
    AD_ACCOUNT, APP, ASSIGNED_USER, CATALOG, INSTAGRAM, NUMBER, PARTNER, PIXEL, Schema, WHATSAPP,
};
use crate::graph_sim::wire::request::{GraphRequest, Verb};
use crate::graph_sim::world::{AssetKind, Refusal, World, Written};

/// The node class of a kind.
pub(super) fn schema(kind: AssetKind) -> &'static Schema {
    match kind {
        AssetKind::AdAccount => &AD_ACCOUNT,
        AssetKind::Pixel => &PIXEL,
        AssetKind::WhatsappAccount => &WHATSAPP,
        AssetKind::InstagramAccount => &INSTAGRAM,
        AssetKind::Catalog => &CATALOG,
    }
}

/// The asset `id` as a row of a list of `business`.
pub(super) fn row(world: &World, id: &str, business: &str) -> Value {
    let Some(asset) = world.assets.get(id) else { return json!({ "id": id }) };
    let mut row = json!({ "id": id, "permitted_tasks": asset.permitted(business) });
    if let Some(user) = &asset.instagram_user {
        row["ig_user_id"] = json!(user);
    }
    row
}

/// The asset as one of its people sees it.
pub(super) fn assigned_row(world: &World, id: &str, business: &str, user: &str) -> Value {
    let mut row = row(world, id, business);
    row["tasks"] = json!(world.tasks_on(id, business, user));
    row
}

pub(super) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let id = view.request.node();
    let kind = kind_of(view.world, view.request)?;
    match (view.request.edge(), kind) {
        (None, _) => {
            view.world.holder_of_asset(view.caller, id, "get")?;
            Ok(Content::Node(row(view.world, id, ""), schema(kind)))
        }
        (Some("assigned_users"), _) => assigned_users(view, id).map(Content::List),
        (Some("agencies"), kind) if kind != AssetKind::WhatsappAccount => agencies(view, id).map(Content::List),
        (Some("phone_numbers"), AssetKind::WhatsappAccount) => numbers(view, id).map(Content::List),
        (Some("subscribed_apps"), AssetKind::WhatsappAccount) => apps(view, id).map(Content::List),
        (Some(_), _) => Err(no_such_edge(view.request, schema(kind))),
    }
}

fn assigned_users<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    let business = view.request.required("business")?;
    view.world.may_staff_asset(view.caller, id, business, "get")?;
    let lists = view.lists;
    Ok(Listing::new(
        lists.staff_on(id, business),
        &ASSIGNED_USER,
        move |user| json!({ "id": user, "name": rows::name_of(lists, business, user), "tasks": lists.tasks_on(id, business, user) }),
    ))
}

/// Those who have access, and those whom it waits for somebody to get: unless that is kept out of sight.
fn agencies<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    view.world.owned_asset(view.caller, id, "get")?;
    let lists = view.lists;
    let Some(asset) = lists.assets.get(id) else { return Ok(Listing::nothing()) };
    let hidden = asset.approval.as_ref().is_some_and(|approval| approval.hidden);
    let open = lists.offers.values().filter(|offer| offer.asset == id && !hidden).map(|offer| &offer.partner);
    let partners: BTreeSet<&str> = asset.agencies.keys().chain(open).map(String::as_str).collect();
    Ok(Listing::new(partners, &PARTNER, move |partner| rows::partner(lists, asset, id, partner)))
}

fn numbers<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    view.world.holder_of_asset(view.caller, id, "get")?;
    let (lists, now) = (view.lists, view.now);
    let ids = lists.assets.get(id).into_iter().flat_map(|asset| asset.numbers.keys());
    Ok(Listing::new(ids, &NUMBER, move |number| {
        let Some(found) = lists.assets.get(id).and_then(|asset| asset.numbers.get(number)) else {
            return json!({ "id": number });
        };
        let platform = if found.is_registered(now) { "CLOUD_API" } else { "NOT_APPLICABLE" };
        json!({ "id": number, "is_on_biz_app": found.on_phone, "platform_type": platform })
    }))
}

fn apps<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    view.world.holder_of_asset(view.caller, id, "get")?;
    let apps = view.lists.assets.get(id).into_iter().flat_map(|asset| asset.apps.iter());
    Ok(Listing::new(apps, &APP, |app| json!({ "whatsapp_business_api_data": { "id": app, "name": "An app" } })))
}

pub(super) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, now } = change;
    let id = request.node();
    let kind = kind_of(world, request)?;
    match (request.verb, request.edge(), kind) {
        (Verb::Post, Some("assigned_users"), _) => {
            let whose = (request.required("business")?, request.required("user")?);
            world.staff_asset(caller, id, whose, request.tasks_among("tasks", kind.tasks())?)
        }
        (Verb::Delete, Some("assigned_users"), _) => world.unstaff_asset(caller, id, request.required("user")?),
        (Verb::Post, Some("agencies"), kind) if kind != AssetKind::WhatsappAccount => {
            let tasks = request.tasks_among("permitted_tasks", kind.partner_tasks())?;
            world.offer(caller, id, request.required("business")?, tasks, now)
        }
        (Verb::Delete, Some("agencies"), kind) if kind != AssetKind::WhatsappAccount => {
            world.end_offer(caller, id, request.required("business")?)
        }
        (Verb::Delete, Some("subscribed_apps"), AssetKind::WhatsappAccount) => world.unsubscribe(caller, id),
        (_, Some("assigned_users"), _) | (_, None, _) => Err(refuse_verb(request)),
        (_, Some(_), _) => Err(no_such_edge(request, schema(kind))),
    }
}

pub(super) fn write_number(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, now } = change;
    match (request.verb, request.edge()) {
        (Verb::Post, Some("deregister")) => world.deregister(caller, request.node(), now),
        (_, Some("deregister") | None) => Err(refuse_verb(request)),
        (_, Some(_)) => Err(no_such_edge(request, &NUMBER)),
    }
}

fn kind_of(world: &World, request: &GraphRequest) -> Result<AssetKind, Refusal> {
    world.assets.get(request.node()).map(|asset| asset.kind).ok_or_else(|| request.missing())
}
