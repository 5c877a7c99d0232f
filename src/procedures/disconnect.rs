//! `disconnect`: the business lets go of every asset that its lists show.
//!
//! What is shared with the business is let go of by one call an asset: the rights of its people end with that. Of
//! what it owns, and of WhatsApp accounts, which no call takes away, people go first. What no call reaches ends as its
//! `unbind` does, with what a person does. A whole partnership is never ended for it: that would take assets that the
//! command does not name, and it has no word for that.

use std::collections::BTreeSet;

use super::fan_out;
use super::script::{Run, Script};
use crate::contract::{Access, Asset, Body, Command, Kind, Outcome, Phase, Targets};
use crate::meta::{AssetList, Call};

/// Accounts that may hang on a Page go before it: Meta lets go of no Page with an Instagram link.
const ORDER: [Kind; 6] =
    [Kind::AdAccount, Kind::Pixel, Kind::Catalog, Kind::WhatsappAccount, Kind::InstagramAccount, Kind::Page];

pub(super) fn run(script: &mut Script<'_>) -> Run<Outcome> {
    let Body::Disconnect { kinds, include_owned } = &script.command().body else {
        unreachable!("run dispatches on the body")
    };
    let mut held = Vec::new();
    for kind in ORDER.into_iter().filter(|kind| kinds.contains(kind)) {
        let owned = if *include_owned { listed(script, kind, Access::Owner)? } else { BTreeSet::new() };
        let shared = listed(script, kind, Access::Agency)?;
        // What is both goes once, as what is owned.
        held.extend(shared.difference(&owned).map(|asset| (asset.clone(), Access::Agency)));
        held.extend(owned.into_iter().map(|asset| (asset, Access::Owner)));
    }
    if held.is_empty() {
        return Ok(Outcome::of(Phase::Completed, false));
    }
    let parent = script.command().clone();
    let children = (script.next_child()..).zip(held).map(|(n, (asset, access))| child(&parent, n, asset, access));
    script.spawn(children.collect())?;
    fan_out::report(script)
}

/// In an order of our own: a plan must not change with Meta's.
fn listed(script: &mut Script<'_>, kind: Kind, access: Access) -> Run<BTreeSet<Asset>> {
    let call = Call::ListAll { business: script.business().clone(), list: AssetList::held(kind, access) };
    Ok(script.assets(&call)?.into_iter().map(|held| Asset { kind, id: held.id }).collect())
}

fn child(parent: &Command, n: u32, asset: Asset, access: Access) -> Command {
    let remove_people = access == Access::Owner || asset.kind == Kind::WhatsappAccount;
    let body = Body::Unbind { targets: Targets::One(asset), remove_people, unmanaged: false };
    Command { id: parent.id.child(n), notice: None, body, ..parent.clone() }
}
