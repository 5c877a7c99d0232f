//! A connection that is kept up: opened, worked on until it breaks, and opened anew. Written once for all who keep one.

use tokio::time::{Instant, sleep};

use super::state::Board;
use super::waits::Waits;
use super::{BrokerConfig, BrokerError};

/// How work on a connection ended.
pub(super) enum End {
    /// Nobody wants it any more.
    Finished,
    /// The connection is of no more use.
    Broken(BrokerError),
}

/// Who keeps a connection: how it is opened, what is done on it, and what is done while there is none.
pub(super) trait Upkeep {
    /// An open connection with all that hangs on it; its socket is shut when it is dropped.
    type Session: Send;

    /// Where to, and how long to wait.
    fn config(&self) -> &BrokerConfig;

    /// Where its state is told.
    fn board(&self) -> &Board;

    /// Opens a session. Safe to drop at any await: a connection half-way open is shut then.
    fn open(config: &BrokerConfig) -> impl Future<Output = Result<Self::Session, BrokerError>> + Send;

    /// Works until the session breaks or the work is over, and closes it.
    fn serve(&mut self, session: Self::Session) -> impl Future<Output = End> + Send;

    /// Awaits something while there is no session, and hears meanwhile what is asked. `None`: the work is over.
    fn meanwhile<T>(&mut self, awaited: impl Future<Output = T> + Send) -> impl Future<Output = Option<T>> + Send
    where
        T: Send;
}

/// Keeps the connection up until the work is over, from `first` on where it is open already. A change of state is told
/// once, however often it is tried; the waits between two tries grow.
pub(super) async fn keep_up<U: Upkeep>(mut work: U, first: Option<U::Session>) {
    let config = work.config().clone();
    let mut waits = Waits::new();
    let mut open = first;
    loop {
        let opened = match open.take() {
            Some(session) => Ok(session),
            None => match work.meanwhile(U::open(&config)).await {
                Some(opened) => opened,
                None => return,
            },
        };
        let broken = match opened {
            Err(error) => error,
            Ok(session) => {
                let began = Instant::now();
                let End::Broken(error) = work.serve(session).await else { return };
                waits.note_connection(began.elapsed());
                error
            }
        };
        work.board().down(&broken);
        if work.meanwhile(sleep(waits.next())).await.is_none() {
            return;
        }
    }
}
