//! The room of RabbitMQ: the only one that names lapin.
//!
//! Out of it come plain values: a [`Delivery`] is what came in, a [`Publication`] is what shall go out, [`Settled`] is
//! what became of it, [`LinkState`] is how a connection stands. It judges no message and knows no command; it may
//! touch the network and the files of a TLS identity, nothing else.
//!
//! Two connections, so that a broker that blocks publishers never holds back acknowledgements:
//!
//! - [`Consumer`] takes deliveries in, acknowledges in order, pauses and resumes;
//! - [`Publisher`] sends batches and answers, for each message, what the broker said.
//!
//! Beside the worker, [`Requester`] publishes a command, [`Reader`] and [`watch`] read events.
//!
//! Each that must last is rebuilt by a loop of ours (`upkeep.rs`). lapin's own recovery stays off: when its retries end it stalls for ever
//! without a word, and neither a closed channel nor a cancelled consumer is recovered by it.
//!
//! ```no_run
//! # async fn example() -> Result<(), bindery::broker::BrokerError> {
//! use bindery::broker::{self, BrokerConfig, Consumer, Publisher};
//! let config = BrokerConfig::at("amqp://guest:guest@127.0.0.1:5672/%2f");
//! broker::reach(&config).await?; // at start: one try, with the reason where it fails
//! let mut tasks = tokio::task::JoinSet::new();
//! let (consumer, mut deliveries, consuming) = Consumer::new(config.clone());
//! let (publisher, publishing) = Publisher::new(config);
//! tasks.spawn(consuming);
//! tasks.spawn(publishing);
//! while let Some(delivery) = deliveries.recv().await {
//!     // journal first, then:
//!     consumer.ack_up_to(delivery.tag).await;
//! }
//! # drop(publisher); Ok(()) }
//! ```

mod batch;
mod config;
mod consumer;
mod dead;
mod delivery;
mod described;
mod doctor;
mod error;
mod events;
mod greeting;
mod link;
mod publication;
mod publisher;
mod requester;
mod state;
mod tls;
mod topology;
mod upkeep;
mod url;
mod waits;

pub use config::{BrokerConfig, ClientCertificate, Deadlines, TopologyNames};
pub use consumer::Consumer;
pub use dead::{Letter, Letters};
pub use delivery::{Delivery, Tag, Trace};
pub use described::{Declared, declared};
pub use doctor::{Examined, QueueSeen, Right, Standing, examine};
pub use error::BrokerError;
pub use events::{Heard, Reader, Told, watch};
pub use publication::{Exchange, Publication, Settled};
pub use publisher::Publisher;
pub use requester::Requester;
pub use state::{Link, LinkState};
pub use topology::take_down;

use std::time::Duration;

/// How often a session looks whether its connection still lives.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Connects once, declares the topology and leaves again: the question "can we work here at all?", asked at start and
/// by a doctor.
///
/// # Errors
/// Any [`BrokerError`]; [`BrokerError::needs_a_person`] tells whether trying again may help.
pub async fn reach(config: &BrokerConfig) -> Result<(), BrokerError> {
    let wire = topology::declared_on(link::Wire::open(config, "check").await?, config).await?;
    wire.close(config.deadlines.close_within).await;
    Ok(())
}
