//! What a story is told: by events, and by subcommands.

use anyhow::{Context, Result, ensure};
use bindery::graph_sim::Call;
use futures_util::StreamExt;
use lapin::ExchangeKind;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::rabbit::Vhost;

/// Where the story hears events.
pub(super) const EVENTS_QUEUE: &str = "events-of-the-story";

/// What a subcommand said.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Told {
    /// It ended with this code, and every word was said.
    pub fn ends(&self, code: i32, says: &[&str]) -> Result<()> {
        ensure!(self.code == Some(code), "not {code}: {self:#?}");
        for word in says {
            ensure!(self.out.contains(word) || self.err.contains(word), "{word:?} is not told: {self:#?}");
        }
        Ok(())
    }

    /// Its answer, which is JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{self:#?}"))
    }
}

/// Bound before the worker starts, so that no event is missed; the exchange is declared as the worker does.
pub(super) async fn read_events(
    vhost: &Vhost,
    so_far: Vec<Value>,
) -> Result<(watch::Receiver<Vec<Value>>, JoinSet<()>)> {
    let (connection, channel) = vhost.channel().await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel.exchange_declare("bindery.events".into(), ExchangeKind::Topic, durable, none()).await?;
    let queue = EVENTS_QUEUE;
    let kept = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), kept, none()).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(queue.into(), "bindery.events".into(), "#".into(), bind, none()).await?;
    let mut stream = channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), none()).await?;
    let (told, events) = watch::channel(so_far);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        let _kept = (connection, channel);
        while let Some(Ok(delivery)) = stream.next().await {
            let event = serde_json::from_slice(&delivery.data).unwrap_or(Value::Null);
            told.send_modify(|all: &mut Vec<Value>| all.push(event));
            if delivery.ack(BasicAckOptions::default()).await.is_err() {
                return;
            }
        }
    });
    Ok((events, reader))
}

pub(super) fn short(event: &Value) -> String {
    format!("{} {} {}", event["data"]["command_id"], event["type"], event["data"]["error"])
}

pub(super) fn line(call: &Call) -> String {
    format!(
        "{} {:?} {} {:?} {} {:?} {:?}",
        call.n, call.method, call.path, call.params, call.status, call.code, call.fault
    )
}

pub(super) fn is_of(event: &Value, id: &str) -> bool {
    event["data"]["command_id"] == id
}
