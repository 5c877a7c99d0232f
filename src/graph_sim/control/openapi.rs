//! The control API as an OpenAPI 3.1 document.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RemoveRefSiblings;
use serde_json::{Map, Value, json};

use super::routes::{Answers, Asks, Route, Shape, table};

/// The OpenAPI 3.1 document of the control API, from the table that the router serves.
#[must_use]
pub fn openapi() -> Value {
    let mut settings = SchemaSettings::draft2020_12().with_transform(RemoveRefSiblings::default());
    settings.definitions_path = "/components/schemas".into();
    let mut shapes = settings.into_generator();
    let mut paths = Map::new();
    for route in table() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.word()] = operation(&route, &mut shapes);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "bindery graph-sim: control API", "version": env!("CARGO_PKG_VERSION"),
            "description": "Plays the people at the other end of Meta's Graph API, and brings trouble. JSON over HTTP, \
                            no token, beside the simulated Graph on the same port. For demos, tests and staging.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "http://127.0.0.1:9480", "description": "bindery graph-sim, as it starts without arguments" }],
        "paths": paths,
        "components": { "schemas": shapes.take_definitions(true) }
    })
}

fn operation(route: &Route, shapes: &mut SchemaGenerator) -> Value {
    let mut operation = json!({ "operationId": name(route), "summary": route.about, "security": [] });
    let answered = match route.answers {
        Answers::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
        Answers::Bare(shape) => in_json(&shaped(shape, shapes)),
        Answers::Ok(shape) => {
            let ok = shaped(shape, shapes);
            in_json(&json!({ "type": "object", "required": ["ok"], "properties": { "ok": ok } }))
        }
    };
    let mut responses = json!({ "200": { "description": "Done", "content": answered } });
    match &route.asks {
        Asks::Nothing => {}
        Asks::Query(shape) => operation["parameters"] = parameters(*shape, shapes),
        Asks::Order(shape, example) => {
            let example: Value = serde_json::from_str(example).expect("an example is JSON: a test sends each");
            let schema = shaped(*shape, shapes);
            let content = json!({ "application/json": { "schema": schema, "example": example } });
            operation["requestBody"] = json!({ "required": true, "content": content });
            let refusal =
                json!({ "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } } });
            responses["400"] = json!({ "description": "The order makes no sense", "content": in_json(&refusal) });
            responses["404"] = json!({ "description": "What it is about is not there", "content": in_json(&refusal) });
        }
    }
    operation["responses"] = responses;
    operation
}

/// `postApprove` for `POST /_sim/approve`.
fn name(route: &Route) -> String {
    let last = route.path.rsplit('/').next().unwrap_or_default();
    let (first, rest) = last.trim_start_matches('_').split_at(1);
    format!("{}{}{rest}", route.method.word(), first.to_uppercase())
}

fn in_json(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// The members of `shape` as parameters of a query; none is needed.
fn parameters(shape: Shape, shapes: &mut SchemaGenerator) -> Value {
    let name =
        shaped(shape, shapes)["$ref"].as_str().and_then(|to| to.rsplit('/').next()).unwrap_or_default().to_owned();
    let Some(members) = shapes.definitions_mut().remove(&name) else { return json!([]) };
    let members = members["properties"].as_object().cloned().unwrap_or_default();
    let parameter = |(name, schema): (String, Value)| json!({ "name": name, "in": "query", "required": false, "description": schema["description"], "schema": schema });
    members.into_iter().map(parameter).collect()
}

fn shaped(shape: Shape, shapes: &mut SchemaGenerator) -> Value {
    shape(shapes).to_value()
}
