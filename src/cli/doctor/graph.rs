//! Graph: reachable, each credential alive and allowed, until when, and do the clocks agree?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use crate::cli::run;
use crate::config::{Config, Credential};
use crate::graph::{Alive, Graph, LookedOver, TokenFacts};

const AREA: &str = "graph";
/// For each question; a person waits for all of them.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// A token that ends sooner is worth a look.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A clock that is off by more is worth a look, and by more still makes deadlines untrue.
const SKEW_ODD: SignedDuration = SignedDuration::from_secs(30);
const SKEW_WRONG: SignedDuration = SignedDuration::from_mins(5);
/// What every call about businesses needs.
const SCOPE_NEEDED: &str = "business_management";
/// What some commands on Pages need beside it.
const SCOPES_USEFUL: [&str; 2] = ["pages_show_list", "pages_manage_metadata"];

pub(super) async fn look(config: &Config, now: Timestamp) -> Vec<Finding> {
    if config.credentials.is_empty() {
        return vec![Finding::warning(AREA, "no credential is set, so Graph is not asked", "set [credentials.NAME]")];
    }
    let mut settings = run::graph_config(config);
    settings.call_within = settings.call_within.min(ANSWERED_WITHIN);
    let graph = match Graph::new(&settings) {
        Ok(graph) => graph,
        Err(error) => return vec![Finding::failed(AREA, error.to_string(), "mend the configuration")],
    };
    let mut findings = Vec::new();
    let mut ahead = None;
    for credential in config.credentials.values() {
        let looked = look_over(&graph, credential).await;
        match looked {
            Err(finding) => findings.push(finding),
            Ok(looked) => {
                ahead = ahead.or(looked.ahead);
                findings.extend(credential_findings(&credential.name, &looked, config, now));
            }
        }
    }
    findings.extend(ahead.map(clocks));
    findings
}

async fn look_over(graph: &Graph, credential: &Credential) -> Result<LookedOver, Finding> {
    let unread = |error: crate::config::SecretError| {
        Finding::failed(
            AREA,
            format!("credential {}: {error}", credential.name),
            "put the secret into that file, in one line",
        )
    };
    let secrets = run::secrets(credential).map_err(unread)?;
    Ok(graph.look_over(&secrets).await)
}

fn credential_findings(name: &str, looked: &LookedOver, config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = match &looked.alive {
        Alive::Yes(facts) => facts_of(name, facts, now),
        Alive::Untold { why } => {
            let found = format!("credential {name} is taken, but Meta does not tell its scopes and its end ({why})");
            vec![Finding::warning(AREA, found, "look them up in the app's dashboard")]
        }
        Alive::Dead { why } => {
            let remedy = format!("give credentials.{name} a new token: its commands wait until then");
            vec![Finding::failed(AREA, format!("Meta refuses credential {name}: {why}"), remedy)]
        }
        Alive::Unknown { why } => {
            let found = format!("Graph answers, but does not say whether credential {name} is good: {why}");
            vec![Finding::warning(AREA, found, "ask again later")]
        }
        Alive::OutOfReach { why } => {
            let found = format!("{} was not reached with credential {name}: {why}", config.graph.base_url);
            vec![Finding::out_of_reach(
                AREA,
                found,
                "see network, proxy and DNS, graph.base_url, and Meta's status page",
            )]
        }
    };
    match looked.tier.as_deref() {
        None => {}
        Some(tier) if tier.contains("development") => {
            let remedy =
                "apply for full access: development tier allows few calls an hour, and some business edges not at all";
            findings.push(Finding::warning(AREA, format!("the app of credential {name} has the tier {tier}"), remedy));
        }
        Some(tier) => findings.push(Finding::ok(AREA, format!("the app of credential {name} has the tier {tier}"))),
    }
    findings
}

fn facts_of(name: &str, facts: &TokenFacts, now: Timestamp) -> Vec<Finding> {
    let kind = facts.kind.as_deref().unwrap_or("UNKNOWN");
    let app = facts.app.as_deref().map(|app| format!(" of app {app}")).unwrap_or_default();
    let mut findings = vec![if kind == "SYSTEM_USER" {
        Finding::ok(AREA, format!("credential {name} is good, a system user's{app}"))
    } else {
        let remedy = "use the token of an admin system user: a person's dies with their password or their leaving";
        Finding::warning(AREA, format!("credential {name} is good, of the type {kind}{app}"), remedy)
    }];
    findings.push(end(name, "", facts.expires, now));
    if let Some(at) = facts.data_access_expires {
        findings.push(end(name, "access to data of ", Some(at), now));
    }
    findings.push(scopes(name, &facts.scopes));
    findings
}

fn end(name: &str, what: &str, expires: Option<Timestamp>, now: Timestamp) -> Finding {
    let remedy = format!("give credentials.{name} a new token; a changed file is seen at once");
    match expires {
        None => Finding::ok(AREA, format!("{what}credential {name} has no end")),
        Some(at) if at <= now => Finding::failed(AREA, format!("{what}credential {name} ended at {at:.0}"), remedy),
        Some(at) if at.duration_since(now) < EXPIRES_SOON => {
            Finding::warning(AREA, format!("{what}credential {name} ends at {at:.0}"), remedy)
        }
        Some(at) => Finding::ok(AREA, format!("{what}credential {name} ends at {at:.0}")),
    }
}

fn scopes(name: &str, has: &[String]) -> Finding {
    let lacks = |scope: &&str| !has.iter().any(|one| one == scope);
    if lacks(&SCOPE_NEEDED) {
        let remedy = format!("make a token with {SCOPE_NEEDED}");
        return Finding::failed(AREA, format!("credential {name} lacks the permission {SCOPE_NEEDED}"), remedy);
    }
    let missing: Vec<&str> = SCOPES_USEFUL.into_iter().filter(lacks).collect();
    if missing.is_empty() {
        return Finding::ok(AREA, format!("credential {name} has {}", has.join(", ")));
    }
    let found = format!("credential {name} lacks {}", missing.join(" and "));
    Finding::warning(AREA, found, "make a token with them: claims as an agency need them")
}

fn clocks(ahead: SignedDuration) -> Finding {
    let off = ahead.abs();
    let way = if ahead.is_negative() { "ahead of" } else { "behind" };
    let found = format!("our clock is {} s {way} Meta's", off.as_secs());
    let remedy = "set this machine's clock (NTP): deadlines, walks and the times of events go by it";
    if off >= SKEW_WRONG {
        Finding::failed(AREA, found, remedy)
    } else if off >= SKEW_ODD {
        Finding::warning(AREA, found, remedy)
    } else {
        Finding::ok(AREA, "our clock agrees with Meta's")
    }
}
