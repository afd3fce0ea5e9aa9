//! The producers of one writer, which take turns: brokers are still ending the transaction of one when the next one begins its own.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use engine::safeguard::Safeguard;

use crate::kafka::connection::Cluster;

use super::transactor::Transactor;

/// How long brokers may need, after they have confirmed a commit, until its end stands in all partitions. Before that they let its producer begin
/// no other, and librdkafka asks again only 20 ms later.
const REST: Duration = Duration::from_millis(10);
/// How many transactions in a row have to begin without this rest before another producer joins.
const HURRIED_MAX: u32 = 4;
/// How many producers there are at most.
pub(super) const RUNNERS_MAX: usize = 3;
/// How long one that joins may need.
const JOIN_WAIT: Duration = Duration::from_secs(2);

/// The producers. Mostly there is one; others join if transactions follow each other so fast that it would have to wait.
///
/// Who takes over shuts out the first, then reads the progress, then shuts out all others that are named there. So another one has a turn only after a
/// transaction of the first, or through the gate, has named it, in the progress of all sinks, since it was opened: had somebody taken over before, that
/// transaction would not have gone through.
pub(super) struct Relay {
    transactional_id: String,
    runners: Vec<Runner>,
    /// How many transactions in a row have begun without rest.
    hurried: u32,
    growth: Growth,
}

/// Whether another producer joins.
enum Growth {
    /// If it is needed.
    Possible,
    /// It is being made, while others go on.
    Joining(Receiver<Result<Transactor, ConnectorError>>),
    /// None will.
    Over,
}

struct Runner {
    /// `None` after a transaction of which nobody knows how it ended.
    transactor: Option<Transactor>,
    /// When its last transaction ended.
    ended: Option<Instant>,
    /// Whether it has been named since it was opened.
    is_named: bool,
}

impl Relay {
    /// With the producer that has taken `transactional_id` over.
    pub(super) fn new(transactional_id: String, first: Transactor) -> Self {
        let first = Runner { transactor: Some(first), ended: None, is_named: true };
        Self { transactional_id, runners: vec![first], hurried: 0, growth: Growth::Possible }
    }

    /// What the ids begin with, and how many there are.
    pub(super) fn ids(&self) -> (&str, usize) {
        (&self.transactional_id, if Safeguard::RunnersNamed.holds() { self.runners.len() } else { 1 })
    }

    /// The id of a producer.
    pub(super) fn id(&self, place: usize) -> String {
        runner_id(&self.transactional_id, place)
    }

    /// The place of a producer that was given up, if there is one: before another transaction begins it has to be replaced.
    pub(super) fn gap(&self) -> Option<usize> {
        self.runners.iter().position(|runner| runner.transactor.is_none())
    }

    /// Puts another in the place of one that was given up. It was named through the gate since it was opened.
    pub(super) fn replace(&mut self, place: usize, transactor: Transactor) {
        self.runners[place] = Runner { transactor: Some(transactor), ended: None, is_named: true };
    }

    /// Gives a producer up.
    pub(super) fn give_up(&mut self, place: usize) {
        self.runners[place].transactor = None;
    }

    /// A producer; `None` if it was given up.
    pub(super) fn transactor(&self, place: usize) -> Option<&Transactor> {
        self.runners[place].transactor.as_ref()
    }

    /// Whose turn it is: the one that has rested longest, or the first if it has to name others.
    pub(super) fn next(&mut self, cluster: &Cluster, stop: &StopFlag) -> usize {
        self.welcome();
        let place = self.rested();
        let has_rested = self.runners[place].ended.is_none_or(|ended| ended.elapsed() >= REST);
        self.hurried = if has_rested { 0 } else { self.hurried + 1 };
        if self.hurried > HURRIED_MAX && self.runners.len() < RUNNERS_MAX && matches!(self.growth, Growth::Possible) {
            self.hurried = 0;
            self.grow(cluster.clone(), stop.clone());
        }
        place
    }

    fn rested(&self) -> usize {
        if self.has_to_name() {
            return 0;
        }
        (0..self.runners.len()).min_by_key(|place| self.runners[*place].ended).unwrap_or(0)
    }

    /// Lets another producer be made.
    fn grow(&mut self, cluster: Cluster, stop: StopFlag) {
        let id = self.id(self.runners.len());
        let (made, joining) = channel();
        let make = move || drop(made.send(Transactor::open(&cluster, &id, Some(JOIN_WAIT), &stop)));
        let thread = thread::Builder::new().name("join".into()).spawn(make);
        self.growth = if thread.is_ok() { Growth::Joining(joining) } else { Growth::Over };
    }

    /// Takes in a producer that has been made.
    fn welcome(&mut self) {
        let Growth::Joining(joining) = &self.growth else { return };
        self.growth = match joining.try_recv() {
            Ok(Ok(transactor)) => {
                self.runners.push(Runner { transactor: Some(transactor), ended: None, is_named: false });
                tracing::debug!("another producer joins: {} take turns", self.runners.len());
                Growth::Possible
            }
            Err(TryRecvError::Empty) => return,
            // Brokers that cannot be reached now, or do not allow it.
            Ok(Err(_)) | Err(TryRecvError::Disconnected) => Growth::Over,
        };
    }

    /// Whether the next transaction has to name producers, in the progress of all sinks.
    pub(super) fn has_to_name(&self) -> bool {
        Safeguard::RunnersNamed.holds() && self.runners.iter().any(|runner| !runner.is_named)
    }

    /// A transaction was committed.
    pub(super) fn committed(&mut self, place: usize) {
        self.runners[place].ended = Some(Instant::now());
        if place == 0 {
            self.runners.iter_mut().for_each(|runner| runner.is_named = true);
        }
    }
}

/// The transactional id of a producer, by its place: the first has the writer's own.
pub(super) fn runner_id(transactional_id: &str, place: usize) -> String {
    if place == 0 { transactional_id.to_owned() } else { format!("{transactional_id}.{place}") }
}
