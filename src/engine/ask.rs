//! One call of a step: may it go now, does its intent stand, and what became of it.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::breaker;
use super::error::EngineError;
use super::outage::Permit;
use super::pace::{self, Way};
use super::permit;
use super::progress::Progress;
use super::shared::Shared;
use crate::contract::{BusinessId, Category, ErrorInfo, WaitCause};
use crate::crash::crash_point;
use crate::governor::Wait;
use crate::graph::{Asked, Schedule, Secrets, Sent, Trouble};
use crate::journal::Suspended;
use crate::meta::{Call, Reply};
use crate::procedures::Observation;

/// How often a command whose credential is suspended looks whether its content has changed.
const CREDENTIAL_LOOKED_AT: Duration = Duration::from_secs(5);

/// A settled call, with the requests that it took.
pub(crate) struct Seen {
    pub(crate) observation: Observation,
    pub(crate) requests: Vec<Sent>,
}

/// Why there is nothing to see yet.
pub(crate) enum Gone {
    /// The command waits, and keeps its lane.
    Waits(Timestamp),
    /// It waits to be told, and holds no lane meanwhile.
    Away,
    /// It has waited, and reads anew what it knew before that.
    Anew,
    /// It has waited as long as it may.
    Failed(ErrorInfo, Vec<Sent>),
}

/// A credential that may be used now.
pub(crate) struct Ready {
    pub(crate) secrets: Secrets,
    fingerprint: String,
}

/// Makes `call` for the command in `progress`, if it may go now.
pub(crate) async fn ask(
    shared: &Shared,
    progress: &mut Progress<'_>,
    call: &Call,
) -> Result<Result<Seen, Gone>, EngineError> {
    let Some(business) = acting(progress, call) else { return Ok(Err(Gone::Failed(no_business(), Vec::new()))) };
    if call.is_write()
        && let Some(gone) = permit::held_back(shared, progress, &business, call).await?
    {
        return Ok(Err(gone));
    }
    let ready = match credential(shared, progress, &business).await? {
        Ok(ready) => ready,
        Err(gone) => return Ok(Err(gone)),
    };
    let way = Way::of(progress, call, &ready.secrets.name, &business);
    let leave = match pace::leave(shared, progress, &way).await? {
        Ok(leave) => leave,
        Err(gone) => return Ok(Err(gone)),
    };
    let permit = match Permit::ask(shared) {
        Ok(permit) => permit,
        Err(until) => {
            progress.waits(WaitCause::Outage, None).await?;
            return Ok(Err(Gone::Waits(until)));
        }
    };
    let asked = if call.is_write() {
        match write(shared, progress, call, &business, &ready.secrets).await? {
            Ok(asked) => asked,
            Err(gone) => return Ok(Err(gone)),
        }
    } else {
        shared.graph.ask(&ready.secrets, call).await
    };
    permit.heard(progress.command.id.as_str(), &asked);
    let throttled = leave.heard(&way, &asked).await?;
    match asked.result {
        Ok(reply) => {
            shared.memory().schedules.remove(&progress.command.id);
            let observation = Observation::Asked { call: call.clone(), began: asked.began, reply };
            Ok(Ok(Seen { observation, requests: asked.requests }))
        }
        Err(trouble) => {
            let met = Met { ready: &ready, business: &business, call, began: asked.began, throttled };
            settle(shared, progress, met, trouble, asked.requests).await
        }
    }
}

/// Makes a write that is within the limits and on no hold, when its intent is durable.
async fn write(
    shared: &Shared,
    progress: &mut Progress<'_>,
    call: &Call,
    business: &BusinessId,
    secrets: &Secrets,
) -> Result<Result<Asked, Gone>, EngineError> {
    let taken = match permit::within_radius(shared, progress, call).await? {
        Ok(taken) => taken,
        Err(gone) => return Ok(Err(gone)),
    };
    if let Some(gone) = permit::within_caps(shared, progress, call).await? {
        return Ok(Err(gone));
    }
    // Journal first: after a crash the intent must be found, or Meta is asked twice.
    let text = serde_json::to_string(call).map_err(EngineError::Json)?;
    let intended = progress.intends(text, shared.clock.now()).await;
    let goes = intended.is_ok() && !shared.is_on_hold(progress, business) && !shared.is_tripped(progress, call);
    let asked = if goes {
        crash_point!(Intended, progress.command.id.as_str());
        let may_go = || !shared.memory().holds.stop([business]);
        Some(shared.graph.ask_while(secrets, call, &may_go).await)
    } else {
        None
    };
    if asked.as_ref().is_none_or(had_no_effect) {
        permit::gives_back(shared, progress, call);
        if let Some(taken) = taken {
            shared.memory().blast.give_back(&taken);
        }
    }
    intended?;
    match asked {
        Some(asked) => {
            crash_point!(Answered, progress.command.id.as_str());
            Ok(Ok(asked))
        }
        None => {
            let gone = permit::held_back(shared, progress, business, call).await?;
            Ok(Err(gone.unwrap_or(Gone::Anew)))
        }
    }
}

/// Whether a write certainly changed nothing.
fn had_no_effect(asked: &Asked) -> bool {
    match &asked.result {
        Ok(Reply::Answer(_) | Reply::Unknown) => false,
        Ok(Reply::Refused(_) | Reply::GaveUp(_)) | Err(_) => true,
    }
}

/// Whose business the call is: the call's own where it names one, else the command's.
fn acting(progress: &Progress<'_>, call: &Call) -> Option<BusinessId> {
    match call {
        Call::Find { business, .. }
        | Call::ListAll { business, .. }
        | Call::ListPart { business, .. }
        | Call::PeopleOn { business, .. }
        | Call::FindPerson { business, .. }
        | Call::StaffedPart { business, .. }
        | Call::Directory { business }
        | Call::InstagramUser { business, .. }
        | Call::Myself { business }
        | Call::Claim { business, .. }
        | Call::Remove { business, .. }
        | Call::Assign { business, .. }
        | Call::Members { business, .. }
        | Call::Invitations { business, .. }
        | Call::PartnersOn { business, .. }
        | Call::Invite { business, .. } => Some(business.clone()),
        Call::RolesOn { .. }
        | Call::LinksOf { .. }
        | Call::AssetsOf { .. }
        | Call::GroupsOf { .. }
        | Call::GroupsOfPerson { .. }
        | Call::InGroup { .. }
        | Call::Unassign { .. }
        | Call::Numbers { .. }
        | Call::AppsOn { .. }
        | Call::Unsubscribe { .. }
        | Call::Deregister { .. }
        | Call::LeaveGroup { .. }
        | Call::RemovePerson { .. }
        | Call::MyPeople
        | Call::Share { .. }
        | Call::Unshare { .. }
        | Call::CallOff { .. } => progress.command.business.clone(),
    }
}

/// The credential of `business`, unless there is none or it is suspended.
async fn credential(
    shared: &Shared,
    progress: &mut Progress<'_>,
    business: &BusinessId,
) -> Result<Result<Ready, Gone>, EngineError> {
    match usable(shared, business) {
        Ok(Some(ready)) => Ok(Ok(ready)),
        Ok(None) => {
            let since = progress.waits(WaitCause::Credential, None).await?;
            if shared.clock.now() >= since + shared.config.retry.give_up_after {
                return Ok(Err(Gone::Failed(credential_stayed_dead(), Vec::new())));
            }
            Ok(Err(Gone::Waits(shared.clock.now() + CREDENTIAL_LOOKED_AT)))
        }
        Err(error) => Ok(Err(Gone::Failed(*error, Vec::new()))),
    }
}

/// The credential of `business`; `None` while it is suspended or its files cannot be read.
pub(crate) fn usable(shared: &Shared, business: &BusinessId) -> Result<Option<Ready>, Box<ErrorInfo>> {
    let Some(credential) = shared.config.credential_for(business) else {
        return Err(Box::new(no_credential(business)));
    };
    let pair = match credential.secrets.read() {
        Ok(pair) => pair,
        Err(error) => {
            warn!(credential = credential.name, "could not read credential {}: {error}", credential.name);
            return Ok(None);
        }
    };
    let fingerprint = pair.fingerprint.to_string();
    let mut memory = shared.memory();
    match memory.suspended.get(&credential.name) {
        Some(refused) if *refused == fingerprint => return Ok(None),
        Some(_) => {
            memory.suspended.remove(&credential.name);
            info!(credential = credential.name, "credential {} has new content and is used again", credential.name);
        }
        None => {}
    }
    let secrets =
        Secrets { name: credential.name.clone(), access_token: pair.access_token, app_secret: pair.app_secret };
    Ok(Some(Ready { secrets, fingerprint }))
}

/// A call that met trouble.
struct Met<'a> {
    ready: &'a Ready,
    business: &'a BusinessId,
    call: &'a Call,
    began: Timestamp,
    throttled: Option<Wait>,
}

async fn settle(
    shared: &Shared,
    progress: &mut Progress<'_>,
    met: Met<'_>,
    trouble: Trouble,
    requests: Vec<Sent>,
) -> Result<Result<Seen, Gone>, EngineError> {
    progress.attempt_failed(&requests);
    match trouble {
        Trouble::Throttled { .. } => match met.throttled {
            Some(wait) => pace::waits(shared, progress, &wait).await.map(Err),
            None => Ok(Err(Gone::Waits(shared.clock.now()))),
        },
        Trouble::CredentialDead { .. } if was_replaced(shared, met.ready) => {
            let now = shared.clock.now();
            progress.tries_again(now, "Meta refused a token that was replaced meanwhile").await?;
            Ok(Err(Gone::Waits(now)))
        }
        Trouble::CredentialDead { code, message, .. } => {
            suspend(shared, met.ready, &format!("{code}: {message}")).await?;
            progress.waits(WaitCause::Credential, None).await?;
            Ok(Err(Gone::Waits(shared.clock.now() + CREDENTIAL_LOOKED_AT)))
        }
        Trouble::Abuse { refusal } => {
            let met_by = format!("command {}", progress.command.id);
            breaker::open(shared, met.business, &refusal, &met_by, shared.clock.now()).await?;
            let reply = Reply::Refused(refusal);
            let observation = Observation::Asked { call: met.call.clone(), began: met.began, reply };
            Ok(Ok(Seen { observation, requests: Vec::new() }))
        }
        // Nobody's attempts are used up by what Meta cannot do for anybody.
        Trouble::Transient { .. } | Trouble::NotSent { .. } if shared.memory().outage.probe_at().is_some() => {
            progress.waits(WaitCause::Outage, None).await?;
            Ok(Err(Gone::Waits(shared.clock.now() + shared.config.retry.first)))
        }
        Trouble::Transient { why } | Trouble::NotSent { why } => match next_wait(shared, progress) {
            Some(wait) => {
                let until = shared.clock.now() + wait;
                progress.tries_again(until, &why).await?;
                Ok(Err(Gone::Waits(until)))
            }
            None => Ok(Err(Gone::Failed(no_answer(&why), Vec::new()))),
        },
    }
}

/// Trouble of a walk that no command asked for: what it says of bucket and credential holds for all.
pub(crate) async fn note_trouble(
    shared: &Shared,
    ready: &Ready,
    business: &BusinessId,
    trouble: &Trouble,
) -> Result<(), EngineError> {
    match trouble {
        // Heard by the governor already.
        Trouble::Throttled { .. } => {}
        Trouble::CredentialDead { .. } if was_replaced(shared, ready) => {}
        Trouble::CredentialDead { code, message, .. } => suspend(shared, ready, &format!("{code}: {message}")).await?,
        Trouble::Abuse { refusal } => {
            breaker::open(shared, business, refusal, "a walk over its lists", shared.clock.now()).await?;
        }
        Trouble::Transient { .. } | Trouble::NotSent { .. } => {
            warn!(%business, "a walk over the lists of business {business} broke: {trouble}");
        }
    }
    Ok(())
}

fn next_wait(shared: &Shared, progress: &Progress<'_>) -> Option<Duration> {
    let retry = &shared.config.retry;
    let mut memory = shared.memory();
    if !memory.schedules.contains_key(&progress.command.id) {
        let fresh = Schedule::new(retry.first, retry.max, retry.give_up_after).ok()?;
        memory.schedules.insert(progress.command.id.clone(), fresh);
    }
    memory.schedules.get_mut(&progress.command.id)?.next(None)
}

/// Whether the credential holds another content by now: what Meta refused was the old one, which a call that was out
/// during the rotation still carried. It is asked again at once with the new one, and nobody waits for a person.
fn was_replaced(shared: &Shared, ready: &Ready) -> bool {
    let credential = shared.config.credentials.get(&ready.secrets.name);
    let now = credential.and_then(|credential| credential.secrets.read().ok());
    now.is_some_and(|pair| pair.fingerprint.to_string() != ready.fingerprint)
}

async fn suspend(shared: &Shared, ready: &Ready, why: &str) -> Result<(), EngineError> {
    let name = ready.secrets.name.clone();
    let before = shared.memory().suspended.insert(name.clone(), ready.fingerprint.clone());
    if before.is_none() {
        warn!(credential = name, "credential {name} is suspended until its content changes: {why}");
    }
    let since = shared.clock.now();
    let fingerprint = ready.fingerprint.clone();
    shared.journal.suspend(Suspended { credential: name, fingerprint, since, why: why.to_owned() }).await?;
    Ok(())
}

fn error(category: Category, code: &str, message: String, remedy: &str) -> ErrorInfo {
    let (code, remedy) = (code.to_owned(), remedy.to_owned());
    ErrorInfo { category, code, subcode: None, message, trace: None, remedy }
}

fn no_credential(business: &BusinessId) -> ErrorInfo {
    let message = format!("no credential in the configuration is for business {business}");
    error(Category::Credential, "no_credential", message, "Add the business to `credentials.NAME.businesses`.")
}

fn no_business() -> ErrorInfo {
    error(Category::Internal, "internal", "the command names no business".to_owned(), "Report it: a defect of bindery.")
}

fn credential_stayed_dead() -> ErrorInfo {
    let message = "the credential has been refused by Meta for as long as `retry.give_up_after` allows".to_owned();
    error(
        Category::Credential,
        "credential_dead",
        message,
        "Give the credential a new token, then send the command anew.",
    )
}

fn no_answer(why: &str) -> ErrorInfo {
    let message = format!("Meta gave no usable answer for as long as `retry.give_up_after` allows: {why}");
    error(Category::Exhausted, "no_answer", message, "Look at Meta's status page, then send the command anew.")
}
