//! Cursors, `next` and the oddities that lists are known for.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::form;
use super::request::GraphRequest;
use crate::graph_sim::awkward::Oddity;
use crate::graph_sim::rng::fnv1a;
use crate::graph_sim::world::Refusal;
use crate::graph_sim::world::refusal::{bad_cursor, bad_parameter, too_much_data};

/// Rows on a page when no `limit` is given.
const USUAL_LIMIT: usize = 25;
/// More than this is answered by error 1, as Meta does for too much data.
const LIMIT_MAX: usize = 500;
/// A host that nobody should follow a link to; `.invalid` never resolves.
const ELSEWHERE: &str = "https://graph.elsewhere.invalid";

/// One page of a list: which keys it shows, and the `paging` member.
#[derive(Debug, PartialEq)]
pub(crate) struct Slice<'k> {
    pub(crate) keys: &'k [Cow<'k, str>],
    pub(crate) paging: Option<Value>,
}

/// The page of `keys` (sorted) that `request` asks for. `base` is scheme and host of the simulator.
pub(crate) fn slice<'k>(
    keys: &'k [Cow<'k, str>],
    request: &GraphRequest,
    base: &str,
    token: &str,
    oddity: Option<Oddity>,
) -> Result<Slice<'k>, Refusal> {
    let limit = limit_of(request)?;
    let after = request.param("after").map(|cursor| Cursor::read(request, cursor)).transpose()?;
    if after.is_some() && oddity == Some(Oddity::ExpireCursor) {
        return Err(bad_cursor());
    }
    // A cursor names the last row seen, not a number: rows that come and go while one walks shift nothing.
    let start = after.as_ref().map_or(0, |last| keys.partition_point(|key| key.as_ref() <= last.key.as_str()));
    let links = Links { request, base, token };
    if let (Some(Oddity::EmptyMiddlePage), Some(last)) = (oddity, after.filter(|last| !last.past_gap)) {
        return Ok(Slice { keys: &[], paging: Some(links.over_the_gap(&last.key)) });
    }
    let end = keys.len().min(start + limit);
    let shown = &keys[start..end];
    let paging = if end < keys.len() { links.onward(shown, oddity) } else { links.at_the_end(shown, oddity) };
    Ok(Slice { keys: shown, paging })
}

fn limit_of(request: &GraphRequest) -> Result<usize, Refusal> {
    let Some(text) = request.param("limit") else { return Ok(USUAL_LIMIT) };
    match text.parse::<usize>() {
        Ok(0) | Err(_) => Err(bad_parameter("limit", "must be a positive number")),
        Ok(limit) if limit > LIMIT_MAX => Err(too_much_data()),
        Ok(limit) => Ok(limit),
    }
}

/// Makes the links from one page to the next.
struct Links<'a> {
    request: &'a GraphRequest,
    base: &'a str,
    token: &'a str,
}

impl Links<'_> {
    /// The last page still has `after`: whoever goes by it never ends.
    fn at_the_end(&self, shown: &[Cow<'_, str>], oddity: Option<Oddity>) -> Option<Value> {
        let cursors = json!({ "before": self.cursor(shown.first()?), "after": self.cursor(shown.last()?) });
        (!matches!(oddity, Some(Oddity::NoPaging | Oddity::NoCursors))).then(|| json!({ "cursors": cursors }))
    }

    fn onward(&self, shown: &[Cow<'_, str>], oddity: Option<Oddity>) -> Option<Value> {
        let before = self.cursor(shown.first()?);
        let after = self.cursor(shown.last()?);
        let cursors = json!({ "before": before, "after": after });
        let next = self.next(self.base, &after);
        Some(match oddity {
            Some(Oddity::NoPaging) => return None,
            Some(Oddity::NoCursors) => json!({ "next": next }),
            Some(Oddity::ForeignNext) => json!({ "cursors": cursors, "next": self.next(ELSEWHERE, &after) }),
            Some(Oddity::RepeatCursor) => {
                let same = self.request.param("after").unwrap_or(&after);
                json!({ "cursors": { "before": before, "after": same }, "next": self.next(self.base, same) })
            }
            Some(Oddity::EmptyMiddlePage | Oddity::ExpireCursor) | None => json!({ "cursors": cursors, "next": next }),
        })
    }

    /// An empty page that yet leads on.
    fn over_the_gap(&self, last: &str) -> Value {
        let after = Cursor { key: last.to_owned(), past_gap: true }.write(self.request);
        json!({ "cursors": { "before": after, "after": after }, "next": self.next(self.base, &after) })
    }

    fn cursor(&self, key: &str) -> String {
        Cursor { key: key.to_owned(), past_gap: false }.write(self.request)
    }

    // As Meta does, the link carries the token, also when it came in a header.
    fn next(&self, base: &str, after: &str) -> String {
        let mut params = self.request.params.clone();
        params.insert("access_token".to_owned(), self.token.to_owned());
        params.insert("after".to_owned(), after.to_owned());
        let version = self.request.version.as_deref().unwrap_or_default();
        let query = form::encode(params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        format!("{base}/{version}{}?{query}", self.request.plain_path())
    }
}

/// What an opaque cursor holds; good for its own list only, that is what the fingerprint in front is for.
struct Cursor {
    key: String,
    /// The empty page behind this key has been seen.
    past_gap: bool,
}

impl Cursor {
    fn read(request: &GraphRequest, cursor: &str) -> Result<Self, Refusal> {
        let text = hex::decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad_cursor)?;
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(print), Some(gap), Some(key)) if print == fingerprint(request) => {
                Ok(Self { key: key.to_owned(), past_gap: gap == "1" })
            }
            _ => Err(bad_cursor()),
        }
    }

    fn write(&self, request: &GraphRequest) -> String {
        hex::encode(format!("{}:{}:{}", fingerprint(request), u8::from(self.past_gap), self.key))
    }
}

fn fingerprint(request: &GraphRequest) -> String {
    format!("{:08x}", fnv1a(request.plain_path().as_bytes()) & 0xFFFF_FFFF)
}
