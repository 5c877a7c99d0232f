//! A command on several assets: a child an asset, one report at the end.

use super::observation::Tally;
use super::script::{Run, Script};
use crate::contract::{Asset, Body, Command, Outcome, Phase, Targets};
use crate::meta::{Answer, Call};

pub(super) fn run(script: &mut Script<'_>, targets: &Targets) -> Run<Outcome> {
    let assets = match targets {
        Targets::One(asset) => vec![asset.clone()],
        Targets::List(assets) => assets.clone(),
        Targets::All => everything_of_the_leaver(script)?,
    };
    if assets.is_empty() {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    let children = (1..).zip(assets).map(|(n, asset)| child(script.command(), n, asset)).collect();
    script.spawn(children)?;
    let tally = script.children()?;
    Ok(Outcome::of(ending(script.command(), tally), tally.changed))
}

/// A fan-out ends in the command's good phase if every asset did.
fn ending(command: &Command, tally: Tally) -> Phase {
    if tally.good < tally.total {
        return Phase::Incomplete;
    }
    let claims = matches!(command.body, Body::Claim { .. } | Body::Transfer { .. } | Body::Share { .. });
    if claims && !command.dry_run { Phase::Confirmed } else { Phase::Completed }
}

fn everything_of_the_leaver(script: &mut Script<'_>) -> Run<Vec<Asset>> {
    let Body::Reassign { from, .. } = &script.command().body else { return Ok(Vec::new()) };
    let person = script.person("from", from)?;
    let call = Call::PagesOf { person };
    match script.read(&call)? {
        Answer::Pages(pages) => {
            Ok(pages.into_iter().map(|held| Asset { kind: crate::contract::Kind::Page, id: held.page }).collect())
        }
        other => Err(script.misanswered(&call, &other)),
    }
}

/// The `n`th child: the parent's command on one asset. A notice is over when the children are made.
fn child(parent: &Command, n: u32, asset: Asset) -> Command {
    let mut child = Command { id: parent.id.child(n), notice: None, ..parent.clone() };
    match &mut child.body {
        Body::Claim { targets, .. }
        | Body::Unbind { targets, .. }
        | Body::Reassign { targets, .. }
        | Body::Assign { targets, .. }
        | Body::Unassign { targets, .. }
        | Body::Transfer { targets, .. }
        | Body::Share { targets, .. }
        | Body::Revoke { targets, .. } => *targets = Targets::One(asset),
        Body::Invite { .. }
        | Body::Offboard { .. }
        | Body::Disconnect { .. }
        | Body::Inspect { .. }
        | Body::Undo { .. }
        | Body::Cancel { .. } => {}
    }
    child
}
