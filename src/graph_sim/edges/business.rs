//! `/{business}` and its edges.

use super::{Change, Content, Listing, View, asset, no_such_edge, refuse_verb, rows};
use crate::graph_sim::wire::nodes::{
    AD_ACCOUNT_REQUEST, BUSINESS, BUSINESS_USER, GROUP, PAGE, PAGE_REQUEST, ROLE_REQUEST, SYSTEM_USER,
};
use crate::graph_sim::wire::request::Verb;
use crate::graph_sim::world::refusal::bad_parameter;
use crate::graph_sim::world::{Access, AssetKind, BusinessRole, Refusal, Written};

/// Kinds of asset that the simulator has none of: their lists are there, and empty.
const EMPTY: [&str; 8] = [
    "instagram_accounts",
    "owned_businesses",
    "owned_instagram_accounts",
    "received_audience_sharing_requests",
    "received_inprogress_onbehalf_requests",
    "received_inprogress_transfer_ownership_agreements",
    "sent_inprogress_onbehalf_requests",
    "partner_relationships",
];

pub(super) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let (world, id) = (view.world, view.request.node());
    let Some(edge) = view.request.edge() else {
        // Somebody without a place in the business does not even see it.
        view.caller.acting(world, id).ok_or_else(|| view.request.missing())?;
        return Ok(Content::Node(rows::business(world, id), &BUSINESS));
    };
    view.caller.admin_of(world, id)?;
    list(view, id, edge).map(Content::List)
}

fn list<'a>(view: View<'a>, id: &'a str, edge: &str) -> Result<Listing<'a>, Refusal> {
    let lists = view.lists;
    let place = lists.businesses.get(id);
    Ok(match edge {
        "owned_pages" => Listing::new(lists.owned_by(id), &PAGE, move |page| rows::page(lists, page, Some(id))),
        "client_pages" => {
            Listing::new(lists.shared_with_business(id), &PAGE, move |page| rows::page(lists, page, Some(id)))
        }
        "pending_owned_pages" => requests(view, id, Access::Owner),
        "pending_client_pages" => requests(view, id, Access::Agency),
        "pending_owned_ad_accounts" => ad_account_requests(view, id, Access::Owner),
        "pending_client_ad_accounts" => ad_account_requests(view, id, Access::Agency),
        "business_users" => {
            let users = place.into_iter().flat_map(|found| found.users.keys());
            Listing::new(users, &BUSINESS_USER, move |user| rows::person(lists, id, user))
        }
        "system_users" => {
            let users = place.into_iter().flat_map(|found| found.system_users.keys());
            Listing::new(users, &SYSTEM_USER, move |user| rows::system_user(lists, id, user))
        }
        "pending_users" => invitations(view, id),
        "business_asset_groups" => {
            let groups = place.into_iter().flat_map(|found| found.groups.keys());
            Listing::new(groups, &GROUP, move |group| rows::group(lists, group))
        }
        "agencies" => Listing::new(lists.agencies_of(id), &BUSINESS, move |other| rows::business(lists, other)),
        "clients" => Listing::new(lists.clients_of(id), &BUSINESS, move |other| rows::business(lists, other)),
        list if held(list).is_some() => return assets(view, id, list),
        known if EMPTY.contains(&known) => Listing::nothing(),
        _ => return Err(no_such_edge(view.request, &BUSINESS)),
    })
}

fn requests<'a>(view: View<'a>, id: &str, access: Access) -> Listing<'a> {
    let lists = view.lists;
    let mut ids = lists.requests_of(id, access);
    ids.retain(|request| lists.requests.get(request).is_some_and(|open| !lists.assets.contains_key(&open.page)));
    Listing::new(ids, &PAGE_REQUEST, move |request| rows::page_request(lists, request))
}

fn ad_account_requests<'a>(view: View<'a>, id: &str, access: Access) -> Listing<'a> {
    let lists = view.lists;
    let mut ids = lists.requests_of(id, access);
    ids.retain(|request| lists.requests.get(request).is_some_and(|open| lists.assets.contains_key(&open.page)));
    Listing::new(ids, &AD_ACCOUNT_REQUEST, move |request| rows::ad_account_request(lists, request))
}

/// Of which kind a list is, and whether it is of what the business owns.
fn held(list: &str) -> Option<(AssetKind, bool)> {
    let (owned, rest) = match (list.strip_prefix("owned_"), list.strip_prefix("client_")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return None,
    };
    let kind = match rest {
        "ad_accounts" => AssetKind::AdAccount,
        "pixels" => AssetKind::Pixel,
        "whatsapp_business_accounts" => AssetKind::WhatsappAccount,
        "instagram_assets" => AssetKind::InstagramAccount,
        "product_catalogs" => AssetKind::Catalog,
        _ => return None,
    };
    Some((kind, owned))
}

fn assets<'a>(view: View<'a>, id: &'a str, list: &str) -> Result<Listing<'a>, Refusal> {
    let lists = view.lists;
    let (kind, owned) = held(list).ok_or_else(|| no_such_edge(view.request, &BUSINESS))?;
    let ids: Vec<&str> = match owned {
        true => lists.assets_owned(kind, id).map(String::as_str).collect(),
        false => lists.assets_shared(kind, id).map(String::as_str).collect(),
    };
    Ok(Listing::new(ids, asset::schema(kind), move |one| asset::row(lists, one, id)))
}

fn invitations<'a>(view: View<'a>, id: &'a str) -> Listing<'a> {
    let (lists, now) = (view.lists, view.now);
    let wanted = view.request.param("email");
    let place = lists.businesses.get(id);
    let open = place.into_iter().flat_map(|found| found.invitations.iter());
    let open =
        open.filter(|(_, invitation)| invitation.expires > now && wanted.is_none_or(|email| email == invitation.email));
    Listing::new(open.map(|(request, _)| request), &ROLE_REQUEST, move |request| {
        rows::role_request(lists, id, request, now)
    })
}

pub(super) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, now } = change;
    let id = request.node();
    match (request.verb, request.edge()) {
        (Verb::Post, Some("owned_pages")) => world.claim_as_owner(caller, id, request.required("page_id")?, now),
        (Verb::Post, Some("client_pages")) => {
            let page = request.required("page_id")?;
            // The guide asks for the tasks, the specification has them optional: the stricter of the two.
            request.required("permitted_tasks")?;
            world.claim_as_agency(caller, id, page, request.tasks("permitted_tasks")?, now)
        }
        (Verb::Delete, Some("pages")) => world.let_go(caller, id, request.required("page_id")?),
        (Verb::Post, Some("owned_ad_accounts")) => {
            world.own_ad_account(caller, id, request.required("adaccount_id")?, now)
        }
        (Verb::Post, Some("client_ad_accounts")) => {
            let tasks = request.tasks_among("permitted_tasks", AssetKind::AdAccount.tasks())?;
            world.use_ad_account(caller, id, request.required("adaccount_id")?, tasks, now)
        }
        (Verb::Delete, Some("ad_accounts")) => world.leave_ad_account(caller, id, request.required("adaccount_id")?),
        (Verb::Delete, Some("instagram_accounts")) => {
            world.leave_instagram(caller, id, request.required("instagram_account")?)
        }
        (Verb::Delete, Some("agencies")) => world.end_partnership(caller, id, id, request.required("business")?),
        (Verb::Delete, Some("clients")) => world.end_partnership(caller, id, request.required("business")?, id),
        (Verb::Post, Some("business_users")) => {
            let role = role_of(request.param("role"))?;
            world.invite(caller, id, request.required("email")?, role, now)
        }
        (_, Some("owned_pages" | "client_pages" | "pages" | "business_users")) | (_, None) => Err(refuse_verb(request)),
        (_, Some(_)) => Err(no_such_edge(request, &BUSINESS)),
    }
}

fn role_of(name: Option<&str>) -> Result<BusinessRole, Refusal> {
    match name {
        Some("ADMIN") => Ok(BusinessRole::Admin),
        Some("EMPLOYEE" | "DEFAULT") | None => Ok(BusinessRole::Employee),
        Some(other) => Err(bad_parameter("role", &format!("must be a known role, got {other}"))),
    }
}
