//! What a broker says of itself before anybody has logged in: its product and version. lapin reads it and does not tell.

use futures_util::{AsyncReadExt, AsyncWriteExt};
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::time::timeout;

use super::link::address;
use super::{BrokerConfig, BrokerError, tls, url};

/// How AMQP 0-9-1 is asked for.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// A frame that greets is far smaller.
const FRAME_MAX: usize = 64 * 1024;

/// Product and version, such as `RabbitMQ 3.10.8`; `None` where the greeting is one that we cannot read.
///
/// # Errors
/// `Unreachable`, `Tls` and `Silent`, within `connect_within`.
pub(super) async fn greeting(config: &BrokerConfig) -> Result<Option<String>, BrokerError> {
    let within = config.deadlines.connect_within;
    let uri = url::parse(&config.url)?;
    let silent = || BrokerError::Silent { address: address(&uri), within };
    let frame = timeout(within, greet(config, &uri)).await.map_err(|_| silent())??;
    Ok(properties(&frame).map(|found| found.join(" ")))
}

async fn greet(config: &BrokerConfig, uri: &AMQPUri) -> Result<Vec<u8>, BrokerError> {
    let unreachable = |why: String| BrokerError::Unreachable { address: address(uri), why };
    let runtime = lapin::runtime::default_runtime().map_err(|error| unreachable(error.to_string()))?;
    let peers = tokio::net::lookup_host((uri.authority.host.as_str(), uri.authority.port)).await;
    let peers: Vec<_> = peers.map_err(|why| unreachable(why.to_string()))?.collect();
    let stream = AsyncTcpStream::connect(&runtime, peers).await.map_err(|why| unreachable(why.to_string()))?;
    let mut stream = match uri.scheme {
        AMQPScheme::AMQP => stream,
        AMQPScheme::AMQPS => {
            let secured = stream.into_rustls(&tls::connector(config)?, &uri.authority.host).await;
            secured.map_err(|why| BrokerError::Tls { address: address(uri), why: why.to_string() })?
        }
    };
    let lost = |why: std::io::Error| unreachable(format!("it did not greet: {why}"));
    stream.write_all(HEADER).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.map_err(lost)?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    let mut frame = vec![0; size.min(FRAME_MAX)];
    stream.read_exact(&mut frame).await.map_err(lost)?;
    Ok(frame)
}

/// `product` and `version` of a `connection.start`: class 10, method 10, two numbers, a table.
fn properties(frame: &[u8]) -> Option<[String; 2]> {
    let table = frame.strip_prefix(&[0, 10, 0, 10])?.get(2..)?;
    let (size, table) = table.split_at_checked(4)?;
    let table = table.get(..u32::from_be_bytes(size.try_into().ok()?) as usize)?;
    let found = |name: &str| text(table, name).filter(|text| is_name(text));
    Some([found("product")?, found("version")?])
}

/// The text under a name at the table's top: one byte of length, the name, `S`, four bytes of length, the text.
fn text(table: &[u8], name: &str) -> Option<String> {
    let mut rest = table;
    while let Some((&length, behind)) = rest.split_first() {
        let (key, behind) = behind.split_at_checked(usize::from(length))?;
        let (&kind, behind) = behind.split_first()?;
        let (value, behind) = match kind {
            b'S' | b'F' => {
                let (size, behind) = behind.split_at_checked(4)?;
                behind.split_at_checked(u32::from_be_bytes(size.try_into().ok()?) as usize)?
            }
            b't' => behind.split_at_checked(1)?,
            _ => return None,
        };
        if key == name.as_bytes() {
            return String::from_utf8(value.to_vec()).ok();
        }
        rest = behind;
    }
    None
}

/// Whoever greets may be anybody: only what looks like a name or a number is shown.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
        let size = u32::try_from(value.len()).unwrap().to_be_bytes();
        let size: &[u8] = if kind == b't' { &[] } else { &size };
        [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[kind], size, value].concat()
    }

    fn start(table: &[u8]) -> Vec<u8> {
        [&[0, 10, 0, 10, 0, 9][..], &u32::try_from(table.len()).unwrap().to_be_bytes(), table].concat()
    }

    #[test]
    fn product_and_version_are_found_behind_tables_and_flags() {
        let can = entry("capabilities", b'F', &entry("publisher_confirms", b't', &[1]));
        let table = [can, entry("product", b'S', b"RabbitMQ"), entry("version", b'S', b"3.10.8")].concat();
        assert_eq!(properties(&start(&table)), Some(["RabbitMQ".to_owned(), "3.10.8".to_owned()]));
    }

    #[test]
    fn what_is_no_greeting_is_read_as_none() {
        let whole = start(&[entry("product", b'S', b"x"), entry("version", b'S', b"1")].concat());
        for cut in 0..whole.len() {
            assert_eq!(properties(&whole[..cut]), None, "cut at {cut}");
        }
        assert!(properties(&whole).is_some());
        assert_eq!(properties(&start(&entry("product", b'S', b"\x1b[31m"))), None);
        assert_eq!(properties(&start(&entry("product", b'Z', b"x"))), None);
    }
}
