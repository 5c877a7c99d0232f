//! A command as it stands once parsed.

use std::time::Duration;

use jiff::Timestamp;

use super::asset::{Access, Asset, Kind};
use super::ids::{BusinessId, CommandId, Digest, EmailAddress, Person};
use super::tasks::Tasks;

/// One command, parsed and valid by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The idempotency key.
    pub id: CommandId,
    /// The business that acts; absent for `cancel` and `undo` alone.
    pub business: Option<BusinessId>,
    /// Who asked, as the publisher says.
    pub actor: Option<String>,
    /// Why, as the publisher says.
    pub reason: Option<String>,
    /// 0 to 9, higher first among the commands of one business.
    pub priority: u8,
    /// Start no earlier.
    pub not_before: Option<Timestamp>,
    /// Begin no write that leads further after it.
    pub expires_at: Option<Timestamp>,
    /// Read only, answer with a plan.
    pub dry_run: bool,
    /// Announce first, act when it is over.
    pub notice: Option<Duration>,
    /// What is asked.
    pub body: Body,
}

/// The assets that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// `asset`: one.
    One(Asset),
    /// `assets`: a list of 1 to 1 000; the command fans out.
    List(Vec<Asset>),
    /// `"assets": "all"`: whatever the person has (`reassign` alone).
    All,
}

/// What is asked, with the fields of its row in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the contract's, documented there")]
pub enum Body {
    Claim {
        targets: Targets,
        access: Access,
        permitted_tasks: Tasks,
        irreversible: bool,
        again: bool,
    },
    Unbind {
        targets: Targets,
        remove_people: bool,
        unmanaged: bool,
    },
    Reassign {
        targets: Targets,
        from: Person,
        to: Person,
        tasks: Option<Tasks>,
    },
    Assign {
        targets: Targets,
        user: Person,
        tasks: Tasks,
    },
    Unassign {
        targets: Targets,
        user: Person,
        tasks: Option<Tasks>,
    },
    Invite {
        email: EmailAddress,
        role: String,
        assets: Vec<Asset>,
        tasks: Tasks,
    },
    Offboard {
        user: Person,
        successor: Option<Person>,
        remove_from_business: bool,
        protected: Vec<String>,
        plan: Option<Digest>,
    },
    Transfer {
        targets: Targets,
        to_business: BusinessId,
        cool_down: Option<Duration>,
        unmanaged: bool,
    },
    Share {
        targets: Targets,
        partner: BusinessId,
        permitted_tasks: Tasks,
    },
    Revoke {
        targets: Targets,
        partner: BusinessId,
        permitted_tasks: Option<Tasks>,
    },
    Disconnect {
        kinds: Vec<Kind>,
        include_owned: bool,
    },
    Inspect {
        kinds: Vec<Kind>,
        people: bool,
    },
    Undo {
        target: CommandId,
    },
    Cancel {
        target: CommandId,
    },
}

impl Body {
    /// The command's name in the contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claim",
            Self::Unbind { .. } => "unbind",
            Self::Reassign { .. } => "reassign",
            Self::Assign { .. } => "assign",
            Self::Unassign { .. } => "unassign",
            Self::Invite { .. } => "invite",
            Self::Offboard { .. } => "offboard",
            Self::Transfer { .. } => "transfer",
            Self::Share { .. } => "share",
            Self::Revoke { .. } => "revoke",
            Self::Disconnect { .. } => "disconnect",
            Self::Inspect { .. } => "inspect",
            Self::Undo { .. } => "undo",
            Self::Cancel { .. } => "cancel",
        }
    }

    /// The assets that it is about, where it names any.
    #[must_use]
    pub fn targets(&self) -> Option<&Targets> {
        match self {
            Self::Claim { targets, .. }
            | Self::Unbind { targets, .. }
            | Self::Reassign { targets, .. }
            | Self::Assign { targets, .. }
            | Self::Unassign { targets, .. }
            | Self::Transfer { targets, .. }
            | Self::Share { targets, .. }
            | Self::Revoke { targets, .. } => Some(targets),
            Self::Invite { .. }
            | Self::Offboard { .. }
            | Self::Disconnect { .. }
            | Self::Inspect { .. }
            | Self::Undo { .. }
            | Self::Cancel { .. } => None,
        }
    }
}
