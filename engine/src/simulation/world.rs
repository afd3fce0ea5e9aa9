//! The world of a story: everything outside the processes that it starts, and how those processes stand.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::connector::StopFlag;

use super::dice::Dice;
use super::disk::SimulatedDisk;
use super::fault::{Fault, FaultKind};
use super::server::Server;

/// A world.
pub(super) struct World {
    /// Determines the records.
    pub(super) seed: u64,
    /// Determines everything else that has no reason.
    pub(super) dice: Dice,
    pub(super) disk: SimulatedDisk,
    pub(super) database: Server,
    pub(super) broker: Server,
    /// Those that have not happened yet.
    pub(super) faults: Vec<Fault>,
    /// How many starts there are, the last without faults.
    pub(super) planned: usize,
    pub(super) starts: Vec<Start>,
    /// Those that run: each but the last is stopped.
    pub(super) running: Vec<usize>,
    /// Which start owns the state.
    pub(super) owner: Option<usize>,
    /// What was last given at each place of the polled source.
    pub(super) polled: Vec<String>,
    /// What has happened, for people.
    pub(super) told: Vec<String>,
    /// What must not be, as far as it was seen.
    pub(super) violation: Option<String>,
    /// Looks at a disk as it would be, instead of the one that is.
    view: Option<SimulatedDisk>,
    now: Duration,
    /// By how many microseconds the clock of the wall is wrong.
    wrong: i64,
}

/// A process.
#[derive(Default)]
pub(super) struct Start {
    /// How often it has reached out of its own memory.
    pub(super) steps: u64,
    /// It was killed, or had no power.
    pub(super) is_dead: bool,
    /// Another has taken over from it.
    pub(super) is_lost: bool,
    /// An operation on the disk has failed.
    pub(super) has_failed: bool,
    /// It was asked to end.
    pub(super) is_asked: bool,
    pub(super) stop: StopFlag,
    /// What becomes of the next commit.
    pub(super) commit: Option<FaultKind>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// The moment at which all simulated clocks begin.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl World {
    pub(super) fn new(seed: u64, faults: Vec<Fault>, planned: usize) -> Self {
        Self {
            seed,
            dice: Dice::new(seed),
            disk: SimulatedDisk::default(),
            database: Server::default(),
            broker: Server::default(),
            faults,
            planned,
            starts: Vec::new(),
            running: Vec::new(),
            owner: None,
            polled: Vec::new(),
            told: Vec::new(),
            violation: None,
            view: None,
            now: Duration::from_secs(1),
            wrong: 0,
        }
    }

    /// The process that runs.
    pub(super) fn current(&mut self) -> &mut Start {
        let at = *self.running.last().expect("somebody runs");
        &mut self.starts[at]
    }

    /// Tells what happens.
    pub(super) fn tell(&mut self, what: &str) {
        let start = self.running.last().map_or("-".to_owned(), |start| start.to_string());
        let step = self.running.last().map_or(0, |start| self.starts[*start].steps);
        self.told.push(format!("{:>9.3} ms, start {start}, step {step}: {what}", self.now.as_secs_f64() * 1e3));
    }

    /// Notes what must not be; the first of it counts.
    pub(super) fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            self.tell(&format!("VIOLATION: {what}"));
            self.violation = Some(what);
        }
    }

    /// Ends a run that does not end.
    pub(super) fn give_up(&mut self) {
        self.violate("the run does not end".to_owned());
        self.current().stop.set();
    }

    /// The clock of the wall goes wrong.
    pub(super) fn jump(&mut self) {
        let year = 365 * 24 * 3_600 * 1_000_000;
        self.wrong = if self.dice.once_in(2) { year } else { -year };
    }
}

/// Puts a world in the place of the real one, on this thread, and gives what is left of it.
pub(super) fn within(world: World, live: impl FnOnce()) -> World {
    WORLD.set(Some(world));
    live();
    WORLD.take().expect("it was put there")
}

/// Does something with the world.
pub(super) fn with<T>(act: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| act(world.as_mut().expect("a simulation runs")))
}

/// Throws dice.
pub(super) fn dice<T>(throw: impl FnOnce(&mut Dice) -> T) -> T {
    with(|world| throw(&mut world.dice))
}

/// Lets time pass.
pub(super) fn advance(time: Duration) {
    with(|world| world.now += time);
}

/// Looks at another disk meanwhile.
pub(super) fn looking_at<T>(disk: SimulatedDisk, look: impl FnOnce() -> T) -> T {
    with(|world| world.view = Some(disk));
    let seen = look();
    with(|world| world.view = None);
    seen
}

/// Whether the disk is only looked at.
pub(super) fn is_looking() -> bool {
    with(|world| world.view.is_some())
}

/// The disk of the simulation on this thread, if there is one.
pub(crate) fn disk() -> Option<SimulatedDisk> {
    WORLD.with_borrow(|world| world.as_ref().map(|world| world.view.as_ref().unwrap_or(&world.disk).clone()))
}

/// How much time has passed in the simulation on this thread, if there is one.
pub(crate) fn passed() -> Option<Duration> {
    WORLD.with_borrow(|world| world.as_ref().map(|world| world.now))
}

/// What the clock on the wall says, in microseconds since 1970.
pub(crate) fn wall() -> Option<i64> {
    let since = |world: &World| (world.now.as_micros() as i64 + 1_700_000_000_000_000).saturating_add(world.wrong);
    WORLD.with_borrow(|world| world.as_ref().map(since))
}

/// The moment from which time is counted.
pub(crate) fn origin() -> Instant {
    *ORIGIN
}

/// The running process becomes the owner of the state; gives its number, and whether the owner before is stopped.
pub(crate) fn own() -> Option<(usize, bool)> {
    disk()?;
    with(|world| {
        let own = *world.running.last()?;
        let before = world.owner.replace(own).filter(|owner| world.running.contains(owner));
        if let Some(before) = before {
            world.starts[before].is_lost = true;
        }
        Some((own, before.is_some()))
    })
}

/// Whether another has taken over from a process.
pub(crate) fn is_lost(start: usize) -> bool {
    with(|world| world.starts[start].is_lost)
}
