//! The scenes, in the order in which they are told.

use serde_json::{Value, json};

use super::stage::{Stage, Trouble};
use crate::cli::answer;
use crate::contract::Phase;
use crate::graph_sim::Throttle;

/// Tells it all.
pub(super) async fn tell(stage: &mut Stage) -> Result<(), Trouble> {
    answer(OPENING)?;
    approved_later(stage).await?;
    denied(stage).await?;
    owned_at_once(stage).await?;
    throttled_beside_a_neighbour(stage).await?;
    unbound(stage).await?;
    leaver(stage).await?;
    duplicate(stage).await?;
    malformed(stage).await
}

const OPENING: &str = "\
Northwind Agency (business 2001) works for Harbour Coffee (2002) and Pine Outdoor (2003).
Their systems publish commands to RabbitMQ (→). bindery writes each into its journal, carries it out
on Meta's Graph API (here a simulator, over real HTTP) and publishes what became of it (←).";

pub(super) fn agency_claim(id: &str, business: &str, page: &str) -> Value {
    json!({"id": id, "command": "claim", "business": business, "asset": {"kind": "page", "id": page},
           "access": "agency", "permitted_tasks": ["ADVERTISE", "ANALYZE"], "actor": "onboarding"})
}

async fn approved_later(stage: &mut Stage) -> Result<(), Trouble> {
    scene(1, "The agency asks for a client's Page, the client approves later")?;
    stage.send(&agency_claim("demo-1", "2001", "1009")).await?;
    stage.until("demo-1", Phase::Pending).await?;
    answer("  Meta answered \"pending\": the client must agree. bindery looks at Meta's lists now and then.")?;
    answer("  … Dora of Harbour Coffee finds the request in her Business settings and approves it.")?;
    stage.sim.approve("2001", "1009", None)?;
    stage.until("demo-1", Phase::Confirmed).await.map(drop)
}

async fn denied(stage: &mut Stage) -> Result<(), Trouble> {
    scene(2, "Another one is denied")?;
    stage.send(&agency_claim("demo-2", "2001", "1010")).await?;
    stage.until("demo-2", Phase::Pending).await?;
    answer("  … Dora denies this one. Meta tells nobody: the request just is in no list any more.")?;
    answer("  One list without it proves nothing (lists lag), so bindery walks all lists to their end, twice.")?;
    stage.sim.deny("2001", "1010")?;
    stage.until("demo-2", Phase::Denied).await.map(drop)
}

async fn owned_at_once(stage: &mut Stage) -> Result<(), Trouble> {
    scene(3, "The agency takes a Page of its own into its business")?;
    answer("  Page 1015 has no business yet and the agency is its admin: nobody else has to agree.")?;
    let page = json!({"kind": "page", "id": "1015"});
    let claim = json!({"id": "demo-3", "command": "claim", "business": "2001", "asset": page, "access": "owner"});
    stage.send(&claim).await?;
    stage.until("demo-3", Phase::Confirmed).await.map(drop)
}

async fn throttled_beside_a_neighbour(stage: &mut Stage) -> Result<(), Trouble> {
    scene(4, "Meta throttles one business, its neighbour goes on undisturbed")?;
    answer("  … Meta says \"too many calls\" (80001) to the agency's next call, and not for how long.")?;
    stage.sim.throttle(Throttle::business("2001", 1).silent().times(1));
    stage.send(&agency_claim("demo-4a", "2001", "1017")).await?;
    stage.until("demo-4a", Phase::Waiting).await?;
    let words = stage.why_it_waits("demo-4a").await?.unwrap_or_else(|| "nothing holds it back".to_owned());
    answer(&format!("  The governor on Northwind: {words}."))?;
    answer("  The agency's commands wait, without a call. Meanwhile Harbour Coffee asks Pine Outdoor for a Page:")?;
    stage.send(&agency_claim("demo-4b", "2002", "1018")).await?;
    stage.until("demo-4b", Phase::Pending).await?;
    answer("  … Emil of Pine Outdoor approves.")?;
    stage.sim.approve("2002", "1018", None)?;
    let done = stage.until("demo-4b", Phase::Confirmed).await?;
    let words = stage.why_it_waits("demo-4b").await?.unwrap_or_else(|| "nothing holds it back".to_owned());
    answer(&format!("  The governor on Harbour Coffee: {words}, {} calls made.", done.data.record.graph_calls))?;
    answer("  The neighbour is done. When the wait is over the agency's own claim goes on by itself:")?;
    stage.until("demo-4a", Phase::Pending).await?;
    answer("  … Emil approves this one too.")?;
    stage.sim.approve("2001", "1017", None)?;
    stage.until("demo-4a", Phase::Confirmed).await.map(drop)
}

async fn unbound(stage: &mut Stage) -> Result<(), Trouble> {
    scene(5, "The agency lets go of a Page")?;
    answer("  People first, then the Page itself; and only because someone outside still manages it.")?;
    let page = json!({"kind": "page", "id": "1008"});
    stage.send(&json!({"id": "demo-5", "command": "unbind", "business": "2001", "asset": page})).await?;
    stage.until_ended("demo-5").await.map(drop)
}

async fn leaver(stage: &mut Stage) -> Result<(), Trouble> {
    scene(6, "Anna leaves, Ben takes over all that she has")?;
    answer("  The HR system looks first: a dry run reads every list of Anna's and writes nothing.")?;
    let mut command = json!({"id": "demo-6-plan", "command": "offboard", "business": "2001",
        "user": "anna@northwind.example", "successor": "ben@northwind.example", "dry_run": true});
    stage.send(&command).await?;
    let Some(plan) = stage.until_ended("demo-6-plan").await?.data.told.plan else { return Ok(()) };
    for step in &plan.steps {
        answer(&format!("      {} {}: {}", step.method, step.path, step.why))?;
    }
    answer(&format!("  Those are {} writes, known by a digest. It runs exactly that, or nothing:", plan.steps.len()))?;
    command["id"] = json!("demo-6");
    command["plan"] = json!(plan.digest);
    (command["actor"], command["reason"]) = (json!("hr"), json!("leaves at the end of the month"));
    command.as_object_mut().map(|fields| fields.remove("dry_run"));
    stage.send(&command).await?;
    stage.until_ended("demo-6").await?;
    answer("  On each asset Ben was given what Anna had, was seen there, and only then was Anna taken off; a pixel's")?;
    answer("  people cannot be taken off by a call: that right ended when she left the business.")?;
    report(stage).await
}

/// What an auditor reads of it.
async fn report(stage: &mut Stage) -> Result<(), Trouble> {
    let Some((words, holds)) = stage.report("demo-6").await? else { return Ok(()) };
    answer("  The report for an auditor (`bindery evidence demo-6`) begins:")?;
    for line in words.lines().take(REPORT_LINES) {
        answer(&format!("      {line}"))?;
    }
    let said = if holds { "it holds against the hash in the event" } else { "it does NOT hold" };
    Ok(answer(&format!("      … {} lines in all; recomputed, {said}.", words.lines().count()))?)
}

/// Lines of the report that are shown.
const REPORT_LINES: usize = 12;

async fn duplicate(stage: &mut Stage) -> Result<(), Trouble> {
    scene(7, "The first command comes once more")?;
    answer("  Queues deliver twice now and then. Same id, same content: same event, and no call to Meta.")?;
    let first = stage.until_ended("demo-1").await?;
    stage.quiet_from = Some(stage.sim.calls().last().map_or(0, |call| call.n));
    stage.send(&agency_claim("demo-1", "2001", "1009")).await?;
    while stage.next("the duplicate of demo-1").await?.id != first.id {}
    Ok(())
}

async fn malformed(stage: &mut Stage) -> Result<(), Trouble> {
    scene(8, "A message that is no command")?;
    answer(
        "  An id as a JSON number would lose digits on its way. It is refused, kept among the dead, never retried.",
    )?;
    let command =
        json!({"id": "demo-8", "command": "unbind", "business": 2001, "asset": {"kind": "page", "id": "1001"}});
    stage.send(&command).await?;
    stage.until("demo-8", Phase::Rejected).await.map(drop)
}

fn scene(number: u8, title: &str) -> Result<(), Trouble> {
    Ok(answer(&format!("\n{number}. {title}"))?)
}
