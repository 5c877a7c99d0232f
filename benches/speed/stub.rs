//! Graph as the claims need it, as light as can be: HTTP/1.1 over plain sockets, one thread, rows rendered when posted.
//!
//! A process of its own, so that its work is nobody's CPU. Every call waits the set latency, and takes effect at the
//! end of it. `GET /_stub` tells what it was asked. It ends with our end of its stdin.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, LocalSet};

use crate::held::Held;
use crate::http::{Request, Wire};

/// What becomes of a claim.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Claims {
    /// It is granted at once.
    #[default]
    Granted,
    /// It waits for an approval that never comes.
    Waiting,
}

/// Serves until stdin ends; says its URL first.
pub(crate) fn serve(latency: Duration, claims: Claims) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let stub = Rc::new(Stub { latency, claims, ..Stub::default() });
        let mut connections = JoinSet::new();
        let mut gone = Vec::new();
        let mut stdin = stdin();
        let told_to_end = stdin.read_to_end(&mut gone);
        tokio::pin!(told_to_end);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    connections.spawn_local(Rc::clone(&stub).talk(accepted?.0));
                }
                Some(ended) = connections.join_next() => complain(ended?),
                _ = &mut told_to_end => return Ok(()),
            }
        }
    })
}

/// A client that hangs up has been killed, which is how a run ends; anything else spoils the figures.
fn complain(ended: Result<()>) {
    if let Err(error) = ended
        && error.downcast_ref::<std::io::Error>().is_none()
    {
        eprintln!("stub: {error:#}");
    }
}

#[derive(Default)]
struct Stub {
    latency: Duration,
    claims: Claims,
    businesses: RefCell<HashMap<String, Held>>,
    calls: Cell<u64>,
    waited: Cell<Duration>,
    in_flight: Cell<u64>,
    at_most: Cell<u64>,
}

impl Stub {
    async fn talk(self: Rc<Self>, stream: TcpStream) -> Result<()> {
        let mut wire = Wire::new(stream)?;
        while let Some(request) = wire.read().await? {
            match request.path() {
                "/_stub" => wire.write(&self.told(), "0").await?,
                path if path.ends_with("/me") => wire.write(r#"{"id":"1","name":"Stub"}"#, "0").await?,
                _ => self.call(&request, &mut wire).await?,
            }
        }
        Ok(())
    }

    async fn call(&self, request: &Request, wire: &mut Wire) -> Result<()> {
        let began = Instant::now();
        self.in_flight.set(self.in_flight.get() + 1);
        self.at_most.set(self.at_most.get().max(self.in_flight.get()));
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let (business, edge) = request.node_and_edge().context("no business in the path")?;
        let answer = self.answer(request, business, edge)?;
        self.in_flight.set(self.in_flight.get() - 1);
        self.calls.set(self.calls.get() + 1);
        self.waited.set(self.waited.get() + began.elapsed());
        wire.write(&answer, business).await
    }

    fn answer(&self, request: &Request, business: &str, edge: &str) -> Result<String> {
        let mut businesses = self.businesses.borrow_mut();
        if !businesses.contains_key(business) {
            businesses.insert(business.to_owned(), Held::default());
        }
        let held = businesses.get_mut(business).context("just put there")?;
        match (request.method(), edge) {
            ("POST", "client_pages") => {
                let page = request.field("page_id").context("a claim without page_id")?;
                held.grant(&page, &request.field("permitted_tasks").context("a claim without permitted_tasks")?);
                let status = if self.claims == Claims::Granted { "CONFIRMED" } else { "PENDING" };
                Ok(format!(r#"{{"access_status":"{status}"}}"#))
            }
            ("GET", "client_pages") if self.claims == Claims::Granted => Ok(held.page(request)),
            ("GET", "pending_client_pages") if self.claims == Claims::Waiting => Ok(held.page(request)),
            ("GET", "client_pages" | "pending_client_pages" | "owned_pages") => Ok(r#"{"data":[]}"#.to_owned()),
            (method, edge) => anyhow::bail!("the stub does not know {method} {edge}"),
        }
    }

    fn told(&self) -> String {
        let (calls, waited, at_most) = (self.calls.get(), self.waited.get().as_secs_f64(), self.at_most.get());
        format!(r#"{{"calls":{calls},"waited_seconds":{waited},"in_flight_at_most":{at_most}}}"#)
    }
}
