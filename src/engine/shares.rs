//! Shares that others must approve, followed as claims are: one walk of an asset's partners answers all that wait there.
//!
//! A partner who stands in the list with access has it; one who stands there with a request waits. One who does not
//! stand there proves nothing until the list has shown the request once: for most kinds it is documented nowhere that
//! it does, and an absence of what a list never shows is no denial.

use jiff::Timestamp;
use tracing::Instrument;

use super::error::EngineError;
use super::shared::Shared;
use super::sweep::{Followed, Settlement, due, followed, hand_over, next_look, not_now, read, walk_that_missed_first};
use crate::contract::{Asset, BusinessId};
use crate::journal::{Walk, WatchRow, evidence};
use crate::meta::{Answer, Call, PartnerOn};
use crate::procedures::sight_of_share;
use crate::procedures::verdict::Verdict;
use crate::telemetry;

/// A list of partners that was walked; no partners where the walk broke.
struct Walked {
    walk: Walk,
    partners: Option<Vec<PartnerOn>>,
}

/// The list that decides the shares of `asset`, as walks of its business name it.
pub(crate) fn list_of(business: &BusinessId, asset: &Asset) -> String {
    let request = Call::PartnersOn { business: business.clone(), asset: asset.clone() }.request();
    request.path().trim_start_matches('/').to_owned()
}

/// Looks at the shares of an asset, if they are due; when they are to be looked at next.
pub(super) async fn look(
    shared: &Shared,
    business: &BusinessId,
    asset: &Asset,
) -> Result<Option<Timestamp>, EngineError> {
    let rows = shared.journal.shares_of(business, asset).await?;
    let poll = &shared.config.poll;
    let next = rows.iter().map(|row| next_look(poll, row)).min();
    let now = shared.clock.now();
    if next.is_none_or(|next| next > now) {
        return Ok(next);
    }
    let span = telemetry::poll(business.as_str(), rows.iter().map(|row| &row.command));
    let next = walk_for(shared, business, asset, &rows).instrument(span).await?;
    Ok(Some(next.unwrap_or(now + not_now(poll))))
}

/// When what is still open is looked at next; `None`: it could not be walked now.
async fn walk_for(
    shared: &Shared,
    business: &BusinessId,
    asset: &Asset,
    rows: &[WatchRow],
) -> Result<Option<Timestamp>, EngineError> {
    let Some(walked) = walk(shared, business, asset).await? else { return Ok(None) };
    let (poll, mut updates, mut settled) = (&shared.config.poll, Vec::new(), Vec::new());
    let mut next_at = walked.walk.began + poll.max;
    for row in rows {
        let so_far = followed(row);
        let polls = so_far.polls.saturating_add(1);
        let Some(partner) = &row.partner else { continue };
        let when = (walked.walk.began, walked.walk.ended);
        let sight = sight_of_share(partner, so_far.shown, walked.partners.as_deref(), when);
        let shown = so_far.shown.after(&sight);
        match so_far.absences.after(row.sent_at, &sight, shared.rules.proof()) {
            Verdict::Open(absences) => {
                let next = Followed { absences, polls, last: Some(walked.walk.began), shown };
                next_at = next_at.min(due(poll, row.sent_at, next));
                updates.push((row.command.clone(), serde_json::to_string(&next).map_err(EngineError::Json)?));
            }
            verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
                next_at = next_at.min(walked.walk.began + poll.first);
                let first = so_far.absences.first_ended.filter(|_| verdict == Verdict::Gone);
                settled.push((row.command.clone(), verdict, polls, first));
            }
        }
    }
    let hash = shared.journal.record_walk(walked.walk.clone(), updates).await?;
    let named = evidence::of_walk(&walked.walk, &hash);
    for (command, verdict, polls, first) in settled {
        let mut walks = walk_that_missed_first(shared, business, &walked.walk.list, first).await?;
        walks.push(named.clone());
        hand_over(shared, &command, Settlement { verdict, polls, walks });
    }
    Ok(Some(next_at))
}

/// The list; nothing where the call may not go now.
async fn walk(shared: &Shared, business: &BusinessId, asset: &Asset) -> Result<Option<Walked>, EngineError> {
    let call = Call::PartnersOn { business: business.clone(), asset: asset.clone() };
    let Some(asked) = read(shared, business, &call).await? else { return Ok(None) };
    let partners = match asked.answer {
        Some(Answer::Partners(partners)) => Some(partners),
        Some(_) | None => None,
    };
    let traces: Vec<&String> = asked.requests.iter().filter_map(|sent| sent.trace.as_ref()).collect();
    let walk = Walk {
        business: business.clone(),
        list: list_of(business, asset),
        began: asked.began,
        ended: asked.ended,
        pages: u32::try_from(asked.requests.len()).unwrap_or(u32::MAX),
        rows: partners.as_ref().map_or(0, |partners| u64::try_from(partners.len()).unwrap_or(u64::MAX)),
        complete: partners.is_some(),
        traces: serde_json::to_string(&traces).map_err(EngineError::Json)?,
    };
    Ok(Some(Walked { walk, partners }))
}
