//! What the phases of a command have to tell, each its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asset::{Access, Asset, Kind};
use super::ids::{BusinessId, CommandId, Digest, EmailAddress, ObjectId, Person, PersonId};
use super::outcome::{ErrorInfo, ItemResult, Outcome, Phase, Plan};
use super::tasks::Tasks;

/// What an event tells; it implies the phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// The command is in the journal (told only where `events.accepted` is set).
    Accepted,
    /// What will be done once the notice is over, and whom it concerns.
    Announced {
        /// What a run would do now.
        plan: Plan,
        /// The people concerned.
        people: Vec<PersonSeen>,
    },
    /// Others must approve.
    Pending(Pending),
    /// Something holds the command back.
    Waiting(Waiting),
    /// A part of the way is done, or of a long answer is told.
    Progress(Progress),
    /// The command has ended.
    Ended(Box<Outcome>),
}

impl Detail {
    /// The phase that it belongs to.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Accepted => Phase::Accepted,
            Self::Announced { .. } => Phase::Announced,
            Self::Pending(_) => Phase::Pending,
            Self::Waiting(_) => Phase::Waiting,
            Self::Progress(_) => Phase::Progress,
            Self::Ended(outcome) => outcome.phase,
        }
    }
}

impl From<Outcome> for Detail {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(Box::new(outcome))
    }
}

/// An open request at Meta that others must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pending {
    /// The request's id at Meta, where it gave one.
    pub request: Option<String>,
    /// Since when it has been open.
    pub since: Timestamp,
    /// Who must do what, in a sentence.
    pub awaits: String,
}

/// What holds a command back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// The cause.
    pub cause: WaitCause,
    /// Since when.
    pub since: Timestamp,
    /// Until when, where that is known.
    pub until: Option<Timestamp>,
    /// With `quota`: the bucket at Meta that has no room, such as `app/main` or `object/2001/2001/pages/main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// With `quota`: how full that bucket is, in percent, where Meta has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_percent: Option<u32>,
}

impl Waiting {
    /// Held back for `cause`.
    #[must_use]
    pub fn of(cause: WaitCause, since: Timestamp, until: Option<Timestamp>) -> Self {
        Self { cause, since, until, bucket: None, usage_percent: None }
    }
}

/// Why a command waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitCause {
    /// Meta's rate limit.
    Quota,
    /// Our own limit on open or new claims.
    Cap,
    /// A dead credential.
    Credential,
    /// A business's breaker, open after an abuse answer.
    Breaker,
    /// The blast radius: a person must release it.
    Release,
    /// The stop switch.
    Hold,
    /// Meta is out of reach.
    Outage,
}

impl WaitCause {
    /// Every cause, in the order in which the contract lists them.
    pub const ALL: [Self; 7] =
        [Self::Quota, Self::Cap, Self::Credential, Self::Breaker, Self::Release, Self::Hold, Self::Outage];

    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Cap => "cap",
            Self::Credential => "credential",
            Self::Breaker => "breaker",
            Self::Release => "release",
            Self::Hold => "hold",
            Self::Outage => "outage",
        }
    }
}

/// How far a command has come since its last event; each list at most 1 000.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Which part of an answer too long for one event this is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// How many assets are settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What became of the assets settled since the last event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ItemResult>,
    /// Assets of an `inspect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetSeen>,
    /// Steps of a plan too long for one event; its digest covers all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// The answer of an `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// The last of the assets, at most 1 000.
    pub assets: Vec<AssetSeen>,
    /// How many of each kind were seen in all.
    pub totals: BTreeMap<Kind, u64>,
    /// Lists that could not be read: what they hold is neither told nor counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// One asset as an `inspect` saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssetSeen {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: ObjectId,
    /// Its name at Meta.
    pub name: Option<String>,
    /// As what the business holds it.
    pub access: Access,
    /// What the business may do with it, where Meta says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
    /// Who of the business has which rights on it, where that was asked and could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<PersonOnAsset>>,
    /// Who outside every business has a role on it, under ids of their own; of owned Pages alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Vec<PersonOnAsset>>,
    /// Lists of its people that could not be read: who stands there is unknown, not nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// A list that could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Which: of an asset `people` or `direct`, of an inventory Meta's name of the list, as `owned_pixels`.
    pub list: String,
    /// Why.
    pub error: ErrorInfo,
}

/// A person's rights on one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonOnAsset {
    /// Who.
    #[serde(flatten)]
    pub person: PersonSeen,
    /// With which tasks.
    pub tasks: Tasks,
}

/// A person, by as much as is known: the command's word for them, completed once they have been looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PersonSeen {
    /// The business-scoped id.
    pub id: Option<PersonId>,
    /// The e-mail address.
    pub email: Option<EmailAddress>,
}

impl From<&Person> for PersonSeen {
    fn from(person: &Person) -> Self {
        match person {
            Person::Id(id) => Self { id: Some(id.clone()), email: None },
            Person::Email(address) => Self { id: None, email: Some(address.clone()) },
        }
    }
}

/// One entry of a command's evidence: a call and what Meta answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceEntry {
    /// When.
    pub at: Timestamp,
    /// Method and path, such as `POST /2001/client_pages`.
    pub call: String,
    /// The answer in short, never a body.
    pub answer: String,
    /// Meta's trace id, where it gave one.
    pub trace: Option<String>,
}

/// What is kept of a command that ended so long ago that only its id is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// The digest of its content.
    pub fingerprint: Digest,
    /// How it ended.
    pub phase: Phase,
    /// The id of its terminal event.
    pub event_id: String,
}

/// What a command is about, as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The business that acts.
    pub business: Option<BusinessId>,
    /// The asset, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// As what a claim asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The business that an asset goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_business: Option<BusinessId>,
    /// The business that an asset is shared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<BusinessId>,
    /// The person whose rights change, or who is invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<PersonSeen>,
    /// The person who takes over from `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PersonSeen>,
    /// The person who had the rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PersonSeen>,
    /// The person who gets the rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PersonSeen>,
    /// The command that is undone or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<CommandId>,
}
