//! `inspect`: what a business holds, in parts.
//!
//! A part is said with the observation that brought it, so that neither the journal nor the memory ever holds more
//! than one. The last part is told in the terminal event, which has the totals.

use std::collections::BTreeMap;

use super::observation::Say;
use super::script::{Run, Script};
use crate::contract::{Access, AssetSeen, Inspection, Kind, Outcome, Phase};
use crate::meta::{Answer, Call, Holding, PageList};

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let (mut part, mut total) = (0, 0);
    let mut last = Vec::new();
    for access in [Access::Owner, Access::Agency] {
        let mut after = None;
        loop {
            let call = Call::ListPart { business: script.business().clone(), list: PageList::held(access), after };
            let of_part = |answer| match answer {
                Answer::Part { count, next, rows } => Some((count, next, rows)),
                Answer::Listed(_)
                | Answer::Pages(_)
                | Answer::People(_)
                | Answer::Persons(_)
                | Answer::Groups(_)
                | Answer::Claimed(_)
                | Answer::Done => None,
            };
            let (_, (count, next, rows)) = script.fact(&call, of_part)?;
            total += u64::from(count);
            after = next;
            let assets: Vec<AssetSeen> = rows.into_iter().map(|held| seen(held, access)).collect();
            if access == Access::Agency && after.is_none() {
                last = assets;
            } else if count > 0 {
                part += 1;
                script.say(Say::Part { part, assets });
            }
            if after.is_none() {
                break;
            }
        }
    }
    let inspection = Inspection { assets: last, totals: BTreeMap::from([(Kind::Page, total)]) };
    Ok(Outcome { inspection: Some(inspection), ..Outcome::of(Phase::Completed, false) })
}

fn seen(held: Holding, access: Access) -> AssetSeen {
    AssetSeen { kind: Kind::Page, id: held.page, name: None, access, tasks: Some(held.tasks), people: None }
}
