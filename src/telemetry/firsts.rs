//! The trace in which a command was first seen, so that later ones can be linked to it.
//!
//! In memory alone, and only while spans leave: after a restart, or for the oldest of very many commands, later traces
//! are linked to the publisher's context and to no first one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::SpanContext;

use crate::contract::CommandId;

/// Some 10 MB; the commands of more than a busy day.
const KEPT: usize = 65_536;

static FIRSTS: Mutex<Option<Firsts>> = Mutex::new(None);

struct Firsts {
    contexts: HashMap<CommandId, SpanContext>,
    order: VecDeque<CommandId>,
    kept: usize,
}

/// Remembers where `id` was first seen.
pub(super) fn keep(id: &CommandId, context: SpanContext) {
    firsts().get_or_insert_with(|| Firsts::of(KEPT)).keep(id, context);
}

/// Where `id` was first seen.
pub(super) fn of(id: &CommandId) -> Option<SpanContext> {
    firsts().as_ref()?.contexts.get(id).cloned()
}

fn firsts() -> MutexGuard<'static, Option<Firsts>> {
    FIRSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Firsts {
    fn of(kept: usize) -> Self {
        Self { contexts: HashMap::new(), order: VecDeque::new(), kept }
    }

    fn keep(&mut self, id: &CommandId, context: SpanContext) {
        if self.contexts.contains_key(id) {
            return;
        }
        self.contexts.insert(id.clone(), context);
        self.order.push_back(id.clone());
        if self.order.len() > self.kept
            && let Some(oldest) = self.order.pop_front()
        {
            self.contexts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    fn context(n: u64) -> SpanContext {
        let flags = TraceFlags::SAMPLED;
        SpanContext::new(TraceId::from(1), SpanId::from(n), flags, false, TraceState::NONE)
    }

    fn id(n: u64) -> CommandId {
        format!("command-{n}").parse().unwrap()
    }

    #[test]
    fn the_first_trace_of_a_command_stays_its_first() {
        let mut firsts = Firsts::of(4);
        firsts.keep(&id(1), context(1));
        firsts.keep(&id(1), context(2));
        assert_eq!(firsts.contexts.get(&id(1)), Some(&context(1)));
    }

    #[test]
    fn however_many_commands_come_only_the_latest_are_remembered() {
        let mut firsts = Firsts::of(4);
        (1..=1_000).for_each(|n| firsts.keep(&id(n), context(n)));
        assert_eq!((firsts.contexts.len(), firsts.order.len()), (4, 4));
        assert!(firsts.contexts.contains_key(&id(1_000)) && !firsts.contexts.contains_key(&id(996)));
    }
}
