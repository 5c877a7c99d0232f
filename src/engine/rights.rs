//! Who may give which command: the `publishers` of the configuration, matched on the user that the broker vouches for.
//!
//! Without rules the broker's own permissions decide, and everybody who can publish may do everything.

use crate::config::Publisher;
use crate::contract::{Body, BusinessId, Command, parse_own};
use crate::journal::CommandRow;

/// Rules that may be none.
pub(crate) type Rules = Option<Vec<Publisher>>;

/// Whether `user` may give `command`.
///
/// # Errors
/// What is missing, in words for the one who published it.
pub(crate) fn may_give(rules: &Rules, user: Option<&str>, command: &Command) -> Result<(), String> {
    let Some(rules) = rules else { return Ok(()) };
    let user = user.ok_or("the message names no user (`user_id`), and publishers are restricted")?;
    let rule = rules.iter().find(|rule| rule.user == user);
    covers(rule.ok_or_else(|| format!("user {user:?} is no publisher"))?, command)
}

/// Whether a command by `user` may stop or undo the command of `row`: only who may give that command himself.
pub(crate) fn may_touch(rules: &Rules, user: Option<&str>, row: &CommandRow) -> bool {
    let Some(rules) = rules else { return true };
    let rule = rules.iter().find(|rule| Some(rule.user.as_str()) == user);
    // What cannot be read any more is nobody's to touch.
    let target = parse_own(row.body.as_bytes()).ok();
    rule.zip(target).is_some_and(|(rule, target)| covers(rule, &target).is_ok())
}

/// The users whose cancel counts for `command`, should one have come before it; `None`: anybody's.
pub(crate) fn cancellers(rules: &Rules, command: &Command) -> Option<Vec<String>> {
    let covering = |rule: &&Publisher| covers(rule, command).is_ok();
    rules.as_ref().map(|rules| rules.iter().filter(covering).map(|rule| rule.user.clone()).collect())
}

fn covers(rule: &Publisher, command: &Command) -> Result<(), String> {
    let (user, name) = (&rule.user, command.body.name());
    let no = |what: String| Err(format!("user {user:?} may not {what}"));
    if !rule.commands.covers(name) {
        return no(format!("give {name}"));
    }
    let (to_business, partner) = others(&command.body);
    if let Some(business) = command.business.iter().chain(to_business).find(|one| !rule.businesses.covers(*one)) {
        return no(format!("give commands about business {business}"));
    }
    match partner.filter(|partner| !rule.partners.covers(*partner)) {
        Some(partner) => no(format!("{name} with partner {partner}")),
        None => Ok(()),
    }
}

/// The businesses beside the one that acts: where assets go to, and with whom they are shared.
fn others(body: &Body) -> (Option<&BusinessId>, Option<&BusinessId>) {
    match body {
        Body::Transfer { to_business, .. } => (Some(to_business), None),
        Body::Share { partner, .. } | Body::Revoke { partner, .. } => (None, Some(partner)),
        Body::Claim { .. }
        | Body::Unbind { .. }
        | Body::Reassign { .. }
        | Body::Assign { .. }
        | Body::Unassign { .. }
        | Body::Invite { .. }
        | Body::Offboard { .. }
        | Body::Disconnect { .. }
        | Body::Inspect { .. }
        | Body::Undo { .. }
        | Body::Cancel { .. } => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::contract::parse;

    const RULES: &str = r#"
        [[publishers]]
        user = "agency"
        commands = ["*"]
        businesses = ["2001", "2002"]
        partners = ["3001"]
        [[publishers]]
        user = "hr"
        commands = ["reassign", "share", "cancel"]
        businesses = ["*"]
    "#;

    fn rules() -> Rules {
        Config::from_toml(RULES).unwrap().publishers
    }

    fn command(text: &str) -> Command {
        parse(text.as_bytes(), 1024).unwrap()
    }

    #[test]
    fn a_rule_covers_the_command_and_every_business_that_it_names() {
        let page = r#""asset": {"kind": "page", "id": "1"}"#;
        let transfer = |from: &str, to: &str| {
            format!(r#"{{"id": "a", "command": "transfer", "business": "{from}", "to_business": "{to}", {page}}}"#)
        };
        let share = |partner: &str| {
            format!(
                r#"{{"id": "a", "command": "share", "business": "2001", "partner": "{partner}", "permitted_tasks": ["ANALYZE"], {page}}}"#
            )
        };
        let unbind = |of: &str| format!(r#"{{"id": "a", "command": "unbind", "business": "{of}", {page}}}"#);
        let cancel = r#"{"id": "a", "command": "cancel", "target": "b"}"#.to_owned();
        for (user, body, refused) in [
            (Some("agency"), unbind("2001"), None),
            (Some("agency"), unbind("2003"), Some("business 2003")),
            (Some("agency"), transfer("2001", "2002"), None),
            (Some("agency"), transfer("2001", "2003"), Some("business 2003")),
            (Some("agency"), transfer("2003", "2001"), Some("business 2003")),
            (Some("agency"), share("3001"), None),
            (Some("agency"), share("3002"), Some("partner 3002")),
            (Some("agency"), cancel.clone(), None),
            (Some("hr"), unbind("2001"), Some("give unbind")),
            (Some("hr"), share("3001"), Some("partner 3001")),
            (Some("hr"), cancel.clone(), None),
            (Some("somebody"), cancel.clone(), Some("no publisher")),
            (None, cancel, Some("names no user")),
        ] {
            let verdict = may_give(&rules(), user, &command(&body));
            match (verdict, refused) {
                (Ok(()), None) => {}
                (Err(why), Some(word)) if why.contains(word) => {}
                (verdict, refused) => panic!("{user:?} {body}: {verdict:?}, not {refused:?}"),
            }
        }
    }

    #[test]
    fn a_cancel_counts_from_who_may_give_the_command() {
        let unbind =
            command(r#"{"id": "a", "command": "unbind", "business": "2001", "asset": {"kind": "page", "id": "1"}}"#);
        assert_eq!(cancellers(&rules(), &unbind), Some(vec!["agency".to_owned()]));
        assert_eq!(cancellers(&None, &unbind), None);
    }

    #[test]
    fn without_rules_the_broker_decides() {
        let cancel = command(r#"{"id": "a", "command": "cancel", "target": "b"}"#);
        assert_eq!(may_give(&None, None, &cancel), Ok(()));
    }
}
