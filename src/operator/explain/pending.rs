//! A claim that Meta decides: the walks so far, and what is still needed for a verdict.

use jiff::Timestamp;

use super::situation::lists_of;
use super::stands::Stands;
use super::{Situation, Step, count, length, time};
use crate::contract::BusinessId;
use crate::engine;
use crate::journal::{Walk, WatchRow};
use crate::procedures::Shown;
use crate::procedures::verdict::Absences;

pub(super) fn pending(situation: &Situation) -> Stands {
    if is_invitation(situation) {
        return invited(situation);
    }
    let Some(watch) = &situation.watch else {
        return Stands::new(
            "Meta decides, but the journal holds no watch for it",
            Step::some_time("the next start makes one"),
        );
    };
    if let Some(partner) = &watch.partner {
        return shared(situation, watch, partner);
    }
    let so_far = engine::followed(watch);
    let mut why = vec![format!(
        "{} of business {} was asked for at {}: others must approve it, and Meta gives no sign when they do",
        watch.asset,
        watch.business,
        time(watch.sent_at)
    )];
    why.push(walks(situation, watch, so_far.polls));
    why.push(so_far_absent(situation, watch, so_far.absences));
    let mut next = vec![look(situation, watch)];
    next.push(Step::some_time(format!("seen in {} once: it ends as confirmed", lists_of(watch)[1])));
    next.push(denial(situation, watch, so_far.absences, "in neither list"));
    let given_up = watch.sent_at + situation.poll.give_up_after;
    next.push(Step::at(given_up, "undecided until then it is withdrawn at Meta and ends as expired, given up"));
    Stands { why, next }
}

/// A share is followed by the asset's list of partners.
fn shared(situation: &Situation, watch: &WatchRow, partner: &BusinessId) -> Stands {
    let so_far = engine::followed(watch);
    let (asset, list) = (&watch.asset, engine::list_of(&watch.business, &watch.asset));
    let why = vec![
        format!(
            "{asset} was shared with business {partner} at {}: others must approve it, and Meta gives no sign when they do",
            time(watch.sent_at)
        ),
        walks(situation, watch, so_far.polls),
        if so_far.shown == Shown::Once {
            format!("{list} has shown it as open: gone from there it counts as denied")
        } else {
            format!("{list} has not shown it so far: that it is not there proves nothing")
        },
    ];
    let mut next = vec![look(situation, watch)];
    next.push(Step::some_time(format!("seen in {list} with access: it ends as completed")));
    if so_far.shown == Shown::Once {
        next.push(denial(situation, watch, so_far.absences, "no longer there"));
    }
    let given_up = watch.sent_at + situation.poll.give_up_after;
    next.push(Step::at(given_up, "undecided until then it is taken back at Meta and ends as expired, given up"));
    Stands { why, next }
}

fn is_invitation(situation: &Situation) -> bool {
    let body: serde_json::Value = serde_json::from_str(&situation.row().body).unwrap_or_default();
    body["command"] == "invite"
}

/// An invitation is followed by the lists of the business's people.
fn invited(situation: &Situation) -> Stands {
    let row = situation.row();
    let why = vec![format!(
        "an invitation is open since {}: the person must accept it, and Meta gives no sign when they do",
        time(row.since)
    )];
    let next = vec![
        Step::some_time("pending_users of the business is walked, and business_users once it has gone from there"),
        Step::some_time("seen in business_users once: its assets are assigned"),
        Step::some_time("gone from the first and never in the second: it ends as expired, inferred"),
        Step::at(
            row.since + situation.poll.give_up_after,
            "unanswered until then it is withdrawn at Meta and ends as expired, given up",
        ),
    ];
    Stands { why, next }
}

fn walks(situation: &Situation, watch: &WatchRow, polls: u32) -> String {
    let [list, _] = lists_of(watch);
    match situation.walks[0].first() {
        None => format!("{list} has not been walked since"),
        Some(last) => {
            let times = count(u64::from(polls), "time", "times");
            format!("{list} was walked {times} since, the last at {} ({})", time(last.began), walked(last))
        }
    }
}

fn walked(walk: &Walk) -> String {
    let whole = if walk.complete { "whole" } else { "broken off: it counts for nothing" };
    format!("{}, {whole}", count(walk.rows, "row", "rows"))
}

fn so_far_absent(situation: &Situation, watch: &WatchRow, absences: Absences) -> String {
    match absences.first_ended {
        Some(first) => format!(
            "it stood in neither list in {}, the first of which ended at {}",
            count(u64::from(absences.walks), "whole walk that counts", "whole walks that count"),
            time(first)
        ),
        None if situation.walks[0].is_empty() => "nothing is known of an answer".to_owned(),
        None => {
            let settled = watch.sent_at + situation.poll.settle;
            format!(
                "nothing speaks for a denial: the last walk showed the request, broke, or began before {}",
                time(settled)
            )
        }
    }
}

/// A parked bucket holds back walks as it does calls.
fn look(situation: &Situation, watch: &WatchRow) -> Step {
    let due = situation.next_look.unwrap_or(situation.now);
    let free = situation.parked.iter().map(|parked| parked.until).max();
    let at = free.map_or(due, |free| due.max(free)).max(situation.now);
    let parked = if free.is_some_and(|free| free > due) { ", as soon as its bucket is free" } else { "" };
    Step::at(at, format!("{} of business {} is walked, at the latest{parked}", lists_of(watch)[0], watch.business))
}

fn denial(situation: &Situation, watch: &WatchRow, absences: Absences, missed: &str) -> Step {
    let poll = &situation.poll;
    let missing = poll.deny_after_walks.saturating_sub(absences.walks).max(1);
    let from: Timestamp = absences.first_ended.map_or(watch.sent_at, |first| first) + poll.settle;
    let what = format!(
        "from then on {missing} more whole walk{} with it {missed} prove{} a denial (poll.deny_after_walks {}, poll.settle {})",
        if missing == 1 { "" } else { "s" },
        if missing == 1 { "s" } else { "" },
        poll.deny_after_walks,
        length(poll.settle)
    );
    Step::at(from, what)
}
