//! `fields=`: which members of a node are wanted, also inside its neighbours.

use serde_json::{Map, Value, json};

use super::nodes::Schema;
use crate::graph_sim::world::Refusal;
use crate::graph_sim::world::refusal::{bad_parameter, unknown_field};

/// One wanted field, with the wanted ones inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    name: String,
    inner: Vec<Field>,
}

/// Reads `id,name,page{id,name}`; modifiers like `.limit(5)` are read over.
pub(crate) fn parse(text: &str) -> Result<Vec<Field>, Refusal> {
    let mut rest = text;
    let fields = parse_list(&mut rest, 0)?;
    if rest.is_empty() { Ok(fields) } else { Err(syntax(rest)) }
}

/// The members of `row` that are wanted (or the usual ones) and `id`; unknown ones are refused, known ones without a value left out.
pub(crate) fn project(row: &Value, wanted: Option<&[Field]>, schema: &Schema) -> Result<Value, Refusal> {
    let Some(wanted) = wanted else {
        let usual = schema.usual.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
        return Ok(Value::Object(usual.collect()));
    };
    if let Some(unknown) = wanted.iter().find(|field| !schema.knows(&field.name)) {
        return Err(unknown_field(&unknown.name, schema.node));
    }
    Ok(pick(row, wanted))
}

fn parse_list(rest: &mut &str, depth: usize) -> Result<Vec<Field>, Refusal> {
    if depth > 5 {
        return Err(syntax(rest));
    }
    let mut fields = Vec::new();
    loop {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        *rest = &rest[end..];
        skip_modifiers(rest)?;
        let inner = if take(rest, '{') { parse_braced(rest, depth)? } else { Vec::new() };
        if name.is_empty() {
            return Err(syntax(rest));
        }
        fields.push(Field { name, inner });
        if !take(rest, ',') {
            return Ok(fields);
        }
    }
}

fn parse_braced(rest: &mut &str, depth: usize) -> Result<Vec<Field>, Refusal> {
    let inner = parse_list(rest, depth + 1)?;
    if take(rest, '}') { Ok(inner) } else { Err(syntax(rest)) }
}

fn skip_modifiers(rest: &mut &str) -> Result<(), Refusal> {
    while rest.starts_with('.') {
        let end = rest.find(')').ok_or_else(|| syntax(rest))?;
        *rest = &rest[end + 1..];
    }
    Ok(())
}

fn take(rest: &mut &str, wanted: char) -> bool {
    *rest = rest.trim_start();
    let Some(after) = rest.strip_prefix(wanted) else { return false };
    *rest = after.trim_start();
    true
}

fn syntax(rest: &str) -> Refusal {
    let near = rest.chars().take(20).collect::<String>();
    Refusal { code: 2500, ..bad_parameter("fields", &format!("has a syntax error near '{near}'")) }
}

fn pick(row: &Value, wanted: &[Field]) -> Value {
    let Some(members) = row.as_object() else { return row.clone() };
    if let Some(Value::Array(items)) = members.get("data") {
        return json!({ "data": items.iter().map(|item| pick(item, wanted)).collect::<Vec<_>>() });
    }
    let chosen =
        wanted.iter().filter_map(|field| Some((field.name.clone(), pick_one(members.get(&field.name)?, field))));
    let mut chosen: Map<String, Value> = chosen.collect();
    if let Some(id) = members.get("id") {
        chosen.insert("id".to_owned(), id.clone());
    }
    Value::Object(chosen)
}

fn pick_one(value: &Value, field: &Field) -> Value {
    if field.inner.is_empty() { value.clone() } else { pick(value, &field.inner) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph_sim::wire::nodes::PAGE_REQUEST;

    #[test]
    fn nested_fields_are_picked_and_the_rest_left_out() {
        let row = json!({ "id": "7001", "page": { "id": "1", "name": "One", "link": "x" }, "permitted_tasks": ["ADVERTISE"] });
        let fields = parse("page{name}").expect("good fields");
        let picked = project(&row, Some(&fields), &PAGE_REQUEST).expect("known fields");
        assert_eq!(picked, json!({ "id": "7001", "page": { "id": "1", "name": "One" } }));
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let fields = parse("id,status").expect("good fields");
        let refused = project(&json!({ "id": "1" }), Some(&fields), &PAGE_REQUEST).expect_err("no such field");
        assert!(refused.code == 100 && refused.message.contains("(status)"), "{refused:?}");
    }

    #[test]
    fn broken_field_lists_are_refused() {
        for text in ["", "id,", "page{id", "page{id}}", "a b", "x.limit(3", "a{b{c{d{e{f{g}}}}}}"] {
            assert_eq!(parse(text).map_err(|refusal| refusal.code), Err(2500), "{text}");
        }
        assert!(parse("business_users.limit(10){id, business}").is_ok());
    }
}
