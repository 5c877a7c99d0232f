//! The client against a fake Meta at the wire: it plays a script, an answer a request, and keeps what it heard.

mod doctor;
mod documented;
mod doors;
mod line;
mod lists;
mod offboardings;
mod page_tokens;
mod partners;
mod silence;
mod writes;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::contract::{Access, Asset, Kind, Task, Tasks};
use crate::meta::{Answer, AssetList, Call, Claimable, Grouped, Removable, Reply};

const TOKEN: &str = "EAABsystemUserTokenOfTheAgency";
const APP_SECRET: &str = "0123456789abcdefTheAppSecret";
const PAGE_TOKEN: &str = "EAABpageTokenOfPage1009";
/// Long enough never to matter, on a busy machine too.
const AMPLE: Duration = Duration::from_secs(20);
/// Where a test waits for the deadline itself.
const SHORT: Duration = Duration::from_millis(250);

/// What the fake does with a request. `BASE` in a body is its own address.
#[derive(Debug, Clone)]
enum Play {
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// Takes the request and closes.
    HangUp,
    /// Takes the request and says nothing.
    Silence,
    /// Announces more of a body than it sends, and closes.
    Half(&'static str),
    /// Sends a body without end.
    Flood,
}

/// What a row of a table looks for.
type Is<T> = fn(&T) -> bool;

fn answer(status: u16, body: &str) -> Play {
    Play::Answer(status, vec![], body.to_owned())
}

fn ok(body: &str) -> Play {
    answer(200, body)
}

/// Meta's error envelope, with status 400.
fn error(fields: &str) -> Play {
    answer(400, &format!(r#"{{"error":{{"message":"no","type":"OAuthException","fbtrace_id":"Atrace",{fields}}}}}"#))
}

struct FakeMeta {
    base: String,
    call_within: Duration,
    heard: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl FakeMeta {
    async fn playing(script: Vec<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let waits = script.iter().any(|play| matches!(play, Play::Silence));
        let call_within = if waits { SHORT } else { AMPLE };
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, base.clone(), script.into(), heard.clone()));
        Self { base, call_within, heard, _serving: serving }
    }

    /// Every request so far: head and body.
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn graph(&self) -> Graph {
        set_up(&GraphConfig { call_within: self.call_within, ..config_at(&self.base) })
    }
}

async fn serve(listener: TcpListener, base: String, mut script: VecDeque<Play>, heard: Arc<Mutex<Vec<String>>>) {
    let mut kept_open = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        heard.lock().unwrap().push(request);
        let play = script.pop_front().unwrap_or(answer(599, "the script has ended"));
        match play {
            Play::Answer(status, headers, body) => {
                let body = body.replace("BASE", &base);
                let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                send(
                    &mut stream,
                    &format!(
                        "HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    ),
                )
                .await;
            }
            Play::HangUp => drop(stream),
            Play::Silence => kept_open.push(stream),
            Play::Half(body) => {
                send(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{body}")).await;
            }
            Play::Flood => {
                send(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b' '; 64 * 1024]).await.is_ok() {}
            }
        }
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    // Whoever has hung up meanwhile does not want it.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes);
        if n == 0 || is_whole(&text) {
            return text.into_owned();
        }
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn graph_at(base: &str) -> Graph {
    set_up(&config_at(base))
}

fn set_up(config: &GraphConfig) -> Graph {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Graph::new(config).unwrap()
}

fn config_at(base: &str) -> GraphConfig {
    GraphConfig { base_url: base.to_owned(), api_version: "v26.0".to_owned(), call_within: AMPLE, page_limit: 100 }
}

fn secrets() -> Secrets {
    Secrets { name: "agency".to_owned(), access_token: TOKEN.into(), app_secret: Some(APP_SECRET.into()) }
}

/// Asks once against a script; what came of it and what Meta heard.
async fn asked(script: Vec<Play>, call: &Call) -> (Asked, Vec<String>) {
    let meta = FakeMeta::playing(script).await;
    let asked = meta.graph().ask(&secrets(), call).await;
    let heard = meta.heard();
    assert_eq!(asked.requests.len(), heard.len(), "a request that nobody noted: {heard:?}");
    (asked, heard)
}

fn tasks(words: &str) -> Tasks {
    words.split(',').map(|word| word.parse::<Task>().unwrap()).collect()
}

fn claim() -> Call {
    Call::Claim {
        business: "2001".parse().unwrap(),
        kind: Claimable::Page,
        id: "1009".parse().unwrap(),
        access: Access::Agency,
        tasks: tasks("ADVERTISE,ANALYZE"),
    }
}

fn remove() -> Call {
    Call::Remove { business: "2001".parse().unwrap(), what: Removable::Page("1009".parse().unwrap()) }
}

fn assign() -> Call {
    Call::Assign {
        business: "2001".parse().unwrap(),
        asset: page(),
        person: "31".parse().unwrap(),
        tasks: tasks("MANAGE"),
    }
}

fn find(list: AssetList) -> Call {
    Call::Find { business: "2001".parse().unwrap(), list, id: "1009".parse().unwrap() }
}

fn list(list: AssetList) -> Call {
    Call::ListAll { business: "2001".parse().unwrap(), list }
}

fn people() -> Call {
    Call::PeopleOn { business: "2001".parse().unwrap(), asset: page() }
}

fn page() -> Asset {
    "page/1009".parse().unwrap()
}
