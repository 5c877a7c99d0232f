//! One call's conversation with Meta: requests in one voice, noted as they are made.

use secrecy::SecretString;

use super::client::{Graph, MayGo, Secrets, Sent};
use super::distil;
use super::json::Json;
use super::said::{self, No, Said};
use super::trouble::Trouble;
use super::wire::{Answered, Heard, Outgoing, Voice, proof};
use crate::meta::{Call, Class, Method, Reply, Request, Usage};
use crate::telemetry;

/// The conversation.
pub(super) struct Session<'a> {
    pub(super) graph: &'a Graph,
    pub(super) secrets: &'a Secrets,
    /// The request of the call; for a walk its first.
    pub(super) first: Outgoing,
    /// The Page that is called, if it is one: only then can a Page token help.
    page: Option<String>,
    /// A Page token in place of the credential's own.
    page_token: Option<SecretString>,
    /// Whether a refused request may be repeated with another token.
    may_go: MayGo<'a>,
    pub(super) requests: Vec<Sent>,
    pub(super) usage: Vec<Usage>,
    /// Whether Meta has answered anything, and not only that it cannot just now.
    pub(super) answered: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(graph: &'a Graph, secrets: &'a Secrets, request: Request) -> Self {
        let page = (request.class == "Page").then(|| request.node.clone());
        let first =
            Outgoing { method: request.method, path: request.path(), params: request.params.into_iter().collect() };
        let page_token = page.as_deref().and_then(|page| graph.page_tokens.get(secrets, page));
        Self { first, page, page_token, ..Self::plain(graph, secrets) }
    }

    /// A conversation about no call of the table.
    pub(super) fn plain(graph: &'a Graph, secrets: &'a Secrets) -> Self {
        let first = Outgoing { method: Method::Get, path: String::new(), params: Vec::new() };
        let may_go: MayGo<'a> = &|| true;
        Self {
            graph,
            secrets,
            first,
            page: None,
            page_token: None,
            may_go,
            requests: Vec::new(),
            usage: Vec::new(),
            answered: false,
        }
    }

    pub(super) fn repeating_while(self, may_go: MayGo<'a>) -> Self {
        Self { may_go, ..self }
    }

    /// Makes the write, once.
    pub(super) async fn write(&mut self, call: &Call) -> Result<Reply, Trouble> {
        let out = self.first.clone();
        match self.say_with_right_token(&out).await {
            // A success that says nothing of success: look, do not trust.
            Said::Good(body) => Ok(distil::written(call, body.json()).map_or(Reply::Unknown, Reply::Answer)),
            Said::No(no) => no.settle(out.method),
            Said::Lost(_) => Ok(Reply::Unknown),
            Said::NotSent(why) => Err(Trouble::NotSent { why }),
        }
    }

    /// Reads one node.
    pub(super) async fn node(&mut self, call: &Call) -> Result<Reply, Trouble> {
        let out = self.first.clone();
        let odd = || Trouble::Transient { why: format!("{} was answered without an id", out.path) };
        match self.say_with_right_token(&out).await {
            Said::Good(body) => distil::of_node(call, body.json()).map(Reply::Answer).ok_or_else(odd),
            Said::No(no) => no.settle(out.method),
            Said::Lost(why) | Said::NotSent(why) => Err(Trouble::Transient { why }),
        }
    }

    /// One request; where Meta wants a Page token for it, that is fetched and the request repeated once.
    ///
    /// A Page token kept from earlier goes first. If it is no good here it is dropped, and the credential's own
    /// goes: a refused request had no effect, so a write may be repeated too.
    pub(super) async fn say_with_right_token(&mut self, out: &Outgoing) -> Said {
        let mut said = self.say(out).await;
        let Some(page) = self.page.clone() else { return said };
        if self.page_token.is_some() && refuses_token(&said) {
            self.forget_page_token(&page);
            said = self.say_again(out).await;
        }
        match said {
            Said::No(no) if no.row.class == Class::NeedsPageToken => match self.fetch_page_token(&page, no).await {
                Ok(token) => self.say_as_page(&page, token, out).await,
                Err(said) => said,
            },
            said @ (Said::Good(_) | Said::No(_) | Said::Lost(_) | Said::NotSent(_)) => said,
        }
    }

    /// Repeats a request with a fresh Page token. Its no says nothing about the credential behind it.
    async fn say_as_page(&mut self, page: &str, token: SecretString, out: &Outgoing) -> Said {
        self.graph.page_tokens.keep(self.secrets, page, token.clone());
        self.page_token = Some(token);
        let said = self.say_again(out).await;
        if refuses_token(&said) {
            self.forget_page_token(page);
        }
        match said {
            Said::No(no) if no.row.class == Class::Auth => {
                Said::NotSent(format!("Meta refused a fresh Page token of {page} ({}): {}", no.code, no.message))
            }
            said @ (Said::Good(_) | Said::No(_) | Said::Lost(_) | Said::NotSent(_)) => said,
        }
    }

    /// A refused request once more; it had no effect, and has none where it must not leave again.
    async fn say_again(&mut self, out: &Outgoing) -> Said {
        if !(self.may_go)() {
            return Said::NotSent("it was put on hold before it could be repeated with another token".to_owned());
        }
        self.say(out).await
    }

    fn forget_page_token(&mut self, page: &str) {
        self.graph.page_tokens.drop_one(self.secrets, page);
        self.page_token = None;
    }

    /// The Page's token, by `GET /{page}?fields=access_token`; else what to say to the call that wanted it,
    /// which had no effect whatever the reason.
    async fn fetch_page_token(&mut self, page: &str, wanted: No) -> Result<SecretString, Said> {
        let params = vec![("fields".to_owned(), "access_token".to_owned())];
        match self.say(&Outgoing { method: Method::Get, path: format!("/{page}"), params }).await {
            Said::Good(body) => distil::page_token(body.json()).ok_or(Said::No(wanted)),
            Said::No(no) if no.row.class == Class::Transient => Err(Said::NotSent(format!(
                "no Page token of {page} was to be had: Meta said {}: {}",
                no.code, no.message
            ))),
            Said::Lost(why) | Said::NotSent(why) => {
                Err(Said::NotSent(format!("no Page token of {page} was to be had: {why}")))
            }
            said @ Said::No(_) => Err(said),
        }
    }

    /// One request, noted.
    pub(super) async fn say(&mut self, out: &Outgoing) -> Said {
        let at = self.graph.now();
        let voice = Voice {
            token: self.page_token.as_ref().unwrap_or(&self.secrets.access_token),
            app_secret: self.secrets.app_secret.as_ref(),
        };
        let heard = self.graph.wire.exchange(self.graph.url(&out.path), out, &voice).await;
        let (said, answer, trace) = match heard {
            Heard::Answer(answered) => self.understand(&answered),
            Heard::Lost(why) => (Said::Lost(why.clone()), why, None),
            Heard::NotSent(why) => (Said::NotSent(why.clone()), format!("not sent: {why}"), None),
        };
        self.answered |= match &said {
            Said::Good(_) => true,
            Said::No(no) => no.row.class != Class::Transient,
            Said::Lost(_) | Said::NotSent(_) => false,
        };
        let call = format!("{} {}", out.method.word(), out.path);
        self.requests.push(Sent { at, call, answer, trace });
        said
    }

    fn understand(&mut self, answered: &Answered) -> (Said, String, Option<String>) {
        for line in &answered.usage {
            self.usage.retain(|known| known.bucket != line.bucket);
            self.usage.push(line.clone());
        }
        let said = said::read(answered, || self.hidden());
        if let Said::No(no) = &said {
            telemetry::graph_error(no.label());
        }
        let status = answered.status;
        let (answer, trace) = match &said {
            Said::Good(body) => (format!("{status}{}", gist(body.json())), answered.trace.clone()),
            Said::No(no) => (format!("{status}, error {}{}", no.code, finer(no.subcode)), no.trace.clone()),
            Said::Lost(why) | Said::NotSent(why) => (why.clone(), answered.trace.clone()),
        };
        (said, answer, trace)
    }

    /// What no text of Meta's may repeat.
    fn hidden(&self) -> Vec<SecretString> {
        let app_secret = self.secrets.app_secret.as_ref();
        let tokens = [Some(&self.secrets.access_token), self.page_token.as_ref()].into_iter().flatten();
        let proofs = tokens.clone().filter_map(|token| app_secret.map(|secret| proof(token, secret)));
        tokens.chain(app_secret).cloned().chain(proofs).collect()
    }
}

/// Whether it is the token that Meta dislikes: dead, of somebody without a role, or without the right.
fn refuses_token(said: &Said) -> bool {
    match said {
        Said::No(no) => matches!(no.row.class, Class::Auth | Class::Permission | Class::NeedsPageToken),
        Said::Good(_) | Said::Lost(_) | Said::NotSent(_) => false,
    }
}

/// The few words of a good answer that may be told: never a body.
fn gist(body: Json<'_>) -> String {
    let rows = body.get("data").and_then(Json::items).map(|rows| format!(", {} rows", rows.len()));
    let short =
        |text: &&str| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let status = || body.get("access_status").and_then(Json::as_str).filter(short).map(|text| format!(", {text}"));
    let success = || body.get("success").and_then(Json::as_bool).map(|success| format!(", success {success}"));
    rows.or_else(status).or_else(success).unwrap_or_default()
}

fn finer(subcode: Option<i64>) -> String {
    subcode.map(|number| format!("/{number}")).unwrap_or_default()
}
