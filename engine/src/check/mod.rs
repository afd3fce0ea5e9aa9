//! A pipeline as written → a pipeline as understood. Pure; reports everything it can.
//!
//! ```text
//!  sources ─▶ operators, each after its inputs ─▶ sinks ─▶ reports ─▶ lower: columns get places, unused ones go
//! ```
//!
//! One walk finds every fault, since a fault ends nothing: what is not understood is *unknown*, and of an unknown thing nothing is said.
//!
//! - A map with faults is read all the same (`reading`): a misspelt key or word counts as the one that was meant, and in place of what else
//!   is wrong stand several values, one after the other. What is found with each of them is wrong whatever was meant, and is told.
//! - Whatever fails still gives rows (`draft::Output`), with a [`Sketch`](crate::schema::Sketch) of their columns: those that are
//!   understood, those of which only the name is, and whether there may be others. Every part of a check looks at columns through
//!   the sketch, which leaves out complaints that one of the others is missing. So a column that failed is a fault once, where it is
//!   made, and its uses say nothing; an operator whose own keys fail gives the columns that it would have; and a name of which
//!   nothing is known gives any column.
//! - Whether rows are taken back, or know when they happened, may be unknown too; then nobody misses it.
//!
//! Nothing unknown reaches the plan: it has its error, and a check with an error ends without one.

mod attach;
mod connector_key;
mod declared;
mod draft;
mod letters;
mod listing;
mod lower;
mod misplaced;
mod names;
mod operators;
mod reading;
mod sinks;
mod sources;
mod union;
mod unused;

use std::time::Duration;

use crate::connector::Registry;
use crate::diagnostic::{Code, Diagnostics, Files};
use crate::plan::Plan;
use crate::spec::{Mode, PipelineSpec, Variables};

use draft::{Draft, Output};

/// How long an epoch stays open if the YAML does not say: short where people watch, long where only the end counts.
const STREAM_EPOCH: Duration = Duration::from_millis(250);
const BATCH_EPOCH: Duration = Duration::from_secs(2);
/// How long after a checkpoint the next one is made if nobody says otherwise.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// Less memory than this is held before the first record is read.
const MEMORY_LEAST: u64 = 64 << 20;

/// What every part of a check looks at.
struct Checker<'a> {
    spec: &'a PipelineSpec,
    files: &'a Files,
    registry: &'a Registry,
    variables: &'a Variables,
    diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// A limit that leaves no room for data is none that a run could keep.
    fn memory(&mut self) {
        if let Some(memory) = self.spec.memory.as_ref().filter(|memory| memory.value < MEMORY_LEAST) {
            let message = format!("`memory` must be at least {}MiB", MEMORY_LEAST >> 20);
            self.diagnostics
                .error(Code::BadValue, memory.span, message)
                .hint("give what the machine can spare, as `memory: 2GiB`");
        }
    }

    /// Reports a pipeline without sources or sinks, if the reason is not that they could not be read.
    fn empty(&mut self, draft: &Draft) {
        let (message, hint) = match (self.spec.sources.is_empty(), self.spec.sinks.is_empty()) {
            _ if !self.spec.complete || draft.misplaced => return,
            (false, false) => return,
            (false, true) => (
                "the pipeline has no sink, so it would do nothing",
                "add `sinks:`, for instance `sinks: { show: { from: …, console: {} } }`",
            ),
            (true, false) => (
                "the pipeline has no source, so no rows would come",
                "add `sources:`, or `include:` a file that has them",
            ),
            (true, true) => (
                "the pipeline has neither source nor sink",
                "add `sources:` and `sinks:`, or `include:` files that have them",
            ),
        };
        let missing = |section: &str| match section {
            "sources" => self.spec.sources.is_empty(),
            _ => section == "sinks" && self.spec.sinks.is_empty(),
        };
        let section = self.spec.empty.iter().find(|name| missing(&name.value));
        let span = section.map_or(self.spec.top, |name| name.span);
        self.diagnostics.error(Code::Empty, span, message).hint(hint);
    }

    /// Reports what is wrong in the head of the pipeline.
    fn head(&mut self) {
        if let Some(epoch) = self.spec.epoch.as_ref().filter(|epoch| epoch.value.is_zero()) {
            self.diagnostics
                .error(Code::BadValue, epoch.span, "an epoch cannot be open for no time at all")
                .hint("say how often results are to be written, as in `250ms`");
        }
    }
}

/// Checks a pipeline. Everything that is wrong goes to `diagnostics`; the plan is there if nothing is.
pub fn check(
    spec: &PipelineSpec,
    files: &Files,
    registry: &Registry,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let mut checker = Checker { spec, files, registry, variables, diagnostics };
    let mut draft = Draft::default();
    draft.outputs.extend(spec.strays.iter().map(|name| (name.clone(), Output::unknown())));
    checker.head();
    checker.sources(&mut draft);
    checker.operators(&mut draft);
    checker.sinks(&mut draft);
    checker.settle_letters(&mut draft);
    let reports = checker.reports(&draft);
    checker.memory();
    checker.unused(&draft);
    checker.empty(&draft);
    if checker.diagnostics.has_errors() {
        return None;
    }
    let (sources, nodes, sinks) = lower::lower(draft);
    let epoch = match (&spec.epoch, spec.mode) {
        (Some(epoch), _) => epoch.value,
        (None, Mode::Stream) => STREAM_EPOCH,
        (None, Mode::Batch) => BATCH_EPOCH,
    };
    let checkpoint = spec.checkpoint.unwrap_or(CHECKPOINT);
    let memory = spec.memory.as_ref().map(|memory| memory.value);
    let (name, mode) = (spec.name.value.clone(), spec.mode);
    Some(Plan { name, mode, epoch, checkpoint, memory, sources, nodes, sinks, reports })
}
