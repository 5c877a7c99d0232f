//! A procedure as straight-line code over what has been observed.
//!
//! Each `ask`, `consult` or `wait` either finds its observation and returns what was seen, or ends the run with the
//! move that would bring it. Observations are matched by what was asked, first come first served, so that a later
//! version that asks one question more still finds the answers of an earlier one.

mod plan;

use jiff::Timestamp;

use super::anew::passed_over;
use super::observation::{
    Announcement, Fact, InvitationWatch, Move, Observation, Query, Say, ShareWatch, StopCause, Tally, Watch,
};
use super::rules::Rules;
use super::verdict::Verdict;
use crate::contract::{
    Asset, BusinessId, Category, Command, CommandId, Digest, ErrorInfo, ExpiredBecause, Outcome, Person, PersonId,
    Phase, Plan, PlanStep,
};
use crate::meta::kinds::{Deed, cell};
use crate::meta::{Answer, Call, GroupId, Holding, PersonOn, Refusal, Reply};

/// A part of a procedure: a value, or the move that must come first.
pub(super) type Run<T> = Result<T, Box<Move>>;

/// A watch has ended: Meta decided, or we are to stop.
pub(super) enum Watched {
    Settled(Verdict),
    Stopped(StopCause),
}

pub(super) struct Script<'a> {
    command: &'a Command,
    rules: &'a Rules,
    seen: &'a [Observation],
    used: Vec<bool>,
    /// Everything before it is used: most of what is asked for stands there.
    next: usize,
    say: Vec<Say>,
    now: Timestamp,
    started_at: Timestamp,
    stop: Option<StopCause>,
    /// Something has been begun at Meta that has to be brought to its end, stop or not.
    in_hand: bool,
    changed: bool,
    plan: Vec<PlanStep>,
    /// Whom the plan concerns, each once.
    concerned: Vec<PersonId>,
    /// Children that were made so far, those of earlier rehearsals too.
    made: u32,
    /// How many of the children ended well.
    good_children: u32,
    /// Calls go only so far, and a person does the rest.
    partly: bool,
}

impl<'a> Script<'a> {
    pub(super) fn new(command: &'a Command, rules: &'a Rules, seen: &'a [Observation], now: Timestamp) -> Self {
        let used = passed_over(seen);
        Self {
            command,
            rules,
            seen,
            used,
            next: 0,
            say: Vec::new(),
            now,
            started_at: now,
            stop: None,
            in_hand: false,
            changed: false,
            plan: Vec::new(),
            concerned: Vec::new(),
            made: 0,
            good_children: 0,
            partly: false,
        }
    }

    /// The same, where a rehearsal has made so many children: the real ones are numbered after them.
    pub(super) fn after_rehearsal(self, rehearsed: u32) -> Self {
        Self { made: rehearsed, ..self }
    }

    /// The number of the next child.
    pub(super) fn next_child(&self) -> u32 {
        self.made.saturating_add(1)
    }

    /// How many of the children ended well.
    pub(super) fn good_children(&self) -> u32 {
        self.good_children
    }

    /// Why the command is to stop, where it is.
    pub(super) fn stop_cause(&mut self) -> Option<StopCause> {
        self.notice_stops();
        self.stop.clone()
    }

    /// When the plan was told; it is told now if it has not been.
    pub(super) fn announced(&mut self, announcement: impl FnOnce() -> Announcement) -> Run<Timestamp> {
        let at = self.take(|seen| {
            let Observation::Announced { at } = seen else { return None };
            Some(*at)
        });
        at.ok_or_else(|| Box::new(Move::Announce(Box::new(announcement()))))
    }

    /// The digest of the whole plan of a rehearsal, of which `plan` is the command's own part.
    pub(super) fn rehearsed(&mut self, plan: &Plan) -> Run<Digest> {
        let digest = self.take(|seen| {
            let Observation::Rehearsed { digest, .. } = seen else { return None };
            Some(digest.clone())
        });
        digest.ok_or_else(|| Box::new(Move::Rehearsed(Box::new(plan.clone()))))
    }

    pub(super) fn command(&self) -> &'a Command {
        self.command
    }

    pub(super) fn rules(&self) -> &'a Rules {
        self.rules
    }

    /// The business that acts. Parsing makes sure that there is one where a procedure needs it.
    pub(super) fn business(&self) -> &'a BusinessId {
        self.command.business.as_ref().expect("parsing requires a business for every command with a procedure")
    }

    pub(super) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(super) fn dry_run(&self) -> bool {
        self.command.dry_run
    }

    pub(super) fn changed(&self) -> bool {
        self.changed
    }

    /// Notes that this command has changed something at Meta.
    pub(super) fn has_changed(&mut self) {
        self.changed = true;
    }

    /// What is said because of the last observation; what was said before it is stored already.
    pub(super) fn said(self) -> Vec<Say> {
        self.say
    }

    pub(super) fn say(&mut self, say: Say) {
        self.say.push(say);
    }

    /// The first observation of every command; without it nothing has begun.
    pub(super) fn started(&mut self) -> Run<()> {
        let at = self.take(|seen| {
            let (Observation::Started { at } | Observation::NoticeOver { at } | Observation::Rehearsed { at, .. }) =
                seen
            else {
                return None;
            };
            Some(*at)
        });
        self.started_at = at.ok_or_else(|| Box::new(Move::WaitUntil(self.now)))?;
        Ok(())
    }

    /// Ends here if the command is to stop: nothing is in hand that would have to be brought to an end first.
    pub(super) fn safe_point(&mut self) -> Run<()> {
        self.notice_stops();
        match &self.stop {
            Some(cause) => Err(Box::new(Move::Finish(Box::new(self.stopped(cause))))),
            None => Ok(()),
        }
    }

    /// The answer to `call`, however it ended.
    pub(super) fn ask(&mut self, call: &Call) -> Run<(Timestamp, Reply)> {
        let found = self.take(|seen| {
            let Observation::Asked { call: asked, began, reply } = seen else { return None };
            (asked == call).then(|| (*began, reply.clone()))
        });
        self.in_hand |= call.is_write() && found.is_some();
        match found {
            Some(found) => Ok(found),
            None if self.in_hand => Err(Box::new(Move::Ask(call.clone()))),
            None => self.safe_point().and(Err(Box::new(Move::Ask(call.clone())))),
        }
    }

    /// Whether a `cancel` has come.
    pub(super) fn is_cancelled(&mut self) -> bool {
        self.notice_stops();
        self.stop == Some(StopCause::Cancelled)
    }

    /// The answer to a read that must succeed, with the time at which it began; a refusal ends the command.
    fn read_at(&mut self, call: &Call) -> Run<(Timestamp, Answer)> {
        let (began, reply) = self.ask(call)?;
        match reply {
            Reply::Answer(answer) => Ok((began, answer)),
            Reply::Refused(refusal) => Err(self.refused(&refusal)),
            Reply::GaveUp(error) => Err(self.fail(error)),
            Reply::Unknown => Err(self.fail(internal("a read cannot have an unknown effect"))),
        }
    }

    /// What the journal says.
    pub(super) fn consult(&mut self, query: &Query) -> Run<Fact> {
        let found = self.take(|seen| {
            let Observation::Consulted { query: asked, fact } = seen else { return None };
            (asked == query).then(|| fact.clone())
        });
        found.ok_or_else(|| Box::new(Move::Consult(query.clone())))
    }

    /// Passes once `until` has come; at once in a dry run.
    pub(super) fn wait_until(&mut self, until: Timestamp) -> Run<()> {
        if self.dry_run() {
            return Ok(());
        }
        let passed = self.take(|seen| {
            let Observation::Passed { until: waited } = seen else { return None };
            (*waited == until).then_some(())
        });
        passed.ok_or_else(|| Box::new(Move::WaitUntil(until)))
    }

    /// Follows a pending claim until Meta decides or we are to stop, whichever was seen first: once we withdraw, that
    /// the request is gone is our own doing and no verdict.
    pub(super) fn watch(&mut self, watch: Watch) -> Run<Watched> {
        self.follow(Move::Watch(watch))
    }

    /// The same for an open invitation.
    pub(super) fn watch_invitation(&mut self, watch: InvitationWatch) -> Run<Watched> {
        self.follow(Move::WatchInvitation(watch))
    }

    /// The same for a share that others must approve.
    pub(super) fn watch_share(&mut self, watch: ShareWatch) -> Run<Watched> {
        self.follow(Move::WatchShare(watch))
    }

    fn follow(&mut self, watch: Move) -> Run<Watched> {
        self.in_hand = true;
        self.notice_stops();
        if let Some(cause) = self.stop.clone() {
            return Ok(Watched::Stopped(cause));
        }
        let settled = self.take(|seen| {
            let Observation::Settled { verdict, .. } = seen else { return None };
            Some(verdict.clone())
        });
        settled.map(Watched::Settled).ok_or_else(|| Box::new(watch))
    }

    /// As [`Self::watch`], for a request that is never withdrawn because somebody would rather not have it: neither a
    /// cancel nor the deadline ends it, only Meta, a later command about the same request, or its old age.
    pub(super) fn watch_to_the_end(&mut self, watch: Watch) -> Run<Watched> {
        self.in_hand = true;
        let settled = self.take(|seen| {
            let Observation::Settled { verdict, .. } = seen else { return None };
            Some(verdict.clone())
        });
        if let Some(verdict) = settled {
            return Ok(Watched::Settled(verdict));
        }
        let ends = |seen: &Observation| match seen {
            Observation::Stop { cause: StopCause::Cancelled | StopCause::Deadline } => None,
            Observation::Stop { cause } => Some(cause.clone()),
            Observation::Started { .. }
            | Observation::Asked { .. }
            | Observation::Consulted { .. }
            | Observation::Settled { .. }
            | Observation::Passed { .. }
            | Observation::Spawned { .. }
            | Observation::Told { .. }
            | Observation::Children { .. }
            | Observation::Announced { .. }
            | Observation::Rehearsed { .. }
            | Observation::NoticeOver { .. }
            | Observation::ReadAnew { .. }
            | Observation::WaitTold { .. }
            | Observation::Ended { .. } => None,
        };
        match self.seen.iter().find_map(ends) {
            Some(cause) => Ok(Watched::Stopped(cause)),
            None => Err(Box::new(Move::Watch(watch))),
        }
    }

    /// Journals `children`, once for each time that it is asked.
    pub(super) fn spawn(&mut self, children: Vec<Command>) -> Run<()> {
        let spawned = self.take(|seen| {
            let Observation::Spawned { .. } = seen else { return None };
            Some(())
        });
        let made = u32::try_from(children.len()).unwrap_or(u32::MAX);
        spawned.ok_or_else(|| Box::new(Move::Spawn(children)))?;
        self.made = self.made.saturating_add(made);
        Ok(())
    }

    /// How all children ended.
    pub(super) fn children(&mut self) -> Run<Tally> {
        let ended = self.take(|seen| {
            let Observation::Children { tally, concerned } = seen else { return None };
            Some((*tally, concerned.clone()))
        });
        let (tally, concerned) = ended.ok_or_else(|| Box::new(Move::AwaitChildren))?;
        concerned.iter().for_each(|person| self.concerns(person));
        self.good_children = tally.good;
        self.changed |= tally.changed;
        Ok(tally)
    }

    /// How another command ended, and which command took its open request over.
    pub(super) fn end_of(&mut self, target: &CommandId) -> Run<(Phase, Option<CommandId>)> {
        let ended = self.take(|seen| {
            let Observation::Ended { target: whose, phase, superseded_by } = seen else { return None };
            (whose == target).then(|| (*phase, superseded_by.clone()))
        });
        ended.ok_or_else(|| Box::new(Move::AwaitEnd(target.clone())))
    }

    /// The id of a person, looked up if the command gives an address: exactly one match, else it fails.
    pub(super) fn person(&mut self, field: &str, person: &Person) -> Run<PersonId> {
        let email = match person {
            Person::Id(id) => return Ok(id.clone()),
            Person::Email(email) => email,
        };
        let call = Call::FindPerson { business: self.business().clone(), email: email.clone() };
        let (_, found) =
            self.fact(&call, |answer| if let Answer::Persons(found) = answer { Some(found) } else { None })?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            none_or_many => Err(self.fail(ErrorInfo {
                category: Category::Invalid,
                code: "person_not_found".to_owned(),
                subcode: None,
                message: format!("{} people of the business have the address in {field}, not one", none_or_many.len()),
                trace: None,
                remedy: format!("Give the business-scoped id in {field}, as business_users lists it."),
            })),
        }
    }

    /// The end as `failed`, with what has been changed.
    pub(super) fn fail(&self, error: ErrorInfo) -> Box<Move> {
        Box::new(Move::Finish(Box::new(Outcome::failed(self.changed, error))))
    }

    /// Ends the command where the table of kinds says that `deed` is not done by a call.
    pub(super) fn allows(&self, asset: &Asset, deed: Deed) -> Run<()> {
        match cell(asset.kind, deed).refusal(asset) {
            None => Ok(()),
            Some(error) => Err(self.fail(error)),
        }
    }

    /// The end because of a defect of ours.
    pub(super) fn defect(&self, message: &str) -> Box<Move> {
        self.fail(internal(message))
    }

    /// The end because Meta refused.
    pub(super) fn refused(&self, refusal: &Refusal) -> Box<Move> {
        self.fail(refusal.info())
    }

    /// The fact of a read, with the time at which it began. An answer of another kind than was asked for is a defect of
    /// ours, told as such.
    pub(super) fn fact<T>(&mut self, call: &Call, fact: impl FnOnce(Answer) -> Option<T>) -> Run<(Timestamp, T)> {
        let (began, answer) = self.read_at(call)?;
        fact(answer).map(|fact| (began, fact)).ok_or_else(|| self.misanswered(call))
    }

    /// The assets of a walk.
    pub(super) fn assets(&mut self, call: &Call) -> Run<Vec<Holding>> {
        let assets = |answer| if let Answer::Assets(assets) = answer { Some(assets) } else { None };
        self.fact(call, assets).map(|(_, assets)| assets)
    }

    /// The people of a walk, with the time at which it began.
    pub(super) fn people(&mut self, call: &Call) -> Run<(Timestamp, Vec<PersonOn>)> {
        self.fact(call, |answer| if let Answer::People(people) = answer { Some(people) } else { None })
    }

    /// The asset groups of a walk, with the time at which it began.
    pub(super) fn groups(&mut self, call: &Call) -> Run<(Timestamp, Vec<GroupId>)> {
        self.fact(call, |answer| if let Answer::Groups(groups) = answer { Some(groups) } else { None })
    }

    pub(super) fn misanswered(&self, call: &Call) -> Box<Move> {
        let request = call.request();
        self.fail(internal(&format!("{} {} was answered with something else", request.method.word(), request.path())))
    }

    /// How a command ends that was stopped where nothing is in hand.
    pub(super) fn stopped(&self, cause: &StopCause) -> Outcome {
        let of = |phase| Outcome::of(phase, self.changed);
        match cause {
            StopCause::Cancelled => of(Phase::Cancelled),
            StopCause::Superseded(by) | StopCause::Displaced(by) => {
                Outcome { superseded_by: Some(by.clone()), ..of(Phase::Cancelled) }
            }
            StopCause::Deadline => {
                let because = if self.changed { ExpiredBecause::Deadline } else { ExpiredBecause::NotStarted };
                Outcome { expired_because: Some(because), ..of(Phase::Expired) }
            }
            StopCause::GivenUp => Outcome { expired_because: Some(ExpiredBecause::GivenUp), ..of(Phase::Expired) },
        }
    }

    fn take<T>(&mut self, fits: impl Fn(&Observation) -> Option<T>) -> Option<T> {
        self.notice_stops();
        let unused = self.seen.iter().enumerate().skip(self.next).filter(|(index, _)| !self.used[*index]);
        let (index, found) = unused.filter_map(|(index, seen)| fits(seen).map(|found| (index, found))).next()?;
        self.used[index] = true;
        self.say.clear();
        Some(found)
    }

    fn first_unused(&mut self) -> Option<usize> {
        self.next += self.used[self.next..].iter().take_while(|used| **used).count();
        (self.next < self.used.len()).then_some(self.next)
    }

    /// A stop is noticed when everything that was seen before it has been used.
    fn notice_stops(&mut self) {
        while let Some(index) = self.first_unused() {
            let Observation::Stop { cause } = &self.seen[index] else { return };
            self.used[index] = true;
            self.say.clear();
            self.stop.get_or_insert_with(|| cause.clone());
        }
    }
}

/// What a refusal is about, where it only keeps one of several assets from what is asked; a stop goes on as one.
pub(super) fn refusal_of<T>(run: Run<T>) -> Run<Result<T, ErrorInfo>> {
    let needed = match run {
        Ok(value) => return Ok(Ok(value)),
        Err(needed) => needed,
    };
    let outcome = needed.finished()?;
    outcome.error.clone().map(Err).ok_or_else(|| Box::new(Move::Finish(Box::new(outcome))))
}

fn internal(message: &str) -> ErrorInfo {
    ErrorInfo {
        category: Category::Internal,
        code: "internal".to_owned(),
        subcode: None,
        message: message.to_owned(),
        trace: None,
        remedy: "Report it with the command's evidence: this is a defect of bindery.".to_owned(),
    }
}
