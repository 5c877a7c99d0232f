//! Flags become commands, and what makes no command is told before anything is sent.

use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: SendArgs,
}

const LIMIT: usize = 256 * 1024;

fn args(line: &str) -> Result<SendArgs, clap::Error> {
    Line::try_parse_from(std::iter::once("send").chain(line.split_whitespace())).map(|line| line.args)
}

fn command(line: &str) -> Result<Command, String> {
    let args = args(line).map_err(|error| error.to_string())?;
    let body = args.bytes(LIMIT).map_err(|error| error.to_string())?;
    parse(&body, LIMIT).map_err(|malformed| malformed.to_string())
}

#[test]
fn flags_make_the_command_of_the_contract() {
    for (line, wanted) in [
        (
            "claim --id a --business 1 --asset page/9 --access agency --permitted-tasks ADVERTISE,ANALYZE --again",
            json!({"id": "a", "command": "claim", "business": "1", "asset": {"kind": "page", "id": "9"},
                "access": "agency", "permitted_tasks": ["ADVERTISE", "ANALYZE"], "again": true}),
        ),
        (
            "unbind --id a --business 1 --asset page/9 --asset page/8 --keep-people --dry-run --priority 9",
            json!({"id": "a", "command": "unbind", "business": "1", "remove_people": false, "dry_run": true,
                "assets": [{"kind": "page", "id": "9"}, {"kind": "page", "id": "8"}], "priority": 9}),
        ),
        (
            "reassign --id a --business 1 --all --from 5 --to b@example.com --tasks MANAGE",
            json!({"id": "a", "command": "reassign", "business": "1", "assets": "all", "from": "5",
                "to": "b@example.com", "tasks": ["MANAGE"]}),
        ),
        (
            "invite --id a --business 1 --email b@example.com --role EMPLOYEE --asset page/9 --tasks MANAGE",
            json!({"id": "a", "command": "invite", "business": "1", "email": "b@example.com", "role": "EMPLOYEE",
                "assets": [{"kind": "page", "id": "9"}], "tasks": ["MANAGE"]}),
        ),
        ("cancel --id a --target b", json!({"id": "a", "command": "cancel", "target": "b"})),
    ] {
        let args = args(line).unwrap();
        let body = args.bytes(LIMIT).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), wanted, "{line}");
        assert!(parse(&body, LIMIT).is_ok(), "{line}");
    }
}

#[test]
fn what_is_no_command_is_told_before_anything_is_sent() {
    for (line, told) in [
        ("", "required"),
        ("clam", "invalid value"),
        ("claim", "/business"),
        ("claim --business 1 --asset page/9", "/access"),
        ("claim --business 1 --access owner", "/asset"),
        ("claim --business x --asset page/9 --access owner", "/business"),
        ("claim --business 1 --asset 9 --access owner", "<kind>/<id>"),
        ("claim --business 1 --asset pag/9 --access owner", "invalid value"),
        ("claim --business 1 --asset page/9 --access own", "/access"),
        ("claim --business 1 --asset page/9 --access agency", "/permitted_tasks"),
        ("claim --business 1 --asset page/9 --access agency --permitted-tasks ADVERTIZE", "/permitted_tasks/0"),
        ("claim --business 1 --asset ad_account/9 --access owner", "/irreversible"),
        ("claim --business 1 --asset page/9 --access owner --user 5", "/user"),
        ("claim --business 1 --asset page/9 --access owner --id a~b", "/id"),
        ("claim --business 1 --asset page/9 --access owner --priority 10", "invalid value"),
        ("claim --business 1 --asset page/9 --access owner --expires-at tomorrow", "/expires_at"),
        ("claim --business 1 --asset page/9 --access owner --timeout soon", "invalid value"),
        ("unbind --business 1 --all", "/assets"),
        ("reassign --business 1 --all --asset page/9 --from 5 --to 6", "cannot be used with"),
        ("reassign --business 1 --all --from 5 --to 5", "/to"),
        ("undo", "/target"),
        ("cancel --id a --target a", "/target"),
        ("cancel --target a --body file", "cannot be used with"),
        ("--target a --body file", "cannot be used with"),
        ("--body /nowhere/at/all", "could not read"),
    ] {
        let error = command(line).expect_err(line);
        assert!(error.contains(told), "{line}: {error}");
    }
}

#[test]
fn whoever_loses_something_is_asked_for_first() {
    for (line, asked) in [
        ("unbind --business 1 --asset page/9", true),
        ("unbind --business 1 --asset page/9 --dry-run", false),
        ("unassign --business 1 --asset page/9 --user 5", true),
        ("offboard --business 1 --user 5", true),
        ("disconnect --business 1", true),
        ("undo --target a", true),
        ("claim --business 1 --asset ad_account/9 --access owner --irreversible", true),
        ("claim --business 1 --asset page/9 --access owner", false),
        ("inspect --business 1", false),
        ("cancel --target a", false),
    ] {
        assert_eq!(takes_away(&command(line).unwrap()), asked, "{line}");
    }
}

#[test]
fn ids_differ_and_are_right() {
    let (one, other) = (new_id(), new_id());
    assert_ne!(one, other);
    assert!(one.parse::<crate::contract::CommandId>().is_ok_and(|id| id.is_publishers()));
}

#[test]
fn whatever_was_not_confirmed_was_not_sent() {
    assert!(taken(Settled::Confirmed, "a").is_ok());
    let reason = || "full".to_owned();
    for settled in [Settled::Unrouted, Settled::Refused { reason: reason() }, Settled::NoAnswer { reason: reason() }] {
        let error = taken(settled.clone(), "a").expect_err("not confirmed");
        assert!(matches!(error, CliError::OutOfReach(_)), "{settled:?}");
    }
}
