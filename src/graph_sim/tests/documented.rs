//! The OpenAPI document of the control API is what the router serves: no more, no less.

use std::collections::BTreeSet;

use super::sockets::{ask, sim};
use super::*;
use crate::graph_sim::control::{CONTROL_HELP, unbound};
use crate::graph_sim::{Sim, openapi};

/// Every documented operation: path, method in capitals, what the document says of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").clone();
        let path = path.clone();
        methods.into_iter().map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    paths.iter().flat_map(of).collect()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}

/// The part of the document at `pointer`, as a schema of its own.
fn schema_at(document: &Value, pointer: &str) -> jsonschema::Validator {
    let schema =
        json!({ "$ref": format!("#{pointer}"), "components": document["components"], "paths": document["paths"] });
    jsonschema::validator_for(&schema).expect("a schema")
}

fn pointer(path: &str, method: &str, rest: &str) -> String {
    format!("/paths/{}/{}/{rest}", path.replace('/', "~1"), method.to_lowercase())
}

async fn status_of(sim: &Sim, method: &str, path: &str, order: &str) -> (String, String) {
    let answer = ask(sim, method, path, order).await.expect("an answer");
    (answer.split(' ').nth(1).unwrap_or_default().to_owned(), body(&answer).to_owned())
}

#[tokio::test]
async fn each_documented_operation_answers_its_example_as_documented() {
    let (sim, document) = (sim().await, openapi());
    for (path, method, operation) in operations(&document) {
        status_of(&sim, "POST", "/_sim/reset", "").await;
        let order = operation.pointer("/requestBody/content/application~1json/example").map(Value::to_string);
        let (status, answer) = status_of(&sim, &method, &path, order.as_deref().unwrap_or_default()).await;
        assert_eq!(status, "200", "{method} {path} {order:?}: {answer}");
        if operation.pointer("/responses/200/content/text~1plain").is_some() {
            assert_eq!(answer, CONTROL_HELP);
            continue;
        }
        let answered = schema_at(&document, &pointer(&path, &method, "responses/200/content/application~1json/schema"));
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert!(answered.is_valid(&answer), "{method} {path} answers {answer}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn an_order_that_the_document_does_not_take_is_refused_as_documented() {
    let (sim, document) = (sim().await, openapi());
    for (path, method, operation) in operations(&document) {
        let Some(example) = operation.pointer("/requestBody/content/application~1json/example") else { continue };
        let taken = schema_at(&document, &pointer(&path, &method, "requestBody/content/application~1json/schema"));
        assert!(taken.is_valid(example), "{method} {path} {example}");
        for spoiled in [json!({"no_such_field": 1}), json!("text")] {
            assert!(!taken.is_valid(&spoiled), "{method} {path} documents {spoiled}");
            let (status, answer) = status_of(&sim, &method, &path, &spoiled.to_string()).await;
            assert_eq!(status, "400", "{method} {path} {spoiled}: {answer}");
            let refused =
                schema_at(&document, &pointer(&path, &method, "responses/400/content/application~1json/schema"));
            assert!(refused.is_valid(&serde_json::from_str(&answer).expect("JSON")), "{answer}");
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn no_path_and_no_method_is_served_without_being_documented() {
    let (sim, document) = (sim().await, openapi());
    let documented: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(path, method, _)| (path, method)).collect();
    let paths: BTreeSet<&String> = documented.iter().map(|(path, _)| path).collect();
    for path in &paths {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let (status, _) = status_of(&sim, method, path, "not json").await;
            let known = documented.contains(&((*path).clone(), method.to_owned()));
            assert_eq!(status != "405", known, "{method} {path}: {status}");
        }
    }
    sim.stop().await;
    let served = format!("{:?}", unbound());
    let served: BTreeSet<&str> = served.split('"').filter(|text| text.starts_with("/_sim")).collect();
    let documented: BTreeSet<&str> = paths.iter().map(|path| path.as_str()).chain(["/_sim/{*rest}"]).collect();
    assert_eq!(served, documented);
}

#[test]
fn the_help_and_the_document_tell_of_the_same_operations() {
    let documented: BTreeSet<String> = operations(&openapi())
        .into_iter()
        .filter(|(path, _, _)| path != "/_sim")
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect();
    let words = |line: &str| {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.split('?').next()?.to_owned());
        path.starts_with("/_sim").then(|| format!("{method} {path}"))
    };
    let helped: BTreeSet<String> = CONTROL_HELP.lines().filter_map(words).collect();
    assert_eq!(helped, documented);
}
