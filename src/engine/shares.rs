//! Shares that others must approve, followed as claims are: one walk of an asset's partners answers all that wait there.
//!
//! A partner who stands in the list with access has it; one who stands there with a request waits. One who does not
//! stand there proves nothing until the list has shown the request once: for most kinds it is documented nowhere that
//! it does, and an absence of what a list never shows is no denial.

use std::collections::BTreeMap;

use tracing::Instrument;

use super::error::EngineError;
use super::shared::Shared;
use super::sweep::{
    Followed, Settlement, followed, give_up_what_is_too_old, hand_over, next_look, read, walk_that_missed_first,
};
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

/// Looks at the shares that are due.
pub(super) async fn sweep(shared: &Shared, shares: Vec<WatchRow>) -> Result<(), EngineError> {
    let mut assets: BTreeMap<(BusinessId, Asset), Vec<WatchRow>> = BTreeMap::new();
    for row in shares {
        assets.entry((row.business.clone(), row.asset.clone())).or_default().push(row);
    }
    for ((business, asset), rows) in assets {
        let now = shared.clock.now();
        give_up_what_is_too_old(shared, rows.iter().map(|row| (&row.command, row.sent_at)), now).await?;
        let is_due = rows.iter().any(|row| now >= next_look(&shared.config.poll, row));
        if is_due && !shared.stop.is_cancelled() {
            let span = telemetry::poll(business.as_str(), rows.iter().map(|row| &row.command));
            look(shared, &business, &asset, &rows).instrument(span).await?;
        }
    }
    Ok(())
}

async fn look(shared: &Shared, business: &BusinessId, asset: &Asset, rows: &[WatchRow]) -> Result<(), EngineError> {
    let Some(walked) = walk(shared, business, asset).await? else { return Ok(()) };
    let (mut updates, mut settled) = (Vec::new(), Vec::new());
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
                updates.push((row.command.clone(), serde_json::to_string(&next).map_err(EngineError::Json)?));
            }
            verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
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
    Ok(())
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
