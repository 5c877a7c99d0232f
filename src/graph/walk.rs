//! Walks over lists: page by page, by `paging.next` alone.
//!
//! What must hold: a walk that ends well has seen every page there was. So whatever is odd (another address, a
//! cursor seen before, too many pages, a row that cannot be read) breaks it, and a broken walk proves nothing.

use std::collections::HashSet;

use reqwest::Url;

use super::client::is_version;
use super::distil::Gathered;
use super::json::Json;
use super::said::Said;
use super::session::Session;
use super::staff::{Place, STAFFED_ROWS};
use super::trouble::Trouble;
use super::wire::Outgoing;
use crate::meta::{Call, Class, Method, Reply};

/// A million rows at a hundred a page.
const PAGES_MAX: usize = 10_000;
/// From 100 rows down to 6.
const HALVINGS_MAX: u32 = 4;
/// Meta's cursors are short.
const NEXT_MAX: usize = 8 * 1024;
/// What `next` carries and we send in our own way, or never.
const NOT_OURS_TO_REPEAT: [&str; 3] = ["access_token", "appsecret_proof", "appsecret_time"];

/// Where a walk stands.
struct Walk<'a> {
    call: &'a Call,
    gathered: Gathered,
    /// The request of the first page: its parameters stand on every page.
    first: Outgoing,
    /// The request of the page to come.
    next: Outgoing,
    seen: HashSet<String>,
    limit: u32,
}

/// What a page led to.
enum Onward {
    More,
    End,
    Broken(String),
}

impl Session<'_> {
    /// Walks the whole list of a read, or as far as it must.
    pub(super) async fn walk(&mut self, call: &Call) -> Result<Reply, Trouble> {
        self.walk_or_break(call).await.map_err(|unwalked| match unwalked {
            Unwalked::Broken(why) => Trouble::Transient { why },
            Unwalked::Met(trouble) => trouble,
        })
    }

    /// The same, and whether it was the list that broke the walk.
    pub(super) async fn walk_or_break(&mut self, call: &Call) -> Result<Reply, Unwalked> {
        let broken = |why: String| Err(Unwalked::Broken(why));
        let (mut halvings, mut restarts) = (0, 0);
        let mut walk = self.top_of(call, self.rows_of(call));
        for _ in 0..PAGES_MAX {
            match self.say_with_right_token(&walk.next).await {
                Said::Good(body) => match walk.take(&self.graph.base, body.json()) {
                    Onward::More if walk.gathered.is_part_full(call) => {
                        walk.gathered.next_part = serde_json::to_string(&walk.next.params).ok();
                        return Ok(Reply::Answer(walk.gathered.answer(call)));
                    }
                    Onward::More => {}
                    Onward::End => return Ok(Reply::Answer(walk.gathered.answer(call))),
                    Onward::Broken(why) => return broken(format!("the walk broke: {why}")),
                },
                Said::No(no) if no.wants_less() && walk.limit > 1 && halvings < HALVINGS_MAX => {
                    halvings += 1;
                    walk.ask_for(walk.limit / 2);
                }
                Said::No(no) if no.row.class == Class::CursorExpired && restarts == 0 => {
                    restarts += 1;
                    walk = self.top_of(call, walk.limit);
                }
                Said::No(no) if no.row.class == Class::CursorExpired => {
                    return broken("the cursor expired twice".to_owned());
                }
                Said::No(no) => return no.settle(Method::Get).map_err(Unwalked::Met),
                Said::Lost(why) | Said::NotSent(why) => return Err(Unwalked::Met(Trouble::Transient { why })),
            }
        }
        broken(format!("the walk broke: no end after {PAGES_MAX} pages"))
    }

    fn rows_of(&self, call: &Call) -> u32 {
        let limit = self.graph.page_limit;
        if matches!(call, Call::StaffedPart { .. }) { limit.min(STAFFED_ROWS) } else { limit }
    }

    fn top_of<'a>(&self, call: &'a Call, limit: u32) -> Walk<'a> {
        let (first, next) = (self.first.clone(), self.first.clone());
        let mut walk = Walk { call, gathered: Gathered::default(), first, next, seen: HashSet::new(), limit };
        if let Some(params) = page_of(call) {
            walk.next.params = params;
        }
        walk.ask_for(limit);
        walk
    }
}

/// Why a walk came to no end.
pub(super) enum Unwalked {
    /// The list was answered, and oddly.
    Broken(String),
    /// The call met trouble that is not this list's.
    Met(Trouble),
}

/// The page that the part of a long list begins with; none: its first.
fn page_of(call: &Call) -> Option<Vec<(String, String)>> {
    match call {
        Call::ListPart { after: Some(after), .. } => serde_json::from_str(after).ok(),
        Call::StaffedPart { after: Some(after), .. } => Place::read(after).page_params(),
        Call::ListPart { after: None, .. }
        | Call::StaffedPart { after: None, .. }
        | Call::Find { .. }
        | Call::ListAll { .. }
        | Call::PeopleOn { .. }
        | Call::RolesOn { .. }
        | Call::FindPerson { .. }
        | Call::AssetsOf { .. }
        | Call::GroupsOf { .. }
        | Call::GroupsOfPerson { .. }
        | Call::InGroup { .. }
        | Call::Directory { .. }
        | Call::LinksOf { .. }
        | Call::Myself { .. }
        | Call::Claim { .. }
        | Call::Remove { .. }
        | Call::Assign { .. }
        | Call::Unassign { .. }
        | Call::InstagramUser { .. }
        | Call::Numbers { .. }
        | Call::AppsOn { .. }
        | Call::Unsubscribe { .. }
        | Call::Deregister { .. }
        | Call::LeaveGroup { .. }
        | Call::RemovePerson { .. }
        | Call::Members { .. }
        | Call::Invitations { .. }
        | Call::MyPeople
        | Call::Invite { .. }
        | Call::PartnersOn { .. }
        | Call::Share { .. }
        | Call::Unshare { .. }
        | Call::CallOff { .. } => None,
    }
}

impl Walk<'_> {
    fn ask_for(&mut self, rows: u32) {
        self.limit = rows;
        self.next.params.retain(|(name, _)| name != "limit");
        self.next.params.push(("limit".to_owned(), rows.to_string()));
    }

    /// Takes a page in and finds the way on.
    fn take(&mut self, base: &Url, body: Json<'_>) -> Onward {
        let Some(rows) = body.get("data").and_then(Json::items) else {
            return Onward::Broken("a page has no data".to_owned());
        };
        for row in rows {
            if let Err(why) = self.gathered.take(self.call, row) {
                return Onward::Broken(why.to_owned());
            }
        }
        if self.gathered.is_found() {
            return Onward::End;
        }
        // `cursors.after` stands on the last page too, and a page may be empty yet have a next one.
        let next = body.get("paging").and_then(|paging| paging.get("next")).filter(|next| !next.is_null());
        match next.map(Json::as_str) {
            None => Onward::End,
            Some(Some(next)) => self.turn_to(base, next),
            Some(None) => Onward::Broken("paging.next is no text".to_owned()),
        }
    }

    fn turn_to(&mut self, base: &Url, next: &str) -> Onward {
        let onward = match params(base, &self.first.path, next) {
            Ok(onward) => onward,
            Err(why) => return Onward::Broken(why.to_owned()),
        };
        // What was asked for stays what is asked for, whatever `next` makes of it.
        let is_first = |name: &str| self.first.params.iter().any(|(known, _)| known == name);
        let onward = onward.into_iter().filter(|(name, _)| !is_first(name));
        self.next.params = self.first.params.iter().cloned().chain(onward).collect();
        self.ask_for(self.limit);
        let after = self.next.params.iter().find(|(name, _)| name == "after").map(|(_, cursor)| cursor.clone());
        if !self.seen.insert(after.unwrap_or_else(|| format!("{:?}", self.next.params))) {
            return Onward::Broken("a cursor came back".to_owned());
        }
        Onward::More
    }
}

/// The parameters of `next`, if it leads on along our own path at our own host. Its text is never told: the
/// token is in it.
fn params(base: &Url, path: &str, next: &str) -> Result<Vec<(String, String)>, &'static str> {
    if next.len() > NEXT_MAX {
        return Err("paging.next is too long");
    }
    let next = Url::parse(next).map_err(|_| "paging.next is no address")?;
    let same = next.scheme() == base.scheme()
        && next.host_str() == base.host_str()
        && next.port_or_known_default() == base.port_or_known_default();
    if !same {
        return Err("paging.next leads to another host");
    }
    if !is_path(base, path, next.path()) {
        return Err("paging.next leads to another path");
    }
    let ours = |(name, _): &(String, String)| !NOT_OURS_TO_REPEAT.contains(&name.as_str());
    Ok(next.query_pairs().into_owned().filter(ours).collect())
}

/// Whether `found` is `path`, below whatever version answered: Meta upgrades old ones in silence.
fn is_path(base: &Url, path: &str, found: &str) -> bool {
    found
        .strip_prefix(base.path().trim_end_matches('/'))
        .and_then(|rest| rest.strip_suffix(path))
        .and_then(|version| version.strip_prefix('/'))
        .is_some_and(is_version)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod in_process;
