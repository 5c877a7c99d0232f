//! Schema and parser take the same commands: random ones, and random ones that were spoiled.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value, json};

use super::super::fields::UNITS;
use super::super::rows::{COMMON, ROWS};
use super::super::{PAGE_TASKS, command_names, parse};
use super::properties::{any_json, command};
use super::schema::COMMAND;
use super::{LIMIT, sample, with};

/// What was seen of the two, to know that the property is not idle.
#[derive(Default)]
struct Seen {
    taken: Cell<u32>,
    refused: Cell<u32>,
    beyond: Cell<u32>,
}

/// By which words of the parser each rule of [`UNSAID`](super::super::schema::UNSAID) on a value is known.
const BEYOND: [&str; 8] = [
    "is the same as",
    "is after \"expires_at\"",
    "stands twice in the list",
    "is too long: at most",
    "must be a duration with its unit",
    "must be a time by RFC 3339",
    "must be a whole number from 0 to 9",
    "must be an e-mail address",
];

/// Values near what the field `name` takes, right and wrong.
fn near(name: &str) -> BoxedStrategy<Value> {
    let text = |pattern: &'static str| pattern.prop_map(Value::from).boxed();
    match name {
        "id" | "target" => prop_oneof![
            text("[A-Za-z0-9._:-]{1,8}"),
            text("[A-Za-z0-9._:~ -]{0,8}"),
            text("[a-z]{127,129}(~[a-z]{29,33})?"),
            text("onb-(1|7731)"),
        ]
        .boxed(),
        "business" | "to_business" | "partner" => {
            prop_oneof![text("[0-9]{0,3}"), text("[0-9]{31,33}"), text("200[12]"), text("[0-9]{1,2}[ a.٣]")].boxed()
        }
        "user" | "successor" | "from" | "to" | "email" => {
            prop_oneof![text("3[12]"), address(), address(), text("[0-9]{31,33}"), text("[a-z@.]{0,6}")].boxed()
        }
        "not_before" | "expires_at" => moment(),
        "notice" | "cool_down" => duration(),
        "asset" => asset().boxed(),
        "assets" => prop_oneof![4 => vec(asset(), 0..4).prop_map(Value::from), 1 => Just(json!("all"))].boxed(),
        "tasks" | "permitted_tasks" => vec(task(), 0..4).prop_map(Value::from).boxed(),
        "protected" => vec(protected(), 0..4).prop_map(Value::from).boxed(),
        "kinds" => vec(select(vec!["page", "pixel", "catalog", "pages"]), 0..4).prop_map(|kinds| json!(kinds)).boxed(),
        "plan" => text("(sha256:|SHA256:)[0-9a-fA]{63,65}"),
        "access" => select(vec!["owner", "agency", "Owner"]).prop_map(Value::from).boxed(),
        "role" => select(vec!["EMPLOYEE", "ADMIN", "admin"]).prop_map(Value::from).boxed(),
        "priority" => prop_oneof![
            (-2..12_i64).prop_map(Value::from),
            select(vec![4.0, 4.5, 9.0, 1e3, -0.0]).prop_map(Value::from)
        ]
        .boxed(),
        "actor" | "reason" => text(".{0,8}"),
        "command" => prop_oneof![text("[a-z]{0,8}"), select(command_names().to_vec()).prop_map(Value::from)].boxed(),
        _ => any::<bool>().prop_map(Value::from).boxed(),
    }
}

fn address() -> BoxedStrategy<Value> {
    let odd = "[a-zé@. \u{a0}\u{3000}\u{85}\u{1}\u{feff}-]{0,10}";
    let long = "é{120,128}@[a-z]{5}\\.[a-z]{3}";
    prop_oneof!["[a-zA-Z/]{1,3}@[a-zÀ.]{1,6}", odd, "(ann|Ann|ben)@b\\.io", long].prop_map(Value::from).boxed()
}

fn moment() -> BoxedStrategy<Value> {
    prop_oneof![
        "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{0,10})?([Zz]|[+-][01][0-9]:[0-5][0-9])?",
        "20[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9][T ](0[0-9]|2[0-5]):[0-5][0-9]:(0[0-9]|60|61)(Z|[+-]2[2-7]:[0-6][0-9])",
        "(0000|9999)-(01|12)-(01|31)T(00|23):(00|59):00(Z|-0[0-9]:00|\\+2[0-6]:00|-2[0-6]:00)",
        "2024-02-(28|29|30)T00:00:00Z",
    ]
    .prop_map(Value::from)
    .boxed()
}

fn duration() -> BoxedStrategy<Value> {
    let unit = select(UNITS.to_vec()).prop_map(str::to_owned);
    let unit = prop_oneof![6 => unit, 1 => "[a-zA-Zµ]{1,4}"];
    let number = prop_oneof![6 => "[0-9]{1,4}", 2 => "[0-9]{1,3}\\.[0-9]{0,3}", 1 => "[0-9]{17,22}", 1 => "\\.?"];
    let part =
        (number, unit, select(vec!["", "", " ", "  "])).prop_map(|(number, unit, gap)| format!("{number}{unit}{gap}"));
    vec(part, 1..4)
        .prop_flat_map(|parts| {
            let text = parts.concat();
            // Most gaps are between, and not behind.
            prop_oneof![3 => Just(text.trim_end().to_owned()), 1 => Just(text)]
        })
        .prop_map(Value::from)
        .boxed()
}

fn asset() -> impl Strategy<Value = Value> {
    let kind = select(vec!["page", "page", "ad_account", "pixel", "instagram_account", "pages"]);
    (kind, "(act_)?[0-9]{1,2}", 0..24_u8).prop_map(|(kind, id, how)| match how {
        0 => json!({"kind": kind}),
        1 => json!({"kind": kind, "id": id, "name": "x"}),
        2 => json!({"kind": kind, "id": 7}),
        3 => json!({"kind": kind, "id": ""}),
        4 => json!(format!("{kind}/{id}")),
        _ => json!({"kind": kind, "id": id}),
    })
}

fn task() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => select(PAGE_TASKS.to_vec()).prop_map(Value::from),
        2 => "[A-Z_]{0,3}".prop_map(Value::from),
        1 => "[A-Z]{63,65}".prop_map(Value::from),
        1 => any_json(),
    ]
}

fn protected() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "(page|person|pixel)/(act_)?[0-9]{1,2}".prop_map(Value::from),
        1 => "(page|person|pages)/[a-z@.]{0,5}".prop_map(Value::from),
        1 => "person/[a-z]@[a-z]\\.[a-z]".prop_map(Value::from),
        1 => address(),
    ]
}

/// Changes to a command: mostly to fields that it takes, mostly near what they take; or the field is taken away.
fn changes(of: &Value) -> BoxedStrategy<Vec<(&'static str, Option<Value>)>> {
    let row = ROWS.iter().find(|row| of["command"] == row.name).expect("a known command");
    let own: Vec<&str> = row.own.iter().copied().chain(COMMON).collect();
    let foreign: Vec<&str> = ROWS.iter().flat_map(|row| row.own.iter().copied()).chain(["x", "Asset"]).collect();
    let name = prop_oneof![12 => select(own), 1 => select(foreign)];
    let change = name.prop_flat_map(|name| {
        let value = prop_oneof![12 => near(name), 1 => any_json()];
        (Just(name), prop::option::weighted(0.9, value))
    });
    vec(change, 0..4).boxed()
}

fn spoiled() -> impl Strategy<Value = Value> {
    command().prop_flat_map(|body| (changes(&body), Just(body))).prop_map(|(changes, mut body)| {
        let fields = body.as_object_mut().expect("a command is an object");
        for (name, value) in changes {
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
        body
    })
}

fn agree(body: &Value, seen: &Seen) -> TestCaseResult {
    let parsed = parse(body.to_string().as_bytes(), LIMIT);
    let fault = COMMAND.iter_errors(body).next();
    let count = |cell: &Cell<u32>| cell.set(cell.get() + 1);
    match (parsed, fault) {
        (Ok(_), None) => count(&seen.taken),
        (Err(_), Some(_)) => count(&seen.refused),
        (Ok(_), Some(fault)) => prop_assert!(false, "the schema alone refuses {body}: {fault}"),
        (Err(why), None) => {
            let known = BEYOND.iter().any(|words| why.message.contains(words)) || why.message.contains("or an e-mail");
            prop_assert!(known, "the parser alone refuses {body}: {why}");
            count(&seen.beyond);
        }
    }
    Ok(())
}

#[test]
fn the_schema_takes_a_command_where_the_parser_does_but_for_the_rules_that_it_cannot_say() {
    let seen = Seen::default();
    let usual = Config::default();
    let mut runner = TestRunner::new(Config { cases: usual.cases.max(3_000), failure_persistence: None, ..usual });
    runner.run(&spoiled(), |body| agree(&body, &seen)).unwrap_or_else(|why| panic!("{why}"));
    let told = (seen.taken.get(), seen.refused.get(), seen.beyond.get());
    println!("taken, refused, refused by the parser alone: {told:?}");
    assert!(told.0 > 500 && told.1 > 500 && told.2 > 20, "one-sided: taken, refused, beyond are {told:?}");
}

/// What a field that others depend on may be; `null` leaves it out.
fn choices(name: &str) -> Vec<Value> {
    let of = |kind: &str| json!({"kind": kind, "id": "1"});
    let tasks = || vec![json!(null), json!(["ADVERTISE"]), json!(["DRAFT"])];
    match name {
        "access" => vec![json!("owner"), json!("agency")],
        "permitted_tasks" | "tasks" => tasks(),
        "irreversible" => vec![json!(null), json!(false), json!(true)],
        "asset" => vec![json!(null), of("page"), of("ad_account"), of("pixel")],
        "assets" => vec![
            json!(null),
            json!([of("page")]),
            json!([of("pixel"), of("page")]),
            json!([of("pixel"), of("ad_account")]),
            json!("all"),
        ],
        _ => Vec::new(),
    }
}

#[test]
fn fields_that_depend_on_each_other_do_so_in_schema_and_parser() {
    let seen = Seen::default();
    for row in &ROWS {
        let mut bodies = vec![sample(row.name)];
        for name in row.own.iter().filter(|name| !choices(name).is_empty()) {
            let choices = choices(name);
            let each = |body: &Value| choices.iter().map(|value| with(body.clone(), json!({ *name: value }))).collect();
            bodies = bodies.iter().flat_map(|body| -> Vec<Value> { each(body) }).collect();
        }
        bodies.iter().for_each(|body| agree(body, &seen).unwrap_or_else(|why| panic!("{why}")));
    }
    let told = (seen.taken.get(), seen.refused.get(), seen.beyond.get());
    assert!(told.0 > 50 && told.1 > 200 && told.2 == 0, "taken, refused, beyond are {told:?}");
}
