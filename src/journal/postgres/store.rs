//! What the engine asks, answered: each by the statements of the file that it names.

use jiff::Timestamp;

use super::{Postgres, accept, dossier, lanes, outbox, prune, read, record, standing, stops, turns, watched, watches};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, EmailAddress, Kind, Person, PersonId};
use crate::journal::{
    Accepted, Alike, Answer, Cancelled, ChainedWalk, ChildResult, CommandRow, EvidenceRow, Forgotten, Hold, Horizons,
    InvitationRow, LetIn, Loaded, MayCancel, New, NewEvent, OutboxRow, Overdue, Parked, Patience, Placed, Record,
    Recorded, Settled, Store, Suspended, Walk, WatchRow, WatchedList,
};

impl Store for Postgres {
    fn accept(&self, new: New) -> Answer<'_, Accepted> {
        self.change(new, |client, new| Box::pin(accept::accept(client, new)))
    }

    fn enqueue(&self, events: Vec<NewEvent>, at: Timestamp) -> Answer<'_, ()> {
        self.change(events, move |client, events| Box::pin(outbox::enqueue(client, events, at)))
    }

    fn remember_cancel(
        &self,
        target: CommandId,
        by: CommandId,
        until: Timestamp,
        may: MayCancel,
    ) -> Answer<'_, Cancelled> {
        self.change((target, by, may), move |client, (target, by, may)| {
            Box::pin(accept::remember_cancel(client, target, by, until, may))
        })
    }

    fn in_front<'a>(&'a self, business: Option<&'a BusinessId>, limit: u32) -> Answer<'a, Vec<Placed>> {
        self.look(business, move |client, business| Box::pin(turns::in_front(client, *business, limit)))
    }

    fn businesses_in_front(&self) -> Answer<'_, Vec<Option<BusinessId>>> {
        self.look((), |client, ()| Box::pin(turns::businesses_in_front(client)))
    }

    fn begun(&self, after: i64, limit: u32) -> Answer<'_, Vec<Placed>> {
        self.look((), move |client, ()| Box::pin(turns::begun(client, after, limit)))
    }

    fn placed<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Placed>> {
        self.look(id, |client, id| Box::pin(turns::placed(client, id)))
    }

    fn next_to_come(&self) -> Answer<'_, Option<Timestamp>> {
        self.look((), |client, ()| Box::pin(lanes::next_to_come(client)))
    }

    fn let_in(&self, now: Timestamp, limit: u32) -> Answer<'_, LetIn> {
        self.change((), move |client, ()| Box::pin(lanes::let_in(client, now, limit)))
    }

    fn count_open(&self) -> Answer<'_, Vec<Alike>> {
        self.look((), |client, ()| Box::pin(turns::count_open(client)))
    }

    fn find<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<CommandRow>> {
        self.look(id, |client, id| Box::pin(accept::find(client, id)))
    }

    fn load<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Loaded>> {
        self.look(id, |client, id| Box::pin(read::load(client, id)))
    }

    fn record(&self, id: CommandId, record: Record) -> Answer<'_, Recorded> {
        self.change((id, record), |client, (id, record)| Box::pin(record::store(client, id, record)))
    }

    fn evidence<'a>(&'a self, id: &'a CommandId, last: Option<usize>) -> Answer<'a, Vec<EvidenceRow>> {
        self.look(id, move |client, id| Box::pin(read::chain(client, id, last)))
    }

    fn children<'a>(&'a self, parent: &'a CommandId) -> Answer<'a, Vec<CommandRow>> {
        self.look(parent, |client, parent| Box::pin(read::children(client, parent)))
    }

    fn children_results<'a>(&'a self, parent: &'a CommandId, after: u32, limit: u32) -> Answer<'a, Vec<ChildResult>> {
        self.look(parent, move |client, parent| Box::pin(read::children_results(client, parent, after, limit)))
    }

    fn next_look(&self) -> Answer<'_, Option<Timestamp>> {
        self.look((), |client, ()| Box::pin(watched::next_look(client)))
    }

    fn take_list(&self, now: Timestamp, until: Timestamp) -> Answer<'_, Option<WatchedList>> {
        self.change((), move |client, ()| Box::pin(watched::take(client, now, until)))
    }

    fn put_list_back(&self, list: WatchedList, look_at: Option<Timestamp>) -> Answer<'_, ()> {
        self.change(list, move |client, list| Box::pin(watched::put_back(client, list, look_at)))
    }

    fn watches_in<'a>(&'a self, business: &'a BusinessId, kind: Kind, access: Access) -> Answer<'a, Vec<WatchRow>> {
        self.look(business, move |client, business| Box::pin(watched::claims(client, business, kind, access)))
    }

    fn shares_of<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>> {
        self.look((business, asset), |client, (business, asset)| Box::pin(watched::shares(client, business, asset)))
    }

    fn watched_after<'a>(&'a self, after: Option<&'a CommandId>, limit: u32) -> Answer<'a, Vec<WatchRow>> {
        self.look(after, move |client, after| Box::pin(watched::after(client, *after, limit)))
    }

    fn invitations_into<'a>(&'a self, business: &'a BusinessId) -> Answer<'a, Vec<InvitationRow>> {
        self.look(business, |client, business| Box::pin(watched::invitations(client, business)))
    }

    fn overdue<'a>(
        &'a self,
        patience: Patience,
        after: Option<&'a (Timestamp, CommandId)>,
        upto: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Overdue>> {
        self.look(after, move |client, after| Box::pin(watched::overdue(client, patience, *after, upto, limit)))
    }

    fn leaves(
        &self,
        by: CommandId,
        business: BusinessId,
        person: PersonId,
        email: Option<EmailAddress>,
    ) -> Answer<'_, Option<CommandId>> {
        self.change((by, business, person, email), |client, (by, business, person, email)| {
            Box::pin(turns::leaves(client, by, business, person, email.as_ref()))
        })
    }

    fn is_leaving<'a>(&'a self, business: &'a BusinessId, person: &'a Person) -> Answer<'a, Option<CommandId>> {
        self.look((business, person), |client, (business, person)| {
            Box::pin(turns::is_leaving(client, business, person))
        })
    }

    fn offboardings(&self) -> Answer<'_, Vec<CommandId>> {
        self.look((), |client, ()| Box::pin(turns::offboardings(client)))
    }

    fn record_walk(&self, walk: Walk, updates: Vec<(CommandId, String)>) -> Answer<'_, Digest> {
        self.change((walk, updates), |client, (walk, updates)| Box::pin(watches::record_walk(client, walk, updates)))
    }

    fn open_claims<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>> {
        self.look((business, asset), |client, (business, asset)| {
            Box::pin(watches::open_claims(client, business, asset))
        })
    }

    fn walk_by<'a>(
        &'a self,
        business: &'a BusinessId,
        list: &'a str,
        at: Timestamp,
    ) -> Answer<'a, Option<ChainedWalk>> {
        self.look((business, list), move |client, (business, list)| {
            Box::pin(dossier::walk_by(client, business, list, at))
        })
    }

    fn last_denial<'a>(
        &'a self,
        business: &'a BusinessId,
        asset: &'a Asset,
        access: Access,
    ) -> Answer<'a, Option<(CommandId, Timestamp)>> {
        self.look((business, asset), move |client, (business, asset)| {
            Box::pin(watches::last_denial(client, business, asset, access))
        })
    }

    fn removed_since<'a>(&'a self, asset: &'a Asset, since: Timestamp) -> Answer<'a, Vec<PersonId>> {
        self.look(asset, move |client, asset| Box::pin(watches::removed_since(client, asset, since)))
    }

    fn removals_of<'a>(&'a self, business: &'a BusinessId, since: Timestamp, limit: u32) -> Answer<'a, Vec<Timestamp>> {
        self.look(business, move |client, business| Box::pin(stops::removals_of(client, business, since, limit)))
    }

    fn is_released<'a>(&'a self, id: &'a CommandId) -> Answer<'a, bool> {
        self.look(id, |client, id| Box::pin(stops::is_released(client, id)))
    }

    fn outbox_due(&self, after: i64, limit: u32) -> Answer<'_, Vec<OutboxRow>> {
        self.look((), move |client, ()| Box::pin(outbox::due(client, after, limit)))
    }

    fn settle(&self, settled: Vec<(i64, Settled)>) -> Answer<'_, ()> {
        self.change(settled, |client, settled| Box::pin(outbox::settle(client, settled)))
    }

    fn park(&self, bucket: String, until: Timestamp, why: String) -> Answer<'_, ()> {
        self.change((bucket, why), move |client, (bucket, why)| Box::pin(standing::park(client, bucket, until, why)))
    }

    fn parked(&self) -> Answer<'_, Vec<Parked>> {
        self.look((), |client, ()| Box::pin(standing::parked(client)))
    }

    fn forget_parked(&self, now: Timestamp) -> Answer<'_, ()> {
        self.change((), move |client, ()| Box::pin(standing::forget_parked(client, now)))
    }

    fn suspend(&self, suspended: Suspended) -> Answer<'_, ()> {
        self.change(suspended, |client, suspended| Box::pin(standing::suspend(client, suspended)))
    }

    fn suspended(&self) -> Answer<'_, Vec<Suspended>> {
        self.look((), |client, ()| Box::pin(standing::suspended(client)))
    }

    fn holds(&self) -> Answer<'_, Vec<Hold>> {
        self.look((), |client, ()| Box::pin(stops::holds(client)))
    }

    fn forget(&self, what: Forgotten, before: Horizons) -> Answer<'_, u64> {
        self.change(before, move |client, before| Box::pin(prune::forget(client, what, before)))
    }

    /// None: PostgreSQL's own autovacuum finds what holds nothing, and uses it again.
    fn free_pages(&self) -> Answer<'_, (u64, u64)> {
        Box::pin(async { Ok((0, 0)) })
    }

    fn give_back(&self, _pages: u32) -> Answer<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}
