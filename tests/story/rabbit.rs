//! A real RabbitMQ for the stories: one node for all of them, booted when the first one asks (about 4 s), a vhost each.
//!
//! `rabbit::vhost().await` is all that most stories need. One that kills, freezes or alarms a node takes its own with
//! `Node::boot`. Whatever becomes of this process, the nodes end with it: `deploy/rabbitmq-node.sh hold` lives as long
//! as our end of its stdin.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bindery::broker::BrokerConfig;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

/// The password of every URL here: no error, log or event may ever show it.
pub const PASSWORD: &str = "never-to-be-shown";

/// How long a story waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Vhosts that are there from the boot on; loading 64 of them costs half a second, one made later 0.3 s.
const VHOSTS: usize = 64;

static SHARED: OnceCell<Node> = OnceCell::const_new();

/// A vhost of its own for one story, on the node that all share.
pub async fn vhost() -> Result<Vhost> {
    let node = SHARED.get_or_try_init(|| Node::boot("")).await?;
    node.vhost().await
}

/// Waits until `holds` says so, for at most [`PATIENCE`].
pub async fn eventually<F>(what: &str, mut holds: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let until = Instant::now() + PATIENCE;
    while !holds().await? {
        ensure!(Instant::now() < until, "waited {PATIENCE:?} in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A running node.
pub struct Node {
    folder: PathBuf,
    port: u16,
    vhosts: AtomicUsize,
    holder: Child,
}

impl Node {
    /// Boots a node; `settings` are lines of `rabbitmq.conf`.
    pub async fn boot(settings: &str) -> Result<Self> {
        show_logs();
        let settings = settings.to_owned();
        tokio::task::spawn_blocking(move || Self::boot_blocking(&settings)).await?
    }

    /// Its ports are chosen by chance: one that somebody else takes meanwhile costs a second try.
    fn boot_blocking(settings: &str) -> Result<Self> {
        Self::try_to_boot(settings).or_else(|_| Self::try_to_boot(settings))
    }

    fn try_to_boot(settings: &str) -> Result<Self> {
        // Not removed by us: the script does so when the node has ended.
        let folder = tempfile::Builder::new().prefix("bindery-rabbit-").tempdir()?.keep();
        std::fs::write(folder.join("definitions.json"), definitions().to_string())?;
        std::fs::write(folder.join("extra.conf"), settings)?;
        let mut holder = Command::new(script())
            .arg("hold")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("deploy/rabbitmq-node.sh")?;
        let mut url = String::new();
        BufReader::new(holder.stdout.take().context("no stdout")?).read_line(&mut url)?;
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("RabbitMQ did not start, it said {url:?}"))?;
        Ok(Self { folder, port, vhosts: AtomicUsize::new(0), holder })
    }

    /// The next vhost that no story has used.
    pub async fn vhost(&self) -> Result<Vhost> {
        let number = self.vhosts.fetch_add(1, Ordering::Relaxed);
        let name = format!("v{number}");
        if number >= VHOSTS {
            self.ctl(&["add_vhost", &name]).await?;
            self.ctl(&["set_permissions", "-p", &name, "bindery", ".*", ".*", ".*"]).await?;
        }
        let url = format!("amqp://bindery:{PASSWORD}@127.0.0.1:{}/{name}", self.port);
        Ok(Vhost { url, name, port: self.port, folder: self.folder.clone() })
    }

    /// `rabbitmqctl`; about 0.3 s.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        ctl(&self.folder, arguments).await
    }

    /// SIGKILL. What the node writes late is written first: a quorum queue that was declared within half a second
    /// before a kill has neither leader nor log after it (RabbitMQ 3.10.8), and that is no story of ours.
    pub async fn kill(&self) -> Result<()> {
        self.ctl(&["eval", "[dets:sync(Table) || Table <- dets:all()]."]).await?;
        run(&self.folder, "kill", &[]).await.map(|_| ())
    }

    /// The same node again, after [`kill`](Self::kill): same port, same queues.
    pub async fn start_again(&self) -> Result<()> {
        run(&self.folder, "start", &[]).await.map(|_| ())
    }

    /// SIGSTOP: it accepts connections, by the kernel, and says nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Raises the memory alarm: after its next publication, a connection that publishes is blocked.
    pub async fn raise_alarm(&self) -> Result<()> {
        self.ctl(&["set_vm_memory_high_watermark", "0.00001"]).await.map(|_| ())
    }

    /// Ends the alarm.
    pub async fn end_alarm(&self) -> Result<()> {
        self.ctl(&["set_vm_memory_high_watermark", "0.9"]).await.map(|_| ())
    }

    fn signal(&self, name: &str) -> Result<()> {
        let pid = std::fs::read_to_string(self.folder.join("pid"))?;
        let done = Command::new("kill").arg(format!("-{name}")).arg(pid.trim()).status()?;
        ensure!(done.success(), "kill -{name} {pid}");
        Ok(())
    }
}

impl Drop for Node {
    /// For a node of one's own; the shared one is never dropped, its pipe closes with this process.
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // Nothing to be done about a script that cannot be awaited.
        let _ = self.holder.wait();
    }
}

/// A vhost of a node, with what a story does to it from outside: a publisher of commands, a reader of events.
#[derive(Clone)]
pub struct Vhost {
    /// With user and password.
    pub url: String,
    pub name: String,
    pub port: u16,
    folder: PathBuf,
}

/// A message as an outside reader sees it.
#[derive(Debug)]
pub struct Message {
    pub routing_key: String,
    pub body: Vec<u8>,
    pub properties: BasicProperties,
}

impl Vhost {
    /// A configuration for this vhost, with deadlines short enough for a story.
    pub fn config(&self) -> BrokerConfig {
        BrokerConfig::at(&self.url)
    }

    /// The URL by way of a proxy on this port, with a query such as `?heartbeat=1`.
    pub fn url_by(&self, proxy: SocketAddr, query: &str) -> String {
        format!("amqp://bindery:{PASSWORD}@{proxy}/{}{query}", self.name)
    }

    /// Where the node listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// A channel of an outside client, and the connection that must be kept with it.
    pub async fn channel(&self) -> Result<(Connection, Channel)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    /// Publishes a command as an outside publisher would, and sees it confirmed.
    pub async fn publish_command(&self, routing_key: &str, body: impl Into<Vec<u8>>) -> Result<()> {
        self.publish("bindery.commands", routing_key, body, BasicProperties::default().with_delivery_mode(2)).await
    }

    /// Publishes anything anywhere, and sees it confirmed.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: impl Into<Vec<u8>>,
        properties: BasicProperties,
    ) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let body = body.into();
        let confirm = channel.basic_publish(exchange.into(), routing_key.into(), options, &body, properties).await?;
        let confirm = timeout(PATIENCE, confirm).await??;
        ensure!(confirm.is_ack() && confirm.take_message().is_none(), "no queue took {routing_key}");
        Ok(())
    }

    /// A queue of the story's own, bound to an exchange, and all that comes into it.
    pub async fn listen(&self, exchange: &str, pattern: &str) -> Result<Listener> {
        let (connection, channel) = self.channel().await?;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?.name().clone();
        let bind = QueueBindOptions::default();
        channel.queue_bind(queue.clone(), exchange.into(), pattern.into(), bind, FieldTable::default()).await?;
        self.consume(connection, channel, queue.as_str()).await
    }

    /// All that comes into the worker's events exchange (which must have been declared).
    pub async fn events(&self) -> Result<Listener> {
        self.listen("bindery.events", "#").await
    }

    /// All that comes into a queue that exists; what is read is gone from it.
    pub async fn drain(&self, queue: &str) -> Result<Listener> {
        let (connection, channel) = self.channel().await?;
        self.consume(connection, channel, queue).await
    }

    async fn consume(&self, connection: Connection, channel: Channel, queue: &str) -> Result<Listener> {
        let options = BasicConsumeOptions::default();
        let stream = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        Ok(Listener { _connection: connection, stream })
    }

    /// How many messages of a queue are ready, those under way to a consumer apart.
    pub async fn depth(&self, queue: &str) -> Result<u32> {
        let (_connection, channel) = self.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Ok(channel.queue_declare(queue.into(), options, FieldTable::default()).await?.message_count())
    }

    /// A line for each queue of this vhost: its name, and how many messages it holds, those under way too.
    pub async fn held(&self) -> Result<String> {
        ctl(&self.folder, &["list_queues", "-p", &self.name, "name", "messages"]).await
    }

    /// Waits until so many messages of a queue are ready.
    pub async fn expect_depth(&self, queue: &str, depth: u32) -> Result<()> {
        eventually(&format!("{queue} holds {depth}"), || async { Ok(self.depth(queue).await? == depth) }).await
    }

    /// Grants a user of the node (`stranger` has none at first) configure, write and read, by patterns of names.
    pub async fn permit(&self, user: &str, [configure, write, read]: [&str; 3]) -> Result<()> {
        ctl(&self.folder, &["set_permissions", "-p", &self.name, user, configure, write, read]).await.map(|_| ())
    }

    /// The broker closes every connection of this vhost, as an operator can.
    pub async fn close_connections(&self) -> Result<()> {
        ctl(&self.folder, &["close_all_connections", "--vhost", &self.name, "a story"]).await.map(|_| ())
    }
}

/// Reads a queue of a story.
pub struct Listener {
    _connection: Connection,
    stream: lapin::Consumer,
}

impl Listener {
    /// The next message, which must come.
    pub async fn next(&mut self) -> Result<Message> {
        let came = timeout(PATIENCE, self.stream.next()).await.context("no message came")?;
        let delivery = came.context("the listener's queue is gone")??;
        delivery.ack(BasicAckOptions::default()).await?;
        Ok(Message {
            routing_key: delivery.routing_key.to_string(),
            properties: delivery.properties.clone(),
            body: delivery.data,
        })
    }

    /// The next so many messages.
    pub async fn take(&mut self, count: usize) -> Result<Vec<Message>> {
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count {
            messages.push(self.next().await.with_context(|| format!("after {} of {count}", messages.len()))?);
        }
        Ok(messages)
    }
}

/// With `RUST_LOG=bindery=debug` a story shows what the worker said.
fn show_logs() {
    let wanted = tracing_subscriber::EnvFilter::from_default_env();
    // An error means that another story was first.
    let _ = tracing_subscriber::fmt().with_env_filter(wanted).with_test_writer().try_init();
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rabbitmq-node.sh")
}

async fn ctl(folder: &Path, arguments: &[&str]) -> Result<String> {
    run(folder, "ctl", arguments).await
}

async fn run(folder: &Path, verb: &'static str, arguments: &[&str]) -> Result<String> {
    let folder = folder.to_owned();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let done = tokio::task::spawn_blocking(move || {
        Command::new(script()).arg(verb).arg(folder).args(arguments).stdin(Stdio::null()).output()
    });
    let done = done.await??;
    if !done.status.success() {
        bail!("rabbitmq-node.sh {verb}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// Users, vhosts and permissions that the node loads at its boot.
fn definitions() -> serde_json::Value {
    let vhosts: Vec<String> = (0..VHOSTS).map(|number| format!("v{number}")).collect();
    let all = |user: &str, vhost: &String| serde_json::json!({"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"});
    serde_json::json!({
        "users": [
            {"name": "bindery", "password": PASSWORD, "tags": "administrator"},
            {"name": "stranger", "password": PASSWORD, "tags": ""},
        ],
        "vhosts": vhosts.iter().map(|name| serde_json::json!({"name": name})).collect::<Vec<_>>(),
        "permissions": vhosts.iter().map(|name| all("bindery", name)).collect::<Vec<_>>(),
    })
}
