//! A command with a notice: what it tells, and how it waits outside its lane until it may begin.

use jiff::Timestamp;

use super::board::Left;
use super::error::EngineError;
use super::progress::Progress;
use super::shared::NOTICE;
use crate::contract::Detail;
use crate::journal::{Record, State};
use crate::procedures::{Announcement, Observation, is_rehearsal};

impl Progress<'_> {
    /// Whether nothing is done yet but to find out what would be.
    pub(super) fn is_rehearsal(&self) -> bool {
        is_rehearsal(&self.command, &self.seen)
    }

    /// The announcement and the wait that it begins are one record.
    pub(super) async fn announce(
        &mut self,
        record: &mut Record,
        announcement: Announcement,
    ) -> Result<(), EngineError> {
        let Announcement { plan, people } = announcement;
        let plan = match self.row.children.total {
            0 => self.told_in_parts(record, plan)?,
            _ => self.whole_plan(record, Some(plan)).await?,
        };
        let evidence = self.shown(record).await?;
        self.tell(record, Detail::Announced { plan, people }, evidence)?;
        self.note(Observation::Announced { at: record.at });
        record.observations.extend(self.take_noted()?);
        let until = record.at + self.command.notice.unwrap_or_default();
        record.state = State::Waiting { cause: NOTICE.to_owned(), since: record.at, until: Some(until) };
        record.due = Some(self.command.expires_at.map_or(until, |expires| expires.min(until)));
        self.left = record.due.map(Left::Away);
        Ok(())
    }

    /// The notice is over: the command asks for its lane and begins anew.
    pub(super) async fn end_notice(&mut self, now: Timestamp) -> Result<Left, EngineError> {
        self.note(Observation::NoticeOver { at: now });
        self.stand(State::Ready).await?;
        Ok(Left::IntoLane)
    }
}
