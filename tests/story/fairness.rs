//! Businesses take turns: what one of them has given in great numbers is nobody else's wait.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{BUSINESS, NEIGHBOUR, Story, phase, world};

fn look(id: &str, business: &str) -> Value {
    json!({"id": id, "command": "inspect", "business": business, "kinds": ["page"]})
}

/// F48: the neighbour's few come after all of the flood.
#[tokio::test]
async fn f48_a_neighbours_ten_commands_pass_by_a_flood() -> Result<()> {
    let story = Story::with(world(), &[("LIMITS__IN_FLIGHT", "2")]).await?;
    for n in 0..200 {
        story.send(&look(&format!("flood-{n}"), BUSINESS)).await?;
    }
    for n in 0..10 {
        story.send(&look(&format!("few-{n}"), NEIGHBOUR)).await?;
    }
    let events = story.events_told(210, |event: &Value| phase(event) == "completed").await?;
    let ids: Vec<&str> = events.iter().filter_map(|event| event["data"]["command_id"].as_str()).collect();
    let few = |id: &&str| id.starts_with("few-");
    let first = ids.iter().position(few).context("none of the few")?;
    let last = ids.iter().rposition(few).context("none of the few")?;
    let between = ids[first..last].iter().filter(|id| !few(id)).count();
    ensure!(between <= 40, "{between} of the flood passed between the first and the last of ten: {ids:?}");
    ensure!(last + 20 < ids.len(), "the flood was over before the few came: {ids:?}");
    Ok(())
}
