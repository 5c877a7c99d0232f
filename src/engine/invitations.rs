//! Open invitations, followed as claims are: one walk of a business's lists answers all of them.
//!
//! `pending_users` is read before `business_users`, and that only when an invitation has gone from the first. What a
//! walk proves is the verdict of `procedures::verdict`, the same as for claims.

use std::collections::BTreeMap;

use tracing::Instrument;

use super::error::EngineError;
use super::shared::Shared;
use super::sweep::{Followed, Settlement, due, first_absence, give_up_what_is_too_old, hand_over, read};
use crate::contract::{BusinessId, CommandId, EmailAddress, Tasks};
use crate::journal::{EvidenceEntry, InvitationRow, Walk, evidence};
use crate::meta::{Answer, Call};
use crate::procedures::verdict::{Sight, Verdict};
use crate::telemetry;

/// The edges that are walked: of open invitations, and of people.
const PENDING: &str = "pending_users";
const JOINED: &str = "business_users";

/// A list that was walked: whose addresses stand in it.
struct Walked {
    walk: Walk,
    addresses: Vec<EmailAddress>,
}

/// Looks at the invitations that are due.
pub(super) async fn sweep(shared: &Shared) -> Result<(), EngineError> {
    let mut businesses: BTreeMap<BusinessId, Vec<InvitationRow>> = BTreeMap::new();
    for row in shared.journal.invitations().await? {
        businesses.entry(row.business.clone()).or_default().push(row);
    }
    for (business, rows) in businesses {
        let now = shared.clock.now();
        give_up_what_is_too_old(shared, rows.iter().map(|row| (&row.command, row.sent_at)), now).await?;
        let is_due = rows.iter().any(|row| now >= due(&shared.config.poll, row.sent_at, followed(row)));
        if is_due && !shared.stop.is_cancelled() {
            let span = telemetry::poll(business.as_str(), rows.iter().map(|row| &row.command));
            look(shared, &business, &rows).instrument(span).await?;
        }
    }
    Ok(())
}

fn followed(row: &InvitationRow) -> Followed {
    // What cannot be read counts for nothing: the walks are made anew.
    serde_json::from_str(&row.absences).unwrap_or_default()
}

async fn look(shared: &Shared, business: &BusinessId, rows: &[InvitationRow]) -> Result<(), EngineError> {
    let open = Call::Invitations { business: business.clone(), who: None };
    let Some(pending) = walk(shared, business, &open).await? else { return Ok(()) };
    let joined = if rows.iter().all(|row| pending.addresses.contains(&row.email)) {
        None
    } else {
        walk(shared, business, &Call::Members { business: business.clone(), who: None }).await?
    };
    let (mut updates, mut settled) = (Vec::new(), Vec::new());
    for row in rows {
        let so_far = followed(row);
        let polls = so_far.polls.saturating_add(1);
        match so_far.absences.after(row.sent_at, &sight(row, &pending, joined.as_ref()), shared.rules.proof()) {
            Verdict::Open(absences) => {
                let next = Followed { absences, polls, last: Some(pending.walk.began), ..so_far };
                updates.push((row.command.clone(), serde_json::to_string(&next).map_err(EngineError::Json)?));
            }
            verdict @ (Verdict::Granted(_) | Verdict::Gone) => {
                let first = so_far.absences.first_ended.filter(|_| verdict == Verdict::Gone);
                settled.push((row.command.clone(), verdict, polls, first));
            }
        }
    }
    let lists: Vec<Walked> = [Some(pending), joined].into_iter().flatten().collect();
    let named = record(shared, &lists, updates).await?;
    for (command, verdict, polls, first) in settled {
        let mut walks = first_absence(shared, business, [PENDING, JOINED], first).await?;
        walks.extend(named.iter().cloned());
        hand_over(shared, &command, Settlement { verdict, polls, walks });
    }
    Ok(())
}

fn sight(row: &InvitationRow, pending: &Walked, joined: Option<&Walked>) -> Sight {
    Sight {
        began: pending.walk.began,
        ended: joined.map_or(pending.walk.ended, |list| list.walk.ended),
        complete: pending.walk.complete && joined.is_some_and(|list| list.walk.complete),
        pending: pending.addresses.contains(&row.email),
        held: joined.filter(|list| list.addresses.contains(&row.email)).map(|_| Tasks::default()),
    }
}

/// One list; nothing where the call may not go now, and a list without rows where the walk broke.
async fn walk(shared: &Shared, business: &BusinessId, call: &Call) -> Result<Option<Walked>, EngineError> {
    let Some(asked) = read(shared, business, call).await? else { return Ok(None) };
    let (complete, addresses): (bool, Vec<EmailAddress>) = match asked.answer {
        Some(Answer::Invitations(open)) => (true, open.into_iter().filter_map(|one| one.email).collect()),
        Some(Answer::Members { found, .. }) => (true, found.into_iter().filter_map(|one| one.email).collect()),
        Some(_) | None => (false, Vec::new()),
    };
    let traces: Vec<&String> = asked.requests.iter().filter_map(|sent| sent.trace.as_ref()).collect();
    let walk = Walk {
        business: business.clone(),
        list: call.request().edge.to_owned(),
        began: asked.began,
        ended: asked.ended,
        pages: u32::try_from(asked.requests.len()).unwrap_or(u32::MAX),
        rows: u64::try_from(addresses.len()).unwrap_or(u64::MAX),
        complete,
        traces: serde_json::to_string(&traces).map_err(EngineError::Json)?,
    };
    Ok(Some(Walked { walk, addresses }))
}

/// Records the walks in the chain of the business; the entries by which a command's own chain names them.
async fn record(
    shared: &Shared,
    lists: &[Walked],
    mut updates: Vec<(CommandId, String)>,
) -> Result<Vec<EvidenceEntry>, EngineError> {
    let mut named = Vec::new();
    for list in lists {
        let hash = shared.journal.record_walk(list.walk.clone(), std::mem::take(&mut updates)).await?;
        named.push(evidence::of_walk(&list.walk, &hash));
    }
    Ok(named)
}
