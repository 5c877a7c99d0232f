//! `/me` and `/debug_token`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Content, Listing, View, no_such_edge, rows};
use crate::graph_sim::wire::nodes::{BUSINESS, BUSINESS_USER, PAGE, USER};
use crate::graph_sim::world::{Acting, Holder, Refusal, Token};

pub(super) fn me(view: View<'_>) -> Result<Content<'_>, Refusal> {
    if let Holder::Page { page, .. } = &view.caller.holder {
        return Ok(Content::Node(rows::page(view.world, page, None), &PAGE));
    }
    match view.request.edge() {
        None => Ok(Content::Node(myself(view), &USER)),
        Some("business_users") => Ok(Content::List(my_users(view))),
        Some("businesses") => Ok(Content::List(my_businesses(view))),
        Some(_) => Err(no_such_edge(view.request, &USER)),
    }
}

fn myself(view: View<'_>) -> Value {
    let (id, name) = match &view.caller.holder {
        Holder::SystemUser { business, user } => {
            let found = view.world.businesses.get(business).and_then(|place| place.system_users.get(user));
            (user.as_str(), found.map_or("", |system| system.name.as_str()))
        }
        Holder::User { account } => (account.as_str(), ""),
        Holder::Page { page, .. } => (page.as_str(), ""),
        Holder::Anyone => ("1", "Anyone"),
    };
    let places = my_places(view);
    let name = places
        .first()
        .filter(|_| name.is_empty())
        .and_then(|(business, acting)| person_name(view, business, &acting.user))
        .unwrap_or(name);
    let users: Vec<Value> = places
        .iter()
        .filter(|(b, a)| is_person(view, b, &a.user))
        .map(|(b, a)| rows::person(view.world, b, &a.user))
        .collect();
    let businesses: Vec<Value> = places.iter().map(|(business, _)| rows::business_ref(view.world, business)).collect();
    json!({ "id": id, "name": name, "business_users": { "data": users }, "businesses": { "data": businesses } })
}

fn my_users(view: View<'_>) -> Listing<'_> {
    let people = my_places(view).into_iter().filter(|(business, acting)| is_person(view, business, &acting.user));
    let ids: BTreeSet<String> = people.map(|(_, acting)| acting.user).collect();
    Listing::new(ids, &BUSINESS_USER, move |user| {
        let home = view.world.home_of(user).map_or("", String::as_str);
        rows::person(view.world, home, user)
    })
}

fn my_businesses(view: View<'_>) -> Listing<'_> {
    let ids: Vec<String> = my_places(view).into_iter().map(|(business, _)| business.to_owned()).collect();
    Listing::new(ids, &BUSINESS, move |business| rows::business(view.world, business))
}

fn my_places(view: View<'_>) -> Vec<(&str, Acting)> {
    view.world.businesses.keys().filter_map(|id| Some((id.as_str(), view.caller.acting(view.world, id)?))).collect()
}

fn is_person(view: View<'_>, business: &str, user: &str) -> bool {
    view.world.businesses.get(business).is_some_and(|place| place.users.contains_key(user))
}

fn person_name<'a>(view: View<'a>, business: &str, user: &str) -> Option<&'a str> {
    view.world.businesses.get(business)?.users.get(user).map(|person| person.name.as_str())
}

pub(super) fn debug_token(view: View<'_>) -> Result<Content<'_>, Refusal> {
    let text = view.request.required("input_token")?;
    let data = match view.world.tokens.get(text) {
        None => invalid(json!({ "code": 190, "message": "Invalid OAuth access token" })),
        Some(token) => match view.world.dead_with(token, view.now) {
            Some(0) => invalid(json!({ "code": 190, "message": "The session is no longer valid" })),
            Some(subcode) => {
                invalid(json!({ "code": 190, "message": "The session is no longer valid", "subcode": subcode }))
            }
            None => valid(token),
        },
    };
    Ok(Content::Plain(json!({ "data": data })))
}

fn valid(token: &Token) -> Value {
    let (kind, user) = match &token.holder {
        Holder::SystemUser { user, .. } => ("SYSTEM_USER", user.as_str()),
        Holder::User { account } => ("USER", account.as_str()),
        Holder::Page { user, .. } => ("PAGE", user.as_str()),
        Holder::Anyone => ("USER", "1"),
    };
    let granular: Vec<Value> = token.scopes.iter().map(|scope| json!({ "scope": scope })).collect();
    json!({
        "app_id": "4001", "application": "Simulated app", "type": kind, "user_id": user, "is_valid": true,
        "expires_at": token.expires.map_or(0, |end| end.as_second()), "data_access_expires_at": 0,
        "scopes": token.scopes, "granular_scopes": granular,
    })
}

fn invalid(error: Value) -> Value {
    json!({ "is_valid": false, "scopes": [], "error": error })
}
