//! Polls, and hands what polls bring to the engine.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, PartitionIndex, Read, Reader, Records, StopFlag};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::http::{Client, HttpError};

use super::deliver::{offset, records};
use super::mark::PollMark;
use super::pace::{Due, Pace};
use super::poll::{Poll, poll};
use super::queries::Queries;
use super::shortfall::Shortfall;
use super::source::refusal;

/// The longest wait between two looks at the stop flag.
pub(super) const NAP: Duration = Duration::from_millis(50);

/// Reads the one partition of the source. Polls run on a runtime of the reader's own, and only while it is asked to read.
pub(super) struct TwitchReader {
    name: String,
    client: Arc<Client>,
    queries: Arc<Queries>,
    pace: Pace,
    stop: StopFlag,
    /// The number of the next poll.
    next: u64,
    /// How many rows of the next poll have been delivered before a restart.
    skip: u64,
    running: Option<Running>,
    pending: VecDeque<Records>,
    limit: Option<u64>,
    limit_told: bool,
    polls: Polls,
    shortfall: Shortfall,
    /// Dropped last, with all that runs on it.
    runtime: Runtime,
}

struct Running {
    poll: JoinHandle<Poll>,
    polled_at: i64,
}

/// How polls have ended so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Polls {
    complete: u64,
    incomplete: u64,
    rows: u64,
    duplicates: u64,
}

impl fmt::Display for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { complete, incomplete, rows, duplicates } = self;
        write!(f, "{complete} complete polls, {incomplete} incomplete, {rows} rows, {duplicates} duplicates dropped")
    }
}

impl TwitchReader {
    pub(super) fn new(
        name: &str,
        runtime: Runtime,
        client: Client,
        queries: Arc<Queries>,
        pace: Pace,
        stop: StopFlag,
        (next, skip): (u64, u64),
    ) -> Self {
        Self {
            name: name.to_owned(),
            client: Arc::new(client),
            queries,
            pace,
            stop,
            next,
            skip,
            running: None,
            pending: VecDeque::new(),
            limit: None,
            limit_told: false,
            polls: Polls::default(),
            shortfall: Shortfall::default(),
            runtime,
        }
    }

    /// Starts the next poll if it is due.
    fn start(&mut self) -> Due {
        let due = self.pace.due(self.next, Instant::now());
        if let Due::Now(polled_at) = due {
            let task = poll(Arc::clone(&self.client), Arc::clone(&self.queries));
            self.running = Some(Running { poll: self.runtime.spawn(task), polled_at });
        }
        due
    }

    /// Waits for the poll that runs.
    fn wait_for(&mut self, mut running: Running, wait: Duration) -> Result<Read, ConnectorError> {
        let wait = wait.min(NAP);
        let ended = self.runtime.block_on(async { tokio::time::timeout(wait, &mut running.poll).await });
        let Ok(ended) = ended else {
            self.running = Some(running);
            return Ok(Read::Idle);
        };
        let poll = ended.map_err(|error| {
            ConnectorError::unavailable(
                format!("a poll of source `{}` broke off: {error}", self.name),
                "report this as a bug",
            )
        })?;
        self.finish(poll, running.polled_at)?;
        Ok(self.pending.pop_front().map_or(Read::Idle, Read::Records))
    }

    fn finish(&mut self, poll: Poll, polled_at: i64) -> Result<(), ConnectorError> {
        let number = self.next;
        let rows = poll.rows.len() as u64;
        let (complete, duplicates) = (poll.complete, poll.duplicates);
        self.mark(&PollMark { poll: number, polled_at, complete, rows, duplicates, reason: poll.reason });
        if let Some((error, first_call)) = &poll.failure
            && (self.is_final(error, *first_call) || (!self.pace.is_live() && rows == 0))
        {
            return Err(refusal(error));
        }
        let skip = std::mem::take(&mut self.skip) as usize;
        self.pending = records(number, polled_at, poll.payload, &poll.rows, poll.complete, duplicates, skip);
        self.next += 1;
        Ok(())
    }

    /// Whether polling again is of no use: the credentials are void, or the very first call is refused, so the keys are wrong.
    fn is_final(&self, error: &HttpError, first_call: bool) -> bool {
        match error {
            HttpError::Credentials { .. } | HttpError::Unusable(_) => true,
            HttpError::Refused { .. } => first_call && self.polls.complete == 0,
            HttpError::Exhausted { .. } => false,
        }
    }

    fn mark(&mut self, mark: &PollMark) {
        self.polls.rows += mark.rows;
        self.polls.duplicates += mark.duplicates;
        if mark.complete {
            self.polls.complete += 1;
        } else {
            self.polls.incomplete += 1;
        }
        tracing::debug!("source `{}`: {mark}", self.name);
        if let Some(notice) = self.shortfall.count(mark, Instant::now()) {
            tracing::warn!("source `{}`: {notice}", self.name);
        }
    }

    /// Sleeps in naps, until the time has passed or the run shall end.
    fn nap(&self, wait: Duration) -> Read {
        let until = Instant::now() + wait;
        while !self.stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(NAP));
        }
        Read::Idle
    }
}

impl Reader for TwitchReader {
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError> {
        if let Some(records) = self.pending.pop_front() {
            return Ok(Read::Records(records));
        }
        if let Some(limit) = self.limit.filter(|limit| offset(self.next, self.skip) >= *limit) {
            if !std::mem::replace(&mut self.limit_told, true) {
                return Ok(Read::Reached(PartitionIndex(0), limit));
            }
            return Ok(self.nap(wait));
        }
        if let Some(running) = self.running.take() {
            return self.wait_for(running, wait);
        }
        if self.stop.is_set() {
            return Ok(Read::Idle);
        }
        match self.start() {
            Due::Now(_) => match self.running.take() {
                Some(running) => self.wait_for(running, wait),
                None => Ok(Read::Idle),
            },
            Due::In(time) => Ok(self.nap(time.min(wait))),
            Due::Never => {
                tracing::info!("source `{}` has ended: {}", self.name, self.polls);
                Ok(Read::End)
            }
        }
    }

    fn limit(&mut self, _: PartitionIndex, limit: Option<u64>) {
        self.limit = limit;
        self.limit_told = false;
    }
}

impl fmt::Debug for TwitchReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwitchReader({}, next poll {})", self.name, self.next)
    }
}
