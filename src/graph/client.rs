//! The door of the room: what may be asked, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::said::Said;
use super::session::Session;
use super::tokens::PageTokens;
use super::trouble::{Trouble, WhoamiError};
use super::wire::{Outgoing, Wire};
use crate::contract::ObjectId;
use crate::meta::{Call, Method, Reply, Usage};

/// How to reach Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphConfig {
    /// Such as `https://graph.facebook.com`; a path before the version is kept.
    pub base_url: String,
    /// Such as `v26.0`.
    pub api_version: String,
    /// For one request: connecting, sending and the whole answer. A walk has many requests.
    pub call_within: Duration,
    /// Rows asked for in one page of a walk, 1 to 100 (Meta answers more with error 1).
    pub page_limit: u32,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Not an address.
    #[error("graph.base_url must be like \"https://graph.facebook.com\", without user, query and fragment")]
    BaseUrl,
    /// Not a version.
    #[error("graph.api_version must be like \"v26.0\"")]
    ApiVersion,
    /// No time.
    #[error("graph.call_within must be 10 ms or more")]
    CallWithin,
    /// Not a number of rows.
    #[error("the rows asked for in a page must be 1 to 100")]
    PageLimit,
    /// No TLS, or a broken proxy setting.
    #[error("could not set up HTTP: {0}")]
    Http(String),
}

/// One credential.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Its name in the configuration.
    pub name: String,
    /// The access token of the acting business's system user.
    pub access_token: SecretString,
    /// With it, every request carries a proof.
    pub app_secret: Option<SecretString>,
}

/// One request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When it was begun.
    pub at: Timestamp,
    /// Such as `POST /2001/client_pages`.
    pub call: String,
    /// What was answered, in a few words, such as `200, 25 rows` or `400, error 190/463`.
    pub answer: String,
    /// Meta's trace id.
    pub trace: Option<String>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The reply, or why there is none yet.
    pub result: Result<Reply, Trouble>,
    /// When the first request was begun: absence in a walk says nothing of what happened later.
    pub began: Timestamp,
    /// Every request, in order.
    pub requests: Vec<Sent>,
    /// What the last usage headers on each bucket said.
    pub usage: Vec<Usage>,
    /// Whether Meta has answered any request of it, and not only that it cannot just now.
    pub answered: bool,
}

/// Whose token a credential holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// The id, as this app sees it.
    pub id: ObjectId,
    /// The name at Meta.
    pub name: String,
}

/// Whether a request may still leave.
pub(super) type MayGo<'a> = &'a (dyn Fn() -> bool + Sync);

type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The client. One for the whole program: it holds the connections and the Page tokens.
pub struct Graph {
    pub(super) wire: Wire,
    pub(super) base: Url,
    pub(super) api_version: String,
    pub(super) page_limit: u32,
    pub(super) page_tokens: PageTokens,
    now: Now,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph({} {})", self.base, self.api_version)
    }
}

impl Graph {
    /// A client. A TLS provider must have been installed before.
    ///
    /// # Errors
    /// [`GraphError`], naming the setting that makes no sense.
    pub fn new(config: &GraphConfig) -> Result<Self, GraphError> {
        let base = base(&config.base_url).ok_or(GraphError::BaseUrl)?;
        if !is_version(&config.api_version) {
            return Err(GraphError::ApiVersion);
        }
        if config.call_within < Duration::from_millis(10) {
            return Err(GraphError::CallWithin);
        }
        if !(1..=100).contains(&config.page_limit) {
            return Err(GraphError::PageLimit);
        }
        Ok(Self {
            wire: Wire::new(config, &base).map_err(GraphError::Http)?,
            base,
            api_version: config.api_version.clone(),
            page_limit: config.page_limit,
            page_tokens: PageTokens::default(),
            now: Arc::new(Timestamp::now),
        })
    }

    /// The same client with the time of `now` in what it tells; deadlines stay those of the real clock.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    /// Asks Meta. Ends in bounded time: each request has `call_within`, a walk a bounded number of pages.
    ///
    /// Nothing is repeated in here but a walk's page with fewer rows, a walk whose cursor expired (once), and a
    /// call that wants a Page token (once). Dropping it half-way leaves the effect of a write unknown.
    pub async fn ask(&self, secrets: &Secrets, call: &Call) -> Asked {
        self.ask_while(secrets, call, &|| true).await
    }

    /// The same, where a refused call is repeated with another token only while it `may_go`: else it ends as one that
    /// was not sent.
    pub async fn ask_while(&self, secrets: &Secrets, call: &Call, may_go: MayGo<'_>) -> Asked {
        let began = self.now();
        let mut session = Session::new(self, secrets, call.request()).repeating_while(may_go);
        let result = match unsendable(secrets) {
            Some(trouble) => Err(trouble),
            None if call.is_write() => session.write(call).await,
            None if matches!(call, Call::StaffedPart { .. }) => session.staffed(call).await,
            None if matches!(call, Call::LinksOf { .. } | Call::Myself { .. }) => session.node(call).await,
            None => session.walk(call).await,
        };
        Asked { result, began, requests: session.requests, usage: session.usage, answered: session.answered }
    }

    /// Who the credential is: `GET /me`.
    ///
    /// # Errors
    /// [`WhoamiError`], saying what Meta said.
    pub async fn whoami(&self, secrets: &Secrets) -> Result<Me, WhoamiError> {
        if let Some(trouble) = unsendable(secrets) {
            return Err(trouble.into());
        }
        let params = vec![("fields".to_owned(), "id,name".to_owned())];
        let out = Outgoing { method: Method::Get, path: "/me".to_owned(), params };
        let why = match Session::plain(self, secrets).say(&out).await {
            Said::Good(body) => match super::distil::me(body.json()) {
                Some(me) => return Ok(me),
                None => "answered without id and name".to_owned(),
            },
            Said::No(no) => match no.settle(Method::Get)? {
                Reply::Refused(refusal) => return Err(WhoamiError::Refused(refusal)),
                Reply::Answer(_) | Reply::Unknown | Reply::GaveUp(_) => "answered with what makes no sense".to_owned(),
            },
            Said::Lost(why) | Said::NotSent(why) => why,
        };
        Err(Trouble::Transient { why }.into())
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The address of `path` below the version.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{}{path}", self.base.path().trim_end_matches('/'), self.api_version));
        url
    }
}

fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let right = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    right.then_some(url)
}

/// `v` and two numbers with a dot between.
pub(super) fn is_version(text: &str) -> bool {
    let digits = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(a, b)| digits(a) && digits(b))
}

/// A token that no header can carry is dead before it is sent.
pub(super) fn unsendable(secrets: &Secrets) -> Option<Trouble> {
    let token = secrets.access_token.expose_secret();
    if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    Some(Trouble::CredentialDead {
        code: 0,
        subcode: None,
        message: "the access token is empty or holds spaces, line ends or other characters that no token has"
            .to_owned(),
        remedy: format!("Put the token of credential {} into the secrets as Meta shows it.", secrets.name),
    })
}
