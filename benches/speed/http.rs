//! As much of HTTP/1.1 as a client with kept connections needs: requests in, answers with a length out.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Far above what a claim needs.
const REQUEST_MAX: usize = 64 * 1024;

/// One request, whole.
pub(crate) struct Request {
    head: String,
    body: String,
}

impl Request {
    /// `GET` or `POST`.
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The node and its edge: the last two parts of the path.
    pub(crate) fn node_and_edge(&self) -> Option<(&str, &str)> {
        let (rest, edge) = self.path().rsplit_once('/')?;
        Some((rest.rsplit('/').next()?, edge))
    }

    /// The host that was asked, with its port.
    pub(crate) fn host(&self) -> &str {
        header(&self.head, "host").unwrap_or_default()
    }

    /// A parameter of the query that needs no decoding, such as a number.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target().split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// A field of the form in the body, decoded.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let form = reqwest::Url::parse(&format!("form:?{}", self.body)).ok()?;
        form.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// One connection of a client.
pub(crate) struct Wire {
    stream: TcpStream,
    came: Vec<u8>,
    out: String,
}

impl Wire {
    /// A connection that was accepted.
    ///
    /// # Errors
    /// When the socket takes no options any more.
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, came: Vec::with_capacity(1024), out: String::new() })
    }

    /// The next request; none when the client has hung up between two.
    ///
    /// # Errors
    /// When it hangs up within one, or sends what is none.
    pub(crate) async fn read(&mut self) -> Result<Option<Request>> {
        loop {
            if let Some(end) = find(&self.came, b"\r\n\r\n") {
                return self.read_body(end + 4).await.map(Some);
            }
            ensure!(self.came.len() < REQUEST_MAX, "a request without end");
            if self.stream.read_buf(&mut self.came).await? == 0 {
                return if self.came.is_empty() { Ok(None) } else { bail!("hung up within a request") };
            }
        }
    }

    async fn read_body(&mut self, head_ends: usize) -> Result<Request> {
        let head = std::str::from_utf8(&self.came[..head_ends]).context("a head that is no text")?.to_owned();
        let length: usize = header(&head, "content-length").map_or(Ok(0), str::parse)?;
        ensure!(length < REQUEST_MAX, "a body without end");
        while self.came.len() < head_ends + length {
            ensure!(self.stream.read_buf(&mut self.came).await? > 0, "hung up within a body");
        }
        let body = std::str::from_utf8(&self.came[head_ends..head_ends + length])?.to_owned();
        self.came.drain(..head_ends + length);
        Ok(Request { head, body })
    }

    /// Answers with JSON and the headers that Meta sends with every answer; `business` has used little of its budget.
    ///
    /// # Errors
    /// When the client has hung up.
    pub(crate) async fn write(&mut self, body: &str, business: &str) -> Result<()> {
        self.out.clear();
        write!(
            self.out,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\nx-fb-trace-id: BenchTrace1\r\n\
             x-business-use-case-usage: {{\"{business}\":[{{\"type\":\"pages\",\"call_count\":2,\"total_cputime\":1,\
             \"total_time\":1,\"estimated_time_to_regain_access\":0}}]}}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        Ok(self.stream.write_all(self.out.as_bytes()).await?)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
