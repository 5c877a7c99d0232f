//! `inspect`: what a business holds, in parts, with the people of each asset where that is asked.
//!
//! A part is said with the observation that brought it, so that neither the journal nor the memory ever holds more
//! than one. The last part is told in the terminal event, which has the totals.

use std::collections::BTreeMap;

use super::observation::Say;
use super::script::{Run, Script, refusal_of};
use crate::contract::{
    Access, AssetSeen, Category, EmailAddress, ErrorInfo, Inspection, Kind, Outcome, PersonId, PersonOnAsset,
    PersonSeen, Phase, Unread,
};
use crate::meta::{Answer, AssetList, Call, Holding, PersonOn, Roll, Staffed};

/// People in one event, at most: an asset with more goes on in the next part.
const PEOPLE_SHOWN: usize = 1_000;
/// What is owned first, then what is shared.
const BOTH: [Access; 2] = [Access::Owner, Access::Agency];

/// One part of a list as it was read: how many assets, where the next begins, and the assets to be told, in pieces
/// that an event holds.
struct Read {
    count: u32,
    next: Option<String>,
    pieces: Vec<Vec<AssetSeen>>,
}

/// What the business holds of `kinds`.
pub(super) fn run(script: &mut Script<'_>, kinds: &[Kind]) -> Run<Outcome> {
    told_in_parts(script, kinds, |script, kind, access, after| {
        let list = AssetList::held(kind, access);
        let call = Call::ListPart { business: script.business().clone(), list, after };
        let part =
            |answer| if let Answer::Part { count, next, rows } = answer { Some((count, next, rows)) } else { None };
        let (_, (count, next, rows)) = script.fact(&call, part)?;
        Ok(Read { count, next, pieces: vec![rows.into_iter().map(|held| seen(held, kind, access)).collect()] })
    })
}

/// The same, with the people of each asset.
pub(super) fn run_with_people(script: &mut Script<'_>, kinds: &[Kind]) -> Run<Outcome> {
    let call = Call::Directory { business: script.business().clone() };
    let people = |answer| if let Answer::Directory(people) = answer { Some(people) } else { None };
    let addresses: BTreeMap<PersonId, EmailAddress> = script.fact(&call, people)?.1.into_iter().collect();
    told_in_parts(script, kinds, |script, kind, access, after| {
        let list = AssetList::held(kind, access);
        let call = Call::StaffedPart { business: script.business().clone(), list, after };
        let part = |answer| {
            if let Answer::StaffedPart { count, next, rows } = answer { Some((count, next, rows)) } else { None }
        };
        let (_, (count, next, rows)) = script.fact(&call, part)?;
        let assets = rows.into_iter().map(|row| staffed(row, kind, access, &addresses)).collect();
        Ok(Read { count, next, pieces: pieces(assets) })
    })
}

fn told_in_parts(
    script: &mut Script<'_>,
    kinds: &[Kind],
    mut read: impl FnMut(&mut Script<'_>, Kind, Access, Option<String>) -> Run<Read>,
) -> Run<Outcome> {
    let (mut part, mut seen) = (0, Inspection::default());
    let lists: Vec<(Kind, Access)> = kinds.iter().flat_map(|kind| BOTH.map(|access| (*kind, access))).collect();
    for (n, (kind, access)) in lists.iter().copied().enumerate() {
        let mut after = None;
        loop {
            let read = refusal_of(read(script, kind, access, after))?;
            let Read { count, next, mut pieces } = match read {
                Ok(read) => read,
                Err(error) => {
                    seen.unread.push(not_read(script, AssetList::held(kind, access), error)?);
                    break;
                }
            };
            *seen.totals.entry(kind).or_default() += u64::from(count);
            after = next;
            if n + 1 == lists.len() && after.is_none() {
                seen.assets = pieces.pop().unwrap_or_default();
            }
            for assets in pieces.into_iter().filter(|_| count > 0) {
                part += 1;
                script.say(Say::Part { part, assets });
            }
            if after.is_none() {
                break;
            }
        }
    }
    if seen.unread.len() == lists.len() {
        return Err(script.fail(seen.unread.swap_remove(0).error));
    }
    Ok(Outcome { inspection: Some(seen), ..Outcome::of(Phase::Completed, false) })
}

/// A list that Meta refuses keeps the others from nothing; trouble that is not this list's ends the command.
fn not_read(script: &Script<'_>, list: AssetList, error: ErrorInfo) -> Run<Unread> {
    match error.category {
        Category::Exhausted | Category::Credential | Category::Abuse | Category::Internal => Err(script.fail(error)),
        Category::Invalid
        | Category::Unauthorised
        | Category::Permission
        | Category::Unsupported
        | Category::Conflict
        | Category::NeedsHuman => Ok(Unread { list: list.edge().to_owned(), error }),
    }
}

fn seen(held: Holding, kind: Kind, access: Access) -> AssetSeen {
    AssetSeen {
        kind,
        id: held.id,
        name: None,
        access,
        tasks: Some(held.tasks),
        people: None,
        direct: None,
        unread: Vec::new(),
    }
}

fn staffed(row: Staffed, kind: Kind, access: Access, addresses: &BTreeMap<PersonId, EmailAddress>) -> AssetSeen {
    let mut unread = Vec::new();
    let mut known = |list: &str, roll: Roll| match roll {
        Ok(people) => Some(people.into_iter().map(|on| person(on, addresses)).collect()),
        Err(error) => {
            unread.push(Unread { list: list.to_owned(), error });
            None
        }
    };
    let people = known("people", row.assigned);
    let direct = row.direct.and_then(|roll| known("direct", roll));
    AssetSeen { people, direct, unread, ..seen(row.held, kind, access) }
}

fn person(on: PersonOn, addresses: &BTreeMap<PersonId, EmailAddress>) -> PersonOnAsset {
    let email = on.email.or_else(|| addresses.get(&on.id).cloned());
    PersonOnAsset { person: PersonSeen { id: Some(on.id), email }, tasks: on.tasks }
}

/// Pieces of at most [`PEOPLE_SHOWN`] people. An asset that has more stands in several, each with its share of them.
fn pieces(assets: Vec<AssetSeen>) -> Vec<Vec<AssetSeen>> {
    let mut pieces: Vec<Vec<AssetSeen>> = vec![Vec::new()];
    let mut room = PEOPLE_SHOWN;
    for asset in assets {
        let mut left = Some(asset);
        while let Some(asset) = left {
            if room == 0 {
                pieces.push(Vec::new());
                room = PEOPLE_SHOWN;
            }
            let (head, rest) = split_off(asset, room);
            room -= head_count(&head);
            if let Some(piece) = pieces.last_mut() {
                piece.push(head);
            }
            left = rest;
        }
    }
    pieces
}

/// The asset with its first `room` people, and with the others if there are more.
fn split_off(mut asset: AssetSeen, room: usize) -> (AssetSeen, Option<AssetSeen>) {
    if head_count(&asset) <= room {
        return (asset, None);
    }
    let mut rest = AssetSeen { unread: Vec::new(), ..asset.clone() };
    let first = asset.people.as_ref().map_or(0, Vec::len).min(room);
    let second = room - first;
    keep(&mut asset.people, &mut rest.people, first);
    keep(&mut asset.direct, &mut rest.direct, second);
    (asset, Some(rest))
}

fn keep(head: &mut Option<Vec<PersonOnAsset>>, rest: &mut Option<Vec<PersonOnAsset>>, count: usize) {
    *rest = head.as_mut().map(|people| people.split_off(count.min(people.len())));
}

fn head_count(asset: &AssetSeen) -> usize {
    [&asset.people, &asset.direct].into_iter().flatten().map(Vec::len).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crowd(asset: usize, side: usize, count: usize) -> Vec<PersonOnAsset> {
        let one = |n: usize| {
            let id = format!("{}", 1_000_000_000 + asset * 100_000_000 + side * 10_000_000 + n).parse().unwrap();
            PersonOnAsset { person: PersonSeen { id: Some(id), email: None }, tasks: std::iter::empty().collect() }
        };
        (0..count).map(one).collect()
    }

    fn ids(pieces: &[Vec<AssetSeen>]) -> Vec<String> {
        let people = |asset: &AssetSeen| {
            let all = asset.people.iter().flatten().chain(asset.direct.iter().flatten());
            all.map(|on| format!("{} {:?}", asset.id, on.person.id)).collect::<Vec<_>>()
        };
        pieces.iter().flatten().flat_map(people).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_piece_is_too_big_and_nobody_is_lost_or_told_twice(
            sizes in prop::collection::vec((prop::option::of(0usize..2_500), prop::option::of(0usize..300)), 0..8),
        ) {
            let assets: Vec<AssetSeen> = sizes.iter().enumerate().map(|(n, (people, direct))| AssetSeen {
                people: people.map(|count| crowd(n, 0, count)),
                direct: direct.map(|count| crowd(n, 1, count)),
                ..seen(Holding { id: (n + 1).to_string().parse().unwrap(), tasks: std::iter::empty().collect() }, Kind::Page, Access::Owner)
            }).collect();
            let before = ids(std::slice::from_ref(&assets));
            let pieces = pieces(assets);
            prop_assert!(pieces.iter().all(|piece| piece.iter().map(head_count).sum::<usize>() <= PEOPLE_SHOWN));
            let mut told = ids(&pieces);
            let mut wanted = before;
            told.sort();
            wanted.sort();
            prop_assert_eq!(told, wanted);
            let named: std::collections::BTreeSet<String> =
                pieces.iter().flatten().map(|asset| asset.id.to_string()).collect();
            prop_assert_eq!(named.len(), sizes.len());
        }
    }
}
