//! The cells. Sources: Meta's specs v25.0, its guides on Pages, ad accounts, pixels, catalogs, Instagram and WhatsApp,
//! and the reference pages of the edges.

use super::{Cell, Deed, Mark, Refused, Way};
use crate::contract::Kind;

/// The cell of the table.
#[must_use]
pub fn cell(kind: Kind, deed: Deed) -> Cell {
    match kind {
        Kind::Page => page(deed),
        Kind::AdAccount => ad_account(deed),
        Kind::Pixel => pixel(deed),
        Kind::WhatsappAccount => whatsapp_account(deed),
        Kind::InstagramAccount => instagram_account(deed),
        Kind::Catalog => catalog(deed),
    }
}

const fn by_call(mark: Mark) -> Cell {
    Cell { way: Way::Call, mark }
}

const fn by_hand(mark: Mark, refused: Refused) -> Cell {
    Cell { way: Way::Human(refused), mark }
}

const fn never(mark: Mark, refused: Refused) -> Cell {
    Cell { way: Way::Never(refused), mark }
}

/// A kind that cannot be claimed has no list of open claims.
const NO_CLAIMS: Cell = never(
    Mark::Documented,
    Refused {
        code: "no_claims",
        message: "there are no claims of this kind, so there is no list of open ones",
        remedy: "Look at the lists of what is owned and what is shared.",
    },
);

fn page(deed: Deed) -> Cell {
    match deed {
        // The guide speaks of owned Pages alone; public code drops agency access by the same call.
        Deed::UnbindShared => by_call(Mark::Reported),
        Deed::ClaimOwner
        | Deed::ClaimAgency
        | Deed::UnbindOwned
        | Deed::Assign
        | Deed::Unassign
        | Deed::Share
        | Deed::Revoke
        | Deed::ListOwned
        | Deed::ListShared
        | Deed::ListPending
        | Deed::ListPeople => by_call(Mark::Documented),
    }
}

fn ad_account(deed: Deed) -> Cell {
    match deed {
        Deed::UnbindOwned => never(
            Mark::Documented,
            Refused {
                code: "owned_ad_account",
                message: "Meta has no way to take an ad account from the business that owns it",
                remedy: "It stays in the business for good. Take people off with `unassign` and partners with `revoke`, or close \
                         it: Business settings > Accounts > Ad accounts > (the account) > Deactivate.",
            },
        ),
        // Left the specs in v11; by the reference only apps that used it within 30 days still may.
        Deed::ClaimAgency => by_call(Mark::Reported),
        Deed::ClaimOwner
        | Deed::UnbindShared
        | Deed::Assign
        | Deed::Unassign
        | Deed::Share
        | Deed::Revoke
        | Deed::ListOwned
        | Deed::ListShared
        | Deed::ListPending
        | Deed::ListPeople => by_call(Mark::Documented),
    }
}

fn pixel(deed: Deed) -> Cell {
    match deed {
        Deed::ClaimOwner | Deed::ClaimAgency => never(
            Mark::Documented,
            Refused {
                code: "pixel_claim",
                message: "a pixel cannot be claimed",
                remedy: "Let the business that owns it share it: a `share` sent for that business, or Business settings > Data \
                         sources > Datasets > (the pixel) > Partners > Assign partner.",
            },
        ),
        Deed::UnbindOwned => never(
            Mark::Documented,
            Refused {
                code: "owned_pixel",
                message: "Meta has no way to take a pixel from the business that owns it",
                remedy: "It stays in the business. Take partners off with `revoke`; people: Business settings > Data sources > \
                         Datasets > (the pixel) > People > Remove.",
            },
        ),
        Deed::UnbindShared => by_hand(
            Mark::Documented,
            Refused {
                code: "owner_revokes",
                message: "Meta has no call by which a partner lets go of a pixel",
                remedy: "Let the business that owns it send `revoke`, or there: Business settings > Data sources > Datasets > \
                         (the pixel) > Partners > Remove.",
            },
        ),
        Deed::Unassign => by_hand(Mark::Documented, PERSON_ON_PIXEL),
        Deed::ListPending => NO_CLAIMS,
        // The specs have it; the reference of the edge says that it is not possible.
        Deed::Assign | Deed::Share | Deed::Revoke | Deed::ListOwned | Deed::ListShared | Deed::ListPeople => {
            by_call(Mark::Documented)
        }
    }
}

/// The call left the specs in v6 (2020).
const PERSON_ON_PIXEL: Refused = Refused {
    code: "no_removal_call",
    message: "Meta has no call that takes a person off a pixel",
    remedy: "Business settings > Data sources > Datasets > (the pixel) > People > (the person) > Remove. Whoever leaves the \
             business leaves its pixels too.",
};

fn whatsapp_account(deed: Deed) -> Cell {
    match deed {
        Deed::ClaimOwner | Deed::ClaimAgency => never(
            Mark::Documented,
            Refused {
                code: "whatsapp_claim",
                message: "a WhatsApp account cannot be claimed",
                remedy: "Let its owner share it: WhatsApp's embedded signup, or Business settings > Accounts > WhatsApp accounts > \
                         (the account) > Partners > Assign partner.",
            },
        ),
        Deed::UnbindOwned => Cell {
            way: Way::Partly(Refused {
                code: "owned_whatsapp_account",
                message: "the account stays in the business that owns it: Meta has no call that takes it away",
                remedy: "To end it: Business settings > Accounts > WhatsApp accounts > (the account) > Settings > Remove.",
            }),
            mark: Mark::Inferred,
        },
        Deed::UnbindShared => Cell {
            way: Way::Partly(Refused {
                code: "partner_removal",
                message: "the account is still shared with the business: Meta has no call that ends this for one account",
                remedy: "In the owner's Business settings > Accounts > WhatsApp accounts > (the account) > Partners > (the business) \
                         > Manage > Remove; then send the command anew: it looks whether the account has left.",
            }),
            mark: Mark::Documented,
        },
        Deed::Share | Deed::Revoke => by_hand(
            Mark::Documented,
            Refused {
                code: "whatsapp_partner",
                message: "Meta has no call that shares one WhatsApp account with a partner, or ends that",
                remedy: "Business settings > Accounts > WhatsApp accounts > (the account) > Partners > Assign partner, or Manage > \
                         Remove.",
            },
        ),
        Deed::ListPending => NO_CLAIMS,
        Deed::Assign | Deed::Unassign | Deed::ListOwned | Deed::ListShared | Deed::ListPeople => {
            by_call(Mark::Documented)
        }
    }
}

fn instagram_account(deed: Deed) -> Cell {
    match deed {
        Deed::ClaimOwner | Deed::ClaimAgency => by_hand(
            Mark::Documented,
            Refused {
                code: "instagram_claim",
                message: "an Instagram account is claimed by logging in to it, never by a call",
                remedy: "Business settings > Accounts > Instagram accounts > Add, and log in with the account's user name and \
                         password; or let the business that owns it send `share`.",
            },
        ),
        // The call's documentation names the business alone, not whether it owns the account.
        Deed::UnbindShared => by_call(Mark::Inferred),
        Deed::ListPending => NO_CLAIMS,
        // People and partners by the specs since v23; the overview guide still says that there are none.
        Deed::UnbindOwned
        | Deed::Assign
        | Deed::Unassign
        | Deed::Share
        | Deed::Revoke
        | Deed::ListOwned
        | Deed::ListShared
        | Deed::ListPeople => by_call(Mark::Documented),
    }
}

fn catalog(deed: Deed) -> Cell {
    match deed {
        Deed::ClaimOwner | Deed::ClaimAgency => never(
            Mark::Documented,
            Refused {
                code: "catalog_claim",
                message: "a catalog cannot be claimed",
                remedy: "Let the business that owns it share it: a `share` sent for that business, or Business settings > Data \
                         sources > Catalogs > (the catalog) > Partners > Assign partner.",
            },
        ),
        Deed::UnbindOwned => never(
            Mark::Documented,
            Refused {
                code: "owned_catalog",
                message: "a catalog's owner does not change by a call, and deleting it would destroy it",
                remedy: "It stays in the business. Take people off with `unassign` and partners with `revoke`.",
            },
        ),
        Deed::UnbindShared => by_hand(
            Mark::Inferred,
            Refused {
                code: "owner_revokes",
                message: "no call is documented by which a partner lets go of a catalog",
                remedy: "Let the business that owns it send `revoke`, or there: Business settings > Data sources > Catalogs > \
                         (the catalog) > Partners > Remove.",
            },
        ),
        Deed::ListPending => NO_CLAIMS,
        Deed::Assign
        | Deed::Unassign
        | Deed::Share
        | Deed::Revoke
        | Deed::ListOwned
        | Deed::ListShared
        | Deed::ListPeople => by_call(Mark::Documented),
    }
}
