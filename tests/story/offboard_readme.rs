//! The README's section on offboarding, followed word by word: its messages are sent and its commands run as they stand.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::World;
use serde_json::{Value, json};

use crate::harness::{Story, Told, ends};

const SECTION: &str = "## Offboarding";

/// A block of the section.
enum Block {
    Message(Value),
    Commands(Vec<String>),
}

fn blocks() -> Result<Vec<Block>> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))?;
    let section = readme.split(SECTION).nth(1).and_then(|rest| rest.split("\n## ").next()).context("no section")?;
    let mut blocks = Vec::new();
    for fenced in section.split("```").skip(1).step_by(2) {
        let (language, text) = fenced.split_once('\n').context("a block of one line")?;
        blocks.push(match language {
            "json" => Block::Message(serde_json::from_str(text)?),
            "sh" => {
                Block::Commands(text.lines().map(|line| line.trim().to_owned()).filter(|l| !l.is_empty()).collect())
            }
            other => anyhow::bail!("a block of {other}"),
        });
    }
    Ok(blocks)
}

/// Runs a line of the README, which may write its answer to a file.
async fn run(story: &Story, line: &str) -> Result<Told> {
    let (command, file) = line.split_once(" > ").map_or((line, None), |(command, file)| (command, Some(file)));
    let arguments: Vec<&str> = command.split(' ').collect();
    ensure!(arguments[0] == "bindery", "{line}");
    let told = story.cli(&arguments[1..], &[]).await?;
    told.ends(0, &[]).with_context(|| line.to_owned())?;
    if let Some(file) = file {
        std::fs::write(story.folder().join(file), &told.out)?;
    }
    Ok(told)
}

#[tokio::test]
async fn the_readme_leads_from_a_published_message_to_the_report() -> Result<()> {
    let story = Story::with(World::demo(), &[("CREDENTIALS__STORY__ACCESS_TOKEN", "sim-token")]).await?;
    let mut said = Vec::new();
    for block in blocks()? {
        match block {
            Block::Message(message) => {
                let id = message["id"].as_str().context("a message without an id")?;
                std::fs::write(story.folder().join(format!("{id}.json")), message.to_string())?;
            }
            Block::Commands(lines) => {
                for line in lines {
                    said.push((line.clone(), run(&story, &line).await?));
                }
            }
        }
    }
    let of =
        |what: &str| said.iter().find(|(line, _)| line.contains(what)).map(|(_, told)| told).context(what.to_owned());
    of("hr-1-plan.json")?.ends(0, &["plan of 17 steps, sha256:01f26fd4"])?;
    let event = story.event_of("hr-1").await?;
    ends(&event, "completed", json!(true))?;
    assert_eq!(event["data"]["results"].as_array().map(Vec::len), Some(8));
    ensure!(!story.meta.world().businesses["2001"].users.contains_key("3001"), "Anna is there");
    of("evidence hr-1")?.ends(0, &["left on 30 November", "hr, as the publisher says", "anna@northwind.example"])?;
    of("verify")?.ends(0, &["sound: "])?;
    let report: Value = serde_json::from_slice(&std::fs::read(story.folder().join("hr-1-report.json"))?)?;
    let last = report["commands"][0]["chain"].as_array().and_then(|chain| chain.last()).context("no chain")?;
    assert_eq!(last["hash"], event["data"]["evidence_head"]);
    of("recheck-1")?.ends(0, &["hr-1~recheck-1"])
}
