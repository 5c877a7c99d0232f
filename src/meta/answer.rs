//! What Meta answered, distilled to the fact that was asked for.

use serde::{Deserialize, Serialize};

use super::call::GroupId;
use crate::contract::{BusinessId, Category, EmailAddress, ErrorInfo, ObjectId, PersonId, Tasks};

/// The fact in a good answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Whether the asset stands in the list, and with which tasks. `None` is said by a complete walk alone.
    Listed(Option<Holding>),
    /// The assets of a complete walk.
    Assets(Vec<Holding>),
    /// A part of a long list.
    Part {
        /// How many rows it had.
        count: u32,
        /// Where the next part begins; `None`: the list has ended.
        next: Option<String>,
        /// The rows. Not journaled: only the event that is stored in the same transaction needs them.
        #[serde(skip)]
        rows: Vec<Holding>,
    },
    /// A part of a long list, each row with its people.
    StaffedPart {
        /// How many rows it had.
        count: u32,
        /// Where the next part begins; `None`: the list has ended.
        next: Option<String>,
        /// The rows. Not journaled, as of [`Self::Part`].
        #[serde(skip)]
        rows: Vec<Staffed>,
    },
    /// The people of a business with their addresses, by a complete walk.
    Directory(Vec<(PersonId, EmailAddress)>),
    /// Whether something is linked.
    Linked(bool),
    /// Who acts.
    Myself(PersonId),
    /// The people of a complete walk.
    People(Vec<PersonOn>),
    /// The people of a business whom a look-up found, by a complete walk.
    Members {
        /// They.
        found: Vec<Member>,
        /// Whether somebody else than they is an admin of the business.
        other_admin: bool,
    },
    /// Open invitations of a complete walk.
    Invitations(Vec<Invitation>),
    /// The people whom a look-up found.
    Persons(Vec<PersonId>),
    /// Asset groups of a complete walk.
    Groups(Vec<GroupId>),
    /// One id, where the node names it.
    Id(Option<ObjectId>),
    /// The telephone numbers of a complete walk.
    Numbers(Vec<Number>),
    /// The apps of a complete walk.
    Apps(Vec<ObjectId>),
    /// The partners of an asset, by a complete walk.
    Partners(Vec<PartnerOn>),
    /// What a claim or a share was answered with.
    Claimed(Claimed),
    /// `success: true`: accepted, not proved.
    Done,
}

/// An asset in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The asset (in a pending list: the one asked for, not the request).
    pub id: ObjectId,
    /// The tasks that the list names; empty where it names none.
    pub tasks: Tasks,
}

/// An asset with its people. What could not be read is said, and never told as nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staffed {
    /// The asset.
    pub held: Holding,
    /// The people of the business on it.
    pub assigned: Roll,
    /// Those outside every business with a role on it; `None` where it was not asked.
    pub direct: Option<Roll>,
}

/// A list of people, or why it could not be read to its end.
pub type Roll = Result<Vec<PersonOn>, ErrorInfo>;

/// A person of a business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub id: PersonId,
    /// Their address, where the list names it.
    pub email: Option<EmailAddress>,
    /// Whether they run the business.
    pub admin: bool,
}

/// An invitation that nobody has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The role request: Meta's node for it, which is not the person to be.
    pub request: ObjectId,
    /// Who is invited, where the list names it.
    pub email: Option<EmailAddress>,
}

/// A person on an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonOn {
    /// Who.
    pub id: PersonId,
    /// Their address, where the list names it.
    pub email: Option<EmailAddress>,
    /// What they may do.
    pub tasks: Tasks,
}

/// A business that an asset is shared with, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerOn {
    /// Which.
    pub partner: BusinessId,
    /// With which tasks; empty where the list names none.
    pub tasks: Tasks,
    /// Somebody still has to approve it: `access_status` is another than `CONFIRMED`.
    pub open: bool,
}

/// A telephone number of a WhatsApp account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// Its id at Meta, not the number itself.
    pub id: ObjectId,
    /// The phone's own app uses it too (`is_on_biz_app`): no call takes it off the platform.
    pub on_phone: bool,
    /// It is on the platform (`platform_type` `CLOUD_API`).
    pub registered: bool,
}

/// `access_status` of a claim or a share. The full set of values is unknown; `PENDING` and `CLIENT_RESPONSE_PENDING` have
/// been seen beside `CONFIRMED` (Meta's Page and B2B guides).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    /// `CONFIRMED`: to be seen in the list all the same.
    Confirmed,
    /// Waits for somebody's approval.
    Pending,
    /// A status that we do not know: settled by the lists.
    Unclear,
}

/// Meta's no, classified by the table of errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Meta's code.
    pub code: i64,
    /// Meta's finer code.
    pub subcode: Option<i64>,
    /// What the contract calls it.
    pub category: Category,
    /// A `state` row of the table: the asset is, or is not, in the wanted state already; a read decides.
    pub state: bool,
    /// What Meta said, shortened.
    pub message: String,
    /// Meta's trace id.
    pub trace: Option<String>,
    /// What a person does next.
    pub remedy: String,
}

impl Refusal {
    /// As events tell it.
    #[must_use]
    pub fn info(&self) -> ErrorInfo {
        ErrorInfo {
            category: self.category,
            code: self.code.to_string(),
            subcode: self.subcode.map(|n| n.to_string()),
            message: self.message.clone(),
            trace: self.trace.clone(),
            remedy: self.remedy.clone(),
        }
    }
}

/// How a call ended for the procedure that asked. Throttling, dead credentials and passing trouble of reads
/// never come here: the engine waits and asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// A good answer.
    Answer(Answer),
    /// A no that a repetition does not change.
    Refused(Refusal),
    /// A write whose effect nobody knows: no answer, a 5xx, a broken body, a crash while it was out.
    Unknown,
    /// No answer was to be had within `retry.give_up_after`.
    GaveUp(ErrorInfo),
}
