//! The yardstick: what a loop of lapin and reqwest takes that makes the same calls and promises nothing.
//!
//! Consume, ask whether the Page is held, claim it, see it held, publish with a confirm, acknowledge. No journal, no
//! lanes, no idempotency, no evidence, no retries: a crash of it repeats or forgets. It makes the same three requests
//! with the same parameters and reads their answers, because those are Meta's price and not ours.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, stdin};
use tokio::task::JoinSet;

use crate::settings::IN_FLIGHT;

/// Twice what is in flight, so that the next delivery is there when a place gets free.
const PREFETCH: u16 = 2 * IN_FLIGHT as u16;

/// Works until stdin ends, then lets what is out end. On the same runtime and allocator as the worker.
pub(crate) fn work(broker: &str, graph: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let consuming = Connection::connect(broker, ConnectionProperties::default()).await?;
        let publishing = Connection::connect(broker, ConnectionProperties::default()).await?;
        consume(&consuming, Neighbours::new(&publishing, graph).await?).await?;
        consuming.close(200, "OK".into()).await?;
        publishing.close(200, "OK".into()).await?;
        Ok(())
    })
}

async fn consume(connection: &Connection, neighbours: Neighbours) -> Result<()> {
    let deliveries = connection.create_channel().await?;
    deliveries.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = deliveries.basic_consume("bindery.commands".into(), "bare".into(), options, arguments).await?;
    let (neighbours, mut out) = (Arc::new(neighbours), JoinSet::new());
    let (mut stdin, mut gone) = (stdin(), Vec::new());
    let told_to_end = stdin.read_to_end(&mut gone);
    tokio::pin!(told_to_end);
    loop {
        tokio::select! {
            Some(ended) = out.join_next() => ended??,
            delivery = consumer.next(), if out.len() < IN_FLIGHT => {
                let delivery = delivery.context("the broker has ended the consumer")??;
                out.spawn(one(Arc::clone(&neighbours), delivery));
            }
            _ = &mut told_to_end => break,
        }
    }
    while let Some(ended) = out.join_next().await {
        ended??;
    }
    Ok(())
}

struct Neighbours {
    events: Channel,
    http: reqwest::Client,
    graph: String,
}

#[derive(Deserialize)]
struct Command {
    id: String,
    business: String,
    asset: Asset,
    permitted_tasks: Vec<String>,
}

#[derive(Deserialize)]
struct Asset {
    id: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    permitted_tasks: Vec<String>,
}

#[derive(Deserialize)]
struct Claimed {
    access_status: String,
}

async fn one(neighbours: Arc<Neighbours>, delivery: Delivery) -> Result<()> {
    let command: Command = serde_json::from_slice(&delivery.data)?;
    let before = neighbours.held(&command).await?;
    ensure!(before.is_none(), "{} is held already", command.asset.id);
    neighbours.claim(&command).await?;
    let held = neighbours.held(&command).await?.with_context(|| format!("{} is not held", command.asset.id))?;
    neighbours.publish(&command, &held.permitted_tasks).await?;
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}

impl Neighbours {
    async fn new(publishing: &Connection, graph: &str) -> Result<Self> {
        let events = publishing.create_channel().await?;
        events.confirm_select(ConfirmSelectOptions::default()).await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { events, http, graph: graph.to_owned() })
    }

    async fn held(&self, command: &Command) -> Result<Option<Row>> {
        let request = self.http.get(self.edge(command)).query(&[("fields", "id,permitted_tasks"), ("limit", "100")]);
        let body = request.bearer_auth("bench").send().await?.error_for_status()?.bytes().await?;
        let list: List = serde_json::from_slice(&body)?;
        Ok(list.data.into_iter().find(|row| row.id == command.asset.id))
    }

    async fn claim(&self, command: &Command) -> Result<()> {
        let tasks = serde_json::to_string(&command.permitted_tasks)?;
        let form = [("page_id", &command.asset.id), ("permitted_tasks", &tasks)];
        let request = self.http.post(self.edge(command)).form(&form).bearer_auth("bench");
        let body = request.send().await?.error_for_status()?.bytes().await?;
        let claimed: Claimed = serde_json::from_slice(&body)?;
        ensure!(claimed.access_status == "CONFIRMED", "the claim of {} is {}", command.asset.id, claimed.access_status);
        Ok(())
    }

    async fn publish(&self, command: &Command, granted: &[String]) -> Result<()> {
        let event = serde_json::json!({
            "specversion": "1.0", "id": command.id, "source": "/bare", "type": "bindery.claim.confirmed",
            "subject": format!("page/{}", command.asset.id), "datacontenttype": "application/json",
            "data": { "command_id": command.id, "phase": "confirmed", "terminal": true, "business": command.business,
                      "asset": { "kind": "page", "id": command.asset.id }, "granted_tasks": granted },
        });
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_correlation_id(command.id.as_str().into())
            .with_type("bindery.claim.confirmed".into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (body, key) = (event.to_string().into_bytes(), "claim.page.confirmed".into());
        let sent = self.events.basic_publish("bindery.events".into(), key, options, &body, properties).await?;
        ensure!(sent.await?.is_ack(), "the broker did not take the event of {}", command.id);
        Ok(())
    }

    fn edge(&self, command: &Command) -> String {
        format!("{}/v26.0/{}/client_pages", self.graph, command.business)
    }
}
