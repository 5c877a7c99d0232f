//! The broker: reachable, as whom, does the topology stand, may we work, does an alarm hold us back?

use std::time::Duration;

use super::finding::Finding;
use crate::broker::{self, BrokerConfig, BrokerError, Examined, Right, Standing};
use crate::cli::run;
use crate::config::Config;

const AREA: &str = "broker";
/// For each question; a person waits for all of them.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut broker = run::broker_config(&config.amqp);
    broker.deadlines.connect_within = ANSWERED_WITHIN;
    broker.deadlines.call_within = ANSWERED_WITHIN;
    match broker::examine(&broker).await {
        Ok(examined) => findings(&examined, &broker),
        Err(error) => vec![unreached(&error)],
    }
}

/// Each error says what to do where more can be done than waiting.
fn unreached(error: &BrokerError) -> Finding {
    let remedy = match error {
        BrokerError::LoginRefused { .. } => "set the right user and password in amqp.url",
        BrokerError::VhostMissing { .. } | BrokerError::VhostRefused { .. } => {
            "have the broker's administrator do that, or name another vhost"
        }
        BrokerError::BadUrl { .. } | BrokerError::BadName { .. } | BrokerError::TlsFile { .. } => {
            "mend the configuration"
        }
        BrokerError::Unreachable { .. } | BrokerError::Silent { .. } => {
            "see that the broker runs there, and that amqp.url names it"
        }
        BrokerError::Tls { .. } => "see that amqp.ca_file and the client certificate are the broker's",
        BrokerError::Drift { .. }
        | BrokerError::Forbidden { .. }
        | BrokerError::Refused { .. }
        | BrokerError::NoAnswer { .. }
        | BrokerError::Lost { .. }
        | BrokerError::Cancelled { .. } => "look at the broker's log, then ask again",
    };
    Finding::out_of_reach(AREA, error.to_string(), remedy)
}

fn findings(examined: &Examined, broker: &BrokerConfig) -> Vec<Finding> {
    let mut findings = vec![reached(examined)];
    findings.extend(version(examined, broker));
    let used = examined.commands.is_some();
    let nowhere = |thing: &str| used && thing.ends_with(&format!(" {}", broker.names.dead));
    findings.extend(examined.things.iter().map(|(thing, standing)| match standing {
        Standing::Missing if nowhere(thing) => nowhere_to_die(thing),
        Standing::Missing | Standing::Right | Standing::Drifted(_) | Standing::NotCompared | Standing::Unknown(_) => {
            stands(thing, standing)
        }
    }));
    if let Some(reason) = &examined.blocked {
        let remedy = "free memory or disk on the broker: until then events wait in the outbox, nothing is lost";
        findings.push(Finding::failed(AREA, format!("an alarm holds back whoever publishes: {reason}"), remedy));
    }
    findings.extend(rights(examined));
    findings.extend(queues(examined, broker));
    findings
}

fn reached(examined: &Examined) -> Finding {
    let Examined { address, user, vhost, version, .. } = examined;
    let version = version.as_deref().unwrap_or("a broker that does not say its version");
    Finding::ok(AREA, format!("{version} at {address}, vhost {vhost:?}, as user {user:?}"))
}

/// Facts of RabbitMQ's versions that no declaration shows.
fn version(examined: &Examined, broker: &BrokerConfig) -> Option<Finding> {
    let number = examined.version.as_deref()?.strip_prefix("RabbitMQ ")?;
    let mut parts = number.split(['.', '-', '+']).map(|part| part.parse::<u32>().unwrap_or(0));
    match (parts.next()?, parts.next().unwrap_or(0)) {
        (0..=2, _) | (3, 0..=9) => {
            let remedy = "upgrade to 3.10 or later: dead letters are lost where their queue is missing";
            Some(Finding::failed(AREA, format!("RabbitMQ {number} knows no at-least-once dead-lettering"), remedy))
        }
        (4, 0..=2) => {
            let dead = &broker.names.dead;
            let found = format!("RabbitMQ {number} drops a message of {dead} that was looked at and put back 20 times");
            Some(Finding::warning(AREA, found, format!("set a policy with delivery-limit on {dead}, such as 1000000")))
        }
        _ => None,
    }
}

fn stands(thing: &str, standing: &Standing) -> Finding {
    match standing {
        Standing::Right => Finding::ok(AREA, format!("{thing} stands with the right type and arguments")),
        Standing::Missing => Finding::warning(
            AREA,
            format!("{thing} is not there"),
            "start a worker that may configure, or declare it as the README says",
        ),
        Standing::Drifted(error) => {
            Finding::failed(AREA, error.to_string(), "a worker does not start until one of the two has changed")
        }
        Standing::NotCompared => {
            let remedy = "compare its arguments with the README by hand, or ask as a user who may configure";
            Finding::warning(AREA, format!("{thing} is there; this user may not compare its arguments"), remedy)
        }
        Standing::Unknown(error) => {
            Finding::failed(AREA, format!("{thing}: {error}"), "look at the broker's log, then ask again")
        }
    }
}

/// The queue of commands is there, and what it sets aside has nowhere to go.
fn nowhere_to_die(thing: &str) -> Finding {
    let remedy = "restart a worker, which declares it, or declare it as the README says: what was set aside meanwhile \
                  arrives within some minutes";
    Finding::failed(AREA, format!("{thing} is not there: dead letters stay, unseen, in the queue of commands"), remedy)
}

fn rights(examined: &Examined) -> Vec<Finding> {
    let missing = |(what, right): &(String, Right)| match right {
        Right::Missing(error) => {
            let remedy = format!("grant user {:?} that permission in vhost {:?}", examined.user, examined.vhost);
            Some(Finding::failed(AREA, format!("we may not {what}: {error}"), remedy))
        }
        Right::Granted | Right::Unknown(_) => None,
    };
    let mut findings: Vec<Finding> = examined.rights.iter().filter_map(missing).collect();
    let granted: Vec<&str> = examined
        .rights
        .iter()
        .filter(|(_, right)| matches!(right, Right::Granted))
        .map(|(what, _)| what.as_str())
        .collect();
    if !granted.is_empty() {
        findings.push(Finding::ok(AREA, format!("we may {}", granted.join(", "))));
    }
    findings
}

fn queues(examined: &Examined, broker: &BrokerConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(queue) = examined.commands {
        let name = &broker.names.commands;
        findings.push(if queue.consumers == 0 {
            let found = format!("nobody takes commands out of {name}, {} wait there", queue.ready);
            Finding::warning(
                AREA,
                found,
                "start a worker; one that runs pauses while its journal cannot commit or `limits.backlog` is reached",
            )
        } else {
            Finding::ok(AREA, format!("{} commands wait in {name}, {} workers take them", queue.ready, queue.consumers))
        });
    }
    if let Some(queue) = examined.dead {
        let name = &broker.names.dead;
        findings.push(if queue.ready == 0 {
            Finding::ok(AREA, format!("no dead letter in {name}"))
        } else {
            Finding::warning(AREA, format!("{} dead letters in {name}", queue.ready), "see `bindery dead list`")
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn seen(version: &str) -> Examined {
        Examined {
            address: "h:5672".to_owned(),
            user: "u".to_owned(),
            vhost: "v".to_owned(),
            version: Some(version.to_owned()),
            things: Vec::new(),
            commands: None,
            dead: None,
            rights: Vec::new(),
            blocked: None,
        }
    }

    #[test]
    fn a_version_is_judged_by_what_it_does_to_dead_letters() {
        let broker = BrokerConfig::at("amqp://h");
        for (told, wanted) in [
            ("RabbitMQ 3.9.29", Some(Verdict::Failed)),
            ("RabbitMQ 3.10.8", None),
            ("RabbitMQ 3.13.7", None),
            ("RabbitMQ 4.0.5", Some(Verdict::Warning)),
            ("RabbitMQ 4.2.0-rc.1", Some(Verdict::Warning)),
            ("RabbitMQ 4.3.0", None),
            ("Other 1.0", None),
        ] {
            assert_eq!(version(&seen(told), &broker).map(|finding| finding.verdict), wanted, "{told}");
        }
    }
}
