//! What people ask, answered: each by the statements of the file that it names.

use std::pin::Pin;

use jiff::Timestamp;

use super::{Postgres, dossier, lease, operations, outbox, prune, read, standing, stops, surroundings};
use crate::contract::{BusinessId, CommandId, Digest};
use crate::journal::{
    Ahead, Answer, ChainedWalk, CommandRow, Dossier, Ending, Filter, Hold, HoldOn, Ledger, NewEvent, Operation,
    OutboxDepth, Published, Release, Unrouted, Verdict, Walk, WatchRow,
};

impl Ledger for Postgres {
    fn list<'a>(&'a self, filter: &'a Filter) -> Answer<'a, Vec<CommandRow>> {
        self.look(filter, |client, filter| Box::pin(read::list(client, filter)))
    }

    fn ending<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Ending>> {
        self.look(id, |client, id| Box::pin(prune::find_ending(client, id)))
    }

    fn events_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<NewEvent>> {
        self.look(id, |client, id| Box::pin(outbox::events_of(client, id)))
    }

    fn published<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Vec<Published>> {
        self.look(id, |client, id| Box::pin(surroundings::published(client, id)))
    }

    fn verify<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Verdict> {
        self.look(id, |client, id| Box::pin(read::verify(client, id)))
    }

    fn dossier<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<Dossier>> {
        self.look(id, |client, id| Box::pin(dossier::dossier(client, id)))
    }

    fn walk_of<'a>(&'a self, business: &'a BusinessId, hash: &'a Digest) -> Answer<'a, Option<ChainedWalk>> {
        self.look((business, hash), |client, (business, hash)| Box::pin(dossier::walk_of(client, business, hash)))
    }

    fn ahead_of<'a>(&'a self, row: &'a CommandRow, now: Timestamp) -> Answer<'a, Option<Ahead>> {
        self.look(row, move |client, row| Box::pin(surroundings::ahead_of(client, row, now)))
    }

    fn watch_of<'a>(&'a self, id: &'a CommandId) -> Answer<'a, Option<WatchRow>> {
        self.look(id, |client, id| Box::pin(surroundings::watch_of(client, id)))
    }

    fn walks_since<'a>(
        &'a self,
        business: &'a BusinessId,
        list: &'a str,
        since: Timestamp,
        limit: u32,
    ) -> Answer<'a, Vec<Walk>> {
        self.look((business, list), move |client, (business, list)| {
            Box::pin(surroundings::walks_since(client, business, list, since, limit))
        })
    }

    fn outbox_depth(&self) -> Answer<'_, OutboxDepth> {
        self.look((), |client, ()| Box::pin(outbox::depth(client, u32::MAX)))
    }

    fn outbox_glance(&self) -> Answer<'_, OutboxDepth> {
        self.look((), |client, ()| Box::pin(outbox::depth(client, OutboxDepth::GLANCED)))
    }

    fn unrouted(&self) -> Answer<'_, Unrouted> {
        self.look((), |client, ()| Box::pin(operations::unrouted(client)))
    }

    fn replay_unrouted(&self, of: Option<CommandId>, operation: Operation) -> Answer<'_, u64> {
        self.change((of, operation), |client, (of, operation)| {
            Box::pin(operations::replay_unrouted(client, of.as_ref(), operation))
        })
    }

    fn begin_operation(&self, operation: Operation) -> Answer<'_, i64> {
        self.change(operation, |client, operation| Box::pin(operations::begin(client, operation)))
    }

    fn end_operation(&self, n: i64, came: String) -> Answer<'_, ()> {
        self.change(came, move |client, came| Box::pin(operations::end(client, n, came)))
    }

    fn operations(&self, limit: u32) -> Answer<'_, Vec<Operation>> {
        self.look((), move |client, ()| Box::pin(operations::last(client, limit)))
    }

    fn hold(&self, on: HoldOn, operation: Operation) -> Answer<'_, Hold> {
        self.change((on, operation), |client, (on, operation)| Box::pin(stops::hold(client, on, operation)))
    }

    fn resume(&self, on: HoldOn, operation: Operation) -> Answer<'_, Option<Hold>> {
        self.change((on, operation), |client, (on, operation)| Box::pin(stops::resume(client, on, operation)))
    }

    fn release(&self, id: CommandId, operation: Operation) -> Answer<'_, Release> {
        self.change((id, operation), |client, (id, operation)| Box::pin(stops::release(client, id, operation)))
    }

    fn operations_on<'a>(&'a self, targets: &'a [String]) -> Answer<'a, Vec<Operation>> {
        self.look(targets, |client, targets| Box::pin(dossier::operations_on(client, targets)))
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.change((), |client, ()| Box::pin(standing::beat(client)))
    }

    fn held_by(&self) -> Answer<'_, Option<Option<u32>>> {
        self.look((), |client, ()| {
            Box::pin(async move { Ok(lease::holder(client).await?.filter(|one| !one.is_gone()).map(|one| one.pid())) })
        })
    }

    fn lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.when_lost())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.close_in_order()
    }
}
