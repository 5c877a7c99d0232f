//! Nodes as JSON, with every field that the simulator has a value for.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::graph_sim::world::{Asset, BusinessRole, Page, World};

pub(super) fn business(world: &World, id: &str) -> Value {
    let name = world.businesses.get(id).map_or("", |found| found.name.as_str());
    json!({
        "id": id, "name": name, "link": format!("https://business.facebook.com/latest?business_id={id}"),
        "verification_status": "verified", "two_factor_type": "none", "is_hidden": false,
    })
}

/// A business where it stands beside something else.
pub(super) fn business_ref(world: &World, id: &str) -> Value {
    json!({ "id": id, "name": world.businesses.get(id).map_or("", |found| found.name.as_str()) })
}

/// The Page `id`, with what `business` may do there if one looks at it.
pub(super) fn page(world: &World, id: &str, business: Option<&str>) -> Value {
    let Some(found) = world.pages.get(id) else { return json!({ "id": id }) };
    let mut row = json!({
        "id": id, "name": found.name, "link": format!("https://www.facebook.com/{id}"), "category": "Brand",
        "is_owned": found.owner.is_some(), "is_published": true, "is_unclaimed": false, "is_verified": false,
        "has_transitioned_to_new_page_experience": found.refuses_roles,
    });
    if let Some(owner) = &found.owner {
        row["business"] = business_ref(world, owner);
        row["owner_business"] = business_ref(world, owner);
    }
    if found.instagram {
        row["instagram_business_account"] = json!({ "id": format!("17{id}") });
    }
    if let Some(business) = business {
        row["permitted_tasks"] = json!(world.permitted_tasks(id, business));
    }
    row
}

/// The Page `id` as one of its users sees it.
pub(super) fn assigned_page(world: &World, id: &str, business: &str, user: &str) -> Value {
    let mut row = page(world, id, Some(business));
    row["tasks"] = json!(world.tasks_of(id, business, user));
    row
}

pub(super) fn assigned_user(world: &World, page: &str, business: &str, user: &str) -> Value {
    let system = world.businesses.get(business).is_some_and(|place| place.system_users.contains_key(user));
    json!({
        "id": user, "name": name_of(world, business, user), "user_type": if system { "system_user" } else { "business_user" },
        "business": business_ref(world, business),
        "tasks": world.tasks_of(page, business, user), "permitted_tasks": world.permitted_tasks(page, business),
    })
}

pub(super) fn group_user(world: &World, group: &str, business: &str, user: &str) -> Value {
    let tasks = world.group(group).and_then(|(_, found)| found.users.get(user));
    json!({ "id": user, "name": name_of(world, business, user), "business": business_ref(world, business), "tasks": tasks })
}

pub(super) fn person(world: &World, business: &str, id: &str) -> Value {
    let found = world.businesses.get(business).and_then(|place| place.users.get(id).cloned()).unwrap_or_default();
    let (first, last) = found.name.split_once(' ').unwrap_or((&found.name, ""));
    json!({
        "id": id, "name": found.name, "first_name": first, "last_name": last, "email": found.email, "role": found.role.as_str(),
        "business": business_ref(world, business), "marked_for_removal": false, "two_fac_status": "enabled",
        "title": "", "pending_email": "", "finance_permission": "", "ip_permission": "",
    })
}

pub(super) fn system_user(world: &World, business: &str, id: &str) -> Value {
    let found = world.businesses.get(business).and_then(|place| place.system_users.get(id));
    let (name, role) = found.map_or(("", BusinessRole::Employee), |user| (user.name.as_str(), user.role));
    json!({ "id": id, "name": name, "role": role.as_str(), "business": business_ref(world, business) })
}

pub(super) fn group(world: &World, id: &str) -> Value {
    let Some((home, found)) = world.group(id) else { return json!({ "id": id }) };
    json!({ "id": id, "name": found.name, "owner_business": business_ref(world, home) })
}

/// A BusinessPageRequest: no status, no time, no expiry.
pub(super) fn page_request(world: &World, id: &str) -> Value {
    let Some(found) = world.requests.get(id) else { return json!({ "id": id }) };
    let name = world.pages.get(&found.page).map_or("", |page| page.name.as_str());
    json!({ "id": id, "page": { "id": found.page, "name": name }, "permitted_tasks": found.tasks })
}

/// A BusinessAdAccountRequest, as bare.
pub(super) fn ad_account_request(world: &World, id: &str) -> Value {
    let Some(found) = world.requests.get(id) else { return json!({ "id": id }) };
    json!({ "id": id, "ad_account": { "id": found.page }, "permitted_tasks": found.tasks })
}

pub(super) fn role_request(world: &World, business: &str, id: &str, now: Timestamp) -> Value {
    let found = world.businesses.get(business).and_then(|place| place.invitations.get(id));
    let Some(open) = found else { return json!({ "id": id }) };
    let status = if open.expires > now { "PENDING" } else { "EXPIRED" };
    json!({
        "id": id, "email": open.email, "role": open.role.as_str(), "status": status, "invited_user_type": "FB",
        "created_time": meta_time(open.since), "expiry_time": meta_time(open.expires), "expiration_time": meta_time(open.expires),
        "owner": business_ref(world, business),
    })
}

/// A partner of `page` as `agencies` lists it, a pending one too.
pub(super) fn agency(world: &World, page: &Page, page_id: &str, partner: &str) -> Value {
    let mut row = business(world, partner);
    let open = world.request_of(partner, page_id).map(|(_, request)| request);
    let (status, tasks, asked) = match (page.agencies.get(partner), open) {
        (Some(share), _) => ("CONFIRMED", &share.tasks, share.since),
        (None, Some(request)) => ("PENDING", &request.tasks, request.since),
        (None, None) => return row,
    };
    row["access_status"] = json!(status);
    row["permitted_tasks"] = json!(tasks);
    row["access_requested_time"] = json!(meta_time(asked));
    row["access_updated_time"] = json!(meta_time(asked));
    row
}

/// A partner of an asset that is no Page.
pub(super) fn partner(world: &World, asset: &Asset, asset_id: &str, partner: &str) -> Value {
    let mut row = business(world, partner);
    let open = world.offer_of(asset_id, partner).map(|(_, offer)| offer);
    let (status, tasks, asked) = match (asset.agencies.get(partner), open) {
        (Some(share), _) => ("CONFIRMED", &share.tasks, share.since),
        (None, Some(offer)) => ("PENDING", &offer.tasks, offer.since),
        (None, None) => return row,
    };
    row["access_status"] = json!(status);
    row["permitted_tasks"] = json!(tasks);
    row["access_requested_time"] = json!(meta_time(asked));
    row["access_updated_time"] = json!(meta_time(asked));
    row
}

/// One of the roles given on the Page itself.
pub(super) fn direct_role(page: &Page, id: &str) -> Value {
    let Some(role) = page.roles.get(id) else { return json!({ "id": id }) };
    json!({ "id": id, "name": role.name, "tasks": role.tasks, "is_active": true })
}

/// Meta's way to write a time: `2026-11-22T10:00:00+0000`.
fn meta_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

pub(super) fn name_of<'w>(world: &'w World, business: &str, user: &str) -> &'w str {
    let Some(place) = world.businesses.get(business) else { return "" };
    let person = place.users.get(user).map(|found| found.name.as_str());
    person.or_else(|| place.system_users.get(user).map(|found| found.name.as_str())).unwrap_or("")
}
