//! Transactions over one connection, which is made anew when it breaks. Knows no table.

use std::time::{Duration, Instant};

use engine::connector::{ConnectContext, ConnectorError, StopFlag};
use engine::ownership::Stopped;
use tracing::{info, warn};

use super::connection::{Connection, Failure, Fault};
use super::server::Patience;
use super::target::Target;

/// How long the first connection is tried.
const OPEN_WAIT: Duration = Duration::from_secs(30);
/// The first pause between two attempts; each is twice as long as the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const PAUSE_LAST: Duration = Duration::from_secs(5);
/// How often one transaction is tried before its failures no longer count as passing.
const ATTEMPTS_MAX: u32 = 30;

/// A connection that comes back.
pub(super) struct Session {
    target: Target,
    place: String,
    stop: StopFlag,
    /// An instance before this one that may hold a lock, which of some databases nothing else takes from it.
    predecessor: Option<Stopped>,
    connection: Option<Box<dyn Connection>>,
}

impl Session {
    /// Connects; `place` is for messages. What may pass (a server that starts, a full house) is tried for half a minute.
    pub(super) fn open(target: Target, place: String, context: &ConnectContext) -> Result<Self, ConnectorError> {
        let (stop, predecessor) = (context.stop.clone(), context.predecessor.clone());
        let mut session = Self { target, place, stop, predecessor, connection: None };
        session.connected(Some(Instant::now() + OPEN_WAIT))?;
        Ok(session)
    }

    /// Runs `work` and commits it: everything or nothing. Work that fails by what may pass is rolled back and done again.
    ///
    /// The flag is set once the connection was lost: then the outcome of an earlier commit is unknown, and the work has to look
    /// (under the lock that it takes anyway) whether it is there already.
    pub(super) fn transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn Connection, bool) -> Result<T, Failure>,
    ) -> Result<T, ConnectorError> {
        self.persist(|connection, doubtful| {
            connection.begin()?;
            let done = work(connection, doubtful)?;
            connection.commit()?;
            Ok(done)
        })
    }

    /// Runs work that needs no transaction of ours: it only reads, or it defines tables. May be done again as well.
    pub(super) fn read<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, ConnectorError> {
        self.persist(|connection, _| work(connection).map_err(Failure::from))
    }

    /// Does work until it is done, or fails by what will not pass, or too often, or the end is asked for.
    fn persist<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn Connection, bool) -> Result<T, Failure>,
    ) -> Result<T, ConnectorError> {
        let mut attempts = 0;
        let mut doubtful = false;
        let mut pause = PAUSE_FIRST;
        loop {
            let fault = match work(self.connected(None)?, doubtful) {
                Ok(done) => return Ok(done),
                Err(Failure::Fault(fault)) => fault,
                Err(Failure::Final(error)) => {
                    self.roll_back();
                    return Err(error);
                }
            };
            attempts += 1;
            match &fault {
                Fault::Lost(message) => {
                    self.connection = None;
                    if !doubtful {
                        warn!(
                            "lost the connection to {}: {message}; what was under way is checked, and redone if need be",
                            self.place
                        );
                    }
                    doubtful = true;
                }
                Fault::Conflict(message) => {
                    self.roll_back();
                    if attempts == 1 {
                        warn!("{}: {message}; trying again", self.place);
                    } else if self.connection.as_ref().is_some_and(|connection| !connection.frees_idle_locks()) {
                        self.end_predecessor();
                    }
                }
                Fault::Data(_) | Fault::Refused { .. } => {
                    self.roll_back();
                    return Err(fault.into_error(&self.place));
                }
            }
            if attempts >= ATTEMPTS_MAX || !self.wait(pause) {
                return Err(fault.into_error(&self.place));
            }
            pause = (pause * 2).min(PAUSE_LAST);
        }
    }

    /// The connection; made if there is none, until `deadline` or for as long as nobody asks for the end.
    fn connected(&mut self, deadline: Option<Instant>) -> Result<&mut dyn Connection, ConnectorError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect(deadline)?,
        };
        Ok(self.connection.insert(connection).as_mut())
    }

    fn connect(&mut self, deadline: Option<Instant>) -> Result<Box<dyn Connection>, ConnectorError> {
        let mut said = false;
        let mut pause = PAUSE_FIRST;
        loop {
            let fault = match self.target.connect(Patience::Statement) {
                Ok(connection) => {
                    if said {
                        info!("{} is back", self.place);
                    }
                    return Ok(connection);
                }
                Err(fault) => fault,
            };
            let (Fault::Lost(message) | Fault::Conflict(message)) = &fault else {
                return Err(fault.into_error(&self.place));
            };
            if !said {
                warn!("{} cannot be reached: {message}; trying on", self.place);
                said = true;
            } else if matches!(fault, Fault::Conflict(_)) && !matches!(self.target, Target::Server(_)) {
                self.end_predecessor();
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) || !self.wait(pause) {
                return Err(fault.into_error(&self.place));
            }
            pause = (pause * 2).min(PAUSE_LAST);
        }
    }

    /// Ends the instance that was taken over from, should it still be stopped: it may be what is in the way.
    fn end_predecessor(&mut self) {
        if let Some(stopped) = self.predecessor.take()
            && stopped.end()
        {
            warn!(
                "{}: the flowctl that is stopped (process {}) may hold its lock, and is ended",
                self.place,
                stopped.process()
            );
        }
    }

    fn roll_back(&mut self) {
        // A connection that cannot roll back is closed, and then the database does it.
        if self.connection.as_mut().is_some_and(|connection| connection.rollback().is_err()) {
            self.connection = None;
        }
    }

    /// Waits; false if the end was asked for meanwhile.
    fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }
}
