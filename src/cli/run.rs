//! `bindery run`: the worker.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{CliError, Ended};
use crate::broker::{self, BrokerConfig, ClientCertificate, TopologyNames};
use crate::config::{AmqpConfig, Config, Credential, SecretError};
use crate::engine::{Clock, Engine};
use crate::graph::{Graph, GraphConfig, Secrets, Trouble, WhoamiError};
use crate::journal::{Address, Journal, JournalError};
use crate::operator::{self, Desk};

/// Rows asked for in one page of a list; larger pages provoke error 1 at Meta.
const PAGE_LIMIT: u32 = 100;
/// Why a worker that was replaced ends, and at once: whatever it still did could not be written down.
const LOST: &str =
    "another worker has the journal: this one showed no life for longer than journal.lease, and has stopped";
/// Gap between two tries to reach a neighbour at start.
const TRIED_AGAIN: Duration = Duration::from_millis(500);

/// Works until it is told to stop; exit 0 after a stop, 3 where a neighbour could not be reached within
/// `start_within`.
pub(super) async fn run(config: Config) -> Result<Ended, CliError> {
    let signals = Signals::new()?;
    let broker = broker_config(&config.amqp);
    let graph = Graph::new(&graph_config(&config)).map_err(|error| CliError::Usage(error.to_string()))?;
    let journal = open_journal(&config).await?;
    reach_broker(&config, &broker).await?;
    reach_graph(&config, &graph).await?;
    let clock = Clock::default();
    let stop = CancellationToken::new();
    let (shutdown_within, listen) = (config.shutdown_within, config.http.listen);
    let shown = Arc::new(config.clone());
    let graph = graph.with_clock(clock.reader());
    let engine = Engine::new(config, journal.clone(), graph, clock.clone(), stop.clone()).await;
    let engine = engine.map_err(|error| CliError::OutOfReach(format!("could not read the journal: {error}")))?;
    let desk = Desk::new(journal.clone(), shown, broker.clone(), engine.switch(), clock);
    let mut tasks = JoinSet::new();
    let health = operator::Health::new(journal.clone(), stop.clone());
    let served = operator::serve(listen, health.clone(), desk).await;
    tasks.spawn(served.map_err(|error| CliError::OutOfReach(format!("could not listen on {listen}: {error}")))?);
    info!("bindery {} works, health on http://{listen}/readyz", env!("CARGO_PKG_VERSION"));
    let work = engine.run(broker, move |links| health.watch(links));
    let ended = tokio::select! {
        ended = stop_when_told(signals, stop, work, shutdown_within) => ended,
        () = journal.lost() => Err(CliError::OutOfReach(LOST.to_owned())),
    };
    journal.close().await;
    tasks.shutdown().await;
    ended
}

/// Runs `work` until a signal, then lets it end within `within`; a second signal stops at once.
async fn stop_when_told(
    mut signals: Signals,
    stop: CancellationToken,
    work: impl Future<Output = ()>,
    within: Duration,
) -> Result<Ended, CliError> {
    tokio::pin!(work);
    tokio::select! {
        () = &mut work => return Err(CliError::Failed("the engine has ended by itself".to_owned())),
        () = signals.one() => info!("told to stop, letting running steps end"),
    }
    stop.cancel();
    tokio::select! {
        () = &mut work => info!("stopped"),
        () = signals.one() => warn!("told twice, stopping at once: whatever is out is looked up at the next start"),
        () = tokio::time::sleep(within) => warn!("running steps did not end in time: they are looked up at the next start"),
    }
    Ok(Ended::Well)
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(|error| CliError::Failed(format!("could not hear signals: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    pub(super) async fn one(&mut self) {
        tokio::select! { _ = self.terminate.recv() => {}, _ = self.interrupt.recv() => {} }
    }
}

pub(super) fn graph_config(config: &Config) -> GraphConfig {
    GraphConfig {
        base_url: config.graph.base_url.clone(),
        api_version: config.graph.api_version.clone(),
        call_within: config.graph.call_within,
        page_limit: PAGE_LIMIT,
    }
}

pub(super) fn broker_config(amqp: &AmqpConfig) -> BrokerConfig {
    let mut broker = BrokerConfig::at(amqp.url.expose());
    broker.url = SecretString::from(amqp.url.expose().to_owned());
    broker.ca_file = amqp.ca_file.clone();
    broker.client_certificate = amqp
        .client_cert
        .as_ref()
        .map(|cert| ClientCertificate { certificate_file: cert.cert_file.clone(), key_file: cert.key_file.clone() });
    broker.names = TopologyNames {
        commands: amqp.names.commands.clone(),
        events: amqp.names.events.clone(),
        dead: amqp.names.dead.clone(),
    };
    broker.deadlines.confirm_within = amqp.confirm_within;
    broker
}

/// Graph's host must answer, whatever it says: a dead credential is for its own commands to wait for.
async fn reach_graph(config: &Config, graph: &Graph) -> Result<(), CliError> {
    let Some(secrets) = config.credentials.values().find_map(|credential| secrets(credential).ok()) else {
        return Ok(());
    };
    let until = tokio::time::Instant::now() + config.start_within;
    let mut told = false;
    loop {
        let Err(WhoamiError::Trouble(Trouble::Transient { why } | Trouble::NotSent { why })) =
            graph.whoami(&secrets).await
        else {
            return Ok(());
        };
        if tokio::time::Instant::now() + TRIED_AGAIN >= until {
            return Err(CliError::OutOfReach(format!("could not reach Graph at {}: {why}", config.graph.base_url)));
        }
        if !told {
            warn!("could not reach Graph, trying for {} s: {why}", config.start_within.as_secs());
            told = true;
        }
        tokio::time::sleep(TRIED_AGAIN).await;
    }
}

/// The secrets of a credential, as they are now.
pub(super) fn secrets(credential: &Credential) -> Result<Secrets, SecretError> {
    let pair = credential.secrets.read()?;
    Ok(Secrets { name: credential.name.clone(), access_token: pair.access_token, app_secret: pair.app_secret })
}

/// Where the journal is.
pub(super) fn journal_address(config: &Config) -> Result<Address, CliError> {
    let at = config.journal.url.expose().parse::<Address>();
    Ok(at.map_err(|error: JournalError| CliError::Usage(error.to_string()))?.with_lease(config.journal.lease))
}

/// A file that another worker holds, or that is no journal, does not become one by waiting; a database server may come
/// back, and the lease of a worker that is no more ends.
pub(super) async fn open_journal(config: &Config) -> Result<Journal, CliError> {
    let at = journal_address(config)?;
    let until = tokio::time::Instant::now() + config.start_within;
    let mut told = None;
    loop {
        let error = match Journal::open(at.clone()).await {
            Ok(journal) => return Ok(journal),
            Err(error) => error,
        };
        if !at.may_come_about(&error) || tokio::time::Instant::now() + TRIED_AGAIN >= until {
            return Err(CliError::OutOfReach(error.to_string()));
        }
        if told != Some(error.code()) {
            warn!("{error}; trying for {} s", config.start_within.as_secs());
            told = Some(error.code());
        }
        tokio::time::sleep(TRIED_AGAIN).await;
    }
}

async fn reach_broker(config: &Config, broker: &BrokerConfig) -> Result<(), CliError> {
    let until = tokio::time::Instant::now() + config.start_within;
    let mut told = None;
    loop {
        let Err(error) = broker::reach(broker).await else { return Ok(()) };
        let at_once = error.needs_a_person();
        if at_once || tokio::time::Instant::now() + TRIED_AGAIN >= until {
            error!("could not reach the broker: {error}");
            return Err(CliError::OutOfReach(format!("could not reach the broker: {error}")));
        }
        if told != Some(error.code()) {
            warn!("could not reach the broker, trying for {} s: {error}", config.start_within.as_secs());
            told = Some(error.code());
        }
        tokio::time::sleep(TRIED_AGAIN).await;
    }
}
