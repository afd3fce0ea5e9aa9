//! The pipeline of every story: each kind of state that a checkpoint keeps, each kind of source and sink.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::check::check;
use crate::connector::{DefaultSink, Registry};
use crate::plan::Plan;
use crate::spec::{Variables, load};

use super::format::WordsKind;
use super::poll_source::PollsKind;
use super::record_source::RecordsKind;
use super::store_sink::{TableKind, TopicKind};

const REGISTRY: Registry = Registry {
    sources: &[&RecordsKind, &PollsKind],
    sinks: &[&TableKind, &TopicKind],
    formats: &[&WordsKind],
    dead_letters: DefaultSink { kind: "table", keys: &[("name", "letters of {source}")] },
};

const YAML: &str = "
name: simulated
mode: batch
epoch: 5ms
checkpoint: 12ms
sources:
  a:
    records: {}
    format: words
    schema: { p: string, id: int, k: string, v: int }
    on_error: dead_letter
  b:
    polls: {}
    format: words
    schema: { id: int, k: string, v: int, at: timestamp }
    event_time: { column: at, lateness: 1s }
operators:
  seen: { from: a, group_by: [p], aggregate: { n: count(*) } }
  credits: { from: a, group_by: [k], aggregate: { total: sum(v) } }
  best: { from: credits, top: 2, by: total desc }
  last: { from: b, latest: { key: [k] } }
sinks:
  seen: { from: seen, table: { name: seen } }
  credits: { from: credits, table: { name: credits } }
  best: { from: best, table: { name: best } }
  last: { from: last, table: { name: last } }
  raw: { from: a, topic: { name: raw } }
  polled: { from: b, topic: { name: polled } }
";

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let variables = Variables::default();
    let mut loaded = load(Path::new("simulated.yaml"), &|_| Ok(YAML.as_bytes().to_vec()), &variables);
    let spec = loaded.spec.expect("the YAML is sound");
    let plan = check(&spec, &loaded.files, &REGISTRY, &variables, &mut loaded.diagnostics);
    Arc::new(plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics.sorted())))
});

/// Its plan.
pub(super) fn plan() -> Arc<Plan> {
    Arc::clone(&PLAN)
}
