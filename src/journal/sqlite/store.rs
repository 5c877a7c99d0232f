//! What the engine asks, answered: each by the statements of the file that it names.

use jiff::Timestamp;

use super::{Sqlite, accept, dossier, lanes, outbox, prune, read, record, standing, stops, turns, watched, watches};
use crate::contract::{Access, Asset, BusinessId, CommandId, Digest, EmailAddress, Kind, Person, PersonId};
use crate::journal::{
    Accepted, Alike, Answer, Cancelled, ChainedWalk, ChildResult, CommandRow, EvidenceRow, Forgotten, Hold, Horizons,
    InvitationRow, LetIn, Loaded, MayCancel, New, NewEvent, OutboxRow, Overdue, Parked, Patience, Placed, Record,
    Recorded, Settled, Store, Suspended, Walk, WatchRow, WatchedList,
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

    fn in_front<'a>(&'a self, business: Option<&'a BusinessId>, limit: u32) -> Answer<'a, Vec<Placed>> {
        let business = business.cloned();
        self.survey(move |connection| turns::in_front(connection, business.as_ref(), limit))
    }

    fn businesses_in_front(&self) -> Answer<'_, Vec<Option<BusinessId>>> {
        self.survey(turns::businesses_in_front)
    }

    fn begun(&self, after: i64, limit: u32) -> Answer<'_, Vec<Placed>> {
        self.survey(move |connection| turns::begun(connection, after, limit))
    }

    fn placed<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Placed>> {
        self.look(|connection| turns::placed(connection, id))
    }

    fn next_to_come(&self) -> Answer<'_, Option<Timestamp>> {
        self.look(lanes::next_to_come)
    }

    fn let_in(&self, now: Timestamp, limit: u32) -> Answer<'_, LetIn> {
        self.change(move |connection| lanes::let_in(connection, now, limit))
    }

    fn count_open(&self) -> Answer<'_, Vec<Alike>> {
        self.survey(turns::count_open)
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

    fn next_look(&self) -> Answer<'_, Option<Timestamp>> {
        self.look(watched::next_look)
    }

    fn take_list(&self, now: Timestamp, until: Timestamp) -> Answer<'_, Option<WatchedList>> {
        self.change(move |connection| watched::take(connection, now, until))
    }

    fn put_list_back(&self, list: WatchedList, look_at: Option<Timestamp>) -> Answer<'_, ()> {
        self.change(move |connection| watched::put_back(connection, &list, look_at))
    }

    fn watches_in<'a>(&'a self, business: &'a BusinessId, kind: Kind, access: Access) -> Answer<'a, Vec<WatchRow>> {
        let business = business.clone();
        self.survey(move |connection| watched::claims(connection, &business, kind, access))
    }

    fn shares_of<'a>(&'a self, business: &'a BusinessId, asset: &'a Asset) -> Answer<'a, Vec<WatchRow>> {
        self.look(|connection| watched::shares(connection, business, asset))
    }

    fn watched_after<'a>(&'a self, after: Option<&'a CommandId>, limit: u32) -> Answer<'a, Vec<WatchRow>> {
        self.look(move |connection| watched::after(connection, after, limit))
    }

    fn invitations_into<'a>(&'a self, business: &'a BusinessId) -> Answer<'a, Vec<InvitationRow>> {
        let business = business.clone();
        self.survey(move |connection| watched::invitations(connection, &business))
    }

    fn overdue<'a>(
        &'a self,
        patience: Patience,
        after: Option<&'a (Timestamp, CommandId)>,
        upto: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Overdue>> {
        self.look(move |connection| watched::overdue(connection, patience, after, upto, limit))
    }

    fn leaves(
        &self,
        by: CommandId,
        business: BusinessId,
        person: PersonId,
        email: Option<EmailAddress>,
    ) -> Answer<'_, Option<CommandId>> {
        self.change(move |connection| turns::leaves(connection, &by, &business, &person, email.as_ref()))
    }

    fn is_leaving<'a>(&'a self, business: &'a BusinessId, person: &'a Person) -> Answer<'a, Option<CommandId>> {
        self.look(move |connection| turns::is_leaving(connection, business, person))
    }

    fn offboardings(&self) -> Answer<'_, Vec<CommandId>> {
        self.look(turns::offboardings)
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
