//! A pipeline as written → a pipeline as understood. Pure; reports everything it can.
//!
//! ```text
//!  sources ─▶ operators, each after its inputs ─▶ sinks ─▶ reports ─▶ lower: columns get places, unused ones go
//! ```

mod connector_key;
mod draft;
mod lower;
mod misplaced;
mod names;
mod operators;
mod sinks;
mod sources;
mod unused;

use std::time::Duration;

use crate::connector::Registry;
use crate::diagnostic::{Code, Diagnostics, Files};
use crate::plan::Plan;
use crate::spec::{Mode, PipelineSpec, Variables};

use draft::Draft;

/// How long an epoch stays open if the YAML does not say: short where people watch, long where only the end counts.
const STREAM_EPOCH: Duration = Duration::from_millis(250);
const BATCH_EPOCH: Duration = Duration::from_secs(2);

/// What every part of a check looks at.
struct Checker<'a> {
    spec: &'a PipelineSpec,
    files: &'a Files,
    registry: &'a Registry,
    variables: &'a Variables,
    diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
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
        self.diagnostics.error(Code::Empty, self.spec.name.span, message).hint(hint);
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
    draft.outputs.extend(spec.strays.iter().map(|name| (name.clone(), None)));
    checker.sources(&mut draft);
    checker.operators(&mut draft);
    checker.sinks(&mut draft);
    let reports = checker.reports(&draft);
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
    Some(Plan { name: spec.name.value.clone(), mode: spec.mode, epoch, sources, nodes, sinks, reports })
}
