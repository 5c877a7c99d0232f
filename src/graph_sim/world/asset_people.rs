//! People on an asset that is no Page; the app and the numbers of a WhatsApp account.

use std::time::Duration;

use jiff::Timestamp;

use super::refusal;
use super::{AssetKind, Caller, Refusal, Tasks, World, Written, set_of};
use crate::graph_sim::clock::later;

/// The sets of tasks that an ad account takes beside `DRAFT` and `AA_ANALYZE`.
const AD_ACCOUNT_SETS: [&[&str]; 3] = [&["ADVERTISE", "ANALYZE", "MANAGE"], &["ADVERTISE", "ANALYZE"], &["ANALYZE"]];

impl World {
    /// `POST /{asset}/assigned_users`: the user then has exactly `tasks` (and what groups give).
    pub(crate) fn staff_asset(
        &mut self,
        caller: &Caller,
        id: &str,
        (business, user): (&str, &str),
        tasks: Tasks,
    ) -> Result<Written, Refusal> {
        self.may_staff_asset(caller, id, business, "post")?;
        if !self.is_member(business, user) {
            return Err(refusal::not_business_scoped());
        }
        let asset = self.known_asset(id, "post")?;
        check_set(asset.kind, &tasks)?;
        if let Some(beyond) = tasks.difference(&asset.permitted(business)).next() {
            return Err(refusal::bad_parameter("tasks", &format!("has {beyond}, which the business may not give")));
        }
        self.refuse_reduction_of_asset(business, id, user, &tasks)?;
        let listed = tasks.iter().cloned().collect::<Vec<_>>().join(",");
        if let Some(asset) = self.asset_mut(id) {
            asset.assigned.entry(business.to_owned()).or_default().insert(user.to_owned(), tasks);
        }
        Ok(Written::success(format!("asset {id}: {user} of {business} has {listed}")))
    }

    /// `DELETE /{asset}/assigned_users`; pixels have no such call.
    pub(crate) fn unstaff_asset(&mut self, caller: &Caller, id: &str, user: &str) -> Result<Written, Refusal> {
        if self.known_asset(id, "delete")?.kind == AssetKind::Pixel {
            return Err(refusal::missing_object("delete", id));
        }
        let business = self.home_of(user).cloned().ok_or_else(refusal::not_business_scoped)?;
        self.may_staff_asset(caller, id, &business, "delete")?;
        self.refuse_reduction_of_asset(&business, id, user, &Tasks::new())?;
        let users = self.asset_mut(id).and_then(|asset| asset.assigned.get_mut(&business));
        if users.and_then(|users| users.remove(user)).is_none() {
            return Err(refusal::missing_object("delete", user));
        }
        Ok(Written::success(format!("asset {id}: {user} of {business} removed")))
    }

    /// `DELETE /{account}/subscribed_apps`: takes the calling app off, which is the first of them.
    pub(crate) fn unsubscribe(&mut self, caller: &Caller, id: &str) -> Result<Written, Refusal> {
        self.holder_of_asset(caller, id, "delete")?;
        let gone = self.asset_mut(id).and_then(|asset| asset.apps.pop_first());
        let effect = gone.map(|app| format!("whatsapp account {id}: app {app} unsubscribed"));
        Ok(Written { effect, ..Written::success("") })
    }

    /// `POST /{number}/deregister`. Meta's reference says that numbers of the phone's app are refused, not with which
    /// code; 100 is our choice.
    pub(crate) fn deregister(&mut self, caller: &Caller, number_id: &str, now: Timestamp) -> Result<Written, Refusal> {
        let account = self.account_of_number(number_id).cloned();
        let account = account.ok_or_else(|| refusal::missing_object("post", number_id))?;
        self.holder_of_asset(caller, &account, "post")?;
        let number = self.asset_mut(&account).and_then(|asset| asset.numbers.get_mut(number_id));
        let number = number.ok_or_else(|| refusal::missing_object("post", number_id))?;
        if number.on_phone {
            return Err(refusal::bad_parameter("phone_number", "is used by the WhatsApp Business app"));
        }
        number.registered = false;
        number.reconnects_at = number.reconnects_after.map(|seconds| later(now, Duration::from_secs(seconds)));
        Ok(Written::success(format!("whatsapp number {number_id}: deregistered")))
    }

    /// Whether the caller may look at the people of `business` on the asset, and say who does what.
    pub(crate) fn may_staff_asset(&self, caller: &Caller, id: &str, business: &str, verb: &str) -> Result<(), Refusal> {
        caller.admin_of(self, business)?;
        if self.known_asset(id, verb)?.is_held_by(business) {
            return Ok(());
        }
        Err(refusal::not_allowed("the business has no access to this asset"))
    }

    /// Fails unless the caller is an admin of a business that holds the asset.
    pub(crate) fn holder_of_asset(&self, caller: &Caller, id: &str, verb: &str) -> Result<(), Refusal> {
        let asset = self.known_asset(id, verb)?;
        let mut holders = asset.owner.iter().chain(asset.agencies.keys());
        if holders.any(|business| caller.admin_of(self, business).is_ok()) {
            return Ok(());
        }
        Err(refusal::not_allowed("only a business that holds the asset may do this"))
    }

    fn refuse_reduction_of_asset(&self, business: &str, id: &str, user: &str, tasks: &Tasks) -> Result<(), Refusal> {
        let Some(asset) = self.assets.get(id) else { return Ok(()) };
        let groups = self.businesses.get(business).into_iter().flat_map(|place| place.groups.iter());
        let mut through =
            groups.filter(|(_, group)| group.users_on(asset.kind, id).is_some_and(|users| users.contains_key(user)));
        let Some((group, _)) = through.next() else { return Ok(()) };
        let loses = !self.tasks_on(id, business, user).is_subset(tasks);
        if loses { Err(refusal::held_by_group(group)) } else { Ok(()) }
    }
}

fn check_set(kind: AssetKind, tasks: &Tasks) -> Result<(), Refusal> {
    if tasks.is_empty() {
        return Err(refusal::bad_parameter("tasks", "must name at least one task"));
    }
    if kind != AssetKind::AdAccount {
        return Ok(());
    }
    let plain = tasks - &set_of(&["AA_ANALYZE", "DRAFT"]);
    if AD_ACCOUNT_SETS.iter().any(|set| plain == set_of(set)) { Ok(()) } else { Err(refusal::task_set()) }
}
