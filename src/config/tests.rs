//! What is refused and how it is told; which layer wins; that secrets stay hidden.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::contract::{Asset, Kind};

const NONE: [(&str, &str); 0] = [];

fn vars(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    list.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("b.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The problems of a file and variables, without the folder of the file.
fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), text);
    let Err(error) = Config::from_layers(Some(&path), vars(variables)) else { return Vec::new() };
    let prefix = format!("{}/", folder.path().display());
    error.problems().iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

#[test]
fn every_sample_config_parses() {
    let mut seen = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let read = Config::from_layers(Some(&path), vars(&NONE));
            assert!(read.is_ok(), "{}: {}", path.display(), read.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} samples found");
}

#[test]
fn the_defaults_are_the_contracts() {
    let config = Config::from_toml("").unwrap();
    assert_eq!(config.amqp.url.expose(), "amqp://guest:guest@127.0.0.1:5672/%2f");
    assert_eq!(config.graph.base_url, "https://graph.facebook.com");
    assert_eq!(config.poll.settle, Duration::from_secs(300));
    assert_eq!(config.poll.give_up_after, Duration::from_secs(30 * 86_400));
    assert_eq!(config.limits.command_bytes, 262_144);
    assert_eq!(config.limits.backlog, 1_000_000);
    assert_eq!(config.retention.evidence, Duration::from_secs(400 * 86_400));
    assert!(config.publishers.is_none() && config.protected.is_empty() && config.credentials.is_empty());
}

/// Each row: what the file says, and how the one line about it begins.
const WRONG_FILES: &[(&str, &str)] = &[
    // Keys and sections.
    ("[poll]\nfrist = \"1s\"", "poll.frist in b.toml: unknown key, the nearest known one is poll.first"),
    ("[pol]\n", "pol in b.toml: unknown key, the nearest known one is poll"),
    ("cooldown = \"1m\"", "cooldown in b.toml: unknown key, the nearest known one is cool_down"),
    ("[poll.first]\nx = 1", "poll.first.x in b.toml: unknown key, the nearest known one is poll.first"),
    ("poll = 3", "poll in b.toml: is a section: set keys in it, [poll] in a file"),
    ("credentials = \"x\"", "credentials in b.toml: is a section"),
    ("[claims]\nmax_held = 3", "claims.max_held in b.toml: is a section"),
    ("[claims]\nmax_held = { pages = 3 }", "claims.max_held.pages in b.toml: the kind must be one of page, ad_account"),
    ("[claims]\nmax_held = { page = \"many\" }", "claims.max_held.page in b.toml: \"many\" is no whole number"),
    ("a = [", "b.toml: line 1 is no TOML: "),
    ("[poll]\nfirst = \"1s\"\nfirst = \"2s\"", "b.toml: line 3 is no TOML: duplicate key"),
    // Types.
    ("[poll]\nfirst = 30", "poll.first in b.toml: 30 is no duration: write text with a unit, like \"30s\""),
    ("[poll]\nfirst = \"30\"", "poll.first in b.toml: \"30\" is no duration: write a number with a unit"),
    ("[poll]\nfirst = \"-1s\"", "poll.first in b.toml: \"-1s\" is no duration"),
    ("[pace]\nslow_from = \"much\"", "pace.slow_from in b.toml: \"much\" is no whole number"),
    ("[pace]\nslow_from = 7.5", "pace.slow_from in b.toml: 7.5 is no whole number"),
    ("[limits]\nin_flight = -1", "limits.in_flight in b.toml: -1 is no whole number"),
    ("[events]\naccepted = \"yes\"", "events.accepted in b.toml: \"yes\" is neither true nor false"),
    ("[http]\nlisten = \"localhost:1\"", "http.listen in b.toml: \"localhost:1\" is no address: write IP:PORT"),
    ("[http]\nlisten = 9464", "http.listen in b.toml: 9464 is no address"),
    ("[limits]\ncommand_bytes = \"1 potato\"", "limits.command_bytes in b.toml: \"1 potato\" is no size"),
    ("protected = 3", "protected in b.toml: 3 is no list"),
    ("protected = [\"pagina/1\"]", "protected in b.toml: \"pagina/1\" must be an asset (\"page/123\")"),
    ("[events]\nsource = 3", "events.source in b.toml: 3 must be text: put it in quotes, \"3\""),
    // Ranges.
    ("[poll]\nfirst = \"0s\"", "poll.first in b.toml: must be longer than nothing"),
    ("[poll]\nfirst = \"2h\"", "poll.first in b.toml: 2h is more than poll.max (1h): lower it, or raise poll.max"),
    ("[poll]\nmax = \"1s\"", "poll.max in b.toml: 1s is less than poll.first (30s): raise it, or lower poll.first"),
    ("[poll]\ngive_up_after = \"1m\"", "poll.give_up_after in b.toml: 1m is less than poll.max (1h)"),
    ("[poll]\ndeny_after_walks = 1", "poll.deny_after_walks in b.toml: must be at least 2"),
    ("[poll]\nsettle = \"0s\"", "poll.settle in b.toml: must be longer than nothing"),
    ("[retry]\nfirst = \"1ms\"", "retry.first in b.toml: must be at least 10ms"),
    ("[retry]\nmax = \"1d\"", "retry.max in b.toml: 1d is more than retry.give_up_after (6h)"),
    ("[pace]\nstop_at = 101", "pace.stop_at in b.toml: 101 is no percentage: write 1 to 100"),
    ("[pace]\nslow_from = 96", "pace.slow_from in b.toml: 96 is more than pace.stop_at (95)"),
    ("[pace]\nslow_from = 95", "pace.stop_at: is the same as pace.slow_from"),
    ("[pace]\nlook_again = \"0s\"", "pace.look_again in b.toml: must be longer than nothing"),
    ("[pace]\nunstated = \"2h\"", "pace.unstated in b.toml: must be at most 1h"),
    ("[claims]\nnew_per_hour = 0", "claims.new_per_hour in b.toml: must be at least 1"),
    ("[offboarding]\nreserve = 100", "offboarding.reserve in b.toml: 100 percent leaves too little"),
    ("[limits]\ncommand_bytes = 10", "limits.command_bytes in b.toml: must be from 1KiB to 1MiB"),
    ("[limits]\nin_flight = 100000", "limits.in_flight in b.toml: must be at most 10000"),
    ("[journal]\nlease = \"1ms\"", "journal.lease in b.toml: must be at least 100ms"),
    ("[retention]\nids = \"1d\"", "retention.ids in b.toml: 1d is less than retention.commands (30d)"),
    ("shutdown_within = \"0s\"", "shutdown_within in b.toml: must be longer than nothing"),
    // Neighbours.
    ("[amqp]\nurl = \"http://x\"", "amqp.url in b.toml: must be amqp://USER:PASSWORD@HOST:PORT/VHOST"),
    ("[amqp]\nurl = \"amqp://u:p/w@h\"", "amqp.url in b.toml: write `/` as %2f and `@` as %40"),
    ("[amqp]\nca_file = \"/nowhere\"", "amqp.ca_file in b.toml: could not read the file it names: No such file"),
    ("[amqp]\nca_file = \"/dev/null\"", "amqp.ca_file in b.toml: is of use with amqps:// alone"),
    ("[amqp]\nclient_cert_file = \"/dev/null\"", "amqp.client_cert_file in b.toml: needs amqp.client_key_file"),
    ("[amqp.names]\nevents = \"amq.topic\"", "amqp.names.events in b.toml: must be 1 to 255 bytes and not begin with"),
    ("[amqp.names]\ndead = \"bindery.events\"", "amqp.names.dead in b.toml: \"bindery.events\" is taken"),
    ("[journal]\nurl = \"bindery.db\"", "journal.url in b.toml: must be sqlite://FILE"),
    ("[journal]\nurl = \"postgres://u:p@h\"", "journal.url in b.toml: must be sqlite://FILE"),
    ("[journal]\nurl = \"postgres:///d\"", "journal.url in b.toml: must be sqlite://FILE"),
    ("[journal]\nurl = \"sqlite://:memory:\"", "journal.url in b.toml: memory forgets every command"),
    ("[graph]\nbase_url = \"graph.facebook.com\"", "graph.base_url in b.toml: must begin with https://"),
    ("[graph]\nbase_url = \"http://graph.facebook.com\"", "graph.base_url in b.toml: would send tokens in the clear"),
    ("[graph]\napi_version = \"26\"", "graph.api_version in b.toml: \"26\" is no version: write it like \"v26.0\""),
    ("[graph]\ncall_within = \"0s\"", "graph.call_within in b.toml: must be longer than nothing"),
    // Secrets and rights.
    ("[http]\nlisten = \"0.0.0.0:80\"", "http.token: required because http.listen is not loopback"),
    (
        "[http]\ntoken = \"0123456789abcdef\"\ntoken_file = \"/nowhere/t\"",
        "http.token in b.toml: both it and http.token_file are set",
    ),
    ("[http]\ntoken_file = \"/nowhere/t\"", "http.token_file in b.toml: could not read the file it names"),
    ("[http]\ntoken_file = \"/dev/null\"", "http.token_file in b.toml: the file it names is empty"),
    ("[http]\ntoken = \"short\"", "http.token in b.toml: must have at least 16 characters"),
    (
        "[credentials.a]\naccess_token = \"T\"",
        "credentials.a.businesses: missing: set it, or BINDERY__CREDENTIALS__A__",
    ),
    ("[credentials.a]\nbusinesses = [\"*\"]", "credentials.a.access_token: missing: set credentials.a.access_token or"),
    ("[credentials.a]\n", "credentials.a.businesses: missing"),
    ("[credentials.A]\naccess_token = \"T\"\nbusinesses = \"*\"", "credentials.A: a credential's name has a-z"),
    (
        "[credentials.a]\naccess_token = 123\nbusinesses = [\"*\"]",
        "credentials.a.access_token in b.toml: must be text in quotes",
    ),
    (
        "[credentials.a]\naccess_token = \"a b\"\nbusinesses = [\"*\"]",
        "credentials.a.access_token in b.toml: must be one line without spaces",
    ),
    ("[credentials.a]\naccess_token = \"\"\nbusinesses = [\"*\"]", "credentials.a.access_token in b.toml: is empty"),
    (
        "[credentials.a]\naccess_token = \"T\"\naccess_token_file = \"/f\"\nbusinesses = [\"*\"]",
        "credentials.a.access_token in b.toml: both it and",
    ),
    (
        "[credentials.a]\naccess_token_file = \"/nowhere\"\nbusinesses = [\"*\"]",
        "credentials.a.access_token_file in b.toml: could not read the file it names: No such",
    ),
    (
        "[credentials.a]\naccess_token_file = \"/dev/null\"\nbusinesses = [\"*\"]",
        "credentials.a.access_token_file in b.toml: the file it names is empty",
    ),
    (
        "[credentials.a]\naccess_token = \"T\"\nbusinesses = [2001]",
        "credentials.a.businesses in b.toml: 2001 must be text: put it in quotes, \"2001\"",
    ),
    (
        "[credentials.a]\naccess_token = \"T\"\nbusinesses = [\"x\"]",
        "credentials.a.businesses in b.toml: \"x\" must be 1 to 32 digits",
    ),
    ("[credentials.a]\naccess_token = \"T\"\nbusinesses = []", "credentials.a.businesses in b.toml: covers nothing"),
    (
        "[credentials.a]\naccess_token = \"T\"\nbusinesses = [\"*\", \"1\"]",
        "credentials.a.businesses in b.toml: has \"*\" beside others",
    ),
    (
        "[credentials.a]\nacces_token = \"T\"\naccess_token = \"T\"\nbusinesses = [\"1\"]",
        "credentials.a.acces_token in b.toml: unknown key, the nearest known one is credentials.a.access_token",
    ),
    ("publishers = []", "publishers in b.toml: an empty list would refuse every message"),
    ("publishers = 3", "publishers in b.toml: must be a list of tables"),
    (
        "[[publishers]]\nuser = \"a\"\ncommands = [\"*\"]",
        "publishers in b.toml: publisher \"a\": businesses is missing: add it",
    ),
    (
        "[[publishers]]\nuser = \"a\"\ncommands = [\"clam\"]\nbusinesses = [\"*\"]",
        "publishers in b.toml: publisher \"a\": no command is called \"clam\"",
    ),
    ("[[publishers]]\nusr = \"a\"", "publishers in b.toml: unknown key \"usr\" in a publisher"),
];

#[test]
fn a_wrong_file_gets_one_line_that_says_what_to_change() {
    for (text, line) in WRONG_FILES {
        let said = problems(text, &NONE);
        assert!(said.iter().any(|said| said.starts_with(line)), "{text}\n  said {said:#?}\n  want {line}");
        assert!(said.len() <= 2, "one mistake, many lines: {text}\n  said {said:#?}");
        assert!(said.iter().all(|said| !said.contains('\n')), "{said:?}");
    }
}

#[test]
fn a_wrong_variable_is_named_as_the_variable() {
    for (name, value, line) in [
        (
            "BINDERY__POLL__FRIST",
            "1s",
            "BINDERY__POLL__FRIST: unknown key, the nearest known one is BINDERY__POLL__FIRST",
        ),
        ("BINDERY__POLL__FIRST", "30", "BINDERY__POLL__FIRST: \"30\" is no duration"),
        ("BINDERY__POLL", "30", "BINDERY__POLL: is a section"),
        ("BINDERY_POLL_FIRST", "30s", "BINDERY_POLL_FIRST: is not read: call it BINDERY__POLL__FIRST"),
        ("BINDERY__PACE__STOP_AT", "200", "BINDERY__PACE__STOP_AT: 200 is no percentage"),
        ("BINDERY__LIMITS__BACKLOG", "many", "BINDERY__LIMITS__BACKLOG: \"many\" is no whole number"),
        ("BINDERY__EVENTS__ACCEPTED", "1", "BINDERY__EVENTS__ACCEPTED: \"1\" is neither true nor false"),
        ("BINDERY__HTTP__LISTEN", "[::]:80", "http.token: required because http.listen is not loopback"),
        ("BINDERY__PUBLISHERS", "ann", "BINDERY__PUBLISHERS: must be a list of tables"),
        ("BINDERY__CREDENTIALS__A__ACCESS_TOKEN", "T", "credentials.a.businesses: missing"),
    ] {
        let said = problems("", &[(name, value)]);
        assert!(said.len() == 1 && said[0].starts_with(line), "{name}={value} said {said:?}, want {line}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::from_layers(Some(Path::new("/nowhere.toml")), vars(&NONE)).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere.toml: could not read this file: No such file"), "{error}");
}

#[test]
fn all_problems_are_told_at_once() {
    let said = problems("[poll]\nfirst = 1\nfrist = 2\n[pace]\nstop_at = 0\n", &[("BINDERY__RETRY__FIRST", "1ms")]);
    assert_eq!(said.len(), 4, "{said:#?}");
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "[poll]\nfirst = \"10s\"\nmax = \"20m\"");
    let config = Config::from_layers(Some(&path), vars(&[("BINDERY__POLL__FIRST", "20s"), ("BINDERY__POLL__MAX", "")]));
    let config = config.unwrap();
    assert_eq!((config.poll.first, config.poll.max), (Duration::from_secs(20), Duration::from_secs(1200)));
    assert_eq!(config.poll.settle, Duration::from_secs(200));
    let place = |key: &str| config.settings().iter().find(|setting| setting.key == key).unwrap().place.clone();
    assert_eq!(place("poll.first"), Place::Variable("BINDERY__POLL__FIRST".to_owned()));
    assert_eq!(place("poll.max"), Place::File(path));
    assert_eq!(place("poll.settle"), Place::Derived("ten times poll.first"));
    assert_eq!(place("poll.give_up_after"), Place::Default);
    assert_eq!(place("http.token"), Place::Unset);
}

#[test]
fn ids_and_lists_in_variables_stay_what_they_are() {
    let config = Config::from_layers(
        None,
        vars(&[
            ("BINDERY__CREDENTIALS__MAIN__ACCESS_TOKEN", "0123456789"),
            ("BINDERY__CREDENTIALS__MAIN__BUSINESSES", "0123, 2001"),
            ("BINDERY__PROTECTED", "page/0123,person/7,Ann@Example.com"),
            ("BINDERY__CLAIMS__MAX_HELD__PAGE", "10"),
            ("BINDERY__LIMITS__IN_FLIGHT", "8"),
            ("BINDERY__PUBLISHERS", "[{user = \"a\", commands = [\"claim\"], businesses = [\"0123\"]}]"),
        ]),
    );
    let config = config.unwrap();
    let credential = config.credential_for(&"0123".parse().unwrap()).unwrap();
    assert_eq!(credential.secrets.read().unwrap().access_token.expose_secret(), "0123456789");
    assert!(config.credential_for(&"123".parse().unwrap()).is_none());
    assert_eq!(config.protected[0], Protected::Asset(Asset { kind: Kind::Page, id: "0123".parse().unwrap() }));
    assert_eq!(config.protected[2].to_string(), "ann@example.com");
    assert_eq!(config.claims.max_held, BTreeMap::from([(Kind::Page, 10)]));
    assert_eq!(config.limits.in_flight, 8);
    let publisher = &config.publishers.unwrap()[0];
    assert!(publisher.commands.covers("claim") && !publisher.commands.covers("offboard"));
    assert!(publisher.businesses.covers(&"0123".parse::<BusinessId>().unwrap()));
    assert!(!publisher.partners.covers(&"0123".parse::<BusinessId>().unwrap()));
}

#[test]
fn the_most_specific_credential_serves_then_the_first_by_name() {
    let one = |name: &str, businesses: &str| {
        format!("[credentials.{name}]\naccess_token = \"T-{name}\"\nbusinesses = {businesses}\n")
    };
    let text = one("a", "[\"*\"]") + &one("c", "[\"1\"]") + &one("b", "[\"1\", \"2\"]") + &one("d", "[\"*\"]");
    let config = Config::from_toml(&text).unwrap();
    for (business, name) in [("1", "b"), ("2", "b"), ("3", "a")] {
        assert_eq!(config.credential_for(&business.parse().unwrap()).unwrap().name, name, "business {business}");
    }
}

#[test]
fn a_secret_file_is_read_again_when_its_content_changes() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").unwrap();
    let text = format!("[credentials.a]\naccess_token_file = {token:?}\nbusinesses = [\"*\"]");
    let secrets = Config::from_toml(&text).unwrap().credentials["a"].secrets.clone();
    let first = secrets.read().unwrap();
    assert_eq!(first.access_token.expose_secret(), "first");
    std::fs::write(&token, "first").unwrap();
    assert_eq!(secrets.read().unwrap().fingerprint, first.fingerprint, "the same content, written anew");
    std::fs::write(&token, "second").unwrap();
    let second = secrets.read().unwrap();
    assert_eq!(second.access_token.expose_secret(), "second");
    assert_ne!(second.fingerprint, first.fingerprint);
    std::fs::remove_file(&token).unwrap();
    let gone = secrets.read().unwrap_err().to_string();
    assert!(gone.starts_with("credentials.a.access_token_file: could not read"), "{gone}");
}

#[test]
fn no_secret_is_shown_anywhere() {
    let text = "[amqp]\nurl = \"amqp://u:SECRET1@h/v\"\n[http]\ntoken = \"SECRET2-SECRET2-\"\n\
                [credentials.a]\naccess_token = \"SECRET3\"\napp_secret = \"SECRET4\"\nbusinesses = [\"*\"]";
    let config = Config::from_toml(text).unwrap();
    let pair = config.credentials["a"].secrets.read().unwrap();
    for shown in
        [format!("{config:?}"), format!("{:?}", config.settings()), format!("{pair:?}"), config.amqp.url.to_string()]
    {
        assert!(!shown.contains("SECRET"), "{shown}");
    }
    assert!(format!("{config:?}").contains("amqp://u:***@h/v"));
    // Nor where it is wrong: every line of a configuration full of secrets in wrong shapes.
    let wrong = "[amqp]\nurl = \"SECRET 1\"\n[http]\ntoken = [\"SECRET\"]\nSECRETLESS = \"SECRET\"\n\
                 [credentials.a]\naccess_token = \"SECRET \\n3\"\napp_secret_file = \"SECRET4\"\nbusinesses = [\"*\"]";
    let said = problems(wrong, &[("BINDERY__JOURNAL__URL", "SECRET5")]).join("\n").replace("SECRETLESS", "");
    assert!(said.lines().count() >= 6 && !said.contains("SECRET"), "{said}");
}

#[test]
fn every_key_has_its_comment_and_every_comment_its_key() {
    let lines: Vec<&str> = layers::DEFAULTS.lines().collect();
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_key(line)) {
        assert!(at > 0 && lines[at - 1].starts_with("# "), "no comment above {line}");
    }
    // Keys without a default stand there as comments: all that can be read is documented.
    let sample = "[credentials.x]\naccess_token = \"T\"\nbusinesses = \"*\"";
    for setting in Config::from_toml(sample).unwrap().settings() {
        let key = setting.key.rsplit('.').next().unwrap();
        let known = lines.iter().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        assert!(known || key == "publishers", "{} is not in default.toml", setting.key);
    }
}

#[test]
fn the_commented_samples_in_the_defaults_are_right() {
    let text: String = layers::DEFAULTS
        .lines()
        .map(|line| {
            let bare = line.trim_start_matches("# ");
            let sample = line.starts_with("# [")
                || (line.starts_with("# ")
                    && bare
                        .split_once(" = ")
                        .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
            if sample { format!("{bare}\n") } else { format!("{line}\n") }
        })
        .collect();
    let text = text
        .replace("credentials.NAME", "credentials.name")
        .replace("amqp://", "amqps://")
        .replace("\"…\"", "\"0123456789abcdef\"");
    let said = problems(&text, &NONE);
    // The files named there do not exist here, and both ways of giving a secret are shown.
    let expected = |line: &String| line.contains("could not read the file it names") || line.contains("both it and");
    assert!(said.iter().all(expected), "{said:#?}");
}
