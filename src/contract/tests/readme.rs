//! What the README shows is what parses.

use serde_json::Value;

use super::parse_json;
use crate::contract::{Event, command_names};

const README: &str = include_str!("../../../README.md");

/// Every ```json block; a block may hold several values, one after the other.
fn examples() -> Vec<Value> {
    let blocks = README.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(|block| serde_json::Deserializer::from_str(block).into_iter::<Value>())
        .map(Result::unwrap)
        .collect()
}

#[test]
fn every_command_of_the_readme_parses() {
    let commands: Vec<Value> = examples().into_iter().filter(|example| example.get("command").is_some()).collect();
    for command in &commands {
        assert!(parse_json(command).is_ok(), "{command}: {:?}", parse_json(command));
    }
    for name in command_names() {
        assert!(commands.iter().any(|command| command["command"] == *name), "the README shows no {name}");
    }
}

#[test]
fn every_event_of_the_readme_is_one() {
    let events: Vec<Value> = examples().into_iter().filter(|example| example.get("specversion").is_some()).collect();
    assert!(!events.is_empty());
    for event in events {
        let text = event.to_string();
        assert!(serde_json::from_value::<Event>(event).is_ok(), "{text}");
    }
}
