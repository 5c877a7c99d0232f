//! What the README and the documents show is what parses, and what the published schemas take.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::parse_json;
use super::schema::{COMMAND, told_as_documented};
use crate::contract::{Event, command_names};

/// README.md and every Markdown file of `docs/`, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                files.push(path);
            }
        }
    }
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Every ```json block of `text`; a block may hold several values, one after the other.
fn examples(text: &str) -> Vec<Value> {
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(|block| serde_json::Deserializer::from_str(block).into_iter::<Value>())
        .map(Result::unwrap)
        .collect()
}

#[test]
fn every_example_in_the_documents_is_a_command_or_an_event() {
    for (path, text) in documents() {
        for example in examples(&text) {
            let shown = format!("{}: {example}", path.display());
            if example.get("command").is_some() {
                assert_eq!(parse_json(&example).err(), None, "{shown}");
                assert!(COMMAND.is_valid(&example), "{shown}");
            } else if example.get("specversion").is_some() {
                told_as_documented(&example).unwrap_or_else(|fault| panic!("{fault} in {shown}"));
                assert!(serde_json::from_value::<Event>(example).is_ok(), "{shown}");
            } else {
                panic!("neither a command nor an event: {shown}");
            }
        }
    }
}

#[test]
fn the_readme_shows_an_event_and_every_command() {
    let shown = examples(&documents()[0].1);
    assert!(shown.iter().any(|example| example.get("specversion").is_some()));
    for name in command_names() {
        assert!(shown.iter().any(|example| example["command"] == *name), "the README shows no {name}");
    }
}
