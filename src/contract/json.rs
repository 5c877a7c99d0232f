//! JSON as received: nothing twice, nothing deep, and one way of writing it for fingerprints.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::malformed::{Code, Wrong, below};

/// No command nests deeper than 3; more is a mistake or an attack on the stack.
const DEEPEST: usize = 16;

/// A value, and the first fault that JSON itself would let pass.
pub(super) struct Reading {
    /// What stood in a place at fault is `null` here, so that no doubtful value is used.
    pub(super) value: Value,
    pub(super) fault: Option<Wrong>,
}

/// Reads one JSON value. A duplicate key or too deep a nesting is a fault beside the value: the command's id
/// may still be read from it.
pub(super) fn read(text: &str) -> Result<Reading, Wrong> {
    let fault = RefCell::new(None);
    let mut source = serde_json::Deserializer::from_str(text);
    let value = Node { path: Path::Top, depth: 0, fault: &fault }
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value))
        .map_err(|error| Wrong::new("", Code::NotJson, format!("is no JSON: {error}")))?;
    Ok(Reading { value, fault: fault.into_inner() })
}

/// The value as text with sorted keys and no spaces: equal for equal values.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut fields: Vec<(&String, &Value)> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// The way from the top to a value; made text only where there is a fault.
#[derive(Clone, Copy)]
enum Path<'p> {
    Top,
    Key(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Key(parent, key) => below(&parent.pointer(), key),
            Self::Item(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

/// One value about to be read.
struct Node<'p> {
    path: Path<'p>,
    depth: usize,
    fault: &'p RefCell<Option<Wrong>>,
}

impl Node<'_> {
    fn note(&self, path: Path<'_>, code: Code, message: &str) {
        self.fault.borrow_mut().get_or_insert_with(|| Wrong::new(path.pointer(), code, message));
    }

    fn too_deep(&self) -> bool {
        if self.depth >= DEEPEST {
            self.note(self.path, Code::TooDeep, "nests too deep: no command needs more than 3 levels");
        }
        self.depth >= DEEPEST
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        if self.too_deep() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut items = Vec::new();
        loop {
            let path = Path::Item(&self.path, items.len());
            match list.next_element_seed(Node { path, depth: self.depth + 1, fault: self.fault })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        if self.too_deep() {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let path = Path::Key(&self.path, &key);
            let mut value = object.next_value_seed(Node { path, depth: self.depth + 1, fault: self.fault })?;
            if fields.contains_key(&key) {
                self.note(path, Code::DuplicateField, "stands twice: which of the two is meant cannot be known");
                value = Value::Null;
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_written_the_same_whatever_their_order() {
        let a = read(r#"{"b": [1, {"y": null, "x": "ü"}], "a": true}"#).ok().unwrap().value;
        let b = read(r#"{"a":true,"b":[1,{"x":"\u00fc","y":null}]}"#).ok().unwrap().value;
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(canonical(&a), r#"{"a":true,"b":[1,{"x":"ü","y":null}]}"#);
    }

    #[test]
    fn a_doubtful_value_is_not_used() {
        let reading = read(r#"{"id": "a", "x": {"k": 1, "k": 2}, "id": "b"}"#).ok().unwrap();
        assert_eq!(reading.fault.unwrap().pointer, "/x/k");
        assert_eq!(reading.value["id"], Value::Null);
    }

    #[test]
    fn a_hundred_thousand_brackets_do_not_reach_the_stack() {
        let deep = format!("{{\"id\": \"a\", \"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let reading = read(&deep).ok().unwrap();
        assert_eq!(reading.fault.unwrap().code, Code::TooDeep);
        assert_eq!(reading.value["id"], "a");
    }
}
