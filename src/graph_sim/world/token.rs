//! Access tokens: who stands behind one, and whether it still opens anything.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::refusal;
use super::{BusinessRole, Id, Page, Refusal, World, can_manage};

/// Scopes of a token that may do everything the worker needs.
pub(crate) const ALL_SCOPES: [&str; 4] =
    ["business_management", "pages_manage_metadata", "pages_read_engagement", "pages_show_list"];

/// An access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who acts with it.
    pub holder: Holder,
    /// Permissions it carries.
    #[serde(default = "all_scopes")]
    pub scopes: BTreeSet<String>,
    /// When it ends; never when absent.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Set when dead: the subcode of 190 that it is answered with, 0 for none.
    #[serde(default)]
    pub dead: Option<i64>,
    /// With a secret every call needs its `appsecret_proof`.
    #[serde(default)]
    pub app_secret: Option<String>,
}

/// Who acts with a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Holder {
    /// A system user of a business.
    SystemUser {
        /// Its business.
        business: Id,
        /// Its id.
        user: Id,
    },
    /// A person: acts in each business that has a user with this account.
    User {
        /// The personal account.
        account: Id,
    },
    /// A Page token: acts on that Page, in the name of `user`.
    Page {
        /// The Page.
        page: Id,
        /// Who it was made for: a system user, a business user or an account.
        user: Id,
        /// The business through which that user holds the Page, if any.
        business: Option<Id>,
    },
    /// Acts for any business, as its first admin system user (or first admin): for tests and demos.
    Anyone,
}

impl Token {
    /// A living token of `holder` with all scopes.
    pub fn of(holder: Holder) -> Self {
        Self { holder, scopes: all_scopes(), expires: None, dead: None, app_secret: None }
    }
}

/// The caller of one request: a token that was found good.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caller {
    pub(crate) token: String,
    pub(crate) holder: Holder,
    scopes: BTreeSet<String>,
}

/// Who a caller is within one business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acting {
    pub(crate) user: Id,
    pub(crate) account: Option<Id>,
    pub(crate) admin: bool,
}

impl Caller {
    /// Fails unless the token carries `scope`.
    pub(crate) fn needs(&self, scope: &str) -> Result<(), Refusal> {
        if self.scopes.contains(scope) { Ok(()) } else { Err(refusal::scope_missing(scope)) }
    }

    /// The business that a token without any other hint works for.
    pub(crate) fn home(&self, world: &World) -> Option<Id> {
        match &self.holder {
            Holder::SystemUser { business, .. } => Some(business.clone()),
            Holder::Page { business, .. } => business.clone(),
            Holder::User { account } => world
                .businesses
                .iter()
                .find(|(_, b)| b.users.values().any(|p| p.account.as_ref() == Some(account)))
                .map(|(id, _)| id.clone()),
            Holder::Anyone => None,
        }
    }

    /// Who the caller is in `business`, if anybody.
    pub(crate) fn acting(&self, world: &World, business: &str) -> Option<Acting> {
        let place = world.businesses.get(business)?;
        match &self.holder {
            Holder::SystemUser { business: home, user } if home == business => {
                let role = place.system_users.get(user)?.role;
                Some(Acting { user: user.clone(), account: None, admin: role == BusinessRole::Admin })
            }
            Holder::User { account } => {
                let (user, person) = place.users.iter().find(|(_, p)| p.account.as_ref() == Some(account))?;
                let admin = person.role == BusinessRole::Admin;
                Some(Acting { user: user.clone(), account: person.account.clone(), admin })
            }
            Holder::Anyone => Some(first_admin(world, business)),
            Holder::SystemUser { .. } | Holder::Page { .. } => None,
        }
    }

    /// The caller as an admin of `business`, which business edges ask for.
    pub(crate) fn admin_of(&self, world: &World, business: &str) -> Result<Acting, Refusal> {
        self.needs("business_management")?;
        self.acting(world, business).filter(|acting| acting.admin).ok_or_else(|| refusal::not_business_admin(business))
    }

    /// Whether this is a Page token of `page`.
    pub(crate) fn is_page_token_of(&self, page: &str) -> bool {
        matches!(&self.holder, Holder::Page { page: own, .. } if own == page)
    }
}

impl Acting {
    /// The direct role with full control that this actor has on `page`: since when.
    pub(crate) fn admin_of_page_since(&self, page: &Page) -> Option<Timestamp> {
        let own = |id: &Id| *id == self.user || Some(id) == self.account.as_ref();
        page.roles.iter().filter(|(id, role)| own(id) && can_manage(&role.tasks)).map(|(_, role)| role.since).min()
    }
}

impl World {
    /// The caller behind `token`, or why it opens nothing.
    pub(crate) fn authenticate(
        &self,
        token: Option<&str>,
        proof: Proof<'_>,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let text = token.ok_or_else(refusal::no_token)?;
        let found = self.tokens.get(text).ok_or_else(refusal::unknown_token)?;
        if let Some(secret) = &found.app_secret {
            proof.verify(secret, text, now)?;
        }
        if let Some(subcode) = self.dead_with(found, now) {
            return Err(refusal::dead_token(subcode));
        }
        self.still_on_page(&found.holder)?;
        Ok(Caller { token: text.to_owned(), holder: found.holder.clone(), scopes: found.scopes.clone() })
    }

    /// The subcode of 190 that `token` is answered with, if it is dead.
    pub(crate) fn dead_with(&self, token: &Token, now: Timestamp) -> Option<i64> {
        if token.dead.is_some() {
            return token.dead;
        }
        if token.expires.is_some_and(|end| end <= now) {
            return Some(463);
        }
        match &token.holder {
            Holder::SystemUser { business, user } => {
                let alive = self.businesses.get(business).is_some_and(|b| b.system_users.contains_key(user));
                (!alive).then_some(467)
            }
            Holder::User { .. } | Holder::Page { .. } | Holder::Anyone => None,
        }
    }

    /// The Page token that `caller` gets for `page`, made on first request; none for someone without a role there.
    pub(crate) fn page_token(&self, caller: &Caller, page: &str) -> Option<(String, Token)> {
        if caller.is_page_token_of(page) {
            return self.tokens.get(&caller.token).map(|token| (caller.token.clone(), token.clone()));
        }
        let (business, user) = self.holder_on_page(caller, page)?;
        let parent = self.tokens.get(&caller.token)?;
        let print = crate::graph_sim::rng::draw(self.seed, &format!("{page}/{user}/{}", caller.token), 0);
        let holder = Holder::Page { page: page.to_owned(), user, business };
        Some((format!("sim-page-{page}-{print:016x}"), Token { holder, ..parent.clone() }))
    }

    fn holder_on_page(&self, caller: &Caller, page_id: &str) -> Option<(Option<Id>, Id)> {
        let page = self.pages.get(page_id)?;
        let holders = page.owner.iter().chain(page.agencies.keys());
        let through = holders.filter_map(|b| caller.acting(self, b).map(|acting| (Some(b.clone()), acting.user)));
        if let Some(found) = through.into_iter().find(|(b, user)| self.has_place_on_page(page_id, b.as_deref(), user)) {
            return Some(found);
        }
        match &caller.holder {
            Holder::User { account } => page.roles.contains_key(account).then(|| (None, account.clone())),
            Holder::SystemUser { user, .. } => page.roles.contains_key(user).then(|| (None, user.clone())),
            Holder::Page { .. } | Holder::Anyone => None,
        }
    }

    /// A Page token lives while its user is an admin of a business that holds the Page, is assigned there, or has a direct role.
    fn has_place_on_page(&self, page_id: &str, business: Option<&str>, user: &str) -> bool {
        let Some(page) = self.pages.get(page_id) else { return false };
        let Some(business) = business else { return page.roles.contains_key(user) };
        let holds = page.owner.as_deref() == Some(business) || page.agencies.contains_key(business);
        holds && (self.is_admin(business, user) || !self.tasks_of(page_id, business, user).is_empty())
    }

    fn still_on_page(&self, holder: &Holder) -> Result<(), Refusal> {
        match holder {
            Holder::Page { page, user, business } if !self.has_place_on_page(page, business.as_deref(), user) => {
                Err(refusal::page_role_lost())
            }
            Holder::Page { .. } | Holder::SystemUser { .. } | Holder::User { .. } | Holder::Anyone => Ok(()),
        }
    }
}

/// The `appsecret_proof` of a request, with `appsecret_time` where the timestamped form is used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Proof<'a> {
    pub(crate) proof: Option<&'a str>,
    pub(crate) time: Option<&'a str>,
}

impl Proof<'_> {
    fn verify(self, secret: &str, token: &str, now: Timestamp) -> Result<(), Refusal> {
        let proof = self.proof.ok_or_else(refusal::proof_missing)?;
        let message = match self.time {
            None => token.to_owned(),
            Some(time) if recent(time, now) => format!("{token}|{time}"),
            Some(_) => return Err(refusal::proof_wrong()),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length is good for HMAC");
        mac.update(message.as_bytes());
        let given = hex::decode(proof).map_err(|_| refusal::proof_wrong())?;
        mac.verify_slice(&given).map_err(|_| refusal::proof_wrong())
    }
}

/// The timestamped form is good for five minutes.
fn recent(unix_seconds: &str, now: Timestamp) -> bool {
    let given = unix_seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    given.is_some_and(|given| now.duration_since(given).abs() <= SignedDuration::from_mins(5))
}

fn first_admin(world: &World, business: &str) -> Acting {
    let place = world.businesses.get(business);
    let system = place.and_then(|b| b.system_users.iter().find(|(_, u)| u.role == BusinessRole::Admin));
    if let Some((user, _)) = system {
        return Acting { user: user.clone(), account: None, admin: true };
    }
    let person = place.and_then(|b| b.users.iter().find(|(_, p)| p.role == BusinessRole::Admin));
    let (user, account) = person.map_or_else(|| (business.to_owned(), None), |(id, p)| (id.clone(), p.account.clone()));
    Acting { user, account, admin: true }
}

fn all_scopes() -> BTreeSet<String> {
    ALL_SCOPES.iter().map(|scope| (*scope).to_owned()).collect()
}
