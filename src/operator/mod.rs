//! The operator's room: what the worker tells over HTTP about itself and lets be done, and what an operator does from a
//! terminal beside it. It may read the journal, ask the broker's room about dead letters, and listen on one socket.

mod api;
mod call;
mod dead;
mod desk;
mod evidence;
mod explain;
mod guard;
mod health;
mod metrics;
mod orders;
mod problem;
mod serve;
pub(crate) mod shown;
pub(crate) mod stops;

pub use call::{CallError, Worker};
pub use dead::{DeadError, Deed, Done, handle as handle_letter, name as letter_name};
pub use desk::Desk;
pub use evidence::{Anchor, Finding, Report, Sound, Unsound};
pub use explain::{CredentialSeen, Explanation, Situation, Step, explain};
pub use health::Health;
pub use orders::{BadOrder, LetterOrder, Order, ReplayOrder, replay_events};
pub use serve::serve;
pub use stops::{Hand, HoldOrder, Reach, ReleaseOrder};
