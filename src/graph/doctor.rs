//! What a doctor sees of Meta through one credential: is it alive, what may it do, until when, and whose clock is wrong.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::client::{Graph, Secrets};
use super::json::Json;
use super::said::{self, Said};
use super::wire::{Heard, Outgoing, Voice, proof};
use crate::meta::{Class, Method};

/// What was seen. Whatever Meta did not say is `None`, and unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedOver {
    /// How the credential stands.
    pub alive: Alive,
    /// How far Meta's clock is ahead of ours; below zero where it is behind.
    pub ahead: Option<SignedDuration>,
    /// The app's access tier, where a usage header names it.
    pub tier: Option<String>,
}

/// How a credential stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alive {
    /// It is good, and this is what Meta says of it.
    Yes(TokenFacts),
    /// It is good, but Meta does not tell more to this token.
    Untold {
        /// Why not.
        why: String,
    },
    /// Meta refuses it.
    Dead {
        /// Why.
        why: String,
    },
    /// Meta answered, and whether it is good cannot be told from it (throttled, an error of Meta's).
    Unknown {
        /// What it said.
        why: String,
    },
    /// No answer of Meta's.
    OutOfReach {
        /// Why.
        why: String,
    },
}

/// What `debug_token` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// `SYSTEM_USER`, `USER`, `PAGE` …
    pub kind: Option<String>,
    /// The app that it belongs to.
    pub app: Option<String>,
    /// When it ends; `None` where it does not, or Meta does not say.
    pub expires: Option<Timestamp>,
    /// When its access to data ends, as above.
    pub data_access_expires: Option<Timestamp>,
    /// Its permissions.
    pub scopes: Vec<String>,
}

impl Graph {
    /// Looks a credential over: `GET /debug_token` with itself, and `GET /me` where that is refused.
    pub async fn look_over(&self, secrets: &Secrets) -> LookedOver {
        let token = secrets.access_token.expose_secret().to_owned();
        let debug = Outgoing {
            method: Method::Get,
            path: "/debug_token".to_owned(),
            params: vec![("input_token".to_owned(), token)],
        };
        let mut looked = self.looked(secrets, &debug, told).await;
        if let Alive::Untold { why } = &looked.alive {
            let params = vec![("fields".to_owned(), "id".to_owned())];
            let me = Outgoing { method: Method::Get, path: "/me".to_owned(), params };
            let why = why.clone();
            let second = self.looked(secrets, &me, |_| Alive::Untold { why: why.clone() }).await;
            looked = LookedOver { tier: second.tier.or(looked.tier), ahead: second.ahead.or(looked.ahead), ..second };
        }
        looked
    }

    async fn looked(&self, secrets: &Secrets, out: &Outgoing, good: impl Fn(Json<'_>) -> Alive) -> LookedOver {
        let unreached = |why| LookedOver { alive: Alive::OutOfReach { why }, ahead: None, tier: None };
        if super::client::unsendable(secrets).is_some() {
            let why = "it is empty or holds characters that no token has".to_owned();
            return LookedOver { alive: Alive::Dead { why }, ahead: None, tier: None };
        }
        let voice = Voice { token: &secrets.access_token, app_secret: secrets.app_secret.as_ref() };
        let before = self.now();
        let answered = match self.wire.exchange(self.url(&out.path), out, &voice).await {
            Heard::NotSent(why) | Heard::Lost(why) => return unreached(why),
            Heard::Answer(answered) => answered,
        };
        let ahead = answered.date.map(|date| ahead(date, before, self.now()));
        let proof = secrets.app_secret.as_ref().map(|secret| proof(&secrets.access_token, secret));
        let hidden: Vec<_> =
            std::iter::once(&secrets.access_token).chain(&secrets.app_secret).chain(&proof).cloned().collect();
        let mut alive = match said::read(&answered, || hidden.clone()) {
            Said::Good(body) => good(body.json()),
            Said::No(no) => {
                let why = format!("{}: {}", no.code, no.message);
                match no.row.class {
                    Class::Auth => Alive::Dead { why },
                    Class::Transient | Class::Throttle(_) => Alive::Unknown { why },
                    Class::Abuse
                    | Class::Permission
                    | Class::State
                    | Class::Permanent
                    | Class::NeedsPageToken
                    | Class::CursorExpired => Alive::Untold { why },
                }
            }
            Said::Lost(why) | Said::NotSent(why) => {
                Alive::OutOfReach { why: format!("it does not answer as Graph does: {why}") }
            }
        };
        // What Meta says about a token in a good answer may repeat it as well.
        if let Alive::Dead { why } | Alive::Untold { why } = &mut alive {
            *why = said::clean(why, &hidden);
        }
        LookedOver { alive, ahead, tier: answered.tier }
    }
}

/// The header's second began up to a second before it was written, somewhere between asking and hearing.
fn ahead(date: Timestamp, before: Timestamp, after: Timestamp) -> SignedDuration {
    let second = SignedDuration::from_secs(1);
    if date > after {
        date.duration_since(after)
    } else if date.saturating_add(second).is_ok_and(|end| end < before) {
        date.duration_since(before) + second
    } else {
        SignedDuration::ZERO
    }
}

fn told(body: Json<'_>) -> Alive {
    let field = |name: &str| body.get("data").and_then(|data| data.get(name));
    let text = |name: &str| field(name).and_then(Json::as_str).map(ToOwned::to_owned);
    match field("is_valid").and_then(Json::as_bool) {
        Some(true) => {}
        Some(false) => {
            let error = |name: &str| field("error").and_then(|error| error.get(name));
            let number = |name: &str| error(name).and_then(Json::as_i64);
            let subcode = number("subcode").map(|number| format!("/{number}")).unwrap_or_default();
            let code = number("code").unwrap_or(190);
            let message = error("message").and_then(Json::as_str).unwrap_or("not valid");
            return Alive::Dead { why: format!("{code}{subcode}: {message}") };
        }
        None => return Alive::Untold { why: "the answer does not say whether it is valid".to_owned() },
    }
    // Zero says: never.
    let second = |name: &str| field(name).and_then(Json::as_i64).filter(|at| *at > 0);
    let time = |name: &str| second(name).and_then(|at| Timestamp::from_second(at).ok());
    let scopes = field("scopes").and_then(Json::items).into_iter().flatten();
    Alive::Yes(TokenFacts {
        kind: text("type"),
        app: text("app_id"),
        expires: time("expires_at"),
        data_access_expires: time("data_access_expires_at"),
        scopes: scopes.filter_map(Json::as_str).map(ToOwned::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::json::Body;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told_by(body: &str) -> Alive {
        told(Body::read(body.as_bytes()).unwrap().json())
    }

    #[test]
    fn a_clock_is_ahead_or_behind_only_beyond_what_the_question_took() {
        for (date, before, after, seconds) in [
            (100, 100, 101, 0),
            (99, 99, 99, 0),
            (99, 100, 101, 0),
            (700, 100, 101, 599),
            (98, 100, 101, -1),
            (0, 600, 601, -599),
        ] {
            assert_eq!(ahead(at(date), at(before), at(after)).as_secs(), seconds, "{date} {before} {after}");
        }
    }

    #[test]
    fn what_meta_does_not_say_stays_unknown() {
        let Alive::Yes(facts) = told_by(r#"{"data": {"is_valid": true, "expires_at": 0}}"#) else { panic!() };
        assert_eq!((facts.kind, facts.expires, facts.scopes.len()), (None, None, 0));
        assert!(matches!(told_by("{}"), Alive::Untold { .. }));
    }

    #[test]
    fn an_invalid_token_is_dead_with_metas_reason() {
        let body = r#"{"data": {"is_valid": false, "error": {"code": 190, "subcode": 463, "message": "expired"}}}"#;
        assert_eq!(told_by(body), Alive::Dead { why: "190/463: expired".to_owned() });
    }
}
