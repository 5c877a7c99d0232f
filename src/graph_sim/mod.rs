//! A stateful stand-in of Meta's Graph API for demos, tests and users' own staging.
//!
//! It speaks Graph over HTTP as a client sees it: Pages claimed, approved, denied, staffed and let go of; people invited and
//! dismissed; usage headers, paging and error bodies. It is as awkward as the real one where it is told to be: lists that lag,
//! answers that never come though the write took effect, throttles that lengthen when called.
//!
//! Everything that is said and done to it goes through two doors: [`Sim`] within a process, and the control API beside Graph
//! on the same port ([`CONTROL_HELP`]). Both end in the same functions. Nothing here talks to anything outside; the room
//! knows none of the others.

mod awkward;
mod calls;
mod clock;
mod control;
mod edges;
mod lag;
mod rng;
mod serve;
mod sim;
mod state;
#[cfg(test)]
mod tests;
mod usage;
mod wire;
mod world;

pub use awkward::{Awkward, Break, How, ListingOddity, Match, Oddity, Scripted};
pub use calls::Call;
pub use control::{CONTROL_HELP, ControlError, openapi};
pub use serve::{GraphSimArgs, ServeError, serve};
pub use sim::{Sim, SimConfig};
#[cfg(test)]
pub(crate) use state::State;
pub use usage::{Quota, Throttle, UsageOrder};
#[cfg(test)]
pub(crate) use wire::request::GraphRequest;
pub use wire::request::Verb;
pub use world::{
    Access, Approval, Approver, Asset, AssetBuilder, AssetKind, Business, BusinessBuilder, BusinessRole, DirectRole,
    Group, Holder, Id, Invitation, Number, Offer, Page, PageBuilder, Person, Reaction, Request, Scheduled, Share,
    SystemUser, Tasks, Token, Verdict, World, can_manage, set_of,
};
