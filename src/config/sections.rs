//! The sections of a configuration, one struct each; reading one refuses what makes no sense.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::credentials::{Origin, read_origin};
use super::reader::Reader;
use super::urls::{BrokerUrl, JournalUrl, http_base};
use super::values::{Bytes, is_long_enough};
use crate::contract::Kind;

const POSITIVE: &str = "must be longer than nothing";

/// `[amqp]`: the broker.
#[derive(Debug, Clone)]
pub struct AmqpConfig {
    /// Where it is; hides its password.
    pub url: BrokerUrl,
    /// Certificate authorities to trust beside the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate chain and its key (PEM).
    pub client_cert: Option<ClientCert>,
    /// The deadline of one call to the broker, a confirm for one.
    pub confirm_within: Duration,
    /// What is declared in the broker.
    pub names: AmqpNames,
}

/// A client certificate for `amqps`.
#[derive(Debug, Clone)]
pub struct ClientCert {
    /// The certificate chain (PEM).
    pub cert_file: PathBuf,
    /// Its key (PEM).
    pub key_file: PathBuf,
}

/// `[amqp.names]`: what the worker declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpNames {
    /// Exchange and queue of commands.
    pub commands: String,
    /// Exchange of events.
    pub events: String,
    /// Exchange and queue of what is no command.
    pub dead: String,
}

impl AmqpConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (url, confirm_within) = (r.need::<BrokerUrl>("amqp.url"), positive(r, "amqp.confirm_within"));
        let ca_file = readable(r, "amqp.ca_file");
        let (cert, key) = (readable(r, "amqp.client_cert_file"), readable(r, "amqp.client_key_file"));
        let names = AmqpNames::read(r);
        let (url, ca_file) = (url?, ca_file?);
        let client_cert = match (cert?, key?) {
            (Some(cert_file), Some(key_file)) => Some(ClientCert { cert_file, key_file }),
            (cert, key) => {
                r.require(cert.is_none(), "amqp.client_cert_file", "needs amqp.client_key_file beside it");
                r.require(key.is_none(), "amqp.client_key_file", "needs amqp.client_cert_file beside it");
                None
            }
        };
        let encrypted = "is of use with amqps:// alone: change amqp.url, or leave it out";
        r.require(url.is_tls() || ca_file.is_none(), "amqp.ca_file", encrypted);
        r.require(url.is_tls() || client_cert.is_none(), "amqp.client_cert_file", encrypted);
        Some(Self { url, ca_file, client_cert, confirm_within: confirm_within?, names: names? })
    }
}

impl AmqpNames {
    fn read(r: &mut Reader) -> Option<Self> {
        let keys = ["amqp.names.commands", "amqp.names.events", "amqp.names.dead"];
        let [commands, events, dead] = keys.map(|key| r.need::<String>(key));
        let names = Self { commands: commands?, events: events?, dead: dead? };
        let mut taken: Vec<&str> = Vec::new();
        for (key, name) in keys.into_iter().zip([&names.commands, &names.events, &names.dead]) {
            let fits = (1..=255).contains(&name.len()) && !name.starts_with("amq.");
            r.require(
                fits,
                key,
                "must be 1 to 255 bytes and not begin with \"amq.\", which the broker keeps for itself",
            );
            r.require(!taken.contains(&name.as_str()), key, format!("{name:?} is taken by another name here"));
            taken.push(name);
        }
        Some(names)
    }
}

/// `[journal]`: the worker's memory.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// Where it is.
    pub url: JournalUrl,
    /// How long a right to work lasts unless renewed.
    pub lease: Duration,
}

impl JournalConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (url, lease) = (r.need("journal.url"), r.need("journal.lease"));
        let journal = Self { url: url?, lease: lease? };
        let long = journal.lease >= Duration::from_millis(100);
        r.require(long, "journal.lease", "must be at least 100ms: a lease shorter than a commit is lost while in use");
        Some(journal)
    }
}

/// `[graph]`: Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphConfig {
    /// Scheme, host and port, without a slash at the end.
    pub base_url: String,
    /// `v26.0`
    pub api_version: String,
    /// The deadline of one call.
    pub call_within: Duration,
}

impl GraphConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (base, version) = (r.need::<String>("graph.base_url"), r.need::<String>("graph.api_version"));
        let (call_within, base, api_version) = (positive(r, "graph.call_within"), base?, version?);
        let base_url = http_base(&base);
        r.require(base_url.is_ok(), "graph.base_url", base_url.as_ref().err().copied().unwrap_or_default());
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let parts = api_version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        let fits = parts.is_some_and(|(major, minor)| digits(major) && digits(minor));
        r.require(fits, "graph.api_version", format!("{api_version:?} is no version: write it like \"v26.0\""));
        Some(Self { base_url: base_url.ok()?, api_version, call_within: call_within? })
    }
}

/// `[poll]`: looking at what others have to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollConfig {
    /// Gap before the first look; doubles.
    pub first: Duration,
    /// The longest gap.
    pub max: Duration,
    /// After this a claim is withdrawn.
    pub give_up_after: Duration,
    /// Complete walks that miss a claim before it counts as denied.
    pub deny_after_walks: u32,
    /// How long a list of Meta's may lag behind a write.
    pub settle: Duration,
}

impl PollConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (first, max, give_up) = (positive(r, "poll.first"), r.need("poll.max"), r.need("poll.give_up_after"));
        let (walks, settle) = (r.need::<u32>("poll.deny_after_walks"), r.get::<Duration>("poll.settle"));
        let (first, settle) = (first?, settle?);
        let tenfold = first.saturating_mul(10);
        if settle.is_none() {
            r.derived("poll.settle", &tenfold, "ten times poll.first");
        }
        let (settle, deny_after_walks) = (settle.unwrap_or(tenfold), walks?);
        let poll = Self { first, max: max?, give_up_after: give_up?, deny_after_walks, settle };
        r.ordered(("poll.first", &poll.first), ("poll.max", &poll.max));
        r.ordered(("poll.max", &poll.max), ("poll.give_up_after", &poll.give_up_after));
        r.require(!poll.settle.is_zero(), "poll.settle", POSITIVE);
        let text = "must be at least 2: one walk cannot tell a denial from a list that lags";
        r.require(poll.deny_after_walks >= 2, "poll.deny_after_walks", text);
        Some(poll)
    }
}

/// `[retry]`: transient failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// How long tries go on, counting time in which tries were possible.
    pub give_up_after: Duration,
}

impl RetryConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let [first, max, give_up] = ["retry.first", "retry.max", "retry.give_up_after"].map(|key| r.need(key));
        let retry = Self { first: first?, max: max?, give_up_after: give_up? };
        let calm = retry.first >= Duration::from_millis(10);
        r.require(calm, "retry.first", "must be at least 10ms, or failures become a storm of calls");
        r.ordered(("retry.first", &retry.first), ("retry.max", &retry.max));
        r.ordered(("retry.max", &retry.max), ("retry.give_up_after", &retry.give_up_after));
        Some(retry)
    }
}

/// `[pace]`: the rate governor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceConfig {
    /// Percent of a usage header from which calls slow down.
    pub slow_from: u32,
    /// Percent at which they stop.
    pub stop_at: u32,
    /// Stopped without a stated time: one call after this.
    pub look_again: Duration,
    /// Throttled without a stated time: this, doubling to an hour.
    pub unstated: Duration,
}

impl PaceConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (slow_from, stop_at) = (percent(r, "pace.slow_from"), percent(r, "pace.stop_at"));
        let (look_again, unstated) = (positive(r, "pace.look_again"), positive(r, "pace.unstated"));
        let pace = Self { slow_from: slow_from?, stop_at: stop_at?, look_again: look_again?, unstated: unstated? };
        r.ordered(("pace.slow_from", &pace.slow_from), ("pace.stop_at", &pace.stop_at));
        let text = "is the same as pace.slow_from: there has to be room to slow down in, lower pace.slow_from";
        r.require(pace.slow_from != pace.stop_at, "pace.stop_at", text);
        let hour = pace.unstated <= Duration::from_secs(3600);
        r.require(hour, "pace.unstated", "must be at most 1h, to which it doubles");
        Some(pace)
    }
}

/// `[claims]`: the spam guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsConfig {
    /// Most pending claims of one business.
    pub open_per_business: u32,
    /// Most new claims of one business in an hour.
    pub new_per_hour: u32,
    /// Most assets that a business may claim through us, by kind; a kind that is absent has no limit.
    pub max_held: BTreeMap<Kind, u32>,
}

impl ClaimsConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (open, new) = (at_least_one(r, "claims.open_per_business"), at_least_one(r, "claims.new_per_hour"));
        let mut max_held = BTreeMap::new();
        for name in r.names_under("claims.max_held") {
            let key = format!("claims.max_held.{name}");
            let (limit, kind) = (r.need(&key), name.parse::<Kind>());
            r.require(
                kind.is_ok(),
                &key,
                kind.as_ref().err().map(|wrong| format!("the kind {wrong}")).unwrap_or_default(),
            );
            if let (Some(limit), Ok(kind)) = (limit, kind) {
                max_held.insert(kind, limit);
            }
        }
        Some(Self { open_per_business: open?, new_per_hour: new?, max_held })
    }
}

/// `[offboarding]`: removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffboardingConfig {
    /// Percent of a bucket kept for removals.
    pub reserve: u32,
    /// Removals in a business's last 60 minutes, past which a command waits for a release.
    pub blast_radius: u32,
    /// After which an ended `offboard` is looked at again for the first time.
    pub recheck_first: Duration,
    /// The same, for the last time.
    pub recheck_last: Duration,
}

impl OffboardingConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (reserve, blast_radius) = (r.need("offboarding.reserve"), at_least_one(r, "offboarding.blast_radius"));
        let (first, last) =
            (r.need::<Duration>("offboarding.recheck_first"), r.need::<Duration>("offboarding.recheck_last"));
        let reserve = reserve?;
        r.require(
            reserve <= 90,
            "offboarding.reserve",
            format!("{reserve} percent leaves too little for the rest: at most 90"),
        );
        let (recheck_first, recheck_last) = (first?, last?);
        r.require(
            recheck_first <= recheck_last,
            "offboarding.recheck_first",
            "is longer than offboarding.recheck_last: the first look comes first",
        );
        Some(Self { reserve, blast_radius: blast_radius?, recheck_first, recheck_last })
    }
}

/// `[events]`: what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsConfig {
    /// CloudEvents `source`.
    pub source: String,
    /// Whether `accepted` is published.
    pub accepted: bool,
}

impl EventsConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (source, accepted) = (r.need::<String>("events.source"), r.need("events.accepted"));
        let events = Self { source: source?, accepted: accepted? };
        let fits = !events.source.is_empty() && events.source.chars().all(|c| c.is_ascii_graphic());
        r.require(fits, "events.source", "must be a URI reference without spaces, like \"/bindery/default\"");
        Some(events)
    }
}

/// `[http]`: health, metrics, API, page.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// What callers present, read anew each time where it stands in a file; always there off loopback.
    pub token: Option<Origin>,
}

/// The fewest characters of a token that nobody guesses.
pub(crate) const TOKEN_LEAST: usize = 16;

impl HttpConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let (listen, token) = (r.need::<SocketAddr>("http.listen"), read_origin(r, "http.token"));
        let (listen, token) = (listen?, token?);
        let text = "required because http.listen is not loopback: set BINDERY__HTTP__TOKEN (or __TOKEN_FILE), or listen on 127.0.0.1";
        r.require(listen.ip().is_loopback() || token.is_some(), "http.token", text);
        let key = if matches!(token, Some(Origin::File { .. })) { "http.token_file" } else { "http.token" };
        // One that cannot be read now has been noted as such already.
        let long =
            token.as_ref().and_then(|token| token.read().ok()).is_none_or(|token| is_long_enough(&token, TOKEN_LEAST));
        r.require(long, key, "must have at least 16 characters, `openssl rand -hex 16` makes one");
        Some(Self { listen, token })
    }
}

/// `[limits]`: bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// The largest command, in bytes.
    pub command_bytes: u32,
    /// Unfinished commands at which intake stops.
    pub backlog: u32,
    /// Steps that run at the same time.
    pub in_flight: u32,
}

impl LimitsConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let bytes = r.need::<Bytes>("limits.command_bytes");
        let (backlog, in_flight) = (at_least_one(r, "limits.backlog"), at_least_one(r, "limits.in_flight"));
        let limits = Self { command_bytes: bytes?.0, backlog: backlog?, in_flight: in_flight? };
        let fits = (1024..=1024 * 1024).contains(&limits.command_bytes);
        r.require(fits, "limits.command_bytes", "must be from 1KiB to 1MiB");
        r.require(limits.in_flight <= 10_000, "limits.in_flight", "must be at most 10000");
        Some(limits)
    }
}

/// `[retention]`: how long the journal remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Finished commands and their events.
    pub commands: Duration,
    /// Evidence.
    pub evidence: Duration,
    /// Ids of finished commands.
    pub ids: Duration,
}

impl RetentionConfig {
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let keys = ["retention.commands", "retention.evidence", "retention.ids"];
        let [commands, evidence, ids] = keys.map(|key| positive(r, key));
        let kept = Self { commands: commands?, evidence: evidence?, ids: ids? };
        r.ordered(("retention.commands", &kept.commands), ("retention.evidence", &kept.evidence));
        r.ordered(("retention.commands", &kept.commands), ("retention.ids", &kept.ids));
        Some(kept)
    }
}

/// A duration that is not zero.
pub(super) fn positive(r: &mut Reader, key: &str) -> Option<Duration> {
    let duration: Duration = r.need(key)?;
    r.require(!duration.is_zero(), key, POSITIVE);
    Some(duration)
}

fn at_least_one(r: &mut Reader, key: &str) -> Option<u32> {
    let number: u32 = r.need(key)?;
    r.require(number >= 1, key, "must be at least 1");
    Some(number)
}

fn percent(r: &mut Reader, key: &str) -> Option<u32> {
    let number: u32 = r.need(key)?;
    r.require((1..=100).contains(&number), key, format!("{number} is no percentage: write 1 to 100"));
    Some(number)
}

/// The path of a file that can be read now.
fn readable(r: &mut Reader, key: &str) -> Option<Option<PathBuf>> {
    let path: Option<PathBuf> = r.get(key)?;
    let wrong = path.as_ref().and_then(|path| std::fs::File::open(path).err());
    let text = wrong.as_ref().map(|error| format!("could not read the file it names: {error}"));
    r.require(wrong.is_none(), key, text.unwrap_or_default());
    Some(path)
}
