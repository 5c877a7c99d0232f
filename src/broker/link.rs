//! One connection to the broker, from looking up its host to a socket that is surely shut.
//!
//! lapin would do all of it in one call, on a thread of its own that nothing can stop: a peer that accepts and says
//! nothing keeps that thread for as long as it pleases, one more with each try. So the steps before AMQP (name, TCP, TLS)
//! run here and end when dropped, and a second handle on the socket shuts it when the handshake takes too long or the
//! goodbye goes unanswered: lapin's thread then ends by itself.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::time::{Instant, timeout, timeout_at};

use super::publication::HEADERS_MOST;
use super::{BrokerConfig, BrokerError, tls, url};

/// Bytes in a frame of a connection that only publishes: the most headers, and what stands beside them.
const SMALL_FRAME: u32 = HEADERS_MOST + 4 * 1024;

/// An open connection; dropping it shuts the socket.
pub(super) struct Wire {
    pub(super) connection: Connection,
    _socket: Socket,
}

impl Wire {
    /// Opens a connection within `connect_within`. `purpose` is what people see beside `bindery` in the broker's list.
    ///
    /// # Errors
    /// Each class of a connection that could not be made, by its own variant of [`BrokerError`].
    pub(super) async fn open(config: &BrokerConfig, purpose: &str) -> Result<Self, BrokerError> {
        Self::open_by(config, purpose, url::parse(&config.url)?).await
    }

    /// The same in small frames: lapin keeps 64 of them for each connection. Only for what carries nothing but our own
    /// messages, because the headers of one, a stranger's too, must fit into a frame.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub(super) async fn open_to_publish(config: &BrokerConfig, purpose: &str) -> Result<Self, BrokerError> {
        let mut uri = url::parse(&config.url)?;
        uri.query.frame_max.get_or_insert(SMALL_FRAME);
        Self::open_by(config, purpose, uri).await
    }

    async fn open_by(config: &BrokerConfig, purpose: &str, uri: AMQPUri) -> Result<Self, BrokerError> {
        let within = config.deadlines.connect_within;
        let deadline = Instant::now() + within;
        let tls = match uri.scheme {
            AMQPScheme::AMQP => None,
            AMQPScheme::AMQPS => Some(tls::connector(config)?),
        };
        let unreachable = |why: String| BrokerError::Unreachable { address: address(&uri), why };
        let peers = timeout_at(deadline, look_up(&uri))
            .await
            .map_err(|_| unreachable(format!("its name was not resolved within {within:?}")))?
            .map_err(|why| unreachable(why.to_string()))?;
        open_within(&uri, peers, tls, purpose, Deadline { at: deadline, within }).await
    }

    /// A channel on this connection.
    pub(super) async fn channel(&self, within: Duration) -> Result<Channel, BrokerError> {
        call("open a channel", within, self.connection.create_channel()).await
    }

    /// True while lapin believes in this connection.
    pub(super) fn alive(&self) -> bool {
        self.connection.status().connected()
    }

    /// Says goodbye, for at most `within`, and shuts the socket.
    pub(super) async fn close(self, within: Duration) {
        // Whatever comes of it, the socket is shut when `self` goes.
        let _ = timeout(within, self.connection.close(200, "OK".into())).await;
    }
}

/// Awaits one call to the broker for at most `within`. `what` completes "the broker refused to …".
pub(super) async fn call<T>(
    what: &str,
    within: Duration,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match timeout(within, asked).await {
        Ok(answer) => answer.map_err(|error| BrokerError::of_call(what, &error)),
        Err(_) => Err(BrokerError::NoAnswer { what: what.to_owned(), within }),
    }
}

/// `host:port`, as people write it.
pub(super) fn address(uri: &AMQPUri) -> String {
    let host = &uri.authority.host;
    if host.contains(':') {
        format!("[{host}]:{}", uri.authority.port)
    } else {
        format!("{host}:{}", uri.authority.port)
    }
}

#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    within: Duration,
}

/// A second handle on lapin's socket, to shut it whatever lapin does.
struct Socket(TcpStream);

impl Drop for Socket {
    fn drop(&mut self) {
        // An error means that it is shut already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

async fn look_up(uri: &AMQPUri) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((uri.authority.host.as_str(), uri.authority.port)).await?.collect())
}

/// TCP, TLS and the AMQP handshake. One function, because the type of lapin's stream has no name that we can write.
async fn open_within(
    uri: &AMQPUri,
    peers: Vec<SocketAddr>,
    tls: Option<RustlsConnector>,
    purpose: &str,
    deadline: Deadline,
) -> Result<Wire, BrokerError> {
    let runtime = lapin::runtime::default_runtime().map_err(|error| handshake_error(uri, &error))?;
    let silent = || BrokerError::Silent { address: address(uri), within: deadline.within };
    let reached = timeout_at(deadline.at, AsyncTcpStream::connect(&runtime, peers)).await;
    let stream = reached
        .map_err(|_| unreachable(uri, format!("it did not answer within {:?}", deadline.within)))?
        .map_err(|why| unreachable(uri, why.to_string()))?;
    let AsyncTcpStream::Plain(plain) = &stream else {
        return Err(unreachable(uri, "the socket is of an unknown kind".into()));
    };
    let socket = second_handle(plain.get_ref()).map_err(|why| unreachable(uri, why.to_string()))?;
    let stream = match tls {
        None => stream,
        Some(tls) => timeout_at(deadline.at, stream.into_rustls(&tls, &uri.authority.host))
            .await
            .map_err(|_| silent())?
            .map_err(|why| BrokerError::Tls { address: address(uri), why: why.to_string() })?,
    };
    let ready = Mutex::new(Some(stream));
    let handed_over = async move |_, _| {
        let stream = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.ok_or_else(|| lapin::Error::from(io::Error::from(io::ErrorKind::NotConnected)))
    };
    let name = ConnectionProperties::default().with_connection_name(format!("bindery {purpose}").into());
    let connection = timeout_at(deadline.at, Connection::connector(uri.clone(), runtime, handed_over, name))
        .await
        .map_err(|_| silent())?
        .map_err(|error| handshake_error(uri, &error))?;
    Ok(Wire { connection, _socket: socket })
}

fn second_handle(stream: &impl AsFd) -> io::Result<Socket> {
    Ok(Socket(TcpStream::from(stream.as_fd().try_clone_to_owned()?)))
}

fn unreachable(uri: &AMQPUri, why: String) -> BrokerError {
    BrokerError::Unreachable { address: address(uri), why }
}

/// What the broker means when it ends the handshake.
fn handshake_error(uri: &AMQPUri, error: &lapin::Error) -> BrokerError {
    let (address, vhost, user) = (address(uri), uri.vhost.clone(), uri.authority.userinfo.username.clone());
    let ErrorKind::ProtocolError(said) = error.kind() else {
        let why = format!("the handshake ended: {}", super::error::plain(error));
        return BrokerError::Unreachable { address, why };
    };
    let text = said.get_message().to_string();
    match said.get_id() {
        403 => BrokerError::LoginRefused { address, user },
        530 if text.contains("not found") => BrokerError::VhostMissing { address, vhost },
        530 if text.contains("refused for user") => BrokerError::VhostRefused { address, vhost, user },
        _ => BrokerError::Refused { what: format!("open a connection at {address}"), why: text },
    }
}
