//! Everything that is looked at to explain one command.

use jiff::Timestamp;

use crate::config::{Config, PollConfig, RetryConfig};
use crate::contract::{BusinessId, CommandId};
use crate::engine;
use crate::journal::{
    Ahead, CommandRow, EvidenceRow, Hold, HoldOn, Journal, JournalError, Loaded, Parked, Published, State, StateName,
    Suspended, Walk, WatchRow,
};
use crate::meta::AssetList;

/// The last requests that are shown.
const EVIDENCE_SHOWN: usize = 5;
/// The last walks that are looked at.
const WALKS_SHOWN: u32 = 3;

/// A command and what stands around it, about one moment.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The moment.
    pub now: Timestamp,
    /// The command, with what it has seen.
    pub loaded: Loaded,
    /// The last of its evidence.
    pub evidence: Vec<EvidenceRow>,
    /// What became of its events.
    pub published: Vec<Published>,
    /// Who goes before it in its lane.
    pub ahead: Option<Ahead>,
    /// What Meta decides for it.
    pub watch: Option<WatchRow>,
    /// When the lists are read for it next.
    pub next_look: Option<Timestamp>,
    /// The last walks since its claim, the last first: of the pending list, then of the held one.
    pub walks: [Vec<Walk>; 2],
    /// Its children that have not ended, and those that ended other than well, in their order.
    pub children: Vec<CommandRow>,
    /// The command whose end it waits for.
    pub target: Option<CommandRow>,
    /// Buckets of its business that are left alone now.
    pub parked: Vec<Parked>,
    /// The holds that keep its writes back.
    pub holds: Vec<Hold>,
    /// The credential that serves its business.
    pub credential: CredentialSeen,
    /// Whether a worker has the journal, and its process id where that is known.
    pub worker: Option<Option<u32>>,
    /// How pending claims are followed.
    pub poll: PollConfig,
    /// How long failures are borne.
    pub retry: RetryConfig,
}

/// The credential for a command's calls, as the configuration and the journal have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSeen {
    /// The command acts for no business.
    NotNeeded,
    /// No credential is for this business.
    None(BusinessId),
    /// Its files cannot be read now.
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// Nothing is known against it.
    Good(String),
    /// Meta has refused it.
    Suspended {
        /// When and why.
        refused: Suspended,
        /// Whether it holds another content now: then it is used again.
        is_new: bool,
    },
}

impl Situation {
    /// Reads it; `None` where the journal does not know the command.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn of(
        journal: &Journal,
        config: &Config,
        id: &CommandId,
        now: Timestamp,
    ) -> Result<Option<Self>, JournalError> {
        let Some(loaded) = journal.load(id).await? else { return Ok(None) };
        let row = &loaded.row;
        let watch = journal.watch_of(id).await?;
        let walks = match &watch {
            Some(watch) => walks(journal, watch).await?,
            None => [Vec::new(), Vec::new()],
        };
        let credential = credential(journal, config, row).await?;
        Ok(Some(Self {
            now,
            evidence: journal.evidence(id, Some(EVIDENCE_SHOWN)).await?,
            published: journal.published(id).await?,
            ahead: if row.state.name() == StateName::Ready { journal.ahead_of(row, now).await? } else { None },
            next_look: watch.as_ref().map(|watch| engine::next_look(&config.poll, watch)),
            watch,
            walks,
            children: children(journal, row).await?,
            target: match &row.state {
                State::Awaiting { target } => journal.find(target).await?,
                State::Ready
                | State::Running
                | State::Waiting { .. }
                | State::Pending
                | State::AwaitingChildren
                | State::Ended(_) => None,
            },
            parked: parked(journal, config, row, now).await?,
            holds: holds(journal, row).await?,
            credential,
            worker: journal.held_by().await?,
            poll: config.poll,
            retry: config.retry,
            loaded,
        }))
    }

    pub(super) fn row(&self) -> &CommandRow {
        &self.loaded.row
    }
}

/// The names of the lists that decide a watch: of open requests, and of what is held. Of a share one list is both.
pub(super) fn lists_of(watch: &WatchRow) -> [String; 2] {
    if watch.partner.is_some() {
        return [engine::list_of(&watch.business, &watch.asset), engine::list_of(&watch.business, &watch.asset)];
    }
    let (kind, access) = (watch.asset.kind, watch.access);
    // What cannot be asked for has no list of open requests, and no watch.
    let pending = AssetList::pending_of(kind, access).map_or("no list", AssetList::edge);
    [pending, AssetList::held(kind, access).edge()].map(str::to_owned)
}

async fn walks(journal: &Journal, watch: &WatchRow) -> Result<[Vec<Walk>; 2], JournalError> {
    let [pending, held] = lists_of(watch);
    let pending = journal.walks_since(&watch.business, &pending, watch.sent_at, WALKS_SHOWN).await?;
    let held = journal.walks_since(&watch.business, &held, watch.sent_at, WALKS_SHOWN).await?;
    Ok([pending, held])
}

async fn children(journal: &Journal, row: &CommandRow) -> Result<Vec<CommandRow>, JournalError> {
    if row.children.total == 0 {
        return Ok(Vec::new());
    }
    let mut all = journal.children(&row.id).await?;
    all.retain(|child| match &child.state {
        State::Ended(ended) => !super::ending::is_well(ended.phase),
        State::Ready
        | State::Running
        | State::Waiting { .. }
        | State::Pending
        | State::AwaitingChildren
        | State::Awaiting { .. } => true,
    });
    Ok(all)
}

async fn credential(journal: &Journal, config: &Config, row: &CommandRow) -> Result<CredentialSeen, JournalError> {
    let Some(business) = &row.business else { return Ok(CredentialSeen::NotNeeded) };
    let Some(credential) = config.credential_for(business) else { return Ok(CredentialSeen::None(business.clone())) };
    let name = credential.name.clone();
    let now = match credential.secrets.read() {
        Ok(pair) => pair.fingerprint.to_string(),
        Err(error) => return Ok(CredentialSeen::Unreadable { name, why: error.to_string() }),
    };
    let refused = journal.suspended().await?.into_iter().find(|suspended| suspended.credential == name);
    Ok(match refused {
        Some(refused) => CredentialSeen::Suspended { is_new: refused.fingerprint != now, refused },
        None => CredentialSeen::Good(name),
    })
}

/// The holds that a command on `row` meets: on everything, on its business, or on the one that it gives an asset to.
async fn holds(journal: &Journal, row: &CommandRow) -> Result<Vec<Hold>, JournalError> {
    let body: serde_json::Value = serde_json::from_str(&row.body).unwrap_or_default();
    let mut all = journal.holds().await?;
    all.retain(|hold| match &hold.on {
        HoldOn::Everything => true,
        HoldOn::Business(held) | HoldOn::Claims(held) => {
            row.business.as_ref() == Some(held) || body["to_business"] == held.as_str()
        }
    });
    Ok(all)
}

/// The parks that hold back calls for the command's business through its credential.
async fn parked(
    journal: &Journal,
    config: &Config,
    row: &CommandRow,
    now: Timestamp,
) -> Result<Vec<Parked>, JournalError> {
    let Some(business) = &row.business else { return Ok(Vec::new()) };
    let Some(credential) = config.credential_for(business) else { return Ok(Vec::new()) };
    let mut all = journal.parked().await?;
    all.retain(|parked| {
        let bucket = parked.bucket.parse::<crate::governor::Bucket>();
        parked.until > now && bucket.is_ok_and(|bucket| bucket.holds_back(&credential.name, business))
    });
    Ok(all)
}
