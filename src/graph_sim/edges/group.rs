//! `/{business-asset-group}` and its edges. Deleting a group is not possible (the specification has no such operation).

use serde_json::json;

use super::{Change, Content, Listing, View, no_such_edge, refuse_verb, rows};
use crate::graph_sim::wire::nodes::{AD_ACCOUNT, ASSIGNED_USER, GROUP, PAGE, PIXEL};
use crate::graph_sim::wire::request::Verb;
use crate::graph_sim::world::{Refusal, Written};

/// What else a group can contain, and here never does.
const EMPTY: [&str; 4] = [
    "contained_applications",
    "contained_custom_conversions",
    "contained_instagram_accounts",
    "contained_product_catalogs",
];

pub(super) fn read(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let (world, lists, id) = (view.world, view.lists, view.request.node());
    let (home, _) = world.group(id).ok_or_else(|| view.request.missing())?;
    view.caller.admin_of(world, home)?;
    let seen = lists.group(id).map(|(_, group)| group);
    let listing = match view.request.edge() {
        None => return Ok(Content::Node(rows::group(world, id), &GROUP)),
        Some("assigned_users") => {
            view.request.required("business")?;
            let users = seen.into_iter().flat_map(|group| group.users.keys());
            Listing::new(users, &ASSIGNED_USER, move |user| rows::group_user(lists, id, home, user))
        }
        Some("contained_pages") => {
            let pages = seen.into_iter().flat_map(|group| group.pages.iter());
            Listing::new(pages, &PAGE, move |page| rows::page(lists, page, Some(home)))
        }
        Some("contained_adaccounts") => {
            let ids = seen.into_iter().flat_map(|group| group.ad_accounts.iter());
            Listing::new(ids, &AD_ACCOUNT, |id| json!({ "id": id }))
        }
        Some("contained_pixels") => {
            let ids = seen.into_iter().flat_map(|group| group.pixels.iter());
            Listing::new(ids, &PIXEL, |id| json!({ "id": id }))
        }
        Some(known) if EMPTY.contains(&known) => Listing::nothing(),
        Some(_) => return Err(no_such_edge(view.request, &GROUP)),
    };
    Ok(Content::List(listing))
}

pub(super) fn write(change: Change<'_>) -> Result<Written, Refusal> {
    let Change { world, caller, request, .. } = change;
    let id = request.node();
    match (request.verb, request.edge()) {
        (Verb::Post, Some("assigned_users")) => {
            world.join_group(caller, id, request.required("user")?, request.tasks("page_tasks")?)
        }
        (Verb::Delete, Some("assigned_users")) => world.leave_group(caller, id, request.required("user")?),
        (Verb::Post, Some("contained_pages")) => world.put_into_group(caller, id, request.required("asset_id")?),
        (Verb::Delete, Some("contained_pages")) => world.take_out_of_group(caller, id, request.required("asset_id")?),
        (_, Some("assigned_users" | "contained_pages")) | (_, None) => Err(refuse_verb(request)),
        (_, Some(_)) => Err(no_such_edge(request, &GROUP)),
    }
}
