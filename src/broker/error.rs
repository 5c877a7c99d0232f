//! What can go wrong with the broker, in classes that a person and a program can act on.

use std::path::PathBuf;
use std::time::Duration;

use lapin::ErrorKind;

/// A failure of the broker's room. No text of it, `Debug` included, ever holds the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// `amqp.url` cannot be read.
    #[error("amqp.url is not usable: {why}")]
    BadUrl {
        /// What is wrong with it.
        why: String,
    },
    /// The name of an exchange or queue cannot be one.
    #[error("an exchange or queue cannot be named {name:?}: AMQP wants 1 to 255 bytes")]
    BadName {
        /// The name.
        name: String,
    },
    /// A file of the TLS identity cannot be used.
    #[error("could not use the TLS file {}: {why}", .path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there: no such host, nothing listens, no route.
    #[error("could not reach the broker at {address}: {why}")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// What the system said.
        why: String,
    },
    /// The TLS handshake failed.
    #[error("TLS with the broker at {address} failed: {why}")]
    Tls {
        /// `host:port`.
        address: String,
        /// What the handshake said.
        why: String,
    },
    /// Somebody accepted the connection and then said nothing.
    #[error("{address} accepted the connection but did not answer within {} as a broker would", humantime::format_duration(*.within))]
    Silent {
        /// `host:port`.
        address: String,
        /// How long we waited.
        within: Duration,
    },
    /// Wrong user or password, or the user may not log in from here.
    #[error("the broker at {address} refused the login of user {user:?}: check user and password in amqp.url")]
    LoginRefused {
        /// `host:port`.
        address: String,
        /// As whom we came.
        user: String,
    },
    /// There is no such vhost.
    #[error(
        "the broker at {address} has no vhost {vhost:?}: create it, or name another in amqp.url (the default one is written %2f)"
    )]
    VhostMissing {
        /// `host:port`.
        address: String,
        /// The vhost.
        vhost: String,
    },
    /// The vhost exists but not for this user.
    #[error("user {user:?} may not use vhost {vhost:?} of the broker at {address}: grant it permissions there")]
    VhostRefused {
        /// `host:port`.
        address: String,
        /// The vhost.
        vhost: String,
        /// As whom we came.
        user: String,
    },
    /// An exchange or queue exists with other arguments than the contract's. Nothing was changed.
    #[error(
        "{thing} exists with {argument} {found}, but bindery needs {wanted}; nothing was changed: remove {thing} once it is empty and start again, or give bindery other names"
    )]
    Drift {
        /// `queue bindery.commands`.
        thing: String,
        /// The argument or property in which they differ; the broker names the first only.
        argument: String,
        /// What stands in the broker.
        found: String,
        /// What the contract says.
        wanted: String,
    },
    /// The user lacks a permission.
    #[error("the broker does not allow us to {what}: {why}")]
    Forbidden {
        /// What we tried.
        what: String,
        /// The broker's words.
        why: String,
    },
    /// The broker refused a call for another reason.
    #[error("the broker refused to {what}: {why}")]
    Refused {
        /// What we tried.
        what: String,
        /// The broker's words.
        why: String,
    },
    /// A call on an open connection got no answer. It may have been carried out.
    #[error("the broker did not answer within {} when asked to {what}", humantime::format_duration(*.within))]
    NoAnswer {
        /// What we tried.
        what: String,
        /// How long we waited.
        within: Duration,
    },
    /// The connection or channel ended.
    #[error("the connection to the broker was lost: {why}")]
    Lost {
        /// What was seen of it.
        why: String,
    },
    /// The broker cancelled our consumer, as it does when the queue is deleted or its leader moves.
    #[error("the broker cancelled the consumer of queue {queue}: the queue was deleted, or moved to another node")]
    Cancelled {
        /// The queue.
        queue: String,
    },
}

impl BrokerError {
    /// A stable label for metrics, events and readiness.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "bad_url",
            Self::BadName { .. } => "bad_name",
            Self::TlsFile { .. } => "tls_file",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls_failed",
            Self::Silent { .. } => "silent",
            Self::LoginRefused { .. } => "login_refused",
            Self::VhostMissing { .. } => "vhost_missing",
            Self::VhostRefused { .. } => "vhost_refused",
            Self::Drift { .. } => "topology_drift",
            Self::Forbidden { .. } => "forbidden",
            Self::Refused { .. } => "refused",
            Self::NoAnswer { .. } => "no_answer",
            Self::Lost { .. } => "connection_lost",
            Self::Cancelled { .. } => "consumer_cancelled",
        }
    }

    /// True where waiting alone changes nothing: the configuration, the broker's users or its topology must be changed
    /// by somebody. A running worker goes on trying all the same; a start need not.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::BadUrl { .. } | Self::BadName { .. } | Self::TlsFile { .. } | Self::Drift { .. } => true,
            Self::LoginRefused { .. }
            | Self::VhostMissing { .. }
            | Self::VhostRefused { .. }
            | Self::Forbidden { .. } => true,
            Self::Unreachable { .. } | Self::Tls { .. } | Self::Silent { .. } | Self::Refused { .. } => false,
            Self::NoAnswer { .. } | Self::Lost { .. } | Self::Cancelled { .. } => false,
        }
    }

    /// What lapin says of a call on an open connection, in our classes. `what` completes "refused to …".
    pub(super) fn of_call(what: &str, error: &lapin::Error) -> Self {
        let ErrorKind::ProtocolError(said) = error.kind() else {
            return Self::Lost { why: plain(error) };
        };
        let (what, why) = (what.to_owned(), said.get_message().to_string());
        match said.get_id() {
            403 => Self::Forbidden { what, why },
            320 => Self::Lost { why },
            _ => Self::Refused { what, why },
        }
    }
}

/// lapin's error without its Rust-ish parts.
#[expect(clippy::wildcard_enum_match_arm, reason = "lapin's own enum, which may grow")]
pub(super) fn plain(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::IOError(why) => why.to_string(),
        ErrorKind::ProtocolError(said) => said.get_message().to_string(),
        ErrorKind::MissingHeartbeatError => "no heartbeat from the broker for too long".into(),
        ErrorKind::InvalidChannelState(..) => "the channel is closed".into(),
        ErrorKind::InvalidConnectionState(_) => "the connection is closed".into(),
        _ => error.to_string(),
    }
}
