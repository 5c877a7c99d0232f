//! Assets: what a business holds at Meta.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{IdError, ObjectId};

/// The kinds of asset that the contract names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Facebook Page.
    Page,
    /// An ad account.
    AdAccount,
    /// A pixel (dataset).
    Pixel,
    /// A WhatsApp business account.
    WhatsappAccount,
    /// An Instagram professional account.
    InstagramAccount,
    /// A product catalog.
    Catalog,
}

impl Kind {
    /// Every kind, in the order in which the contract lists them.
    pub const ALL: [Self; 6] =
        [Self::Page, Self::AdAccount, Self::Pixel, Self::WhatsappAccount, Self::InstagramAccount, Self::Catalog];

    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::AdAccount => "ad_account",
            Self::Pixel => "pixel",
            Self::WhatsappAccount => "whatsapp_account",
            Self::InstagramAccount => "instagram_account",
            Self::Catalog => "catalog",
        }
    }
}

impl FromStr for Kind {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(IdError("must be one of page, ad_account, pixel, whatsapp_account, instagram_account, catalog"))
    }
}

/// One asset: `{"kind": "page", "id": "1009"}`; in text `page/1009`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its kind.
    pub kind: Kind,
    /// Its id at Meta; `act_1` and `1` are one.
    pub id: ObjectId,
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.id)
    }
}

impl FromStr for Asset {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (kind, id) = text.split_once('/').ok_or(IdError("must be <kind>/<id>, like \"page/1009\""))?;
        Ok(Self { kind: kind.parse()?, id: id.parse()? })
    }
}

/// As what a business holds an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The business owns it.
    Owner,
    /// Another business owns it and shares it.
    Agency,
}

impl Access {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Agency => "agency",
        }
    }

    /// The other of the two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Owner => Self::Agency,
            Self::Agency => Self::Owner,
        }
    }
}

impl FromStr for Access {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        [Self::Owner, Self::Agency]
            .into_iter()
            .find(|access| access.word() == text)
            .ok_or(IdError("must be \"owner\" or \"agency\""))
    }
}
