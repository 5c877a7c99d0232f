//! What each kind of asset allows, cell by cell, and where that is known from.
//!
//! What Meta cannot do by a call is refused before a write, with what a person does instead. The README's table and
//! `kinds.json` of the contract are made from here.

mod cells;
mod told;

use serde::Serialize;

pub use cells::cell;
pub use told::{as_json, as_markdown};

use crate::contract::{Access, Asset, Category, ErrorInfo, Kind, Tasks};

/// What can be asked about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// `claim` as owner.
    ClaimOwner,
    /// `claim` as agency.
    ClaimAgency,
    /// `unbind` of what the business owns.
    UnbindOwned,
    /// `unbind` of what is shared with the business.
    UnbindShared,
    /// `assign`, and the granting half of `reassign`.
    Assign,
    /// `unassign` of everything, and the taking half of `reassign`.
    Unassign,
    /// `share` with a partner.
    Share,
    /// `revoke` from a partner.
    Revoke,
    /// The list of what the business owns.
    ListOwned,
    /// The list of what is shared with it.
    ListShared,
    /// The lists of open claims.
    ListPending,
    /// The list of the business's people on an asset.
    ListPeople,
}

impl Deed {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::ClaimOwner,
        Self::ClaimAgency,
        Self::UnbindOwned,
        Self::UnbindShared,
        Self::Assign,
        Self::Unassign,
        Self::Share,
        Self::Revoke,
        Self::ListOwned,
        Self::ListShared,
        Self::ListPending,
        Self::ListPeople,
    ];

    /// A claim with `access`.
    #[must_use]
    pub fn claim(access: Access) -> Self {
        match access {
            Access::Owner => Self::ClaimOwner,
            Access::Agency => Self::ClaimAgency,
        }
    }

    /// An `unbind` of what is held with `access`.
    #[must_use]
    pub fn unbind(access: Access) -> Self {
        match access {
            Access::Owner => Self::UnbindOwned,
            Access::Agency => Self::UnbindShared,
        }
    }
}

/// Where a cell is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Meta's documentation or specification says so, be it by leaving it out.
    Documented,
    /// People who use it say so.
    Reported,
    /// Concluded from what is documented.
    Inferred,
    /// Nobody says so: tried as the neighbouring kinds do it.
    Unknown,
}

/// How a deed is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By calls.
    Call,
    /// As far as calls go, and the rest by a person.
    Partly(Refused),
    /// By a person: ends as `needs_human`.
    Human(Refused),
    /// Not at all: ends as `unsupported`.
    Never(Refused),
}

/// What is told where calls do not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The code of the error.
    pub code: &'static str,
    /// What is so.
    pub message: &'static str,
    /// What a person does.
    pub remedy: &'static str,
}

/// One cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// How it is done.
    pub way: Way,
    /// Where that is known from.
    pub mark: Mark,
}

impl Cell {
    /// Why it is refused on `asset` before anything is changed, if it is.
    #[must_use]
    pub fn refusal(&self, asset: &Asset) -> Option<ErrorInfo> {
        match self.way {
            Way::Call | Way::Partly(_) => None,
            Way::Human(refused) => Some(refused.on(asset, Category::NeedsHuman)),
            Way::Never(refused) => Some(refused.on(asset, Category::Unsupported)),
        }
    }
}

impl Refused {
    /// As the error of a command on `asset`.
    #[must_use]
    pub fn on(&self, asset: &Asset, category: Category) -> ErrorInfo {
        ErrorInfo {
            category,
            code: self.code.to_owned(),
            subcode: None,
            message: format!("{asset}: {}", self.message),
            trace: None,
            remedy: self.remedy.to_owned(),
        }
    }
}

/// Whether whoever has `tasks` on an asset of `kind` manages it: of a pixel whoever may edit it; an Instagram account
/// has no managers.
#[must_use]
pub fn manages(kind: Kind, tasks: &Tasks) -> bool {
    match kind {
        Kind::Page | Kind::AdAccount | Kind::WhatsappAccount | Kind::Catalog => tasks.manage(),
        Kind::Pixel => tasks.iter().any(|task| matches!(task.as_str(), "EDIT" | "MANAGE")),
        Kind::InstagramAccount => false,
    }
}

/// Whether those outside every business who manage an asset of `kind` can be seen.
#[must_use]
pub fn has_roles(kind: Kind) -> bool {
    match kind {
        Kind::Page => true,
        Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => false,
    }
}

/// Whether asset groups give rights on assets of `kind`.
#[must_use]
pub fn is_grouped(kind: Kind) -> bool {
    super::Grouped::ALL.iter().any(|grouped| grouped.kind() == kind)
}
