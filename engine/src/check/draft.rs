//! A plan in the making: regions whose columns still have names, and what can be taken from where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::connector::{Format, MetadataColumn, Sink, SinkInput, SortKey, Source};
use crate::diagnostic::Span;
use crate::expr::Expression;
use crate::operator::{ColumnDraft, Stateful};
use crate::plan::{At, EventTime, Late, MaxErrors, OnError, Target};
use crate::schema::{Column, Schema, Sketch};

/// The columns that tell when a row of a source happened; no user's column can be called so.
pub(super) const TIME_COLUMNS: [&str; 3] = ["$event_time", "$partition", "$offset"];
/// The column that tells whether a row of a source came late.
pub(super) const LATE_COLUMN: &str = "$late";

/// Everything drafted so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) sources: Vec<SourceDraft>,
    pub(super) nodes: Vec<NodeDraft>,
    pub(super) sinks: Vec<SinkDraft>,
    /// What can be taken by name: sources, operators, `operator.arm`.
    pub(super) outputs: BTreeMap<String, Output>,
    /// Where sinks write, as far as they tell, and which of them does.
    pub(super) targets: BTreeMap<String, (String, Span)>,
    /// The operators that wait for those that they take rows from.
    pub(super) open: BTreeSet<String>,
    /// Whether a `from:` leads nowhere: then what nothing takes rows from may only seem so.
    pub(super) loose: bool,
    /// Whether something stands where it does not belong: then what seems to be missing may only be misplaced.
    pub(super) misplaced: bool,
}

/// Rows that can be taken.
#[derive(Clone)]
pub(super) struct Output {
    /// What is taken by the name.
    pub(super) shape: Shape,
    /// Where they come from; several after a union, none if a source above is not understood.
    pub(super) places: Vec<Place>,
    /// The row's columns.
    pub(super) columns: Sketch,
    /// Columns that can be named but are no part of the row: they come with a source's records.
    pub(super) implicit: Vec<Column>,
    /// Whether they are only added, if that is known.
    pub(super) appends: Option<bool>,
    /// Whether they know when they happened, or may do so.
    pub(super) timed: bool,
    /// The sources above, by place.
    pub(super) sources: Vec<usize>,
    /// The order that people want to see.
    pub(super) order: Vec<SortKey>,
    /// Digests of the operators above.
    pub(super) fingerprints: Vec<String>,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows.
    Rows,
    /// Arms, of which one has to be named.
    Arms,
    /// Nobody knows, since what it names is not understood.
    Unknown,
}

/// A place in a region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) at: At,
}

/// What a region stands behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    Source(usize),
    Node(usize),
}

/// A region whose columns have names.
#[derive(Default)]
pub(super) struct RegionDraft {
    /// All columns that it could start with.
    pub(super) root: Schema,
    pub(super) steps: Vec<StepDraft>,
    pub(super) exits: Vec<ExitDraft>,
}

/// A step whose columns have names.
pub(super) struct StepDraft {
    pub(super) name: String,
    pub(super) input: At,
    pub(super) op: OpDraft,
    /// Of what it does and of everything above.
    pub(super) fingerprint: String,
}

/// What it does.
pub(super) enum OpDraft {
    Filter(Expression),
    Project(Vec<ColumnDraft>),
    Route(Vec<Option<Expression>>),
    /// Takes late rows out.
    OnTime(Late),
}

/// An exit whose columns have names.
pub(super) struct ExitDraft {
    pub(super) at: At,
    pub(super) columns: Vec<String>,
    pub(super) target: Target,
}

/// A source.
pub(super) struct SourceDraft {
    pub(super) name: String,
    pub(super) source: Arc<dyn Source>,
    pub(super) format: Arc<dyn Format>,
    pub(super) declared: Schema,
    pub(super) metadata: Vec<MetadataColumn>,
    pub(super) event_time: Option<EventTime>,
    pub(super) on_error: OnError,
    pub(super) max_errors: Option<MaxErrors>,
    pub(super) letters: Option<LettersDraft>,
    pub(super) region: RegionDraft,
    pub(super) fingerprint: String,
}

/// The sink of a source's dead letters.
pub(super) struct LettersDraft {
    pub(super) input: SinkInput,
    pub(super) sink: Arc<dyn Sink>,
    /// Where it is written; none for the default.
    pub(super) span: Option<Span>,
}

/// A stateful operator.
pub(super) struct NodeDraft {
    pub(super) name: String,
    pub(super) operator: Stateful,
    pub(super) input: Schema,
    pub(super) input_appends: bool,
    pub(super) output: Schema,
    pub(super) clocks: Vec<usize>,
    pub(super) on_error: OnError,
    pub(super) region: RegionDraft,
    pub(super) fingerprint: String,
}

/// A sink.
pub(super) struct SinkDraft {
    pub(super) input: SinkInput,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) fingerprint: String,
}

impl Output {
    /// What a name gives of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self {
            shape: Shape::Unknown,
            places: Vec::new(),
            columns: Sketch::anything(),
            implicit: Vec::new(),
            appends: None,
            timed: true,
            sources: Vec::new(),
            order: Vec::new(),
            fingerprints: Vec::new(),
        }
    }

    /// Everything that can be named: the row's columns first.
    pub(super) fn all(&self) -> Sketch {
        self.columns.with(&self.implicit)
    }
}

impl Draft {
    /// The region that a place is in.
    pub(super) fn region(&mut self, host: Host) -> &mut RegionDraft {
        match host {
            Host::Source(at) => &mut self.sources[at].region,
            Host::Node(at) => &mut self.nodes[at].region,
        }
    }

    /// The place behind a new step.
    pub(super) fn add_step(&mut self, place: Place, name: &str, op: OpDraft, fingerprint: &str) -> Place {
        let region = self.region(place.host);
        region.steps.push(StepDraft {
            name: name.to_owned(),
            input: place.at,
            op,
            fingerprint: fingerprint.to_owned(),
        });
        Place { host: place.host, at: At::Step(region.steps.len() - 1) }
    }

    /// Sends these columns of all places of an output to a target.
    pub(super) fn add_exits(&mut self, places: &[Place], columns: &[String], target: Target) {
        for place in places {
            let exit = ExitDraft { at: place.at, columns: columns.to_vec(), target };
            self.region(place.host).exits.push(exit);
        }
    }
}
