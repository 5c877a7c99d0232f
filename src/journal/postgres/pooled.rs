//! Through pgbouncer in transaction mode: each transaction may be another session's.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::contract::Phase;
use crate::journal::tests::words::{PgShelf, Shelf, at, command, ending, id, noted, waiting};
use crate::journal::{Address, Journal, Record, State};

/// A pgbouncer before a database; it ends with this.
struct Pooler {
    port: u16,
    _process: Child,
    _folder: TempDir,
}

impl Pooler {
    /// Two sessions at the server for all that is asked: whoever relied on its own would soon meet another's.
    async fn before(server_port: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user=bindery\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let installed = std::path::Path::new("/usr/sbin/pgbouncer");
        let mut pgbouncer = Command::new(if installed.exists() { installed } else { "pgbouncer".as_ref() });
        if std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0) {
            // It does not run as root, and reads its settings after it has changed.
            std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            pgbouncer.args(["-u", "nobody"]);
        }
        let process = pgbouncer.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.expect("pgbouncer is installed: .ci/test does that");
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, _process: process, _folder: folder };
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("pgbouncer did not start");
    }
}

#[tokio::test]
async fn a_pooler_that_gives_each_transaction_another_session_may_stand_between() {
    let shelf = PgShelf::empty();
    let direct = shelf.database().await.url();
    let (server, database) = direct.rsplit_once('/').unwrap();
    let pooler = Pooler::before(server.rsplit(':').next().unwrap()).await;
    let at_pooler: Address = format!("postgres://bindery@127.0.0.1:{}/{database}", pooler.port).parse().unwrap();
    let journal = Journal::open(at_pooler.clone()).await.unwrap();
    let names: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
    let work = names.iter().map(async |name| {
        journal.accept(command(name)).await.unwrap();
        let seen = Record { observations: vec![noted(name)], ..Record::new(at(1), State::Ready) };
        journal.record(id(name), seen).await.unwrap();
        assert_eq!(journal.load(&id(name)).await.unwrap().unwrap().observations, [noted(name)]);
        journal.record(id(name), ending(name, Phase::Completed, 1)).await.unwrap();
    });
    join_all(work).await;
    assert_eq!(waiting(&journal).await.len(), names.len());
    assert_eq!(Journal::open(at_pooler.clone()).await.err().unwrap().code(), "locked", "from there too");
    let reader = Journal::open_read_only(at_pooler.clone()).await.unwrap();
    assert!(reader.verify(&id("c0")).await.is_ok());
    reader.close().await;
    journal.close().await;
    assert_eq!(at_pooler.held_by().await.unwrap(), None);
}
