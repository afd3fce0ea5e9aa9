//! Row-wise operators between one input and its exits: a tree of steps that runs fused, batch by batch.

use crate::expr::{Evaluator, Predicate};
use crate::schema::Schema;

/// The row-wise operators behind a source or a stateful operator.
#[derive(Debug, Default)]
pub struct Region {
    /// The columns it starts with.
    pub root: Schema,
    /// Each after the step that feeds it.
    pub steps: Vec<Step>,
    /// Where rows leave it.
    pub exits: Vec<Exit>,
}

/// What stands between the operators of a way.
pub const ARROW: &str = " → ";

impl Region {
    /// Whether the way to a place leads through one of these steps, which are named by their own ways.
    #[must_use]
    pub fn leads_through(&self, mut at: At, ways: &[String]) -> bool {
        while let At::Step(step) | At::Arm(step, _) = at {
            if ways.contains(&self.steps[step].way) {
                return true;
            }
            at = self.steps[step].input;
        }
        false
    }
}

/// A place in a region where rows can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// The region's input.
    Root,
    /// Behind a step.
    Step(usize),
    /// Behind one arm of a routing step.
    Arm(usize, usize),
}

/// One row-wise operator.
#[derive(Debug)]
pub struct Step {
    /// The operator's name in the YAML.
    pub name: String,
    /// Where its rows come from.
    pub input: At,
    /// The names of the operators up to this one, the same whatever else is behind them.
    pub way: String,
    /// What it does with them.
    pub op: RowOp,
}

/// What a step does.
#[derive(Debug)]
pub enum RowOp {
    /// Keeps the rows that meet a condition.
    Filter(Condition),
    /// Makes new columns.
    Project(Vec<Projection>, Schema),
    /// Sends each row to the first arm whose condition it meets; `None` takes all that are left.
    Route(Vec<Option<Condition>>),
    /// Takes late rows out; the place of the column that tells.
    OnTime(usize, Late),
}

/// What becomes of late rows that are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// They are counted.
    Drop,
    /// They are counted, and kept as dead letters.
    Divert,
}

/// A condition that is ready to run, and how it was written.
#[derive(Debug)]
pub struct Condition {
    /// As written.
    pub text: String,
    /// For batches of the place where it stands.
    pub predicate: Predicate,
}

/// One column of a projection.
#[derive(Debug)]
pub enum Projection {
    /// A column of the input, by its place.
    Column(usize),
    /// A computed one.
    Computed(Evaluator),
}

/// Where rows leave a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Where they are taken.
    pub at: At,
    /// The columns that go, by their places there.
    pub columns: Vec<usize>,
    /// Where they go.
    pub target: Target,
}

/// What takes the rows of an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A stateful operator, by its place in the plan.
    Node(usize),
    /// A sink, by its place in the plan.
    Sink(usize),
}
