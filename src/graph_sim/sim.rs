//! The handle: a running simulator within this process.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::awkward::{Awkward, Break, ListingOddity};
use super::calls::Call;
use super::control::orders::{Decide, PersonOrder, TokenOrder};
use super::control::{self, ControlError};
use super::state::State;
use super::usage::{Quota, Throttle, UsageOrder};
use super::wire;
use super::wire::answer::Reply;
use super::wire::request::GraphRequest;
use super::world::{Id, Verdict, World, set_of};

/// How long [`Sim::stop`] waits for open connections.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What a simulator starts with.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The world at the start.
    pub world: World,
    /// Where its clock starts; at the real time when absent.
    pub start: Option<Timestamp>,
    /// How far lists lag behind writes.
    pub lag: Duration,
    /// Chance faults.
    pub awkward: Option<Awkward>,
    /// How long a call that is never answered holds its connection at most.
    pub hold: Duration,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            world: World::demo(),
            start: None,
            lag: Duration::ZERO,
            awkward: None,
            hold: Duration::from_secs(120),
        }
    }
}

impl SimConfig {
    /// A simulator of `world` on a free port, without any trouble of its own.
    pub fn of(world: World) -> Self {
        Self { world, ..Self::default() }
    }
}

/// What connections and handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    arrived: watch::Sender<u64>,
    pub(crate) stop: CancellationToken,
    pub(crate) hold: Duration,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a bug of ours that the panicking test reports; the others still want answers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn call(&self, request: &GraphRequest) -> Reply {
        let reply = self.state().receive(request);
        self.arrived.send_modify(|count| *count += 1);
        reply
    }
}

/// A running simulator. Dropped without [`Sim::stop`], its connections end at once.
#[derive(Debug)]
pub struct Sim {
    shared: Arc<Shared>,
    addr: SocketAddr,
    tasks: JoinSet<io::Result<()>>,
}

impl Sim {
    /// Binds, and answers from then on.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let mut state = State::new(config.world, config.start, format!("http://{addr}"));
        state.lag.set(None, config.lag);
        state.faults.set_awkward(config.awkward);
        let stop = CancellationToken::new();
        let (arrived, _) = watch::channel(0);
        let shared = Arc::new(Shared { state: Mutex::new(state), arrived, stop: stop.clone(), hold: config.hold });
        let router = control::router(Arc::clone(&shared)).merge(wire::router(Arc::clone(&shared)));
        let mut tasks = JoinSet::new();
        tasks.spawn(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).into_future());
        Ok(Self { shared, addr, tasks })
    }

    /// Scheme, host and port, without a slash at the end: what `graph.base_url` is set to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its clients reach it by another way, a proxy for one: links to the next page of a list lead there.
    pub fn known_as(&self, base_url: &str) {
        self.shared.state().base = base_url.to_owned();
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it: calls on hold are let go, connections are closed.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        let _late = tokio::time::timeout(CLOSE_WITHIN, self.tasks.join_next()).await;
        self.tasks.shutdown().await;
    }

    /// The owner's side approves the open request of `business` for `page`; with `tasks` fewer than asked.
    ///
    /// # Errors
    /// When no such request is open.
    pub fn approve(&self, business: &str, page: &str, tasks: Option<&[&str]>) -> Result<String, ControlError> {
        let order = Decide { tasks: tasks.map(set_of), ..decide(business, page) };
        self.shared.state().decide(Verdict::Approve, order)
    }

    /// The owner's side denies it.
    ///
    /// # Errors
    /// When no such request is open.
    pub fn deny(&self, business: &str, page: &str) -> Result<String, ControlError> {
        self.shared.state().decide(Verdict::Deny, decide(business, page))
    }

    /// Someone of `business` withdraws it by hand.
    ///
    /// # Errors
    /// When no such request is open.
    pub fn withdraw(&self, business: &str, page: &str) -> Result<String, ControlError> {
        self.shared.state().withdraw(&decide(business, page))
    }

    /// The person invited under `email` joins `business`; gives the new user's id.
    ///
    /// # Errors
    /// When no such invitation is open.
    pub fn accept(&self, business: &str, email: &str) -> Result<Id, ControlError> {
        let (business, email) = (business.to_owned(), Some(email.to_owned()));
        let order = PersonOrder { business, email, accept: true, id: None, name: None, role: None, remove: false };
        self.shared.state().change_person(order)
    }

    /// Throttles a business or the app.
    pub fn throttle(&self, rule: Throttle) {
        self.shared.state().throttle(rule);
    }

    /// Sets a quota.
    pub fn quota(&self, quota: Quota) {
        self.shared.state().set_quota(quota);
    }

    /// Sets what the usage header says.
    pub fn usage(&self, order: UsageOrder) {
        self.shared.state().order_usage(order);
    }

    /// Breaks the next calls that match.
    pub fn break_next(&self, rule: Break) {
        self.shared.state().faults.add_break(rule);
    }

    /// Makes lists page strangely.
    pub fn listing(&self, rule: ListingOddity) {
        self.shared.state().faults.add_oddity(rule);
    }

    /// Chance faults from now on; none for zero in a thousand.
    pub fn awkward(&self, awkward: Awkward) {
        self.shared.state().set_awkward(awkward);
    }

    /// All lists lag behind writes by `lag`.
    pub fn lag(&self, lag: Duration) {
        self.shared.state().lag.set(None, lag);
    }

    /// The list of the edge `list` lags behind writes by `lag`.
    pub fn lag_of(&self, list: &str, lag: Duration) {
        self.shared.state().lag.set(Some(list.to_owned()), lag);
    }

    /// Moves the simulator's clock forward; gives the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let mut state = self.shared.state();
        state.clock.advance(by);
        let now = state.clock.now();
        state.settle(now);
        now
    }

    /// The simulator's time.
    pub fn now(&self) -> Timestamp {
        self.shared.state().clock.now()
    }

    /// Kills `token` (with the subcode of 190, 0 for none) or revives it.
    ///
    /// # Errors
    /// When there is no such token.
    pub fn token(&self, token: &str, dead: Option<i64>) -> Result<String, ControlError> {
        self.shared.state().set_token(TokenOrder { token: token.to_owned(), dead, expires: None })
    }

    /// Changes the world in any way; lists lag behind this too.
    pub fn edit<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        self.shared.state().alter(|world, _| change(world))
    }

    /// The world as it is now.
    pub fn world(&self) -> World {
        let mut state = self.shared.state();
        let now = state.clock.now();
        state.settle(now);
        state.world.clone()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls_after(0)
    }

    /// Every call with a number above `n`.
    pub fn calls_after(&self, n: u64) -> Vec<Call> {
        self.shared.state().calls.after(n)
    }

    /// The first call, past or to come, that `wanted` is true of; none if it has not come within `within`.
    pub async fn call_where(&self, within: Duration, wanted: impl Fn(&Call) -> bool) -> Option<Call> {
        let mut arrivals = self.shared.arrived.subscribe();
        let search = async {
            let mut seen = 0;
            loop {
                let fresh = self.calls_after(seen);
                seen = fresh.last().map_or(seen, |call| call.n);
                if let Some(found) = fresh.into_iter().find(|call| wanted(call)) {
                    return Some(found);
                }
                arrivals.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, search).await.ok().flatten()
    }

    /// Nothing goes wrong any more; world and quotas stay.
    pub fn heal(&self) {
        self.shared.state().heal();
    }

    /// Everything as at the start, but for the clock.
    pub fn reset(&self) {
        self.shared.state().reset();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn decide(business: &str, page: &str) -> Decide {
    Decide { business: business.to_owned(), page: page.to_owned(), tasks: None, after: None }
}
