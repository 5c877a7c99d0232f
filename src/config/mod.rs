//! Configuration: defaults, file, environment, in this order; parsed once, at the door.
//!
//! Everything wrong is found in one pass and told in one line each ([`ConfigError`]). What comes out is right by its
//! type, and neither `Debug` nor [`Config::settings`] shows a secret. This room knows `contract` alone.
//!
//! ```
//! use bindery::config::Config;
//! let config = Config::from_toml("[poll]\nfirst = \"1m\"")?;
//! assert_eq!(config.poll.settle.as_secs(), 600);
//! # Ok::<(), bindery::config::ConfigError>(())
//! ```

mod access;
mod credentials;
mod layers;
mod problem;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod urls;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use access::{Allowed, Protected, Publisher};
pub use credentials::{Credential, Fingerprint, Origin, SecretError, SecretPair, Secrets};
pub use problem::{ConfigError, Place, Problem};
pub use reader::Setting;
pub(crate) use sections::TOKEN_LEAST;
pub use sections::{
    AmqpConfig, AmqpNames, ClaimsConfig, ClientCert, EventsConfig, GraphConfig, HttpConfig, JournalConfig,
    LimitsConfig, OffboardingConfig, PaceConfig, PollConfig, RetentionConfig, RetryConfig,
};
pub use urls::{BrokerUrl, JournalUrl};

use crate::contract::BusinessId;
use layers::Layers;
use reader::Reader;

/// Everything that can be set. The keys are those of `config/default.toml`, where each is explained.
#[derive(Debug, Clone)]
pub struct Config {
    /// The broker.
    pub amqp: AmqpConfig,
    /// The worker's memory.
    pub journal: JournalConfig,
    /// Meta.
    pub graph: GraphConfig,
    /// Credentials by name; [`Config::credential_for`] chooses.
    pub credentials: BTreeMap<String, Credential>,
    /// Pending claims.
    pub poll: PollConfig,
    /// Transient failures.
    pub retry: RetryConfig,
    /// The rate governor.
    pub pace: PaceConfig,
    /// The spam guard.
    pub claims: ClaimsConfig,
    /// Removals.
    pub offboarding: OffboardingConfig,
    /// What no command may remove.
    pub protected: Vec<Protected>,
    /// Events.
    pub events: EventsConfig,
    /// Between letting go of an asset and claiming it again.
    pub cool_down: Duration,
    /// Health, metrics, API, page.
    pub http: HttpConfig,
    /// Who may send what; `None`: the broker's own permissions decide.
    pub publishers: Option<Vec<Publisher>>,
    /// Bounds.
    pub limits: LimitsConfig,
    /// How long running steps may take to end after a stop is asked for.
    pub shutdown_within: Duration,
    /// How long neighbours are tried at start.
    pub start_within: Duration,
    /// How long the journal remembers.
    pub retention: RetentionConfig,
    settings: Vec<Setting>,
}

impl Config {
    /// Reads defaults, `file` and this process's environment.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_layers(file, std::env::vars_os())
    }

    /// Reads defaults, `file` and the given variables.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn from_layers(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults();
        if let Some(path) = file {
            layers.add_file(path);
        }
        layers.add_variables(variables);
        Self::read(layers)
    }

    /// Reads defaults and `text`, as if it stood in a file; the environment is left out.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults();
        layers.add_toml(text, &Place::File(PathBuf::from("text")));
        Self::read(layers)
    }

    /// The credential for calls of `business`: one that lists it before one for any, then the first by name.
    #[must_use]
    pub fn credential_for(&self, business: &BusinessId) -> Option<&Credential> {
        credentials::serving(&self.credentials, business)
    }

    /// Every setting in force with where it came from, by key, secrets masked.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    fn read(layers: Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let config = Self::read_sections(&mut reader);
        let settings = reader.finish().map_err(ConfigError::new)?;
        let config = config.expect("a section that could not be read has noted its problem");
        Ok(Self { settings, ..config })
    }

    /// `None` where a problem is noted; every section is read before that, so that all problems are found.
    fn read_sections(r: &mut Reader) -> Option<Self> {
        let (amqp, journal, graph) = (AmqpConfig::read(r), JournalConfig::read(r), GraphConfig::read(r));
        let (poll, retry, pace) = (PollConfig::read(r), RetryConfig::read(r), PaceConfig::read(r));
        let (claims, offboarding, events) = (ClaimsConfig::read(r), OffboardingConfig::read(r), EventsConfig::read(r));
        let (http, limits, retention) = (HttpConfig::read(r), LimitsConfig::read(r), RetentionConfig::read(r));
        let (credentials, protected) = (credentials::read_all(r), r.need("protected"));
        let (cool_down, publishers) = (r.need("cool_down"), r.get::<access::Publishers>("publishers"));
        let [shutdown, start] = ["shutdown_within", "start_within"].map(|key| sections::positive(r, key));
        Some(Self {
            amqp: amqp?,
            journal: journal?,
            graph: graph?,
            credentials: credentials?,
            poll: poll?,
            retry: retry?,
            pace: pace?,
            claims: claims?,
            offboarding: offboarding?,
            protected: protected?,
            events: events?,
            cool_down: cool_down?,
            http: http?,
            publishers: publishers?.map(|publishers| publishers.0),
            limits: limits?,
            shutdown_within: shutdown?,
            start_within: start?,
            retention: retention?,
            settings: Vec::new(),
        })
    }
}
