//! Rows to types, whichever store they come from: times are whole microseconds, ids and words are parsed.

use std::fmt::Display;
use std::str::FromStr;

use super::{
    ChainedWalk, ChildResult, Children, CommandRow, Ended, Ending, EvidenceEntry, EvidenceRow, Exchange, Hold, HoldOn,
    Intent, InvitationRow, JournalError, Loaded, NewEvent, Operation, OutboxRow, Parked, Place, Published, State,
    StateName, Suspended, Walk, WatchRow, evidence,
};
use crate::contract::BusinessId;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

/// A row as a store has it: the few types that a journal is made of, `None` for NULL.
pub(super) trait Cells {
    /// A text.
    fn text(&self, column: &'static str) -> Result<Option<String>, JournalError>;
    /// A whole number.
    fn integer(&self, column: &'static str) -> Result<Option<i64>, JournalError>;
    /// Yes or no.
    fn flag(&self, column: &'static str) -> Result<Option<bool>, JournalError>;
    /// Bytes.
    fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, JournalError>;
}

/// A row that is read column by column.
pub(super) struct Columns<'r, R>(pub(super) &'r R);

impl<R: Cells> Columns<'_, R> {
    pub(super) fn text(&self, column: &'static str) -> Result<String, JournalError> {
        there(column, self.0.text(column)?)
    }

    pub(super) fn optional_text(&self, column: &'static str) -> Result<Option<String>, JournalError> {
        self.0.text(column)
    }

    /// A JSON array of texts.
    pub(super) fn texts(&self, column: &'static str) -> Result<Vec<String>, JournalError> {
        serde_json::from_str(&self.text(column)?).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn integer(&self, column: &'static str) -> Result<i64, JournalError> {
        there(column, self.0.integer(column)?)
    }

    pub(super) fn optional_integer(&self, column: &'static str) -> Result<Option<i64>, JournalError> {
        self.0.integer(column)
    }

    /// A number that fits a smaller type.
    pub(super) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, JournalError> {
        fitting(column, self.integer(column)?)
    }

    pub(super) fn flag(&self, column: &'static str) -> Result<bool, JournalError> {
        there(column, self.0.flag(column)?)
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, JournalError> {
        timestamp(column, self.integer(column)?)
    }

    pub(super) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, JournalError> {
        self.optional_integer(column)?.map(|micros| timestamp(column, micros)).transpose()
    }

    /// An id, an asset, a digest: whatever parses from text.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, JournalError> {
        parse(column, &self.text(column)?)
    }

    pub(super) fn optional_parsed<T: FromStr<Err: Display>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, JournalError> {
        self.optional_text(column)?.map(|text| parse(column, &text)).transpose()
    }

    /// A word of the contract.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, JournalError> {
        let word = self.text(column)?;
        serde_json::from_value(serde_json::Value::String(word)).map_err(|error| unreadable(column, &error))
    }

    pub(super) fn command(&self) -> Result<CommandRow, JournalError> {
        Ok(CommandRow {
            seq: self.integer("seq")?,
            id: self.parsed("id")?,
            fingerprint: self.text("fingerprint")?,
            body: self.text("body")?,
            business: self.optional_parsed("business")?,
            lane: self.optional_text("lane")?,
            in_lane: self.word("in_lane")?,
            priority: self.number("priority")?,
            not_before: self.optional_time("not_before")?,
            expires_at: self.optional_time("expires_at")?,
            parent: self.optional_parsed("parent")?,
            ordinal: self.optional_integer("ordinal")?.map(|n| fitting("ordinal", n)).transpose()?,
            correlation_id: self.optional_text("correlation_id")?,
            traceparent: self.optional_text("traceparent")?,
            published_by: self.optional_text("published_by")?,
            accepted_at: self.time("accepted_at")?,
            dry_run: self.flag("dry_run")?,
            state: self.state()?,
            since: self.time("since")?,
            why: self.optional_text("why")?,
            due: self.optional_time("due")?,
            attempts: self.number("attempts")?,
            cancelled_by: self.optional_parsed("cancelled_by")?,
            children: self.children()?,
            last_sequence: self.number("last_sequence")?,
            observed: self.number("observed")?,
            evidence_head: self.parsed("evidence_head")?,
            evidence_total: self.number("evidence_total")?,
            ended_at: self.optional_time("ended_at")?,
        })
    }

    /// A command with all that was observed.
    pub(super) fn loaded(&self) -> Result<Loaded, JournalError> {
        let intent = match (self.optional_text("intent_call")?, self.optional_time("intent_at")?) {
            (Some(call), Some(at)) => Some(Intent { call, at }),
            _ => None,
        };
        Ok(Loaded { row: self.command()?, observations: self.texts("seen")?, intent })
    }

    pub(super) fn place(&self) -> Result<Place, JournalError> {
        Ok(Place {
            seq: self.integer("seq")?,
            state: self.parsed("state")?,
            since: self.time("since")?,
            parent: self.optional_parsed("parent")?,
            observed: self.number("observed")?,
            evidence_head: self.parsed("evidence_head")?,
            evidence_total: self.number("evidence_total")?,
        })
    }

    pub(super) fn children(&self) -> Result<Children, JournalError> {
        Ok(Children {
            total: self.number("children_total")?,
            open: self.number("children_open")?,
            well: self.number("children_well")?,
            changed: self.number("children_changed")?,
        })
    }

    fn state(&self) -> Result<State, JournalError> {
        Ok(match self.parsed::<StateName>("state")? {
            StateName::Ready => State::Ready,
            StateName::Running => State::Running,
            StateName::Waiting => State::Waiting {
                cause: self.text("cause")?,
                since: self.time("since")?,
                until: self.optional_time("until")?,
            },
            StateName::Pending => State::Pending,
            StateName::AwaitingChildren => State::AwaitingChildren,
            StateName::Awaiting => State::Awaiting { target: self.parsed("target")? },
            StateName::Ended => State::Ended(self.ended()?),
        })
    }

    fn ended(&self) -> Result<Ended, JournalError> {
        Ok(Ended { phase: self.word("phase")?, changed: self.flag("changed")?, outcome: self.text("outcome")? })
    }

    pub(super) fn child_result(&self) -> Result<ChildResult, JournalError> {
        Ok(ChildResult {
            settled: self.number("settled")?,
            ordinal: self.number("ordinal")?,
            id: self.parsed("id")?,
            body: self.text("body")?,
            ended: self.ended()?,
        })
    }

    pub(super) fn evidence(&self) -> Result<EvidenceRow, JournalError> {
        let entry = EvidenceEntry {
            at: self.time("at")?,
            call: self.text("call")?,
            answer: self.text("answer")?,
            trace: self.optional_text("trace")?,
        };
        Ok(EvidenceRow { n: self.number("n")?, entry, hash: self.parsed("hash")? })
    }

    pub(super) fn watch(&self) -> Result<WatchRow, JournalError> {
        Ok(WatchRow {
            command: self.parsed("command")?,
            business: self.parsed("business")?,
            asset: self.parsed("asset")?,
            access: self.word("access")?,
            partner: self.optional_parsed("partner")?,
            tasks: self.text("tasks")?,
            sent_at: self.time("sent_at")?,
            absences: self.text("absences")?,
        })
    }

    pub(super) fn invitation(&self) -> Result<InvitationRow, JournalError> {
        Ok(InvitationRow {
            command: self.parsed("command")?,
            business: self.parsed("business")?,
            email: self.parsed("email")?,
            sent_at: self.time("sent_at")?,
            absences: self.text("absences")?,
        })
    }

    pub(super) fn walk(&self) -> Result<Walk, JournalError> {
        Ok(Walk {
            business: self.parsed("business")?,
            list: self.text("list")?,
            began: self.time("began")?,
            ended: self.time("ended")?,
            pages: self.number("pages")?,
            rows: self.number("rows")?,
            complete: self.flag("complete")?,
            traces: self.text("traces")?,
        })
    }

    /// A row of `outbox` joined with its event; what a reply has of its own goes before the event's.
    pub(super) fn outbox(&self) -> Result<OutboxRow, JournalError> {
        let event = self.event()?;
        let event = match self.optional_text("reply_to")? {
            None => event,
            Some(queue) => NewEvent {
                exchange: Exchange::Reply,
                routing_key: queue,
                correlation_id: self.optional_text("reply_correlation_id")?,
                mandatory: false,
                ..event
            },
        };
        Ok(OutboxRow { n: self.integer("outbox_n")?, queued_at: self.time("queued_at")?, event })
    }

    pub(super) fn event(&self) -> Result<NewEvent, JournalError> {
        Ok(NewEvent {
            event_id: self.text("event_id")?,
            command: self.optional_parsed("command")?,
            sequence: self.optional_integer("sequence")?.map(|n| fitting("sequence", n)).transpose()?,
            exchange: self.exchange()?,
            routing_key: self.text("routing_key")?,
            body: there("body", self.0.bytes("body")?)?,
            headers: self.text("headers")?,
            correlation_id: self.optional_text("correlation_id")?,
            r#type: self.text("type")?,
            content_type: self.text("content_type")?,
            terminal: self.flag("terminal")?,
            mandatory: self.flag("mandatory")?,
        })
    }

    pub(super) fn hold(&self) -> Result<Hold, JournalError> {
        let key = self.text("business")?;
        Ok(Hold {
            on: HoldOn::of_key(&key).map_err(|error| unreadable("business", &error))?,
            since: self.time("since")?,
            actor: self.text("actor")?,
            reason: self.text("reason")?,
        })
    }

    pub(super) fn published(&self) -> Result<Published, JournalError> {
        Ok(Published {
            sequence: self.optional_integer("sequence")?.and_then(|n| u32::try_from(n).ok()),
            r#type: self.text("type")?,
            stored_at: self.time("stored_at")?,
            settled: self.optional_text("settled")?,
        })
    }

    pub(super) fn operation(&self) -> Result<Operation, JournalError> {
        Ok(Operation {
            at: self.time("at")?,
            actor: self.text("actor")?,
            verb: self.text("verb")?,
            target: self.text("target")?,
            reason: self.text("reason")?,
            nonce: self.text("nonce")?,
            came: self.optional_text("came")?,
        })
    }

    pub(super) fn ending(&self) -> Result<Ending, JournalError> {
        Ok(Ending {
            id: self.parsed("id")?,
            fingerprint: self.optional_text("fingerprint")?,
            phase: self.word("phase")?,
            event_id: self.optional_text("event_id")?,
            ended_at: self.time("ended_at")?,
        })
    }

    pub(super) fn parked(&self) -> Result<Parked, JournalError> {
        Ok(Parked { bucket: self.text("bucket")?, until: self.time("until")?, why: self.text("why")? })
    }

    pub(super) fn suspended(&self) -> Result<Suspended, JournalError> {
        Ok(Suspended {
            credential: self.text("credential")?,
            fingerprint: self.text("fingerprint")?,
            since: self.time("since")?,
            why: self.text("why")?,
        })
    }

    /// A walk with its hash, and that of the one before it in `business`.
    pub(super) fn chained(&self, business: &BusinessId) -> Result<ChainedWalk, JournalError> {
        let previous = self.optional_parsed("previous")?.unwrap_or_else(|| evidence::genesis(business.as_str()));
        Ok(ChainedWalk { walk: self.walk()?, previous, hash: self.parsed("hash")? })
    }

    fn exchange(&self) -> Result<Exchange, JournalError> {
        let word = self.text("exchange")?;
        [Exchange::Events, Exchange::Dead, Exchange::Reply]
            .into_iter()
            .find(|exchange| exchange.word() == word)
            .ok_or_else(|| unreadable("exchange", &word))
    }
}

fn there<T>(column: &'static str, value: Option<T>) -> Result<T, JournalError> {
    value.ok_or_else(|| unreadable(column, &"it is empty"))
}

fn parse<T: FromStr<Err: Display>>(column: &'static str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|error| unreadable(column, &error))
}

fn fitting<T: TryFrom<i64>>(column: &'static str, number: i64) -> Result<T, JournalError> {
    T::try_from(number).map_err(|_| unreadable(column, &format_args!("{number} is out of range")))
}

fn timestamp(column: &'static str, micros: i64) -> Result<Timestamp, JournalError> {
    Timestamp::from_microsecond(micros).map_err(|error| unreadable(column, &error))
}

pub(super) fn unreadable(column: &'static str, reason: &dyn Display) -> JournalError {
    JournalError::Unreadable { column, reason: reason.to_string() }
}
