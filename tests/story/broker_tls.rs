//! `amqps://` with a CA of one's own and a client certificate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use bindery::broker::{self, BrokerConfig, ClientCertificate};
use tempfile::TempDir;

use crate::broker_links::{Intake, Outgoing, event, is_up, shows};
use crate::rabbit::{Node, PASSWORD};

#[tokio::test]
async fn a_private_ca_and_a_client_certificate_open_the_door_and_nothing_else_does() -> Result<()> {
    let papers = Papers::issue()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let node = Node::boot(&papers.settings(port)).await?;
    let vhost = node.vhost().await?;
    let url = format!("amqps://bindery:{PASSWORD}@localhost:{port}/{}", vhost.name);
    let own = |name: &str| ClientCertificate {
        certificate_file: papers.file(&format!("{name}.pem")),
        key_file: papers.file(&format!("{name}.key")),
    };
    let good = BrokerConfig {
        ca_file: Some(papers.file("ca.pem")),
        client_certificate: Some(own("client")),
        ..BrokerConfig::at(&url)
    };

    broker::reach(&good).await?;
    let mut intake = Intake::start(good.clone());
    let outgoing = Outgoing::start(good.clone());
    shows(intake.consumer.state(), is_up).await?;
    vhost.publish_command("claim", "over TLS").await?;
    assert_eq!(intake.bodies(1).await?, ["over TLS"]);
    let mut events = vhost.events().await?;
    outgoing.publish(vec![event("e-1", "k")]).await;
    events.next().await?;

    let other_ca = BrokerConfig { ca_file: Some(papers.file("other-ca.pem")), ..good.clone() };
    let system = BrokerConfig { ca_file: None, ..good.clone() };
    let other_name = BrokerConfig { url: url.replace("localhost", "127.0.0.1").into(), ..good.clone() };
    for (what, config) in [("another CA", other_ca), ("the system's", system), ("another name", other_name)] {
        let error = broker::reach(&config).await.expect_err(what);
        assert_eq!(error.code(), "tls_failed", "{what}: {error}");
        assert!(error.to_string().contains("certificate"), "{what}: {error}");
    }
    // With TLS 1.3 the broker's verdict on our certificate comes after the handshake, as the end of the connection.
    let anonymous = BrokerConfig { client_certificate: None, ..good.clone() };
    let stranger = BrokerConfig { client_certificate: Some(own("stranger")), ..good.clone() };
    for (what, config) in [("no certificate", anonymous), ("a stranger's", stranger)] {
        let error = broker::reach(&config).await.expect_err(what);
        assert!(["tls_failed", "unreachable"].contains(&error.code()), "{what}: {error}");
        assert!(!error.to_string().contains(PASSWORD));
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_certificate_or_key_is_named() -> Result<()> {
    let papers = Papers::issue()?;
    std::fs::write(papers.file("empty.pem"), "")?;
    std::fs::write(papers.file("text.pem"), "not a certificate")?;
    let base = BrokerConfig { ca_file: Some(papers.file("ca.pem")), ..BrokerConfig::at("amqps://localhost:1") };
    let own = |certificate: &str, key: &str| {
        Some(ClientCertificate { certificate_file: papers.file(certificate), key_file: papers.file(key) })
    };
    for (file, config) in [
        ("missing.pem", BrokerConfig { ca_file: Some(papers.file("missing.pem")), ..base.clone() }),
        ("empty.pem", BrokerConfig { ca_file: Some(papers.file("empty.pem")), ..base.clone() }),
        ("text.pem", BrokerConfig { ca_file: Some(papers.file("text.pem")), ..base.clone() }),
        ("client.key", BrokerConfig { ca_file: Some(papers.file("client.key")), ..base.clone() }),
        ("text.pem", BrokerConfig { client_certificate: own("text.pem", "client.key"), ..base.clone() }),
        ("client.pem", BrokerConfig { client_certificate: own("client.pem", "client.pem"), ..base.clone() }),
        ("client.pem", BrokerConfig { client_certificate: own("client.pem", "stranger.key"), ..base.clone() }),
    ] {
        let error = broker::reach(&config).await.expect_err(file);
        assert_eq!(error.code(), "tls_file", "{file}: {error}");
        assert!(error.to_string().contains(file) && error.needs_a_person(), "{error}");
    }
    Ok(())
}

/// Certificates made by openssl: a CA, a server `localhost` and a client of it, and a CA and a client that are not.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn issue() -> Result<Self> {
        let papers = Self { folder: tempfile::tempdir()? };
        std::fs::write(papers.file("server.ext"), "subjectAltName=DNS:localhost\n")?;
        std::fs::write(papers.file("client.ext"), "extendedKeyUsage=clientAuth\n")?;
        for ca in ["ca", "other-ca"] {
            papers.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {ca}.key -out {ca}.pem -subj /CN={ca} -days 2"
            ))?;
        }
        papers.sign("server", "ca", "server.ext")?;
        papers.sign("client", "ca", "client.ext")?;
        papers.sign("stranger", "other-ca", "client.ext")?;
        Ok(papers)
    }

    fn sign(&self, name: &str, ca: &str, extensions: &str) -> Result<()> {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ))?;
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -out {name}.pem -days 2 -extfile {extensions}"
        ))
    }

    fn openssl(&self, arguments: &str) -> Result<()> {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(self.folder.path()).stdin(Stdio::null());
        let done = command.output()?;
        ensure!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self, port: u16) -> String {
        let at = |name: &str| Path::new(self.folder.path()).join(name).display().to_string();
        format!(
            "listeners.ssl.local = 127.0.0.1:{port}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n",
            at("ca.pem"),
            at("server.pem"),
            at("server.key")
        )
    }
}
