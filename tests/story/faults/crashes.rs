//! F01, F02, F04 to F08: the worker dies at a named point of the code, as abruptly as by a power cut.

use anyhow::{Context, Result, ensure};
use bindery::crash::CrashPoint;
use tokio::task::JoinSet;

use super::trial::Trial;
use crate::harness::{phase, world};
use crate::load;
use crate::rabbit;

/// Six kinds of commands.
const KINDS: usize = 6;

/// Its row of the matrix; the points between the rows have the name of the row before.
fn fault(point: CrashPoint) -> &'static str {
    match point {
        CrashPoint::Delivered => "F01 delivered, not stored",
        CrashPoint::Stored => "F02 stored, not acknowledged",
        CrashPoint::Intended => "F04 intent written, request not sent",
        CrashPoint::Sent => "F05 request sent, answer not read",
        CrashPoint::Answered => "F06 answer read, not recorded",
        CrashPoint::Recorded => "F06+ answer recorded, nothing followed",
        CrashPoint::Settled => "F06+ verdict of a walk not recorded",
        CrashPoint::Ended => "F07 outcome committed, event not published",
        CrashPoint::Published => "F08 event published, outbox row not marked",
    }
}

#[tokio::test]
async fn f01_f02_f04_to_f08_a_worker_that_dies_anywhere_ends_every_command_once_and_well() -> Result<()> {
    let mut runs = JoinSet::new();
    for point in CrashPoint::ALL {
        runs.spawn(async move { dies_at(point).await.with_context(|| fault(point)) });
    }
    while let Some(run) = runs.join_next().await {
        run??;
    }
    Ok(())
}

/// The n-th worker dies over the n-th command while it takes up what the one before left.
async fn dies_at(point: CrashPoint) -> Result<()> {
    let pages = (0..KINDS).fold(world(), load::with_page);
    let mut trial = Trial::prepared(fault(point), rabbit::vhost().await?, pages, &[]).await?;
    trial.story.surround("BINDERY_CRASH_AT", point.name());
    let mut deaths = 0;
    for n in (0..KINDS).filter(|n| passes(*n, point)) {
        trial.story.surround("BINDERY_CRASH_ABOUT", &about(n, point));
        if deaths == 0 {
            trial.story.restart().await?
        } else {
            trial.story.start()?
        }
        trial.send(&load::command(n)).await?;
        let ended = trial.dies().await.with_context(|| format!("over {}", load::id(n)))?;
        ensure!(!ended.success(), "it ended well");
        deaths += 1;
    }
    trial.story.surround("BINDERY_CRASH_AT", "");
    trial.story.restart().await?;
    ensure!(deaths > 0, "no command passes {point:?}");
    for n in (0..KINDS).filter(|n| passes(*n, point)) {
        let event = trial.story.event_of(&load::id(n)).await?;
        ensure!(phase(&event) == load::expected(n), "{} should be {}: {event:#}", load::id(n), load::expected(n));
        ensure!(load::as_asked(&trial.story.meta.world(), n), "the world is not as {} asked", load::id(n));
    }
    let again = load::sent_again(&trial.story.meta.calls());
    ensure!(again.is_empty(), "a look must show that it was done, or that it never left: {again:?}");
    let told_again = matches!(point, CrashPoint::Published);
    let accounting = trial.settles().await?;
    // What was published has been told: for its reader that command has ended before the worker died.
    ensure!(told_again || accounting.recovered == deaths, "{accounting}");
    ensure!(!told_again || accounting.duplicated > 0, "an event that was published is published again: {accounting}");
    Ok(())
}

/// Whether the n-th command comes to the point: only agency claims wait for a walk.
fn passes(n: usize, point: CrashPoint) -> bool {
    match point {
        CrashPoint::Settled => matches!(n % KINDS, 1 | 2),
        CrashPoint::Delivered
        | CrashPoint::Stored
        | CrashPoint::Intended
        | CrashPoint::Sent
        | CrashPoint::Answered
        | CrashPoint::Recorded
        | CrashPoint::Ended
        | CrashPoint::Published => true,
    }
}

/// A request names no command, but the edge that this one writes to.
fn about(n: usize, point: CrashPoint) -> String {
    if point != CrashPoint::Sent {
        return load::id(n);
    }
    match n % KINDS {
        0 => format!("POST /{}/owned_pages", load::business(n)),
        1 | 2 => format!("POST /{}/client_pages", load::business(n)),
        3 | 4 => format!("POST /{}/assigned_users", load::page(n)),
        _ => format!("DELETE /{}/assigned_users", load::page(n)),
    }
}
