//! Whose turn it is: what a store keeps of lanes and times with every change, so that only those who may begin have to
//! be looked at, however many wait.
//!
//! A lane is one asset or one person; in it commands run one at a time, in order of arrival. Who needs several lanes has
//! its turn when it is the first in all of them. Who is not due is in no lane yet.

use jiff::Timestamp;

use super::JournalError;
use super::decode::{Cells, Columns, unreadable};
use super::rows::{InLane, State, StateName};
use crate::contract::{BusinessId, CommandId};

/// How a command stands to those before it in its lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// It is not due, or waits outside its lanes for its time or a word; it comes in by [`Store::let_in`](super::Store::let_in).
    Later,
    /// Somebody is before it in one of its lanes.
    Behind,
    /// It has not begun and may: it is the first in all its lanes, and keeps others out of them.
    Front,
    /// It has begun, and holds its lanes.
    Holds,
    /// It goes on, or looks at its children, in no lane.
    Outside,
    /// Nothing is to be done for it: Meta decides, or it has ended.
    Elsewhere,
}

impl Turn {
    /// Its word in a store; none where it is elsewhere.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Later => Some("later"),
            Self::Behind => Some("behind"),
            Self::Front => Some("front"),
            Self::Holds => Some("holds"),
            Self::Outside => Some("outside"),
            Self::Elsewhere => None,
        }
    }

    /// What the word stands for.
    #[must_use]
    pub fn of_word(word: Option<&str>) -> Option<Self> {
        [Self::Later, Self::Behind, Self::Front, Self::Holds, Self::Outside, Self::Elsewhere]
            .into_iter()
            .find(|turn| turn.word() == word)
    }

    /// Where a record leads; `None`: into its lanes, where it takes its turn.
    #[must_use]
    pub fn after(state: &State, in_lane: InLane) -> Option<Self> {
        match (state, in_lane) {
            (State::Ended(_) | State::Pending, _) => Some(Self::Elsewhere),
            (State::AwaitingChildren, _) => Some(Self::Outside),
            (State::Ready | State::Running | State::Waiting { .. } | State::Awaiting { .. }, InLane::Left) => {
                Some(Self::Outside)
            }
            (State::Ready | State::Running | State::Waiting { .. } | State::Awaiting { .. }, InLane::Holds) => {
                Some(Self::Holds)
            }
            (State::Waiting { .. }, InLane::Waits) => Some(Self::Later),
            // Called while it waited outside: what it still does, it does there.
            (State::Running | State::Awaiting { .. }, InLane::Waits) => Some(Self::Outside),
            (State::Ready, InLane::Waits) => None,
        }
    }
}

/// An open command as the order of work needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// The command.
    pub id: CommandId,
    /// The business that acts.
    pub business: Option<BusinessId>,
    /// 0 to 9.
    pub priority: u8,
    /// How it stands.
    pub state: StateName,
    /// How it stands to those before it.
    pub turn: Turn,
    /// When it goes on; none: now.
    pub due: Option<Timestamp>,
}

/// Who has come in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LetIn {
    /// Those that waited outside their lanes, and go on there.
    pub outside: Vec<Placed>,
    /// The businesses of which something may begin that could not before.
    pub moved_up: Vec<Option<BusinessId>>,
    /// Whether there may be more.
    pub more: bool,
}

/// Open commands that are alike, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The command's name.
    pub command: String,
    /// The kind of the one asset that it is about.
    pub kind: Option<String>,
    /// How they stand.
    pub state: StateName,
    /// Why they are held back.
    pub cause: Option<String>,
    /// Of those that Meta decides: since when, to the minute.
    pub since: Option<Timestamp>,
    /// How many.
    pub count: u64,
}

impl<R: Cells> Columns<'_, R> {
    pub(super) fn placed(&self) -> Result<Placed, JournalError> {
        let turn = self.optional_text("turn")?;
        let turn = Turn::of_word(turn.as_deref()).ok_or_else(|| unreadable("turn", &"an unknown word"))?;
        Ok(Placed {
            seq: self.integer("seq")?,
            id: self.parsed("id")?,
            business: self.optional_parsed("business")?,
            priority: self.number("priority")?,
            state: self.parsed("state")?,
            turn,
            due: self.optional_time("due")?,
        })
    }

    pub(super) fn alike(&self) -> Result<Alike, JournalError> {
        let minute = self.optional_integer("minute")?;
        let since = minute.map(|minute| Timestamp::from_second(minute.saturating_mul(60)));
        Ok(Alike {
            command: self.optional_text("command")?.unwrap_or_default(),
            kind: self.optional_text("kind")?,
            state: self.parsed("state")?,
            cause: self.optional_text("cause")?,
            since: since.transpose().map_err(|error| unreadable("since", &error))?,
            count: self.number("count")?,
        })
    }
}
