//! The tasks of a run on one thread: whoever waits lets one after the other work, in an order that the dice choose.

use std::cell::RefCell;
use std::time::Duration;

use crate::runtime::Turn;

use super::world::{advance, dice, with};

/// How many turns in a row may come to nothing before time passes.
const IDLE_ROUNDS: usize = 1;
/// When a run counts as one that never ends: all do so within a second.
const NEVER: Duration = Duration::from_secs(600);
/// How far the clock moves at most when somebody works.
const STEP_MICROS: u64 = 1500;

/// The tasks of a run.
#[derive(Default)]
pub(crate) struct Crew {
    tasks: Vec<Task>,
}

struct Task {
    name: String,
    /// None while it works, and when it is over.
    act: Option<Box<dyn FnMut() -> Turn>>,
    is_over: bool,
}

thread_local! {
    /// The crews of this thread: of a run, and of those that it was stopped for.
    static CREWS: RefCell<Vec<Crew>> = const { RefCell::new(Vec::new()) };
}

impl Crew {
    /// Whether a task has ended.
    pub(crate) fn is_over(&self, task: usize) -> bool {
        self.tasks[task].is_over
    }
}

/// Whether the run on this thread is a simulated one.
pub(crate) fn is_there() -> bool {
    CREWS.with_borrow(|crews| !crews.is_empty())
}

/// Adds a task to the run's.
pub(crate) fn enlist(name: &str, act: impl FnMut() -> Turn + 'static) -> usize {
    with_crew(|crew| {
        crew.tasks.push(Task { name: name.to_owned(), act: Some(Box::new(act)), is_over: false });
        crew.tasks.len() - 1
    })
}

/// Lets tasks work until something is so.
pub(crate) fn turn_until(is_so: impl Fn(&Crew) -> bool) {
    let mut idle = 0;
    while !with_crew(|crew| is_so(crew)) {
        idle = if turn_one() { 0 } else { idle + 1 };
        assert!(idle < 10_000, "everybody waits: {:?}", with_crew(|crew| crew.names()));
    }
}

/// Lets tasks work until something is ready, or for so long; says whether it is.
pub(crate) fn turn_for(patience: Duration, mut is_ready: impl FnMut() -> bool) -> bool {
    let end = super::passed().unwrap_or_default() + patience;
    if end > NEVER {
        with(|world| world.give_up());
    }
    let mut idle = 0;
    loop {
        if is_ready() {
            return true;
        }
        idle = if turn_one() { 0 } else { idle + 1 };
        if idle > IDLE_ROUNDS * with_crew(|crew| crew.tasks.len()) {
            advance(end.saturating_sub(super::passed().unwrap_or_default()));
        }
        if super::passed().is_none_or(|now| now >= end) {
            return is_ready();
        }
    }
}

/// Runs something with a crew of its own.
pub(super) fn with_new<T>(run: impl FnOnce() -> T) -> T {
    CREWS.with_borrow_mut(|crews| crews.push(Crew::default()));
    let result = run();
    // Tasks may look for the crew while they are dropped.
    let crew = CREWS.with_borrow_mut(Vec::pop);
    drop(crew);
    result
}

/// Lets one task work; says whether it had something to do.
fn turn_one() -> bool {
    let chosen = with_crew(|crew| {
        let free: Vec<usize> = (0..crew.tasks.len()).filter(|at| crew.tasks[*at].act.is_some()).collect();
        let at = *free.get(dice(|dice| dice.below(free.len() as u64)) as usize)?;
        crew.tasks[at].act.take().map(|act| (at, act))
    });
    // While it works, nobody else can look at the crew's task: it may start another run.
    let Some((at, mut act)) = chosen else { return false };
    let turn = act();
    let ended = with_crew(|crew| {
        let task = &mut crew.tasks[at];
        task.is_over = turn == Turn::Over;
        if task.is_over { Some(act) } else { task.act.replace(act) }
    });
    drop(ended);
    if turn == Turn::Busy {
        advance(Duration::from_micros(dice(|dice| dice.below(STEP_MICROS))));
    }
    turn != Turn::Idle
}

impl Crew {
    fn names(&self) -> Vec<String> {
        self.tasks.iter().filter(|task| !task.is_over).map(|task| task.name.clone()).collect()
    }
}

fn with_crew<T>(act: impl FnOnce(&mut Crew) -> T) -> T {
    CREWS.with_borrow_mut(|crews| act(crews.last_mut().expect("a simulation runs")))
}
