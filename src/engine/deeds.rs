//! What a finished command has changed, put together from the journal: its own observations and its children's.

use super::error::EngineError;
use super::progress::Progress;
use super::rights::may_touch;
use super::shared::Shared;
use crate::contract::{CommandId, parse_own};
use crate::journal::{Ended, Loaded, State};
use crate::procedures::{Deed, Deeds, Fact, Observation, deeds};

/// What `target` has changed, if whoever asks may undo it.
pub(super) async fn of(shared: &Shared, progress: &Progress<'_>, target: &CommandId) -> Result<Fact, EngineError> {
    let journal = &shared.journal;
    let Some(row) = journal.find(target).await? else {
        let over = journal.ending(target).await?;
        return Ok(if over.is_some() { Fact::Deeds(Deeds::Forgotten) } else { Fact::NotKnown });
    };
    if !may_touch(&shared.config.publishers, progress.row.published_by.as_deref(), &row) {
        return Ok(Fact::NotAllowed);
    }
    if !matches!(row.state, State::Ended(_)) {
        return Ok(Fact::Deeds(Deeds::Open));
    }
    let command = parse_own(row.body.as_bytes()).map_err(EngineError::Command)?;
    let business = command.business.filter(|_| Deeds::can_be_told(&command.body));
    let Some(business) = business else {
        return Ok(Fact::Deeds(Deeds::Unfit { command: command.body.name().to_owned() }));
    };
    let mut all = Vec::new();
    // A dry run has changed nothing, and nor have the children of a rehearsal.
    if !row.dry_run {
        all.extend(done_by(shared, target).await?);
        for child in journal.children(target).await?.iter().filter(|child| !child.dry_run) {
            all.extend(done_by(shared, &child.id).await?);
        }
    }
    Ok(Fact::Deeds(Deeds::Ended { business, deeds: all }))
}

async fn done_by(shared: &Shared, id: &CommandId) -> Result<Vec<Deed>, EngineError> {
    let Some(Loaded { row, observations, .. }) = shared.journal.load(id).await? else { return Ok(Vec::new()) };
    let State::Ended(Ended { phase, .. }) = row.state else { return Ok(Vec::new()) };
    let command = parse_own(row.body.as_bytes()).map_err(EngineError::Command)?;
    let read = |text: &String| serde_json::from_str(text).map_err(EngineError::Json);
    let seen: Vec<Observation> = observations.iter().map(read).collect::<Result<_, _>>()?;
    Ok(deeds(&command, phase, &seen))
}
