//! `undo`: takes back what a finished command on single assets has changed, where Meta allows it.
//!
//! What it changed is on record, and what stands now is read first: only what is still as the command left it is taken
//! back; anything else is somebody's later wish. What cannot be taken back is told before the first write.
//!
//! The work is done by ordinary commands, one a change, as children: each runs in its asset's lane and keeps all that
//! such a command keeps (never orphan, what is protected, asset groups). Nobody loses what the command gave them before
//! whoever had it is seen to have it again: where both are on one asset the child is a `reassign`; else all that gives
//! comes first, and what takes comes only when all of that has gone well.

use std::collections::BTreeMap;

use super::claim::listed;
use super::deeds::{Deed, Deeds, Done};
use super::observation::{Fact, Query, Say};
use super::partners::{Partnership, Standing};
use super::people::tasks_of;
use super::script::{Run, Script, refusal_of};
use crate::contract::{
    Access, Asset, Body, BusinessId, Category, Command, CommandId, ErrorInfo, ItemResult, Kind, Outcome, Person,
    PersonId, Phase, Targets, Tasks,
};
use crate::meta::kinds::{Deed as CanBe, cell, manages};
use crate::meta::{AssetList, Call, PersonOn};

/// Results in one event, at most.
const TOLD: usize = 1_000;

/// What is to be done, in two waves, and what will not be.
#[derive(Default)]
struct Reversal {
    gives: Vec<Body>,
    takes: Vec<(Asset, Body)>,
    left: Vec<ItemResult>,
}

/// A person's rights that the command changed and that stand as it left them.
struct Change {
    person: PersonId,
    before: Tasks,
    after: Tasks,
}

pub(super) fn run(script: &mut Script<'_>, target: &CommandId) -> Run<Outcome> {
    let fact = script.consult(&Query::Deeds { target: target.clone() })?;
    let Fact::Deeds(Deeds::Ended { business, deeds }) = &fact else {
        return Ok(Outcome::failed(false, cannot(target, &fact)));
    };
    let mut reversal = Reversal::default();
    for (asset, done) in by_asset(deeds) {
        let looked = look(script, business, &asset, &done, &mut reversal);
        if let Err(error) = refusal_of(looked)? {
            reversal.left.push(left(&asset, error));
        }
    }
    reversal.left.chunks(TOLD).for_each(|part| script.say(Say::Left(part.to_vec())));
    script.safe_point()?;
    reverse(script, business, reversal)
}

/// The changes of each asset together, in the order of doing.
fn by_asset(deeds: &[Deed]) -> Vec<(Asset, Vec<Done>)> {
    let mut order: Vec<&Asset> = Vec::new();
    let mut all: BTreeMap<&Asset, Vec<Done>> = BTreeMap::new();
    for Deed { asset, done } in deeds {
        all.entry(asset).or_insert_with(|| {
            order.push(asset);
            Vec::new()
        });
        all.entry(asset).or_default().push(done.clone());
    }
    order.into_iter().map(|asset| (asset.clone(), all.remove(asset).unwrap_or_default())).collect()
}

/// Looks at what stands now, and decides what is to be done about one asset.
fn look(
    script: &mut Script<'_>,
    business: &BusinessId,
    asset: &Asset,
    done: &[Done],
    reversal: &mut Reversal,
) -> Run<()> {
    if done.contains(&Done::LetGo) {
        // Without the asset nobody can be put back on it either.
        reversal.left.push(left(asset, needs_claim(asset)));
        return Ok(());
    }
    let mut changes = Vec::new();
    for one in done {
        match one {
            Done::LetGo => {}
            Done::Partner { partner, before, after } => {
                let with = Partnership { asset, partner };
                shared(script, business, with, (before.as_ref(), after.as_ref()), reversal)?;
            }
            Done::Claimed { access } => claimed(script, business, asset, *access, reversal)?,
            Done::OffPlatform { what } => reversal.left.push(left(asset, off_platform(what))),
            Done::LeftGroup { group, person } => {
                let what = format!("person {person} left asset group {group}, and no call puts anybody back into one");
                reversal.left.push(left(asset, group_left(what)));
            }
            Done::Rights { person, before, after } => {
                changes.push(Change { person: person.clone(), before: before.clone(), after: after.clone() });
            }
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let people = people_on(script, business, asset)?;
    let mut standing = Vec::new();
    for change in changes {
        let has = tasks_of(&people, &change.person);
        if has == change.after {
            standing.push(change);
        } else if has != change.before {
            reversal.left.push(left(asset, changed_since(asset, &change, &has)));
        }
    }
    if let Some((back, _)) = pair(&standing) {
        let (_, held) = listed(script, business, AssetList::Client(asset.kind), &asset.id)?;
        let beyond = held.filter(|may| !may.is_empty()).map(|may| back.before.without(&may)).unwrap_or_default();
        if !beyond.is_empty() {
            reversal.left.push(left(asset, no_longer_given(asset, back, &beyond)));
        }
    }
    reversal.rights(asset, standing);
    Ok(())
}

/// A partner has again what they had, if it is still as the command left it.
fn shared(
    script: &mut Script<'_>,
    business: &BusinessId,
    with: Partnership<'_>,
    (before, after): (Option<&Tasks>, Option<&Tasks>),
    reversal: &mut Reversal,
) -> Run<()> {
    let Partnership { asset, partner } = with;
    let now = match with.standing_at(script, business)?.1 {
        Standing::Held(held) => Some(held),
        Standing::Absent | Standing::Open => None,
    };
    if now.as_ref() == before {
        return Ok(());
    }
    if now.as_ref() != after {
        reversal.left.push(left(asset, partner_since(with)));
        return Ok(());
    }
    let (targets, partner) = (Targets::One(asset.clone()), partner.clone());
    match before {
        None => reversal.takes.push((asset.clone(), Body::Revoke { targets, partner, permitted_tasks: None })),
        Some(tasks) if tasks.is_empty() => reversal.left.push(left(asset, tasks_unknown(with))),
        Some(tasks) => reversal.gives.push(Body::Share { targets, partner, permitted_tasks: tasks.clone() }),
    }
    Ok(())
}

/// What was claimed is let go of, if it is still as the claim left it.
fn claimed(
    script: &mut Script<'_>,
    business: &BusinessId,
    asset: &Asset,
    access: Access,
    reversal: &mut Reversal,
) -> Run<()> {
    if access == Access::Owner && asset.kind != Kind::Page {
        reversal.left.push(left(asset, owned_for_good(asset)));
        return Ok(());
    }
    let (_, held) = listed(script, business, AssetList::held(asset.kind, access), &asset.id)?;
    let (_, otherwise) = listed(script, business, AssetList::held(asset.kind, access.other()), &asset.id)?;
    if held.is_none() {
        reversal.left.push(left(asset, released_since(asset)));
    } else if otherwise.is_some() {
        reversal.left.push(left(asset, held_otherwise(asset)));
    } else if people_on(script, business, asset)?.is_empty() {
        let targets = Targets::One(asset.clone());
        reversal.takes.push((asset.clone(), Body::Unbind { targets, remove_people: true, unmanaged: false }));
    } else {
        reversal.left.push(left(asset, people_since(asset)));
    }
    Ok(())
}

fn people_on(script: &mut Script<'_>, business: &BusinessId, asset: &Asset) -> Run<Vec<PersonOn>> {
    let call = Call::PeopleOn { business: business.clone(), asset: asset.clone() };
    script.people(&call).map(|(_, people)| people)
}

impl Reversal {
    /// One who had an asset and one who got it: the first is put back, seen, and only then the other is taken off.
    /// Whom no call takes off stays, and is named.
    fn rights(&mut self, asset: &Asset, mut changes: Vec<Change>) {
        if let Some(error) = cell(asset.kind, CanBe::Unassign).refusal(asset) {
            let stay = changes.iter().filter(|change| change.before.is_empty());
            self.left.extend(stay.map(|change| left(asset, no_removal(&error, &change.person))));
            changes.retain(|change| !change.before.is_empty());
        }
        if let Some((back, off)) = pair(&changes) {
            self.gives.push(Body::Reassign {
                targets: Targets::One(asset.clone()),
                from: Person::Id(off.person.clone()),
                to: Person::Id(back.person.clone()),
                tasks: Some(back.before.clone()),
                leaves: false,
            });
            return;
        }
        for change in changes {
            let manages = |tasks: &Tasks| manages(asset.kind, tasks);
            let takes = change.after.covers(&change.before) || (manages(&change.after) && !manages(&change.before));
            let body = change.body(asset);
            if takes {
                self.takes.push((asset.clone(), body));
            } else {
                self.gives.push(body);
            }
        }
    }
}

/// One who had an asset, and one who got it from them.
fn pair(changes: &[Change]) -> Option<(&Change, &Change)> {
    let [one, other] = changes else { return None };
    let (back, off) = if one.before.is_empty() { (other, one) } else { (one, other) };
    let fits = back.before.covers(&back.after) && !back.before.is_empty() && off.before.is_empty();
    fits.then_some((back, off))
}

impl Change {
    /// The command that makes the person have what they had.
    fn body(self, asset: &Asset) -> Body {
        let (targets, user) = (Targets::One(asset.clone()), Person::Id(self.person));
        if self.before.is_empty() {
            Body::Unassign { targets, user, tasks: None, leaves: false }
        } else {
            Body::Assign { targets, user, tasks: self.before, adding: false }
        }
    }
}

/// Gives first; takes only when all of that has gone well.
fn reverse(script: &mut Script<'_>, business: &BusinessId, reversal: Reversal) -> Run<Outcome> {
    let Reversal { gives, takes, left: mut results } = reversal;
    let mut number = script.next_child();
    let mut all_well = true;
    if !gives.is_empty() {
        let wave = wave(script, business, &mut number, gives);
        script.spawn(wave)?;
        let tally = script.children()?;
        all_well = tally.good == tally.total;
    }
    let stopped = script.stop_cause().is_some();
    if !takes.is_empty() && all_well && !stopped {
        let wave = wave(script, business, &mut number, takes.into_iter().map(|(_, body)| body).collect());
        script.spawn(wave)?;
        let tally = script.children()?;
        all_well = tally.good == tally.total;
    } else {
        all_well &= takes.is_empty();
        results.extend(takes.into_iter().map(|(asset, _)| left(&asset, not_restored(&asset))));
    }
    let phase = if script.is_cancelled() {
        Phase::Cancelled
    } else if all_well && results.is_empty() {
        Phase::Completed
    } else {
        Phase::Incomplete
    };
    Ok(Outcome { results, ..Outcome::of(phase, script.changed()) })
}

/// Children of one wave: ordinary commands of the target's business.
fn wave(script: &Script<'_>, business: &BusinessId, number: &mut u32, bodies: Vec<Body>) -> Vec<Command> {
    let parent = script.command();
    let mut child = |body| {
        let id = parent.id.child(*number);
        *number = number.saturating_add(1);
        Command { id, business: Some(business.clone()), body, ..parent.clone() }
    };
    bodies.into_iter().map(&mut child).collect()
}

fn left(asset: &Asset, error: ErrorInfo) -> ItemResult {
    ItemResult { asset: asset.clone(), phase: Phase::Failed, changed: false, error: Some(error) }
}

/// Kinds that cannot be claimed come back by a person's clicks.
fn needs_claim(asset: &Asset) -> ErrorInfo {
    let by_hand = cell(asset.kind, CanBe::ClaimAgency).refusal(asset).map(|refused| refused.remedy);
    let remedy = match &by_hand {
        None => "Claim it anew; once that is confirmed, assign the people who were on it.".to_owned(),
        Some(by_hand) => format!("{by_hand} Then assign the people who were on it."),
    };
    human("needs_claim", format!("the business let go of {asset}, and only its owner can give it back"), &remedy)
}

fn no_removal(refused: &ErrorInfo, person: &PersonId) -> ErrorInfo {
    ErrorInfo { message: format!("{}: person {person} stays on it", refused.message), ..refused.clone() }
}

fn owned_for_good(asset: &Asset) -> ErrorInfo {
    human(
        "irreversible",
        format!("the business owns {asset}, and Meta has no way back from that"),
        "Nothing can be done by API; write to Meta's support if it must be moved.",
    )
}

fn released_since(asset: &Asset) -> ErrorInfo {
    conflict(
        "changed_since",
        format!("the business holds {asset} no longer: somebody released it since"),
        "Nothing is left to take back here.",
    )
}

fn held_otherwise(asset: &Asset) -> ErrorInfo {
    human(
        "held_otherwise",
        format!("the business holds {asset} as its owner and as an agency: Meta's only call takes both"),
        "Take away what is wrong in Meta's business settings, or send an `unbind` if both are to go.",
    )
}

fn people_since(asset: &Asset) -> ErrorInfo {
    conflict(
        "changed_since",
        format!("people of the business were put on {asset} since it was claimed"),
        "Send an `unbind` if they are to lose it too.",
    )
}

fn changed_since(asset: &Asset, change: &Change, has: &Tasks) -> ErrorInfo {
    let Change { person, after, .. } = change;
    conflict(
        "changed_since",
        format!("person {person} had {} on {asset} after the command and has {} now", told(after), told(has)),
        "Find out who changed it; then set with `assign` or `unassign` what is wanted.",
    )
}

fn partner_since(Partnership { asset, partner }: Partnership<'_>) -> ErrorInfo {
    conflict(
        "changed_since",
        format!("business {partner} has other access to {asset} now than the command left it with"),
        "Find out who changed it; then `share` or `revoke` what is wanted.",
    )
}

fn tasks_unknown(Partnership { asset, partner }: Partnership<'_>) -> ErrorInfo {
    human(
        "tasks_unknown",
        format!("business {partner} had {asset} with tasks that Meta's list did not name"),
        "Send a `share` with the tasks that they are to have.",
    )
}

fn no_longer_given(asset: &Asset, change: &Change, beyond: &Tasks) -> ErrorInfo {
    conflict(
        "tasks_not_permitted",
        format!(
            "person {} had {} on {asset}, of which the business may give {beyond} no more",
            change.person, change.before
        ),
        "Ask the asset's owner to permit these tasks, then set them with `assign`.",
    )
}

fn off_platform(what: &str) -> ErrorInfo {
    human(
        "off_platform",
        format!("{what} was taken off the WhatsApp account, and no call of ours puts it back"),
        "Register the number again with its PIN and subscribe the app again, as at the first setup.",
    )
}

fn group_left(what: String) -> ErrorInfo {
    human(
        "group_left",
        what,
        "Put them back into the group in Meta's business settings, if it is to be a group's right.",
    )
}

fn not_restored(asset: &Asset) -> ErrorInfo {
    conflict(
        "not_restored",
        format!("nothing was taken on {asset}: not all that was to be given back before that could be"),
        "Mend what failed, then send the undo again under an id of its own.",
    )
}

fn told(tasks: &Tasks) -> String {
    if tasks.is_empty() { "nothing".to_owned() } else { tasks.to_string() }
}

/// Why nothing of the target can be taken back.
fn cannot(target: &CommandId, fact: &Fact) -> ErrorInfo {
    match fact {
        Fact::Deeds(Deeds::Open) => conflict(
            "not_finished",
            format!("{target} has not ended"),
            "Cancel it, or send the undo when it has ended.",
        ),
        Fact::Deeds(Deeds::Forgotten) => conflict(
            "kept_no_longer",
            format!("{target} ended so long ago that what it changed is on record no longer"),
            "Look at its evidence with `bindery evidence`, and send the opposite commands.",
        ),
        Fact::Deeds(Deeds::Unfit { command }) => error(
            Category::Unsupported,
            "not_undoable",
            format!(
                "{target} is a command {command}: only claim, unbind, assign, unassign, reassign, share and revoke can be undone"
            ),
            "Send the commands that are wanted instead.",
        ),
        Fact::NotAllowed => error(
            Category::Unauthorised,
            "unauthorised",
            format!("who published this may not give the command of {target} for its business, and so not undo it"),
            "Let a user undo it who may give that command for that business, or add both to \"publishers\".",
        ),
        Fact::NotKnown
        | Fact::Deeds(Deeds::Ended { .. })
        | Fact::OpenClaims(_)
        | Fact::Denied(_)
        | Fact::Removed(_)
        | Fact::Leaving(_)
        | Fact::Told(_) => error(
            Category::Invalid,
            "unknown_target",
            format!("the journal knows no command {target}"),
            "Give the id of a command that has ended.",
        ),
    }
}

fn human(code: &str, message: String, remedy: &str) -> ErrorInfo {
    error(Category::NeedsHuman, code, message, remedy)
}

fn conflict(code: &str, message: String, remedy: &str) -> ErrorInfo {
    error(Category::Conflict, code, message, remedy)
}

fn error(category: Category, code: &str, message: String, remedy: &str) -> ErrorInfo {
    ErrorInfo { category, code: code.to_owned(), subcode: None, message, trace: None, remedy: remedy.to_owned() }
}
