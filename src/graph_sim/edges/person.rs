//! `/{business-user}`, `/{system-user}`, `/{role-request}` and their edges.

use super::{Change, Content, Listing, View, asset, no_such_edge, refuse_verb, rows};
use crate::graph_sim::wire::nodes::{BUSINESS_USER, GROUP, PAGE, ROLE_REQUEST, SYSTEM_USER};
use crate::graph_sim::wire::request::Verb;
use crate::graph_sim::world::{AssetKind, NodeKind, Refusal, World, Written};

pub(super) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let (world, id) = (view.world, view.request.node());
    let home = home(view, id)?;
    let system = world.kind_of(id) == Some(NodeKind::SystemUser);
    let schema = if system { &SYSTEM_USER } else { &BUSINESS_USER };
    let lists = view.lists;
    let listing = match view.request.edge() {
        None if system => return Ok(Content::Node(rows::system_user(world, home, id), schema)),
        None => return Ok(Content::Node(rows::person(world, home, id), schema)),
        Some("assigned_pages") => {
            let pages = wanted(view, lists.pages_of(home, id));
            Listing::new(pages, &PAGE, move |page| rows::assigned_page(lists, page, home, id))
        }
        Some("assigned_business_asset_groups") => {
            let groups = lists.groups_of(home, id, view.request.param("contained_asset_id")).map(|(group, _)| group);
            Listing::new(groups, &GROUP, move |group| rows::group(lists, group))
        }
        Some(list) if assigned(list).is_some() => assets(view, home, id, list)?,
        Some(_) => return Err(no_such_edge(view.request, schema)),
    };
    Ok(Content::List(listing))
}

/// Of which kind a list of a person's assets is.
fn assigned(list: &str) -> Option<AssetKind> {
    match list {
        "assigned_ad_accounts" => Some(AssetKind::AdAccount),
        "assigned_ads_pixels" => Some(AssetKind::Pixel),
        "assigned_instagram_accounts" => Some(AssetKind::InstagramAccount),
        "assigned_product_catalogs" => Some(AssetKind::Catalog),
        "assigned_whatsapp_business_accounts" => Some(AssetKind::WhatsappAccount),
        _ => None,
    }
}

fn assets<'a>(view: View<'a>, home: &'a str, user: &'a str, list: &str) -> Result<Listing<'a>, Refusal> {
    let lists = view.lists;
    let kind = assigned(list).ok_or_else(|| no_such_edge(view.request, &BUSINESS_USER))?;
    let ids: Vec<&str> = lists.assets_of(kind, home, user).map(String::as_str).collect();
    Ok(Listing::new(ids, asset::schema(kind), move |one| asset::assigned_row(lists, one, home, user)))
}

pub(super) fn read_invitation(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let (world, id) = (view.world, view.request.node());
    let home = home(view, id)?;
    match view.request.edge() {
        None => Ok(Content::Node(rows::role_request(world, home, id, view.now), &ROLE_REQUEST)),
        Some(_) => Err(no_such_edge(view.request, &ROLE_REQUEST)),
    }
}

pub(super) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, .. } = change;
    let id = request.node();
    match (request.verb, request.edge()) {
        (Verb::Delete, None) if is_invitation(world, id) => world.call_off(caller, id),
        (Verb::Delete, None) => world.dismiss(caller, id),
        (Verb::Post | Verb::Get, None) => Err(refuse_verb(request)),
        (_, Some(_)) => Err(no_such_edge(request, &BUSINESS_USER)),
    }
}

/// The business of the person; whoever is no admin there does not see the person.
fn home<'a>(view: View<'a>, id: &str) -> Result<&'a str, Refusal> {
    let home = view.world.home_of(id).ok_or_else(|| view.request.missing())?;
    view.caller.acting(view.world, home).filter(|acting| acting.admin).ok_or_else(|| view.request.missing())?;
    Ok(home)
}

/// The Pages that the `pages` filter leaves: a JSON array of ids, or ids with commas.
fn wanted(view: View<'_>, pages: Vec<String>) -> Vec<String> {
    let Some(filter) = view.request.param("pages") else { return pages };
    let filter = filter.trim_matches(['[', ']']);
    let ids: Vec<&str> = filter.split(',').map(|id| id.trim_matches([' ', '"', '\''])).collect();
    pages.into_iter().filter(|page| ids.contains(&page.as_str())).collect()
}

fn is_invitation(world: &World, id: &str) -> bool {
    world.kind_of(id) == Some(NodeKind::Invitation)
}
