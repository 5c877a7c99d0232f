//! Open requests: what the owner's side decides, at once or later.

use std::time::Duration;

use jiff::Timestamp;

use super::{Access, Id, Request, Scheduled, Tasks, Verdict, World};
use crate::graph_sim::clock::later;

impl World {
    /// The open request of `business` for `page`, with its id.
    pub fn request_of(&self, business: &str, page: &str) -> Option<(&Id, &Request)> {
        self.requests.iter().find(|(_, request)| request.business == business && request.page == page)
    }

    /// Decides the open request of `business` for `page`, or the open share with it, now; says what changed, or nothing where no such request is open.
    pub(crate) fn decide(
        &mut self,
        verdict: Verdict,
        business: &str,
        page: &str,
        tasks: Option<Tasks>,
        now: Timestamp,
    ) -> Option<String> {
        let Some((id, request)) = self.request_of(business, page) else {
            return self.decide_offer(verdict, (page, business), tasks, now);
        };
        let (id, request) = (id.clone(), request.clone());
        match verdict {
            Verdict::Deny => {
                self.requests.remove(&id);
                Some(format!("page {page}: request {id} of {business} denied"))
            }
            Verdict::Approve => {
                match request.access {
                    Access::Owner if self.assets.contains_key(page) => self.asset_into(business, page),
                    Access::Owner => self.take_into(business, page),
                    Access::Agency if self.assets.contains_key(page) => {
                        self.share_asset(business, page, tasks.unwrap_or(request.tasks), now);
                    }
                    Access::Agency => self.share_with(business, page, tasks.unwrap_or(request.tasks), now),
                }
                Some(format!("page {page}: request {id} of {business} approved"))
            }
        }
    }

    /// Lets every decision fall that is due by `now`, in order of time; says what changed.
    pub(crate) fn settle_due(&mut self, now: Timestamp) -> Vec<String> {
        if self.scheduled.iter().all(|decision| decision.at > now) {
            return Vec::new();
        }
        let (mut due, open): (Vec<_>, Vec<_>) = self.scheduled.drain(..).partition(|decision| decision.at <= now);
        self.scheduled = open;
        due.sort_by_key(|decision| decision.at);
        due.into_iter().filter_map(|d| self.decide(d.verdict, &d.business, &d.page, d.tasks, d.at)).collect()
    }

    /// Drops the open request of `business` for `page`; says what it asked for.
    pub(crate) fn drop_request(&mut self, business: &str, page: &str) -> Option<Access> {
        let id = self.request_of(business, page)?.0.clone();
        self.requests.remove(&id).map(|request| request.access)
    }

    /// Schedules what the Page's own reaction says to a claim of `business`.
    pub(super) fn react(&mut self, business: &str, page: &str, now: Timestamp) {
        let of_page = self.pages.get(page).and_then(|found| found.reaction.clone());
        let of_asset = || self.assets.get(page).and_then(|found| found.reaction.clone());
        let Some(reaction) = of_page.or_else(of_asset) else { return };
        self.scheduled.push(Scheduled {
            at: later(now, Duration::from_secs(reaction.after_seconds)),
            business: business.to_owned(),
            page: page.to_owned(),
            verdict: reaction.verdict,
            tasks: reaction.tasks,
        });
    }
}
