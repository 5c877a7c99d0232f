//! What the engine asks, answered: each by the statements of the file that it names.

use jiff::Timestamp;

use super::{Sqlite, accept, dossier, outbox, prune, read, record, standing, stops, watches};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, PersonId};
use crate::journal::{
    Accepted, Answer, Cancelled, ChainedWalk, ChildResult, CommandRow, EvidenceRow, Forgotten, Hold, Horizons,
    InvitationRow, Loaded, MayCancel, New, NewEvent, OutboxRow, Parked, Record, Recorded, Settled, Store, Suspended,
    Walk, WatchRow,
};

impl Store for Sqlite {
    fn accept(&self, new: New) -> Answer<'_, Accepted> {
        self.change(move |connection| accept::accept(connection, &new))
    }

    fn enqueue(&self, events: Vec<NewEvent>, at: Timestamp) -> Answer<'_, ()> {
        self.change(move |connection| outbox::enqueue_all(connection, &events, at))
    }

    fn remember_cancel(
        &self,
        target: CommandId,
        by: CommandId,
        until: Timestamp,
        may: MayCancel,
    ) -> Answer<'_, Cancelled> {
        self.change(move |connection| accept::remember_cancel(connection, &target, &by, until, &*may))
    }

    fn open_commands(&self) -> Answer<'_, Vec<CommandRow>> {
        self.survey(read::open_commands)
    }

    fn find<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<CommandRow>> {
        self.look(|connection| accept::find(connection, id))
    }

    fn load<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Loaded>> {
        self.look(|connection| read::load(connection, id))
    }

    fn record(&self, id: CommandId, record: Record) -> Answer<'_, Recorded> {
        self.change(move |connection| record::store(connection, &id, &record))
    }

    fn evidence<'a>(&'a self, id: &'a CommandId, last: Option<usize>) -> Answer<'a, Vec<EvidenceRow>> {
        let id = id.clone();
        self.survey(move |connection| read::chain(connection, &id, last))
    }

    fn children<'a>(&'a self, parent: &'a CommandId) -> Answer<'a, Vec<CommandRow>> {
        let parent = parent.clone();
        self.survey(move |connection| read::children(connection, &parent))
    }

    fn children_results<'a>(&'a self, parent: &'a CommandId, after: u32, limit: u32) -> Answer<'a, Vec<ChildResult>> {
        let parent = parent.clone();
        self.survey(move |connection| read::children_results(connection, &parent, after, limit))
    }

    fn watches(&self) -> Answer<'_, Vec<WatchRow>> {
        self.survey(watches::all)
    }

    fn invitations(&self) -> Answer<'_, Vec<InvitationRow>> {
        self.survey(watches::invitations)
    }

    fn record_walk(&self, walk: Walk, updates: Vec<(CommandId, String)>) -> Answer<'_, Digest> {
        self.change(move |connection| watches::record_walk(connection, &walk, &updates))
    }

    fn open_claims<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>> {
        self.look(|connection| watches::open_claims(connection, business, asset))
    }

    fn walk_by<'a>(
        &'a self,
        business: &'a BusinessId,
        list: &'a str,
        at: Timestamp,
    ) -> Answer<'a, Option<ChainedWalk>> {
        self.look(move |connection| dossier::walk_by(connection, business, list, at))
    }

    fn last_denial<'a>(
        &'a self,
        business: &'a BusinessId,
        asset: &'a Asset,
        access: Access,
    ) -> Answer<'a, Option<(CommandId, Timestamp)>> {
        self.look(move |connection| watches::last_denial(connection, business, asset, access))
    }

    fn removed_since<'a>(&'a self, asset: &'a Asset, since: Timestamp) -> Answer<'a, Vec<PersonId>> {
        self.look(move |connection| watches::removed_since(connection, asset, since))
    }

    fn removals_of<'a>(&'a self, business: &'a BusinessId, since: Timestamp, limit: u32) -> Answer<'a, Vec<Timestamp>> {
        self.look(move |connection| stops::removals_of(connection, business, since, limit))
    }

    fn is_released<'a>(&'a self, id: &'a CommandId) -> Answer<'a, bool> {
        self.look(move |connection| stops::is_released(connection, id))
    }

    fn outbox_due(&self, after: i64, limit: u32) -> Answer<'_, Vec<OutboxRow>> {
        self.survey(move |connection| outbox::due(connection, after, limit))
    }

    fn settle(&self, settled: Vec<(i64, Settled)>) -> Answer<'_, ()> {
        self.change(move |connection| outbox::settle(connection, &settled))
    }

    fn park(&self, bucket: String, until: Timestamp, why: String) -> Answer<'_, ()> {
        self.change(move |connection| standing::park(connection, &bucket, until, &why))
    }

    fn parked(&self) -> Answer<'_, Vec<Parked>> {
        self.survey(standing::parked)
    }

    fn forget_parked(&self, now: Timestamp) -> Answer<'_, ()> {
        self.change(move |connection| standing::forget_parked(connection, now))
    }

    fn suspend(&self, suspended: Suspended) -> Answer<'_, ()> {
        self.change(move |connection| standing::suspend(connection, &suspended))
    }

    fn suspended(&self) -> Answer<'_, Vec<Suspended>> {
        self.survey(standing::suspended)
    }

    fn holds(&self) -> Answer<'_, Vec<Hold>> {
        self.survey(stops::holds)
    }

    fn forget(&self, what: Forgotten, before: Horizons) -> Answer<'_, u64> {
        self.change(move |connection| prune::forget(connection, what, &before))
    }

    fn free_pages(&self) -> Answer<'_, (u64, u64)> {
        self.look(prune::free_pages)
    }

    fn give_back(&self, pages: u32) -> Answer<'_, u64> {
        self.change(move |connection| prune::give_back(connection, pages))
    }
}
