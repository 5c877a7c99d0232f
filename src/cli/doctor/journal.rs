//! The journal and the worker that holds it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::finding::Finding;
use crate::cli::run;
use crate::config::Config;
use crate::journal::{Address, Condition, Hold, Journal, JournalError, Presence};
use crate::operator::Worker;

const AREA: &str = "journal";
/// For each question; the check of a large file is the slowest.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// For all that is asked of the file itself.
const EXAMINED_WITHIN: Duration = Duration::from_secs(40);
/// Events that wait longer for the broker are worth a look.
const OUTBOX_OLD: Duration = Duration::from_secs(60);

pub(super) async fn look(config: &Config, now: Timestamp) -> Vec<Finding> {
    let at = match run::journal_address(config) {
        Ok(at) => at,
        Err(error) => return vec![Finding::out_of_reach(AREA, error.to_string(), "name another in journal.url")],
    };
    if let Some(finding) = absent(&at) {
        return vec![finding];
    }
    let mut findings = match timeout(EXAMINED_WITHIN, at.examine(ANSWERED_WITHIN)).await {
        Ok(Ok(condition)) => condition_of(&at, &condition),
        Ok(Err(error)) => return vec![unreadable(&error)],
        Err(_) => {
            let found = format!("{at} does not answer");
            return vec![Finding::out_of_reach(AREA, found, "look at the disk that it is on")];
        }
    };
    findings.push(holder(&at, config).await);
    match timeout(ANSWERED_WITHIN, contents(&at, now)).await {
        Ok(Ok(found)) => findings.extend(found),
        Ok(Err(error)) => findings.push(unreadable(&error)),
        Err(_) => findings.push(Finding::failed(
            AREA,
            "it did not tell what it holds in time",
            "look at the disk's load, then ask again",
        )),
    }
    findings
}

fn absent(at: &Address) -> Option<Finding> {
    match at.presence() {
        Presence::There => None,
        Presence::NotYet => {
            let remedy = "none, if no worker has run with it yet: the first start makes it";
            Some(Finding::warning(AREA, format!("there is none at {at}"), remedy))
        }
        Presence::NoFolder(folder) => Some(Finding::out_of_reach(
            AREA,
            format!("there is no folder {}", folder.display()),
            "make the folder, or name another in journal.url",
        )),
    }
}

fn unreadable(error: &JournalError) -> Finding {
    Finding::out_of_reach(
        AREA,
        error.to_string(),
        "see that journal.url names the worker's journal, and that it may be read",
    )
}

fn condition_of(at: &Address, condition: &Condition) -> Vec<Finding> {
    let size = condition.bytes / 1024;
    let mut findings = vec![Finding::ok(AREA, format!("{at}, {size} KiB, schema {}", condition.schema))];
    findings.push(match &condition.unwritable {
        None => Finding::ok(AREA, "it can be written to"),
        Some(why) => {
            let remedy = "free the disk, mend the permissions, or end what holds a transaction on it: commands stay in the broker meanwhile";
            Finding::failed(AREA, format!("it cannot be written to: {why}"), remedy)
        }
    });
    findings.push(match condition.check.as_deref() {
        Some("ok") => Finding::ok(AREA, format!("{} sound", condition.looked_at)),
        Some(wrong) => Finding::failed(
            AREA,
            format!("it is damaged: {wrong}"),
            "stop the worker, keep a copy, and restore the last good one",
        ),
        None => {
            let found = format!("the check of its pages took more than {} s", ANSWERED_WITHIN.as_secs());
            Finding::warning(AREA, found, "run `PRAGMA quick_check` on a copy")
        }
    });
    findings
}

async fn holder(at: &Address, config: &Config) -> Finding {
    const AREA: &str = "worker";
    let pid = match at.held_by().await {
        Ok(Some(pid)) => pid,
        Ok(None) => {
            return Finding::warning(AREA, "no worker has the journal", "start one: nothing moves without it");
        }
        Err(error) => return unreadable(&error),
    };
    let who = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
    match timeout(ANSWERED_WITHIN, Worker::at(config.http.clone()).reasons()).await {
        Ok(Ok(reasons)) if reasons.is_empty() => {
            Finding::ok(AREA, format!("{who} has the journal locked and is ready"))
        }
        Ok(Ok(reasons)) => Finding::failed(
            AREA,
            format!("{who} has the journal locked and is not ready: {}", reasons.join("; ")),
            "mend that: it goes on by itself",
        ),
        Ok(Err(error)) => Finding::warning(
            AREA,
            format!("{who} has the journal locked; {error}"),
            "ask with the worker's own configuration, or see what that process is",
        ),
        Err(_) => Finding::failed(
            AREA,
            format!("{who} has the journal locked and does not answer"),
            "see its log; restart it where it is stuck",
        ),
    }
}

fn open_breaker(hold: &Hold) -> Finding {
    let found = format!("{} are stopped since {:.0}, its breaker is open: {}", hold.on, hold.since, hold.reason);
    let business = hold.on.business().map_or("BUSINESS", |id| id.as_str());
    let remedy = format!(
        "look at what was claimed and at the app's dashboard, then `bindery breaker reset {business} --reason …`"
    );
    Finding::warning(AREA, found, remedy)
}

async fn contents(at: &Address, now: Timestamp) -> Result<Vec<Finding>, JournalError> {
    let journal = Journal::open_read_only(at.clone()).await?;
    let (outbox, unrouted, suspended) =
        (journal.outbox_depth().await?, journal.unrouted().await?, journal.suspended().await?);
    let (parked, holds) = (journal.parked().await?, journal.holds().await?);
    journal.close().await;
    let mut findings = Vec::new();
    findings.push(match outbox.oldest.filter(|oldest| *oldest + OUTBOX_OLD < now) {
        None => Finding::ok(AREA, format!("{} events wait for the broker", outbox.count)),
        Some(oldest) => {
            let found = format!("{} events wait for the broker, the oldest since {oldest:.0}", outbox.count);
            Finding::warning(AREA, found, "see the broker above: they go out when it takes them")
        }
    });
    if unrouted.count > 0 {
        let found = format!("{} events ({} of them terminal) went to nobody", unrouted.count, unrouted.terminal);
        findings.push(Finding::warning(
            AREA,
            found,
            "bind a queue to the exchange of events, then `bindery events replay`",
        ));
    }
    findings.extend(suspended.into_iter().map(|one| {
        let found = format!("Meta refused credential {} at {:.0}: {}", one.credential, one.since, one.why);
        Finding::warning(AREA, found, "give it a new token; one that was changed since is used again at the next call")
    }));
    findings.extend(holds.into_iter().map(|hold| {
        if hold.is_breaker() {
            return open_breaker(&hold);
        }
        let found = format!("{} is on hold since {:.0}, by {}: {}", hold.on, hold.since, hold.actor, hold.reason);
        let what = hold.on.business().map_or("--all", |id| id.as_str());
        Finding::warning(AREA, found, format!("`bindery resume {what} --reason …` when it may go on"))
    }));
    findings.extend(parked.into_iter().filter(|one| one.until > now).map(|one| {
        let found = format!("bucket {} is left alone until {:.0}: {}", one.bucket, one.until, one.why);
        Finding::warning(AREA, found, "wait: calls go on by themselves")
    }));
    Ok(findings)
}
