//! A broker that cannot be had: which one, why, what to do, and never the password.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use bindery::broker::{self, BrokerConfig, BrokerError};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use crate::broker_links::{Intake, Outgoing, event, is_down, shows};
use crate::rabbit::{self, PASSWORD};

#[tokio::test]
async fn a_wrong_password_is_a_refused_login_of_a_named_user() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let url = vhost.url.replace(PASSWORD, "wrong-but-secret");
    let error = broker::reach(&BrokerConfig::at(&url)).await.expect_err("a wrong password");
    assert_eq!(
        error,
        BrokerError::LoginRefused { address: format!("127.0.0.1:{}", vhost.port), user: "bindery".into() }
    );
    assert!(error.needs_a_person() && !format!("{error} {error:?}").contains("wrong-but-secret"));
    Ok(())
}

#[tokio::test]
async fn a_missing_vhost_is_named() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let url = vhost.url.replace(&format!("/{}", vhost.name), "/no%2Fsuch");
    let error = broker::reach(&BrokerConfig::at(&url)).await.expect_err("a missing vhost");
    let expected = BrokerError::VhostMissing { address: format!("127.0.0.1:{}", vhost.port), vhost: "no/such".into() };
    assert_eq!(error, expected);
    Ok(())
}

#[tokio::test]
async fn a_vhost_without_permissions_is_named_with_the_user() -> Result<()> {
    let vhost = rabbit::vhost().await?;
    let url = vhost.url.replace("bindery:", "stranger:");
    let error = broker::reach(&BrokerConfig::at(&url)).await.expect_err("no permissions");
    assert_eq!(error.code(), "vhost_refused");
    assert!(error.to_string().contains("stranger") && error.to_string().contains(&vhost.name), "{error}");
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() -> Result<()> {
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let error = broker::reach(&BrokerConfig::at(&format!("amqp://u:{PASSWORD}@{free}"))).await.expect_err("refused");
    assert_eq!(error.code(), "unreachable");
    assert!(error.to_string().contains(&free.to_string()) && error.to_string().contains("refused"), "{error}");
    let error = broker::reach(&BrokerConfig::at("amqp://u:p@no-such-host.invalid/%2f")).await.expect_err("no name");
    assert_eq!(error.code(), "unreachable");
    Ok(())
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_is_left_in_time_and_without_a_trace() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let address = silent.local_addr()?;
    for scheme in ["amqp", "amqps"] {
        let mut config = BrokerConfig::at(&format!("{scheme}://u:{PASSWORD}@{address}"));
        config.deadlines.connect_within = Duration::from_millis(300);
        let began = Instant::now();
        let error = broker::reach(&config).await.expect_err("silence");
        assert_eq!(error.code(), "silent", "{scheme}: {error}");
        assert!(began.elapsed() < Duration::from_secs(2), "{scheme} took {:?}", began.elapsed());
        // Our side is shut: the peer reads to the end of what we sent.
        let (mut peer, _) = silent.accept().await?;
        let mut nowhere = tokio::io::sink();
        tokio::time::timeout(rabbit::PATIENCE, tokio::io::copy(&mut peer, &mut nowhere)).await??;
    }
    Ok(())
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_no_broker() -> Result<()> {
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let address = other.local_addr()?;
    let mut peers = tokio::task::JoinSet::new();
    peers.spawn(async move {
        while let Ok((peer, _)) = other.accept().await {
            let _ = peer.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let mut config = BrokerConfig::at(&format!("amqp://u:{PASSWORD}@{address}"));
    config.deadlines.connect_within = Duration::from_secs(2);
    let error = broker::reach(&config).await.expect_err("another protocol");
    assert!(["unreachable", "silent"].contains(&error.code()), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    Ok(())
}

/// Also of the supervisors, which try again and again.
#[tokio::test]
async fn no_password_in_any_error_log_or_state() -> Result<()> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // Of this thread only, which is where this test's tasks run.
    let _guard = tracing::subscriber::set_default(subscriber);
    let vhost = rabbit::vhost().await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let wrong = vhost.url.replace(PASSWORD, "also-never-to-be-shown");
    let missing = vhost.url.replace(&format!("/{}", vhost.name), "/none");
    let nobody = format!("amqp://u:{PASSWORD}@127.0.0.1:1");
    let quiet = format!("amqp://u:{PASSWORD}@{}", silent.local_addr()?);
    let bad = format!("amqp://u:{PASSWORD}@host/%2f?nonsense=1");
    for url in [wrong, missing, nobody, quiet, bad] {
        let mut config = BrokerConfig::at(&url);
        config.deadlines.connect_within = Duration::from_millis(200);
        config.deadlines.confirm_within = Duration::from_millis(200);
        let intake = Intake::start(config.clone());
        let outgoing = Outgoing::start(config.clone());
        let told = [
            format!("{:?}", shows(intake.consumer.state(), is_down).await?),
            format!("{:?}", shows(outgoing.publisher.state(), is_down).await?),
            format!("{:?}", outgoing.publish(vec![event("e", "k")]).await),
            format!("{config:?} {:?}", broker::reach(&config).await),
        ];
        assert!(told.iter().all(|told| !told.contains("never-to-be-shown")), "{told:#?}");
    }
    let log = log.text();
    assert!(log.contains("connection to the broker is down"), "nothing was logged: {log}");
    assert!(!log.contains("never-to-be-shown"), "{log}");
    Ok(())
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics while logging")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics while logging").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
