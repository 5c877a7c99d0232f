//! `/{page}` and its edges.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Change, Content, Listing, View, no_such_edge, refuse_verb, rows};
use crate::graph_sim::wire::nodes::{ASSIGNED_USER, BUSINESS, PAGE, ROLE};
use crate::graph_sim::wire::request::Verb;
use crate::graph_sim::world::refusal::{not_allowed, page_token_required, roles_refused};
use crate::graph_sim::world::{Caller, Id, Page, Refusal, World, Written};

pub(super) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let id = view.request.node();
    match view.request.edge() {
        None => Ok(node(view, id)),
        Some("assigned_users") => assigned_users(view, id).map(Content::List),
        Some("agencies") => agencies(view, id).map(Content::List),
        Some("roles") => roles(view, id).map(Content::List),
        Some(_) => Err(no_such_edge(view.request, &PAGE)),
    }
}

fn node<'a>(view: View<'a>, id: &str) -> Content<'a> {
    let mut row = rows::page(view.world, id, None);
    if let Some((token, _)) = view.world.page_token(view.caller, id) {
        row["access_token"] = json!(token);
    }
    Content::Node(row, &PAGE)
}

fn assigned_users<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    check_token(view.world, view.caller, id)?;
    let business = view.request.required("business")?;
    if !view.caller.is_page_token_of(id) && !view.world.speaks_for_owner(view.caller, id) {
        view.caller.admin_of(view.world, business)?;
    }
    if !view.world.holds(id, business) {
        return Err(not_allowed("the business has no access to this Page"));
    }
    let lists = view.lists;
    Ok(Listing::new(lists.staff_of(id, business), &ASSIGNED_USER, move |user| {
        rows::assigned_user(lists, id, business, user)
    }))
}

fn agencies<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    check_token(view.world, view.caller, id)?;
    if !view.world.speaks_for_owner(view.caller, id) {
        return Err(not_allowed("only the Page's own side sees who has access"));
    }
    let lists = view.lists;
    let Some(page) = lists.pages.get(id) else { return Ok(Listing::nothing()) };
    Ok(Listing::new(partners(lists, page, id), &BUSINESS, move |partner| rows::agency(lists, page, id, partner)))
}

fn partners(world: &World, page: &Page, id: &str) -> BTreeSet<Id> {
    let asking = world.requests.values().filter(|request| request.page == id).map(|request| request.business.clone());
    page.agencies.keys().cloned().chain(asking).collect()
}

fn roles<'a>(view: View<'a>, id: &'a str) -> Result<Listing<'a>, Refusal> {
    if !view.caller.is_page_token_of(id) {
        return Err(page_token_required());
    }
    let Some(page) = view.lists.pages.get(id) else { return Ok(Listing::nothing()) };
    if page.refuses_roles {
        return Err(roles_refused());
    }
    let only = view.request.param("uid");
    let ids = page.roles.keys().filter(|role| only.is_none_or(|wanted| wanted == role.as_str())).cloned();
    Ok(Listing::new(ids, &ROLE, move |role| rows::direct_role(page, role)))
}

pub(super) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, now } = change;
    let id = request.node();
    if request.edge().is_some() {
        check_token(world, caller, id)?;
    }
    match (request.verb, request.edge()) {
        (Verb::Post, Some("assigned_users")) => {
            let (user, business) = (request.required("user")?, request.required("business")?);
            world.assign(caller, id, business, user, request.tasks("tasks")?)
        }
        (Verb::Delete, Some("assigned_users")) => world.unassign(caller, id, request.required("user")?),
        (Verb::Post, Some("agencies")) => {
            world.share(caller, id, request.required("business")?, request.tasks("permitted_tasks")?, now)
        }
        (Verb::Delete, Some("agencies")) => world.unshare(caller, id, request.required("business")?),
        (_, Some("assigned_users" | "agencies" | "roles")) | (_, None) => Err(refuse_verb(request)),
        (_, Some(_)) => Err(no_such_edge(request, &PAGE)),
    }
}

fn check_token(world: &World, caller: &Caller, id: &str) -> Result<(), Refusal> {
    let strict = world.pages.get(id).is_some_and(|page| page.page_token_required);
    if strict && !caller.is_page_token_of(id) { Err(page_token_required()) } else { Ok(()) }
}
