//! Properties: nothing panics, and what is written reads back the same.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{PAGE_TASKS, command_names, delivery_digest, fingerprint, parse, parse_own};
use super::{LIMIT, sample, with};

pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z/~]{0,6}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn asset() -> impl Strategy<Value = Value> {
    let kind =
        prop::sample::select(vec!["page", "ad_account", "pixel", "whatsapp_account", "instagram_account", "catalog"]);
    (kind, 1_u64..1000).prop_map(|(kind, id)| json!({"kind": kind, "id": id.to_string()}))
}

fn tasks() -> impl Strategy<Value = Value> {
    btree_set(prop::sample::select(PAGE_TASKS.to_vec()), 1..4).prop_map(|tasks| json!(tasks))
}

fn person() -> impl Strategy<Value = Value> {
    prop_oneof!["[1-9][0-9]{0,8}".prop_map(Value::from), "[A-Za-zé]{1,5}@[a-z]{1,5}\\.org".prop_map(Value::from)]
}

fn digest() -> impl Strategy<Value = Value> {
    any::<[u8; 4]>().prop_map(|bytes| json!(fingerprint(&bytes).as_str()))
}

/// Fields with values that are right wherever the field may stand; `Null` leaves it out.
fn right_fields() -> impl Strategy<Value = Value> {
    let flag = || option::of(any::<bool>()).prop_map(Value::from);
    let maybe = |strategy: BoxedStrategy<Value>| option::of(strategy).prop_map(|value| value.unwrap_or(Value::Null));
    let word = || maybe(".{0,8}".prop_map(Value::from).boxed());
    let length = || maybe((0_u64..30_000_000_000).prop_map(|ms| json!(format!("{ms}ms"))).boxed());
    let moment =
        |years: std::ops::Range<i32>| maybe(years.prop_map(|y| json!(format!("{y}-02-03T04:05:06.789+02:00"))).boxed());
    let protected = maybe(btree_set("(page|person)/[1-9]{3}", 1..4).prop_map(|set| json!(set)).boxed());
    let frame = (word(), word(), option::of(0_u8..10), moment(2000..2020), moment(2021..2040), flag(), length());
    let people =
        (maybe(person().boxed()), maybe(person().boxed()), maybe(tasks().boxed()), maybe(digest().boxed()), protected);
    let rest = (flag(), flag(), flag(), flag(), flag(), length());
    (frame, people, rest).prop_map(|(frame, people, rest)| {
        json!({
            "actor": frame.0, "reason": frame.1, "priority": frame.2, "not_before": frame.3, "expires_at": frame.4,
            "dry_run": frame.5, "notice": frame.6, "user": people.0, "successor": people.1, "tasks": people.2,
            "plan": people.3, "protected": people.4, "irreversible": rest.0, "again": rest.1,
            "remove_people": rest.2, "unmanaged": rest.3, "people": rest.4, "cool_down": rest.5
        })
    })
}

/// A well-formed command of any kind, most optional fields set at random.
pub(super) fn command() -> impl Strategy<Value = Value> {
    let targets = btree_map("[1-9]{1,6}", asset(), 1..5);
    (prop::sample::select(command_names().to_vec()), right_fields(), targets, any::<bool>()).prop_map(
        |(name, fields, targets, list)| {
            let mut body = sample(name);
            let taken = |key: &str| {
                let probe = with(sample(name), json!({ key: fields[key].clone() }));
                parse(probe.to_string().as_bytes(), LIMIT).is_ok()
            };
            let fitting: Map<String, Value> = fields
                .as_object()
                .unwrap()
                .clone()
                .into_iter()
                .filter(|(key, value)| !value.is_null() && taken(key))
                .collect();
            body = with(body, Value::Object(fitting));
            if body.get("asset").is_some() && list {
                let assets: Vec<Value> =
                    targets.into_iter().map(|(id, asset)| with(asset, json!({ "id": id }))).collect();
                body = with(body, json!({"asset": null, "assets": assets}));
            }
            body
        },
    )
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (parse(&bytes, 150), parse_own(&bytes), fingerprint(&bytes), delivery_digest(&bytes));
    }

    #[test]
    fn text_near_json_never_panics(text in r#"[\[\]{}:,"\\a-z0-9 .~/-]{0,80}"#) {
        let _ = (parse(text.as_bytes(), LIMIT), fingerprint(text.as_bytes()));
    }

    #[test]
    fn a_spoiled_command_never_panics_and_names_its_place(
        name in prop::sample::select(command_names().to_vec()),
        field in prop::sample::select(vec!["id", "asset", "assets", "tasks", "user", "priority", "notice", "x", "business"]),
        value in any_json(),
    ) {
        let mut body = sample(name);
        body[field] = value;
        if let Err(error) = parse(body.to_string().as_bytes(), LIMIT) {
            prop_assert!(error.pointer.is_empty() || error.pointer.starts_with('/'));
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn a_cut_command_is_refused(body in command(), share in 0.0..1.0_f64) {
        let bytes = body.to_string().into_bytes();
        let cut = (bytes.len() as f64 * share) as usize;
        prop_assert!(parse(&bytes[..cut], LIMIT).is_err());
    }

    #[test]
    fn what_is_written_reads_back_the_same(body in command()) {
        let command = parse(body.to_string().as_bytes(), LIMIT).map_err(|e| TestCaseError::fail(format!("{body}: {e}")))?;
        let again = parse_own(command.to_json().to_string().as_bytes()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(command, again);
    }

    #[test]
    fn the_order_of_keys_is_no_content(body in prop_oneof![any_json(), command()]) {
        let (compact, spaced) = (body.to_string(), serde_json::to_string_pretty(&body).unwrap());
        prop_assert_eq!(fingerprint(compact.as_bytes()), fingerprint(spaced.as_bytes()));
        if let Value::Object(map) = &body {
            let turned: Vec<String> = map.iter().rev().map(|(k, v)| format!("{}:{v}", json!(k))).collect();
            prop_assert_eq!(fingerprint(compact.as_bytes()), fingerprint(format!("{{{}}}", turned.join(",")).as_bytes()));
        }
    }
}
