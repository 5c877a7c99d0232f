//! What the board is short of, fetched from the journal: who may begin, who was called, whose time has come, and after a
//! start whatever had begun. Each question has an index and a limit, so that none costs more the more commands wait.

use std::time::Duration;

use tokio::time::Instant;

use super::error::EngineError;
use super::shared::Shared;

/// Who was called is looked up a few at a time, between two picks.
const CALLED: usize = 64;
/// Businesses that are fed between two picks.
const FED: usize = 8;
/// Those let in, or taken up after a start, at once: one commit holds nobody up for long.
const BATCH: u32 = 256;
/// Between two looks at whose time has come.
const LOOK: Duration = Duration::from_millis(50);

/// Where the fetching stands.
pub(super) struct Supply {
    /// What had begun before the start and is behind this place is not here yet.
    begun_after: Option<i64>,
    looked: Option<Instant>,
    more: bool,
}

impl Supply {
    /// Nothing is here yet.
    pub(super) fn new() -> Self {
        Self { begun_after: Some(0), looked: None, more: false }
    }

    /// Fetches some of what is wanted; whether more is, at once.
    pub(super) async fn fetch(&mut self, shared: &Shared) -> Result<bool, EngineError> {
        self.take_up_what_had_begun(shared).await?;
        answer_the_called(shared).await?;
        self.let_in(shared).await?;
        feed_the_hungry(shared).await?;
        Ok(self.more || self.begun_after.is_some() && shared.memory().board.has_room())
    }

    async fn take_up_what_had_begun(&mut self, shared: &Shared) -> Result<(), EngineError> {
        if std::mem::take(&mut shared.memory().word_was_given) {
            self.begun_after = Some(0);
        }
        let Some(after) = self.begun_after.filter(|_| shared.memory().board.has_room()) else { return Ok(()) };
        let begun = shared.journal.begun(after, BATCH).await?;
        self.begun_after = begun.last().map(|placed| placed.seq);
        let now = shared.clock.now();
        let mut memory = shared.memory();
        begun.into_iter().for_each(|placed| memory.board.take_up(placed, now));
        Ok(())
    }

    async fn let_in(&mut self, shared: &Shared) -> Result<(), EngineError> {
        let told = std::mem::take(&mut shared.memory().somebody_may_come);
        if !told && !self.more && self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        self.more = false;
        let now = shared.clock.now();
        if shared.journal.next_to_come().await?.is_none_or(|next| next > now) {
            return Ok(());
        }
        let came = shared.journal.let_in(now, BATCH).await?;
        self.more = came.more;
        let mut memory = shared.memory();
        came.moved_up.iter().for_each(|business| memory.board.moved_up(business));
        came.outside.into_iter().for_each(|placed| memory.board.take_up(placed, now));
        Ok(())
    }
}

async fn answer_the_called(shared: &Shared) -> Result<(), EngineError> {
    if !shared.memory().board.has_room() {
        return Ok(());
    }
    let mut called = shared.memory().board.called(CALLED).into_iter();
    while let Some(id) = called.next() {
        match shared.journal.placed(&id).await {
            Ok(Some(placed)) => shared.memory().board.answer(placed, shared.clock.now()),
            // It has ended meanwhile.
            Ok(None) => {}
            Err(error) => {
                shared.memory().board.call_again(called.chain([id]));
                return Err(error.into());
            }
        }
    }
    Ok(())
}

async fn feed_the_hungry(shared: &Shared) -> Result<(), EngineError> {
    for _ in 0..FED {
        let hungry = shared.memory().board.hungry();
        let Some((business, wanted)) = hungry else { return Ok(()) };
        match shared.journal.in_front(business.as_ref(), wanted).await {
            Ok(found) => shared.memory().board.feed(&business, wanted, found),
            Err(error) => {
                shared.memory().board.moved_up(&business);
                return Err(error.into());
            }
        }
    }
    Ok(())
}
