//! What an auditor reads of one command: who asked and why, what was seen, done and seen after, what is left for a
//! human, and the chains that prove it.
//!
//! A [`Report`] holds what the journal holds, text by text as it was hashed, and nothing that is only derived from it.
//! `told` puts it into words, `html` onto a page, `verify` recomputes it; all three are pure, and work on a report that
//! was read from a file as on one that was just made. Names and addresses of people stand in a report and nowhere else.

mod facts;
mod gather;
mod html;
mod report;
#[cfg(test)]
mod tests;
mod told;
mod verify;

pub use report::Report;
pub use verify::{Anchor, Finding, Sound, Unsound};
