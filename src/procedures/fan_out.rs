//! A command on several assets: a child an asset (or a bundle that asset groups tie), one report at the end.

use super::groups::bundles;
use super::observation::Tally;
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Command, Kind, Outcome, Person, Phase, Targets};
use crate::meta::{Call, Holding};

pub(super) fn run(script: &mut Script<'_>, targets: &Targets) -> Run<Outcome> {
    let parent = with_people_looked_up(script)?;
    let assets = match targets {
        Targets::One(asset) => vec![asset.clone()],
        Targets::List(assets) => assets.clone(),
        Targets::All => everything_of_the_leaver(script, &parent)?,
    };
    if assets.is_empty() {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    let bundles = bundled(script, &parent, assets)?;
    let children = (script.next_child()..).zip(bundles).map(|(n, assets)| child(&parent, n, assets)).collect();
    script.spawn(children)?;
    report(script)
}

/// How it ends once all children have ended.
pub(super) fn report(script: &mut Script<'_>) -> Run<Outcome> {
    let tally = script.children()?;
    let phase = if script.is_cancelled() { Phase::Cancelled } else { ending(script.command(), tally) };
    Ok(Outcome::of(phase, tally.changed))
}

/// A fan-out ends in the command's good phase if every asset did.
fn ending(command: &Command, tally: Tally) -> Phase {
    if tally.good < tally.total {
        return Phase::Incomplete;
    }
    let claims = matches!(command.body, Body::Claim { .. } | Body::Transfer { .. });
    if claims && !command.dry_run { Phase::Confirmed } else { Phase::Completed }
}

/// Addresses are looked up once, for all children.
fn with_people_looked_up(script: &mut Script<'_>) -> Run<Command> {
    let mut command = script.command().clone();
    match &mut command.body {
        Body::Reassign { from, to, .. } => {
            *from = Person::Id(script.person("from", from)?);
            *to = Person::Id(script.person("to", to)?);
        }
        Body::Assign { user, .. } | Body::Unassign { user, .. } => *user = Person::Id(script.person("user", user)?),
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
        | Body::Cancel { .. } => {}
    }
    Ok(command)
}

/// The assets as children take them: those that asset groups of the person bind together go into one.
fn bundled(script: &mut Script<'_>, parent: &Command, assets: Vec<Asset>) -> Run<Vec<Vec<Asset>>> {
    match &parent.body {
        Body::Reassign { from: Person::Id(person), .. }
        | Body::Assign { user: Person::Id(person), .. }
        | Body::Unassign { user: Person::Id(person), .. } => bundles(script, person, assets),
        Body::Claim { .. }
        | Body::Unbind { .. }
        | Body::Reassign { .. }
        | Body::Assign { .. }
        | Body::Unassign { .. }
        | Body::Invite { .. }
        | Body::Offboard { .. }
        | Body::Transfer { .. }
        | Body::Share { .. }
        | Body::Revoke { .. }
        | Body::Disconnect { .. }
        | Body::Inspect { .. }
        | Body::Undo { .. }
        | Body::Cancel { .. } => Ok(assets.into_iter().map(|asset| vec![asset]).collect()),
    }
}

/// Every asset of every kind, each list to its end: what cannot be read ends the command, for nobody may take a part for
/// the whole.
fn everything_of_the_leaver(script: &mut Script<'_>, parent: &Command) -> Run<Vec<Asset>> {
    let Body::Reassign { from: Person::Id(person), .. } = &parent.body else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let call = Call::AssetsOf { person: person.clone(), kind };
        all.extend(script.assets(&call)?.into_iter().map(|held: Holding| Asset { kind, id: held.id }));
    }
    Ok(all)
}

/// The `n`th child: the parent's command on one asset, or on those that it takes together. A notice is over when the
/// children are made.
fn child(parent: &Command, n: u32, assets: Vec<Asset>) -> Command {
    let mut child = Command { id: parent.id.child(n), notice: None, ..parent.clone() };
    match &mut child.body {
        Body::Claim { targets, .. }
        | Body::Unbind { targets, .. }
        | Body::Reassign { targets, .. }
        | Body::Assign { targets, .. }
        | Body::Unassign { targets, .. }
        | Body::Transfer { targets, .. }
        | Body::Share { targets, .. }
        | Body::Revoke { targets, .. } => *targets = of(assets),
        Body::Invite { .. }
        | Body::Offboard { .. }
        | Body::Disconnect { .. }
        | Body::Inspect { .. }
        | Body::Undo { .. }
        | Body::Cancel { .. } => {}
    }
    child
}

fn of(assets: Vec<Asset>) -> Targets {
    match <[Asset; 1]>::try_from(assets) {
        Ok([asset]) => Targets::One(asset),
        Err(several) => Targets::List(several),
    }
}
