//! Several assets that asset groups bind together: one child takes them all, in all their lanes, or takes none.
//!
//! What must hold: nobody leaves a group before every asset in it may lose them, and before the successor is seen on
//! each. So all assets are looked at first; where one must keep the person, all of the bundle do, and each says why.
//! Then the successor is put in place everywhere, then the groups are left, and only then come the single removals.

use super::groups::{Covered, leave};
use super::leaving::may_be_granted;
use super::manager::people_on;
use super::people::{self, Change, may_be_without, put_on, take_off_because, tasks_of};
use super::reassign::{self, Between, Handover};
use super::script::{Run, Script, refusal_of};
use crate::contract::{Asset, Body, Category, ErrorInfo, ItemResult, Outcome, PersonId, Phase, Tasks};
use crate::meta::GroupId;

/// Why a person is taken off a single asset.
const OFF: &str = "takes the person off";
/// No list tells whether a right came through the group alone: the run looks, and does this only where it must.
const OFF_STILL: &str = "takes the person off, unless leaving the asset group has done so";

/// What is done on one asset.
enum Part {
    Handover(Handover),
    Change(Change),
}

/// What the command asks for on each asset.
enum Errand {
    Reassign(Between),
    Assign(PersonId, Tasks),
    Unassign(PersonId, Option<Tasks>),
}

pub(super) fn run(script: &mut Script<'_>, assets: &[Asset]) -> Run<Outcome> {
    let errand = errand(script)?;
    let mut covered = Covered::by(assets);
    let (mut parts, mut refused) = (Vec::new(), Vec::new());
    for asset in assets {
        match refusal_of(errand.prepare(script, &mut covered, asset))? {
            Ok(part) => parts.push(part),
            Err(error) => refused.push(refusal(asset, error)),
        }
    }
    if !groups_of(&parts).is_empty() {
        for part in &parts {
            let Part::Change(change) = part else { continue };
            if let Err(error) = refusal_of(may_be_without(script, change))? {
                refused.push(refusal(&change.asset, error));
            }
        }
    }
    if refused.is_empty()
        && let Some(stopped) = put_successors_on(script, &errand, &parts)?
    {
        refused.push(stopped);
    }
    if !refused.is_empty() {
        return Ok(held_back(script, &parts, refused));
    }
    script.safe_point()?;
    for (group, asset) in groups_of(&parts) {
        leave(script, &group, &asset, errand.leaver())?;
    }
    let results = parts.iter().map(|part| part.finish(script, errand.leaver())).collect::<Run<Vec<_>>>()?;
    let well = results.iter().all(|result| result.phase == Phase::Completed);
    let phase = if well { Phase::Completed } else { Phase::Incomplete };
    Ok(Outcome { results, ..Outcome::of(phase, script.changed()) })
}

fn errand(script: &mut Script<'_>) -> Run<Errand> {
    match &script.command().body {
        Body::Reassign { from, to, tasks, .. } => Between::of(script, from, to, tasks.clone()).map(Errand::Reassign),
        Body::Assign { user, tasks, .. } => {
            let person = script.person("user", user)?;
            may_be_granted(script, &person)?;
            Ok(Errand::Assign(person, tasks.clone()))
        }
        Body::Unassign { user, tasks, .. } => Ok(Errand::Unassign(script.person("user", user)?, tasks.clone())),
        Body::Claim { .. }
        | Body::Unbind { .. }
        | Body::Invite { .. }
        | Body::Offboard { .. }
        | Body::Transfer { .. }
        | Body::Share { .. }
        | Body::Revoke { .. }
        | Body::Disconnect { .. }
        | Body::Inspect { .. }
        | Body::Undo { .. }
        | Body::Cancel { .. } => unreachable!("only what changes one person's rights is bundled"),
    }
}

/// Each is seen in place before the next is put there; the first that may not ends it, with nobody taken off yet.
fn put_successors_on(script: &mut Script<'_>, errand: &Errand, parts: &[Part]) -> Run<Option<ItemResult>> {
    let Errand::Reassign(between) = errand else { return Ok(None) };
    for part in parts {
        let Part::Handover(handover) = part else { continue };
        script.safe_point()?;
        let people = match refusal_of(reassign::put_successor_on(script, handover, between))? {
            Ok(people) => people.unwrap_or_default(),
            Err(error) => {
                // Not seen, or never answered: it may stand all the same.
                let changed = error.category == Category::Exhausted;
                return Ok(Some(ItemResult { changed, ..part.result(Phase::Failed, Some(error)) }));
            }
        };
        if people.is_empty() {
            continue;
        }
        if let Err(error) = refusal_of(reassign::still_may_leave(script, handover, &people, &between.leaver))? {
            return Ok(Some(ItemResult { changed: true, ..part.result(Phase::Failed, Some(error)) }));
        }
    }
    Ok(None)
}

/// Every group that must be left, with one of its assets.
fn groups_of(parts: &[Part]) -> Vec<(GroupId, Asset)> {
    let mut groups: Vec<(GroupId, Asset)> = Vec::new();
    for part in parts {
        for group in part.groups() {
            if groups.iter().all(|(known, _)| known != group) {
                groups.push((group.clone(), part.asset().clone()));
            }
        }
    }
    groups
}

impl Errand {
    fn leaver(&self) -> &PersonId {
        match self {
            Self::Reassign(between) => &between.leaver,
            Self::Assign(person, _) | Self::Unassign(person, _) => person,
        }
    }

    fn prepare(&self, script: &mut Script<'_>, covered: &mut Covered<'_>, asset: &Asset) -> Run<Part> {
        let wanted = |has: &Tasks| match self {
            Self::Assign(_, tasks) => tasks.clone(),
            Self::Unassign(_, Some(some)) => has.without(some),
            Self::Unassign(_, None) | Self::Reassign(_) => Tasks::default(),
        };
        match self {
            Self::Reassign(between) => reassign::prepare(script, covered, asset, between).map(Part::Handover),
            Self::Assign(person, _) | Self::Unassign(person, _) => {
                people::prepare(script, covered, asset, person, wanted).map(Part::Change)
            }
        }
    }
}

impl Part {
    fn asset(&self) -> &Asset {
        match self {
            Self::Handover(handover) => &handover.asset,
            Self::Change(change) => &change.asset,
        }
    }

    fn groups(&self) -> &[GroupId] {
        match self {
            Self::Handover(handover) => &handover.groups,
            Self::Change(change) => &change.groups,
        }
    }

    /// Whether the wanted state stood already.
    fn is_done(&self) -> bool {
        match self {
            Self::Handover(handover) => handover.is_done(),
            Self::Change(change) => change.has == change.wanted,
        }
    }

    /// Whether a successor gets something on it.
    fn grants(&self) -> bool {
        match self {
            Self::Handover(handover) => handover.grants(),
            Self::Change(_) => false,
        }
    }

    /// What the person is to have in the end.
    fn stays(&self) -> Tasks {
        match self {
            Self::Handover(_) => Tasks::default(),
            Self::Change(change) => change.wanted.clone(),
        }
    }

    /// Whether the person had something here that a left group may have taken.
    fn had(&self) -> bool {
        match self {
            Self::Handover(handover) => !handover.leavers.is_empty(),
            Self::Change(change) => !change.has.is_empty() || !change.wanted.is_empty(),
        }
    }

    /// Makes the person have what they are to have: what came through the groups is gone by now, wanted or not.
    fn finish(&self, script: &mut Script<'_>, person: &PersonId) -> Run<ItemResult> {
        let finished = if self.had() { refusal_of(self.settle(script, person))? } else { Ok(()) };
        Ok(match finished {
            Ok(()) => {
                let changed = !self.is_done() && !script.dry_run();
                ItemResult { changed, ..self.result(Phase::Completed, None) }
            }
            Err(error) => ItemResult { changed: script.changed(), ..self.result(Phase::Failed, Some(error)) },
        })
    }

    fn settle(&self, script: &mut Script<'_>, person: &PersonId) -> Run<()> {
        let stays = self.stays();
        let has = if script.dry_run() { None } else { Some(tasks_of(&people_on(script, self.asset())?, person)) };
        if has.as_ref() == Some(&stays) || (has.is_none() && self.is_done()) {
            return Ok(());
        }
        if stays.is_empty() {
            let why = if self.groups().is_empty() { OFF } else { OFF_STILL };
            take_off_because(script, self.asset(), person, why)
        } else {
            put_on(script, self.asset(), person, &stays).map(|_| ())
        }
    }

    /// How it ended, with nothing changed.
    fn result(&self, phase: Phase, error: Option<ErrorInfo>) -> ItemResult {
        ItemResult { asset: self.asset().clone(), phase, changed: false, error }
    }
}

fn refusal(asset: &Asset, error: ErrorInfo) -> ItemResult {
    ItemResult { asset: asset.clone(), phase: Phase::Failed, changed: false, error: Some(error) }
}

/// The end where nobody is taken off: those that may not, and those that are bound to them.
fn held_back(script: &Script<'_>, parts: &[Part], mut results: Vec<ItemResult>) -> Outcome {
    let why = results[0].asset.clone();
    let refused: Vec<Asset> = results.iter().map(|result| result.asset.clone()).collect();
    // Successors before the one that was refused are in place already.
    let reached = parts.iter().position(|part| *part.asset() == why).filter(|_| script.changed()).unwrap_or(0);
    for (n, part) in parts.iter().enumerate().filter(|(_, part)| !refused.contains(part.asset())) {
        if part.is_done() {
            results.push(part.result(Phase::Completed, None));
            continue;
        }
        let changed = n < reached && part.grants();
        let error = Some(bound_to(part.asset(), &why));
        results.push(ItemResult { changed, ..part.result(Phase::Failed, error) });
    }
    Outcome { results, ..Outcome::of(Phase::Incomplete, script.changed()) }
}

fn bound_to(asset: &Asset, other: &Asset) -> ErrorInfo {
    ErrorInfo {
        category: Category::NeedsHuman,
        code: "in_asset_group".to_owned(),
        subcode: None,
        message: format!(
            "the right on {asset} comes through an asset group that also holds {other}, which must keep the person"
        ),
        trace: None,
        remedy: format!("Settle what {other} needs (its own result says what), then send the command anew."),
    }
}
