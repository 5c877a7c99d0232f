//! What the broker's room must be told: where, as whom, under which names, how long to wait.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Where the broker is and how to work with it.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `amqp://user:password@host:port/vhost` or `amqps://…`. Special characters in user, password and vhost are
    /// percent-encoded (the default vhost is `%2f`). `?heartbeat=` (seconds) is 10 where it is not given.
    pub url: SecretString,
    /// PEM file with the certificates to trust instead of the system's, for `amqps://`.
    pub ca_file: Option<PathBuf>,
    /// Who we are towards a broker that asks for a client certificate, for `amqps://`. With
    /// `?auth_mechanism=external` the certificate also logs us in.
    pub client_certificate: Option<ClientCertificate>,
    /// The names of exchanges and queues.
    pub names: TopologyNames,
    /// How many unacknowledged deliveries the broker may have under way to us: one group of the journal's writer. They
    /// are in memory whole, so with the broker's `max_message_size` this bounds what a hostile publisher can fill.
    pub prefetch: u16,
    /// How long each call to the broker may take.
    pub deadlines: Deadlines,
}

impl BrokerConfig {
    /// The defaults, for the broker at this URL.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            url: SecretString::from(url.to_owned()),
            ca_file: None,
            client_certificate: None,
            names: TopologyNames::default(),
            prefetch: 256,
            deadlines: Deadlines::default(),
        }
    }
}

/// Two PEM files: certificate chain and private key (PKCS#8, PKCS#1 or SEC1, without a passphrase).
///
/// A PKCS#12 file is turned into them by `openssl pkcs12 -in id.p12 -nodes -out id.pem`, which both fields may name.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate, followed by its intermediates.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// The names under which the contract's topology is declared. `commands` and `dead` name an exchange and a queue each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyNames {
    /// Where commands come in.
    pub commands: String,
    /// Where result events go out.
    pub events: String,
    /// Where messages go that are no commands.
    pub dead: String,
}

impl Default for TopologyNames {
    fn default() -> Self {
        Self { commands: "bindery.commands".into(), events: "bindery.events".into(), dead: "bindery.dead".into() }
    }
}

/// The longest waits on the broker. Real time, not the domain's clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From looking up the host to the broker's `open-ok`.
    pub connect_within: Duration,
    /// For one call on an open connection: a declaration, an acknowledgement, a cancel.
    pub call_within: Duration,
    /// For a batch of publications, from handing it over to the last confirm.
    pub confirm_within: Duration,
    /// For an orderly goodbye; then the socket is shut.
    pub close_within: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            // With the longest wait between two tries, within ten seconds of the end of an outage.
            connect_within: Duration::from_secs(5),
            call_within: Duration::from_secs(10),
            confirm_within: Duration::from_secs(10),
            close_within: Duration::from_secs(2),
        }
    }
}
