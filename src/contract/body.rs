//! A command as it stands once parsed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asset::{Access, Asset, Kind};
use super::ids::{BusinessId, CommandId, Digest, EmailAddress, IdError, Person};
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

/// What an invited person becomes in the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Sees what is assigned to them.
    Employee,
    /// Runs the business portfolio.
    Admin,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Employee, Self::Admin];

    /// The word of the contract, which is Meta's.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Employee => "EMPLOYEE",
            Self::Admin => "ADMIN",
        }
    }
}

impl FromStr for Role {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|role| role.word() == text).ok_or(IdError("must be \"EMPLOYEE\" or \"ADMIN\""))
    }
}

/// What no command may remove: `page/123`, `person/456`, or a person's e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Protected {
    /// An asset: it is not let go of, nobody is taken from it.
    Asset(Asset),
    /// A person: they are taken from nothing.
    Person(Person),
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(asset) => asset.fmt(f),
            Self::Person(Person::Id(id)) => write!(f, "person/{id}"),
            Self::Person(Person::Email(address)) => address.fmt(f),
        }
    }
}

impl FromStr for Protected {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(id) = text.strip_prefix("person/") {
            return id.parse().map(|id| Self::Person(Person::Id(id)));
        }
        if text.contains('@') {
            return text.parse().map(|address| Self::Person(Person::Email(address)));
        }
        text.parse()
            .map(Self::Asset)
            .map_err(|_| IdError("must be <kind>/<id> like \"page/123\", \"person/456\", or an e-mail address"))
    }
}

/// What is asked, with the fields of its row in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the contract's, documented there")]
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
        /// The person leaves the business afterwards, and what no call takes ends with that; of the children of an
        /// `offboard` alone.
        leaves: bool,
    },
    Assign {
        targets: Targets,
        user: Person,
        tasks: Tasks,
        /// Beside what the person has, not instead of it; of the children of an `invite` alone.
        adding: bool,
    },
    Unassign {
        targets: Targets,
        user: Person,
        tasks: Option<Tasks>,
        /// As of `Reassign`.
        leaves: bool,
    },
    Invite {
        email: EmailAddress,
        role: Role,
        assets: Vec<Asset>,
        tasks: Tasks,
    },
    Offboard {
        user: Person,
        successor: Option<Person>,
        remove_from_business: bool,
        protected: Vec<Protected>,
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
