//! What control does: one implementation for HTTP and for the handle in Rust.

use std::time::Duration;

use jiff::Timestamp;

use super::orders::{ClockOrder, Decide, LagOrder, PageOrder, PersonOrder, TokenOrder};
use crate::graph_sim::awkward::{Awkward, Faults};
use crate::graph_sim::calls::CallLog;
use crate::graph_sim::clock::later;
use crate::graph_sim::lag::Lag;
use crate::graph_sim::state::State;
use crate::graph_sim::usage::{Quota, Throttle, Usage, UsageOrder};
use crate::graph_sim::world::{Business, Page, Person, Scheduled, Verdict, World};

/// Why control could not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// What the order is about is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// The order makes no sense.
    #[error("bad order: {0}")]
    Invalid(String),
}

impl State {
    /// Decides an open request, or schedules the decision.
    pub(crate) fn decide(&mut self, verdict: Verdict, order: Decide) -> Result<String, ControlError> {
        let Some(after) = order.after else {
            let (business, page) = (order.business, order.page);
            let decided = self.alter(|world, now| world.decide(verdict, &business, &page, order.tasks, now));
            return decided.ok_or_else(|| missing_request(&business, &page));
        };
        let at = later(self.clock.now(), duration(&after)?);
        let note = format!("decided at {at}");
        let Decide { business, page, tasks, .. } = order;
        self.world.scheduled.push(Scheduled { at, business, page, verdict, tasks });
        Ok(note)
    }

    /// Someone of the business cancels its request by hand.
    pub(crate) fn withdraw(&mut self, order: &Decide) -> Result<String, ControlError> {
        if self.alter(|world, _| world.drop_offer(&order.page, &order.business)) {
            return Ok(format!("asset {}: offer to {} taken back", order.page, order.business));
        }
        let dropped = self.alter(|world, _| world.drop_request(&order.business, &order.page));
        let access = dropped.ok_or_else(|| missing_request(&order.business, &order.page))?;
        Ok(format!("page {}: {} request of {} withdrawn", order.page, access.as_str(), order.business))
    }

    pub(crate) fn set_lag(&mut self, order: LagOrder) -> Result<String, ControlError> {
        let lag = Duration::try_from_secs_f64(order.seconds).map_err(|why| ControlError::Invalid(why.to_string()))?;
        self.lag.set(order.list, lag);
        Ok(format!("lists lag {lag:?}"))
    }

    pub(crate) fn advance(&mut self, order: &ClockOrder) -> Result<Timestamp, ControlError> {
        self.clock.advance(duration(&order.advance)?);
        let now = self.clock.now();
        self.settle(now);
        Ok(now)
    }

    pub(crate) fn set_token(&mut self, order: TokenOrder) -> Result<String, ControlError> {
        let token =
            self.world.tokens.get_mut(&order.token).ok_or_else(|| ControlError::Missing("such token".to_owned()))?;
        token.dead = order.dead;
        token.expires = order.expires.or(token.expires);
        Ok(if token.dead.is_some() { "dead" } else { "alive" }.to_owned())
    }

    pub(crate) fn change_person(&mut self, order: PersonOrder) -> Result<String, ControlError> {
        if !self.world.businesses.contains_key(&order.business) {
            return Err(ControlError::Missing(format!("business {}", order.business)));
        }
        self.alter(|world, now| match (order.accept, order.remove) {
            (true, _) => accept(world, &order, now),
            (false, true) => remove(world, &order),
            (false, false) => add_or_change(world, order),
        })
    }

    pub(crate) fn change_page(&mut self, order: PageOrder) -> Result<String, ControlError> {
        let id = order.page.clone();
        if order.remove {
            let gone = self.alter(|world, _| {
                world.requests.retain(|_, request| request.page != id);
                world.pages.remove(&id)
            });
            return gone
                .map(|_| format!("page {id} removed"))
                .ok_or_else(|| ControlError::Missing(format!("page {id}")));
        }
        let changed = self.alter(|world, _| world.page_mut(&id).map(|page| change_page(page, order)));
        changed.map(|()| format!("page {id} changed")).ok_or_else(|| ControlError::Missing(format!("page {id}")))
    }

    pub(crate) fn merge_world(&mut self, more: World) {
        self.alter(|world, _| world.merge(more));
    }

    pub(crate) fn replace_world(&mut self, other: World) {
        self.alter(|world, _| *world = other);
    }

    pub(crate) fn throttle(&mut self, rule: Throttle) {
        self.usage.throttle(rule, self.clock.now());
    }

    pub(crate) fn set_quota(&mut self, quota: Quota) {
        self.usage.set_quota(quota, self.clock.now());
    }

    pub(crate) fn order_usage(&mut self, order: UsageOrder) {
        self.usage.order(order, self.clock.now());
    }

    pub(crate) fn set_awkward(&mut self, awkward: Awkward) {
        self.faults.set_awkward((awkward.per_mille > 0).then_some(awkward));
    }

    /// Nothing goes wrong any more; the world stays.
    pub(crate) fn heal(&mut self) {
        self.faults.heal();
        self.usage.heal();
        self.lag.heal();
    }

    /// Everything as at the start, but for the clock.
    pub(crate) fn reset(&mut self) {
        self.world = self.first_world.clone();
        self.faults = Faults::default();
        self.usage = Usage::default();
        self.lag = Lag::default();
        self.calls = CallLog::default();
    }
}

fn accept(world: &mut World, order: &PersonOrder, now: Timestamp) -> Result<String, ControlError> {
    let email = order.email.as_deref().ok_or_else(|| ControlError::Invalid("accept needs email".to_owned()))?;
    let user = world.accept(&order.business, email, now);
    user.ok_or_else(|| ControlError::Missing(format!("open invitation for {email}")))
}

fn remove(world: &mut World, order: &PersonOrder) -> Result<String, ControlError> {
    let id = order.id.as_deref().ok_or_else(|| ControlError::Invalid("remove needs id".to_owned()))?;
    world.expel(&order.business, id).ok_or_else(|| ControlError::Missing(format!("person {id}")))
}

fn add_or_change(world: &mut World, order: PersonOrder) -> Result<String, ControlError> {
    let id = order.id.ok_or_else(|| ControlError::Invalid("a person needs id".to_owned()))?;
    let place = world.businesses.get_mut(&order.business).map(|business: &mut Business| &mut business.users);
    let users = place.ok_or_else(|| ControlError::Missing(format!("business {}", order.business)))?;
    let fresh = Person { account: Some(format!("8{id}")), ..Person::default() };
    let person = users.entry(id.clone()).or_insert(fresh);
    person.name = order.name.unwrap_or_else(|| std::mem::take(&mut person.name));
    person.email = order.email.unwrap_or_else(|| std::mem::take(&mut person.email));
    person.role = order.role.unwrap_or(person.role);
    Ok(id)
}

fn change_page(page: &mut Page, order: PageOrder) {
    if let Some(owner) = order.owner {
        page.owner = Some(owner).filter(|id| !id.is_empty());
    }
    page.instagram = order.instagram.unwrap_or(page.instagram);
    page.two_factor = order.two_factor.unwrap_or(page.two_factor);
    page.page_token_required = order.page_token_required.unwrap_or(page.page_token_required);
    page.refuses_roles = order.refuses_roles.unwrap_or(page.refuses_roles);
    page.needs_manager = order.needs_manager.unwrap_or(page.needs_manager);
    page.reaction = order.reaction.or_else(|| page.reaction.take());
}

fn duration(text: &str) -> Result<Duration, ControlError> {
    humantime::parse_duration(text).map_err(|why| ControlError::Invalid(format!("{text:?} is no duration: {why}")))
}

fn missing_request(business: &str, page: &str) -> ControlError {
    ControlError::Missing(format!("open request of {business} for page {page}"))
}
