//! What a business holds is told in parts.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{BUSINESS, OWNER, Story, ends, world};

#[tokio::test]
async fn an_inspection_tells_owned_and_shared_pages_and_counts_them() -> Result<()> {
    let pages = world()
        .page("1001", |p| p.owned_by(BUSINESS))
        .page("1002", |p| p.owned_by(BUSINESS))
        .page("1003", |p| p.owned_by(OWNER).shared_with(BUSINESS, &["ADVERTISE"]));
    let story = Story::of(pages).await?;
    let event = story.ask(&json!({"id": "i", "command": "inspect", "business": BUSINESS, "kinds": ["page"]})).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(event["data"]["totals"], json!({"page": 3}));
    let shared = event["data"]["assets"].as_array().context("the last part")?;
    ensure!(shared.len() == 1 && shared[0]["id"] == "1003" && shared[0]["access"] == "agency", "{event:#}");
    let owned = story.told("i", "progress").await?;
    assert_eq!(owned["data"]["assets"].as_array().map(Vec::len), Some(2), "{owned:#}");
    assert_eq!(story.writes(), []);
    Ok(())
}

#[tokio::test]
async fn an_inspection_of_an_empty_business_says_so() -> Result<()> {
    let story = Story::of(world()).await?;
    let event = story.ask(&json!({"id": "i", "command": "inspect", "business": BUSINESS, "kinds": ["page"]})).await?;
    ends(&event, "completed", json!(false))?;
    assert_eq!(event["data"]["totals"], json!({"page": 0}));
    Ok(())
}
