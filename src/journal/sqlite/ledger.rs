//! What people ask, answered: each by the statements of the file that it names.

use std::pin::Pin;

use jiff::Timestamp;

use super::{Sqlite, dossier, held_by, operations, outbox, prune, read, standing, stops, surroundings};
use crate::contract::{BusinessId, CommandId, Digest};
use crate::journal::{
    Ahead, Answer, ChainedWalk, CommandRow, Dossier, Ending, Filter, Hold, HoldOn, Ledger, NewEvent, Operation,
    OutboxDepth, Published, Release, Unrouted, Verdict, Walk, WatchRow,
};

impl Ledger for Sqlite {
    fn list<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<CommandRow>> {
        let filter = filter.clone();
        self.survey(move |connection| read::list(connection, &filter))
    }

    fn ending<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Ending>> {
        self.look(|connection| prune::find_ending(connection, id))
    }

    fn events_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<NewEvent>> {
        let id = id.clone();
        self.survey(move |connection| outbox::events_of(connection, &id))
    }

    fn published<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<Published>> {
        let id = id.clone();
        self.survey(move |connection| surroundings::published(connection, &id))
    }

    fn verify<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Verdict> {
        let id = id.clone();
        self.survey(move |connection| read::verify(connection, &id))
    }

    fn dossier<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Dossier>> {
        let id = id.clone();
        self.survey(move |connection| dossier::dossier(connection, &id))
    }

    fn walk_of<'a>(&'a self, business: &'a BusinessId, hash: &'a Digest) -> Answer<'a, Option<ChainedWalk>> {
        let (business, hash) = (business.clone(), hash.clone());
        self.survey(move |connection| dossier::walk_of(connection, &business, &hash))
    }

    fn ahead_of<'a>(&'a self, row: &'a CommandRow, now: Timestamp) -> Answer<'a, Option<Ahead>> {
        let row = row.clone();
        self.survey(move |connection| surroundings::ahead_of(connection, &row, now))
    }

    fn watch_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<WatchRow>> {
        self.look(|connection| surroundings::watch_of(connection, id))
    }

    fn walks_since<'a>(
        &'a self,
        business: &'a BusinessId,
        list: &'a str,
        since: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Walk>> {
        self.look(move |connection| surroundings::walks_since(connection, business, list, since, limit))
    }

    fn outbox_depth(&self) -> Answer<'_, OutboxDepth> {
        self.survey(|connection| outbox::depth(connection, u32::MAX))
    }

    fn outbox_glance(&self) -> Answer<'_, OutboxDepth> {
        self.look(|connection| outbox::depth(connection, OutboxDepth::GLANCED))
    }

    fn unrouted(&self) -> Answer<'_, Unrouted> {
        self.survey(operations::unrouted)
    }

    fn replay_unrouted(&self, of: Option<CommandId>, operation: Operation) -> Answer<'_, u64> {
        self.change(move |connection| operations::replay_unrouted(connection, of.as_ref(), &operation))
    }

    fn begin_operation(&self, operation: Operation) -> Answer<'_, i64> {
        self.change(move |connection| operations::begin(connection, &operation))
    }

    fn end_operation(&self, n: i64, came: String) -> Answer<'_, ()> {
        self.change(move |connection| operations::end(connection, n, &came))
    }

    fn operations(&self, limit: u32) -> Answer<'_, Vec<Operation>> {
        self.survey(move |connection| operations::last(connection, limit))
    }

    fn hold(&self, on: HoldOn, operation: Operation) -> Answer<'_, Hold> {
        self.change(move |connection| stops::hold(connection, &on, &operation))
    }

    fn resume(&self, on: HoldOn, operation: Operation) -> Answer<'_, Option<Hold>> {
        self.change(move |connection| stops::resume(connection, &on, &operation))
    }

    fn release(&self, id: CommandId, operation: Operation) -> Answer<'_, Release> {
        self.change(move |connection| stops::release(connection, &id, &operation))
    }

    fn operations_on<'a>(&'a self, targets: &'a [String]) -> Answer<'a, Vec<Operation>> {
        let targets = targets.to_vec();
        self.survey(move |connection| dossier::operations_on(connection, &targets))
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.change(standing::beat)
    }

    fn held_by(&self) -> Answer<'_, Option<Option<u32>>> {
        Box::pin(async { Ok(held_by(&self.shared.path)) })
    }

    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.close_in_order())
    }
}
