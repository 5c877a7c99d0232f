//! One way of writing schemas, so that tools of every kind read them: no `$ref` with neighbours, no formats of one
//! language, a list of words as `enum`. References name a part, and where the parts stand is said last.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RemoveRefSiblings;
use serde_json::{Map, Value};

/// Where parts stand while schemas are made.
const PARTS: &str = "#/$defs/";

/// A generator for types as they are written to the wire.
pub(super) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().with_transform(RemoveRefSiblings::default()).into_generator()
}

/// What a generator has made, tidied.
pub(super) fn parts(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut parts = generator.take_definitions(true);
    parts.values_mut().for_each(tidy);
    parts
}

/// `schema` with its references to parts under `place`, such as `#/components/schemas/`.
#[must_use]
pub fn under(place: &str, schema: Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| match (key.as_str(), value.as_str().and_then(|to| to.strip_prefix(PARTS))) {
                ("$ref", Some(name)) => (key, format!("{place}{name}").into()),
                (_, _) => (key, under(place, value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| under(place, item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema,
    }
}

/// The same schema, closed: it takes no field that it does not name. Consumers overlook such fields, for a newer version
/// may bring one; this is for tests of whether all that is emitted is documented.
#[must_use]
pub fn closed(mut schema: Value) -> Value {
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("type").is_some_and(|kind| kind == "object") && fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Tells `found` the name of every part that `schema` refers to.
pub(super) fn each_reference(schema: &Value, found: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            match (key.as_str(), value.as_str().and_then(|to| to.strip_prefix(PARTS))) {
                ("$ref", Some(name)) => found(name),
                (_, _) => each_reference(value, found),
            }
        }),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A whole document, tidied.
#[must_use]
pub fn tidied(mut document: Value) -> Value {
    tidy(&mut document);
    document
}

fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(tidy);
            if fields.get("format").and_then(Value::as_str).is_some_and(is_of_rust) {
                fields.remove("format");
            }
            words_as_enum(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `uint32` and its like say nothing to others, and strict validators refuse them.
fn is_of_rust(format: &str) -> bool {
    let bits = format.strip_prefix("uint").or_else(|| format.strip_prefix("int"));
    format == "double" || bits.is_some_and(|bits| bits.bytes().all(|b| b.is_ascii_digit()))
}

/// Words with a description each become one list of words, with a line of the description for each.
fn words_as_enum(fields: &mut Map<String, Value>) {
    let Some(choices) = fields.get("oneOf").and_then(Value::as_array) else { return };
    let words: Option<Vec<(&str, &str)>> = choices.iter().map(word).collect();
    let Some(words) = words else { return };
    let lines: Vec<String> = words.iter().map(|(word, about)| format!("- `{word}`: {about}")).collect();
    let words: Vec<Value> = words.iter().map(|(word, _)| Value::from(*word)).collect();
    let about = fields.get("description").and_then(Value::as_str).unwrap_or_default();
    let about = format!("{about}\n\n{}", lines.join("\n"));
    fields.remove("oneOf");
    fields.insert("description".to_owned(), about.into());
    fields.insert("type".to_owned(), "string".into());
    fields.insert("enum".to_owned(), words.into());
}

fn word(choice: &Value) -> Option<(&str, &str)> {
    Some((choice.get("const")?.as_str()?, choice.get("description")?.as_str()?))
}
