//! A report is put together from the journal, whether a worker holds it or not.

use jiff::Timestamp;

use super::report::{Deed, FORMAT, Holding, Link, Part, Report, WalkPart};
use crate::contract::{BusinessId, CommandId, Digest};
use crate::journal::{ChainedWalk, Dossier, EvidenceRow, Journal, JournalError, Kept, Loaded, Operation, State};

impl Report {
    /// All evidence of `id`; `None` where the journal holds none.
    ///
    /// Each command is read as of one moment, a fan-out's children after it: one that ends in between shows as ended,
    /// and is not in its parent's chain yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn of(journal: &Journal, id: &CommandId, now: Timestamp) -> Result<Option<Self>, JournalError> {
        let Some(dossier) = journal.dossier(id).await? else { return Ok(None) };
        if dossier.chain.is_empty() && matches!(dossier.kept, Kept::Ending(_)) {
            return Ok(None);
        }
        let mut commands = vec![Part::of(id, None, dossier)];
        for child in children(journal, &commands[0]).await? {
            if let Some(dossier) = journal.dossier(&child).await? {
                commands.push(Part::of(&child, Some(id), dossier));
            }
        }
        let walks = walks(journal, &commands).await?;
        let names: Vec<String> = commands.iter().map(|part| part.id.to_string()).collect();
        let operations = journal.operations_on(&names).await?.into_iter().map(Deed::from).collect();
        let (format, of, digest) = (FORMAT.to_owned(), id.clone(), Digest::of(b""));
        Ok(Some(Self { format, of, made_at: now, commands, walks, operations, digest }.with_digest()))
    }
}

/// The children of a command: those that are held, and those that its chain names.
async fn children(journal: &Journal, parent: &Part) -> Result<Vec<CommandId>, JournalError> {
    let mut ids: Vec<CommandId> = journal.children(&parent.id).await?.into_iter().map(|row| row.id).collect();
    if ids.is_empty() {
        let named = parent.chain.iter().filter_map(Link::child).filter_map(|name| name.parse().ok());
        ids.extend(named);
        ids.sort_by_key(|id: &CommandId| (id.as_str().len(), id.as_str().to_owned()));
    }
    Ok(ids)
}

async fn walks(journal: &Journal, commands: &[Part]) -> Result<Vec<WalkPart>, JournalError> {
    let mut walks: Vec<WalkPart> = Vec::new();
    for link in commands.iter().flat_map(|part| &part.chain) {
        let named = link.walk().and_then(|(business, _)| Some((business.parse().ok()?, hash_of(link)?)));
        let Some((business, hash)): Option<(BusinessId, Digest)> = named else { continue };
        if walks.iter().any(|walk| walk.hash == hash) {
            continue;
        }
        walks.extend(journal.walk_of(&business, &hash).await?.map(WalkPart::from));
    }
    Ok(walks)
}

/// The hash that stands in place of a trace.
pub(super) fn hash_of(link: &Link) -> Option<Digest> {
    link.trace.as_deref().and_then(|text| text.parse().ok())
}

impl Part {
    fn of(id: &CommandId, parent: Option<&CommandId>, dossier: Dossier) -> Self {
        let Dossier { kept, chain, head, total } = dossier;
        let bare = Self {
            id: id.clone(),
            held: Holding::Chain,
            parent: parent.cloned(),
            phase: None,
            accepted_at: None,
            finished_at: None,
            published_by: None,
            traceparent: None,
            cancelled_by: None,
            asked: None,
            observed: Vec::new(),
            outcome: None,
            chain: chain.into_iter().map(Link::from).collect(),
            total,
            head,
        };
        match kept {
            Kept::Whole(loaded) => bare.with(*loaded),
            Kept::Ending(ending) => Self { phase: Some(ending.phase), finished_at: Some(ending.ended_at), ..bare },
        }
    }

    fn with(self, loaded: Loaded) -> Self {
        let Loaded { row, observations, .. } = loaded;
        let ended = if let State::Ended(ended) = row.state { Some(ended) } else { None };
        Self {
            held: Holding::Whole,
            parent: row.parent,
            phase: ended.as_ref().map(|ended| ended.phase),
            accepted_at: Some(row.accepted_at),
            finished_at: row.ended_at,
            published_by: row.published_by,
            traceparent: row.traceparent,
            cancelled_by: row.cancelled_by,
            asked: Some(row.body),
            observed: observations,
            outcome: ended.map(|ended| ended.outcome),
            ..self
        }
    }
}

impl From<EvidenceRow> for Link {
    fn from(row: EvidenceRow) -> Self {
        let EvidenceRow { n, entry, hash } = row;
        Self { n, at: entry.at, call: entry.call, answer: entry.answer, trace: entry.trace, hash }
    }
}

impl From<ChainedWalk> for WalkPart {
    fn from(chained: ChainedWalk) -> Self {
        let ChainedWalk { walk, previous, hash } = chained;
        Self {
            business: walk.business,
            list: walk.list,
            began: walk.began,
            ended: walk.ended,
            pages: walk.pages,
            rows: walk.rows,
            complete: walk.complete,
            traces: walk.traces,
            previous,
            hash,
        }
    }
}

impl From<Operation> for Deed {
    fn from(done: Operation) -> Self {
        let Operation { at, actor, verb, target, reason, nonce: _, came } = done;
        Self { at, actor, verb, target, reason, came }
    }
}
