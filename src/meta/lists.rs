//! The lists of a business in which assets stand, kind by kind.

use serde::{Deserialize, Serialize};

use crate::contract::{Access, Asset, Kind, ObjectId};

/// The kinds on which a business can make a claim: only these have lists of open requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimable {
    /// A Page.
    Page,
    /// An ad account.
    AdAccount,
}

impl Claimable {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Page, Self::AdAccount];

    /// `kind`, if it is one of them.
    #[must_use]
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Page => Some(Self::Page),
            Kind::AdAccount => Some(Self::AdAccount),
            Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => None,
        }
    }

    /// The kind of asset.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Page => Kind::Page,
            Self::AdAccount => Kind::AdAccount,
        }
    }
}

/// A list of a business in which an asset can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetList {
    /// `owned_pages` and its like: the business's property.
    Owned(Kind),
    /// `client_pages` and its like: shared with the business.
    Client(Kind),
    /// `pending_owned_pages` and its like: ownership asked for, not granted yet. Its nodes are requests.
    PendingOwned(Claimable),
    /// `pending_client_pages` and its like: access asked for, not granted yet. Its nodes are requests.
    PendingClient(Claimable),
}

impl AssetList {
    /// The edge's name. Sources: Meta's specs v25.0.
    #[must_use]
    pub fn edge(self) -> &'static str {
        match self {
            Self::Owned(kind) => owned_edge(kind),
            Self::Client(kind) => client_edge(kind),
            Self::PendingOwned(Claimable::Page) => "pending_owned_pages",
            Self::PendingOwned(Claimable::AdAccount) => "pending_owned_ad_accounts",
            Self::PendingClient(Claimable::Page) => "pending_client_pages",
            Self::PendingClient(Claimable::AdAccount) => "pending_client_ad_accounts",
        }
    }

    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let held = Kind::ALL.into_iter().flat_map(|kind| [Self::Owned(kind), Self::Client(kind)]);
        let open = Claimable::ALL.into_iter().flat_map(|kind| [Self::PendingOwned(kind), Self::PendingClient(kind)]);
        held.chain(open).collect()
    }

    /// Where an asset held with `access` stands.
    #[must_use]
    pub fn held(kind: Kind, access: Access) -> Self {
        match access {
            Access::Owner => Self::Owned(kind),
            Access::Agency => Self::Client(kind),
        }
    }

    /// Where an asset asked for with `access` stands until somebody decides.
    #[must_use]
    pub fn pending(kind: Claimable, access: Access) -> Self {
        match access {
            Access::Owner => Self::PendingOwned(kind),
            Access::Agency => Self::PendingClient(kind),
        }
    }

    /// The same for any kind; none where nothing can be asked for.
    #[must_use]
    pub fn pending_of(kind: Kind, access: Access) -> Option<Self> {
        Claimable::of(kind).map(|kind| Self::pending(kind, access))
    }

    /// The kind of the assets in it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Owned(kind) | Self::Client(kind) => kind,
            Self::PendingOwned(kind) | Self::PendingClient(kind) => kind.kind(),
        }
    }

    /// Under which name its nodes, where they are requests, name the asset asked for.
    #[must_use]
    pub fn requested(self) -> Option<&'static str> {
        match self {
            Self::PendingOwned(Claimable::Page) | Self::PendingClient(Claimable::Page) => Some("page"),
            Self::PendingOwned(Claimable::AdAccount) | Self::PendingClient(Claimable::AdAccount) => Some("ad_account"),
            Self::Owned(_) | Self::Client(_) => None,
        }
    }

    /// The fields that it is asked for. A field that a list does not know makes the whole of it an error, so
    /// `permitted_tasks` is asked for only where Meta's reference of the list names it.
    pub(super) fn fields(self) -> &'static str {
        match self {
            Self::Owned(Kind::Page)
            | Self::Client(Kind::Page | Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount) => "id,permitted_tasks",
            Self::Owned(
                Kind::AdAccount | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog,
            )
            | Self::Client(Kind::InstagramAccount | Kind::Catalog) => "id",
            Self::PendingOwned(Claimable::Page) | Self::PendingClient(Claimable::Page) => "id,page{id},permitted_tasks",
            Self::PendingOwned(Claimable::AdAccount) | Self::PendingClient(Claimable::AdAccount) => {
                "id,ad_account{id},permitted_tasks"
            }
        }
    }
}

fn owned_edge(kind: Kind) -> &'static str {
    match kind {
        Kind::Page => "owned_pages",
        Kind::AdAccount => "owned_ad_accounts",
        Kind::Pixel => "owned_pixels",
        Kind::WhatsappAccount => "owned_whatsapp_business_accounts",
        Kind::InstagramAccount => "owned_instagram_assets",
        Kind::Catalog => "owned_product_catalogs",
    }
}

fn client_edge(kind: Kind) -> &'static str {
    match kind {
        Kind::Page => "client_pages",
        Kind::AdAccount => "client_ad_accounts",
        Kind::Pixel => "client_pixels",
        Kind::WhatsappAccount => "client_whatsapp_business_accounts",
        Kind::InstagramAccount => "client_instagram_assets",
        Kind::Catalog => "client_product_catalogs",
    }
}

/// The list of a person's assets. Sources: Meta's specs v25.0; for pixels and Instagram accounts its reference alone.
pub(super) fn assigned_edge(kind: Kind) -> &'static str {
    match kind {
        Kind::Page => "assigned_pages",
        Kind::AdAccount => "assigned_ad_accounts",
        Kind::Pixel => "assigned_ads_pixels",
        Kind::WhatsappAccount => "assigned_whatsapp_business_accounts",
        Kind::InstagramAccount => "assigned_instagram_accounts",
        Kind::Catalog => "assigned_product_catalogs",
    }
}

/// The class of the asset's node in Meta's specs.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Page => "Page",
        Kind::AdAccount => "AdAccount",
        Kind::Pixel => "AdsPixel",
        Kind::WhatsappAccount => "WhatsAppBusinessAccount",
        Kind::InstagramAccount => "InstagramBusinessAsset",
        Kind::Catalog => "ProductCatalog",
    }
}

/// The asset's id as paths and parameters name it: an ad account's with `act_`.
pub(super) fn node(asset: &Asset) -> String {
    node_of(asset.kind, &asset.id)
}

pub(super) fn node_of(kind: Kind, id: &ObjectId) -> String {
    match kind {
        Kind::AdAccount => format!("act_{id}"),
        Kind::Page | Kind::Pixel | Kind::WhatsappAccount | Kind::InstagramAccount | Kind::Catalog => id.to_string(),
    }
}
