//! A write, and the proof that it did what it should.
//!
//! `success: true` is not the end, and no answer is not a failure: both are settled by looking. A look that shows the
//! wanted state is believed at once. One that does not is believed when it began `settle` or more after the write
//! left; only then is a write with unknown effect repeated, and an accepted one given up as not seen.

use jiff::Timestamp;

use super::observation::Move;
use super::script::{Run, Script};
use crate::contract::{Category, ErrorInfo};
use crate::meta::{Answer, Call, Refusal, Reply};

/// The write that a look follows.
pub(super) struct Sent<'a> {
    /// When it left.
    pub(super) left: Timestamp,
    /// Meta's good answer, if there was one.
    pub(super) answer: Option<&'a Answer>,
}

/// What a look after a write shows.
pub(super) enum Look<T> {
    /// The wanted state, first hand.
    Seen(T),
    /// Not, in a complete walk that began then.
    NotYet(Timestamp),
}

/// How a write ended that was looked after.
pub(super) enum Brought<T> {
    /// The wanted state was seen.
    Seen(T),
    /// Dry run: it is in the plan.
    Planned,
    /// Meta refused, and the wanted state does not stand.
    Refused(Refusal),
}

/// Sends `write` until `look` shows what it should bring about.
pub(super) fn bring_about<T>(
    script: &mut Script<'_>,
    write: &Call,
    why: &str,
    mut look: impl FnMut(&mut Script<'_>, &Sent<'_>) -> Run<Look<T>>,
) -> Run<Brought<T>> {
    if script.dry_run() {
        script.plan(write, why);
        return Ok(Brought::Planned);
    }
    let mut in_doubt = false;
    for _ in 0..script.rules().writes_at_most {
        let (left, reply) = script.ask(write)?;
        match reply {
            Reply::Answer(answer) => {
                script.has_changed();
                return match look_until_settled(script, &Sent { left, answer: Some(&answer) }, &mut look)? {
                    Some(seen) => Ok(Brought::Seen(seen)),
                    None => Err(not_seen(script, write)),
                };
            }
            // What was repeated may have been done the first time, late and unseen: then Meta refuses because it was.
            Reply::Refused(refusal) if in_doubt => {
                return match look_until_settled(script, &Sent { left, answer: None }, &mut look)? {
                    Some(seen) => {
                        script.has_changed();
                        Ok(Brought::Seen(seen))
                    }
                    None => Ok(Brought::Refused(refusal)),
                };
            }
            Reply::Refused(refusal) if refusal.state => {
                return match look(script, &Sent { left, answer: None })? {
                    Look::Seen(seen) => Ok(Brought::Seen(seen)),
                    Look::NotYet(_) => Ok(Brought::Refused(refusal)),
                };
            }
            Reply::Refused(refusal) => return Ok(Brought::Refused(refusal)),
            Reply::GaveUp(error) => return Err(script.fail(error)),
            Reply::Unknown => {
                in_doubt = true;
                if let Some(seen) = look_until_settled(script, &Sent { left, answer: None }, &mut look)? {
                    script.has_changed();
                    return Ok(Brought::Seen(seen));
                }
            }
        }
    }
    Err(never_known(script, write))
}

/// Looks at growing gaps until the wanted state is seen, or a look that is old enough shows that it is not there.
fn look_until_settled<T>(
    script: &mut Script<'_>,
    sent: &Sent<'_>,
    look: &mut impl FnMut(&mut Script<'_>, &Sent<'_>) -> Run<Look<T>>,
) -> Run<Option<T>> {
    let settled = sent.left + script.rules().settle;
    let mut gap = script.rules().look_first;
    loop {
        match look(script, sent)? {
            Look::Seen(seen) => return Ok(Some(seen)),
            Look::NotYet(began) if began >= settled => return Ok(None),
            Look::NotYet(began) => script.wait_until((began + gap).min(settled))?,
        }
        gap = gap.saturating_mul(2);
    }
}

fn not_seen(script: &Script<'_>, write: &Call) -> Box<Move> {
    let request = write.request();
    script.fail(ErrorInfo {
        category: Category::Exhausted,
        code: "not_seen".to_owned(),
        subcode: None,
        message: format!("Meta accepted {} {}, but its lists do not show it", request.method.word(), request.path()),
        trace: None,
        remedy: "Look at the asset in Meta's business settings; send the command anew if it is not as wanted."
            .to_owned(),
    })
}

fn never_known(script: &Script<'_>, write: &Call) -> Box<Move> {
    let request = write.request();
    script.fail(ErrorInfo {
        category: Category::Exhausted,
        code: "unknown_outcome".to_owned(),
        subcode: None,
        message: format!(
            "{} {} got no clear answer {} times, and Meta's lists show no effect",
            request.method.word(),
            request.path(),
            script.rules().writes_at_most
        ),
        trace: None,
        remedy: "Send the command anew once Meta answers again.".to_owned(),
    })
}
