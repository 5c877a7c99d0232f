//! A TCP proxy in front of a neighbour: it passes, cuts, refuses, delays, or swallows without a word.
//!
//! What was swallowed is gone: a connection that lost a byte stays deaf in that direction until it is cut, as one whose
//! packets a firewall drops. AMQP connections say who they are in their handshake, so that a fault can be meant for the
//! publisher's alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::rabbit::eventually;

/// The publishing connection of the worker, by the name that it gives the broker.
pub const PUBLISHER: &str = "bindery publisher";
/// The consuming one.
pub const CONSUMER: &str = "bindery consumer";
/// Every connection.
pub const ANY: &str = "";

/// From whom to whom, for what is swallowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the worker sends.
    Up,
    /// What the neighbour sends.
    Down,
    Both,
}

impl Way {
    fn covers(self, direction: Self) -> bool {
        self == Self::Both || self == direction
    }
}

#[derive(Debug, Clone, Default)]
struct Rules {
    refuse: bool,
    swallow: Option<(&'static str, Way)>,
    delay: Duration,
    cuts: usize,
    cut: &'static str,
}

/// A proxy at work; dropped, all its connections are cut.
pub struct Proxy {
    address: SocketAddr,
    rules: watch::Sender<Rules>,
    open: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// On a free port, passing all to `target`.
    pub async fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (rules, ruled) = watch::channel(Rules::default());
        let open = Arc::<AtomicUsize>::default();
        let door = Door { address, target, rules: ruled, open: Arc::clone(&open) };
        let mut tasks = JoinSet::new();
        tasks.spawn(door.keep(listener));
        Ok(Self { address, rules, open, _tasks: tasks })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// All passes again, for connections that are not deaf.
    pub fn pass(&self) {
        self.rules.send_modify(|rules| *rules = Rules { cuts: rules.cuts, cut: rules.cut, ..Rules::default() });
    }

    /// Cuts the open connections of this name.
    pub fn cut(&self, whose: &'static str) {
        self.rules.send_modify(|rules| (rules.cuts, rules.cut) = (rules.cuts + 1, whose));
    }

    /// Nobody listens any more, and what was open is cut. Returns when that is so.
    pub async fn refuse(&self) -> Result<()> {
        self.rules.send_modify(|rules| (rules.refuse, rules.cuts, rules.cut) = (true, rules.cuts + 1, ANY));
        eventually("the proxy refuses", || async { Ok(TcpStream::connect(self.address).await.is_err()) }).await
    }

    /// What connections of this name send this way is dropped from now on.
    pub fn swallow(&self, whose: &'static str, way: Way) {
        self.rules.send_modify(|rules| rules.swallow = Some((whose, way)));
    }

    /// Whatever passes is late by this.
    pub fn delay(&self, by: Duration) {
        self.rules.send_modify(|rules| rules.delay = by);
    }
}

/// Who accepts.
struct Door {
    address: SocketAddr,
    target: SocketAddr,
    rules: watch::Receiver<Rules>,
    open: Arc<AtomicUsize>,
}

impl Door {
    async fn keep(mut self, listener: TcpListener) {
        let mut listener = Some(listener);
        let mut connections = JoinSet::new();
        loop {
            let refuse = self.rules.borrow_and_update().refuse;
            if refuse {
                listener = None;
            } else if listener.is_none() {
                listener = TcpListener::bind(self.address).await.ok();
            }
            tokio::select! {
                accepted = accept(listener.as_ref()) => if let Ok(client) = accepted {
                    connections.spawn(self.carry(client));
                },
                changed = self.rules.changed() => if changed.is_err() { return },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    fn carry(&self, client: TcpStream) -> impl Future<Output = ()> + use<> {
        let (target, rules) = (self.target, self.rules.clone());
        let count = Count::up(&self.open);
        async move {
            let _count = count;
            // A neighbour that cannot be reached is one that hangs up.
            let _ended = carry(client, target, rules).await;
        }
    }
}

/// Counts a connection for as long as it is open.
struct Count(Arc<AtomicUsize>);

impl Count {
    fn up(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut rules: watch::Receiver<Rules>) -> Result<()> {
    let server = TcpStream::connect(target).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (name, named) = watch::channel(String::new());
    let before = rules.borrow().cuts;
    let up = Pump { way: Way::Up, rules: rules.clone(), deaf: false };
    let down = Pump { way: Way::Down, rules: rules.clone(), deaf: false };
    tokio::select! {
        ended = up.run(from_client, to_server, |bytes| note_name(&name, bytes), &named) => ended,
        ended = down.run(from_server, to_client, |_| {}, &named) => ended,
        cut = rules.wait_for(|rules| rules.cuts > before && named.borrow().contains(rules.cut)) => {
            cut.map(drop).context("the proxy ended")
        }
    }
}

/// The handshake of an AMQP client holds its connection's name.
fn note_name(name: &watch::Sender<String>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(known) = [PUBLISHER, CONSUMER].into_iter().find(|known| text.contains(known)) {
        name.send_replace(known.to_owned());
    }
}

/// One direction of one connection.
struct Pump {
    way: Way,
    rules: watch::Receiver<Rules>,
    deaf: bool,
}

impl Pump {
    async fn run(
        mut self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        look: impl Fn(&[u8]),
        name: &watch::Receiver<String>,
    ) -> Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return Ok(());
            }
            look(&bytes[..count]);
            let (swallow, delay) = {
                let rules = self.rules.borrow();
                (rules.swallow, rules.delay)
            };
            self.deaf |= swallow.is_some_and(|(whose, way)| way.covers(self.way) && name.borrow().contains(whose));
            if !delay.is_zero() {
                sleep(delay).await;
            }
            if !self.deaf {
                to.write_all(&bytes[..count]).await?;
            }
        }
    }
}
