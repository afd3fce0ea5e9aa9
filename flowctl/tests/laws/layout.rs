//! In how many ways the same records can come, and a run of each.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::check::check;
use engine::connector::StopFlag;
use engine::ledger::Ledger;
use engine::runtime::{RunOptions, Silent, run};
use engine::spec::{Loaded, Variables, load};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::memory::{Store, registry};
use crate::support::rows::{Rows, add, without_nulls};
use crate::support::script::{Script, Step};

/// A way in which records come.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    workers: usize,
    mode: &'static str,
    /// How long after a checkpoint the next one is made.
    checkpoint: &'static str,
    order: Vec<usize>,
    at_start: usize,
    steps: Vec<Step>,
    /// Of each partition, how many records a first run sees that then ends.
    first: Option<Vec<usize>>,
    /// Whether the records of the first run are gone afterwards, and all rows of sinks that a checkpoint brings back.
    lost: bool,
}

/// Several ways, for records in so many partitions.
#[derive(Clone, Debug)]
pub(crate) struct Layouts {
    pub(crate) partitions: usize,
    pub(crate) each: Vec<Layout>,
}

/// One to four partitions; everything at once, and in two random ways.
pub(crate) fn layouts() -> impl Strategy<Value = Layouts> {
    (1_usize..=4).prop_flat_map(|partitions| {
        let at_once = Layout {
            workers: 1,
            mode: "batch",
            checkpoint: "10s",
            order: (0..partitions).collect(),
            at_start: partitions,
            steps: Vec::new(),
            first: None,
            lost: false,
        };
        prop::collection::vec(layout(partitions), 2).prop_map(move |mut each| {
            each.insert(0, at_once.clone());
            Layouts { partitions, each }
        })
    })
}

impl Layout {
    /// A first run that sees this many records of one partition, which are gone afterwards, as are all rows that a checkpoint brings back.
    pub(crate) fn all_lost(count: usize) -> Self {
        Self {
            workers: 1,
            mode: "stream",
            checkpoint: "10s",
            order: vec![0],
            at_start: 0,
            steps: Vec::new(),
            first: Some(vec![count]),
            lost: true,
        }
    }
}

fn layout(partitions: usize) -> impl Strategy<Value = Layout> {
    let step = (0..partitions, 1_usize..6, prop::bool::weighted(0.3));
    let steps = prop::collection::vec(step.prop_map(|(partition, count, cut)| Step { partition, count, cut }), 0..25);
    let order = Just((0..partitions).collect::<Vec<_>>()).prop_shuffle();
    let first = prop::option::of(prop::collection::vec(0_usize..12, partitions));
    let checkpoint = prop::sample::select(vec!["0s", "2ms", "10s"]);
    let way = (1_usize..=3, checkpoint, order, 0..=partitions, steps, first, any::<bool>());
    way.prop_map(|(workers, checkpoint, order, at_start, steps, first, lost)| Layout {
        workers,
        mode: "stream",
        checkpoint,
        order,
        at_start,
        steps,
        first,
        lost,
    })
}

/// The sinks that hold rows of a source: a checkpoint does not bring those back.
const FED_BY_SOURCE: [&str; 7] = ["big", "negative", "rest", "again", "few", "derived", "sizes"];

/// The sink of dead letters.
const LETTERS: &str = "dead_letters.events";

/// What a run leaves.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sinks: BTreeMap<String, Rows>,
    pub(crate) ledger: Ledger,
    /// Operator, code and text of the dead letters that were not taken back.
    pub(crate) dead_letters: Rows,
}

/// Runs operators over one source `events` in a layout.
pub(crate) fn play(
    source: &str,
    operators: &str,
    sinks: &[(&str, &str)],
    partitions: &[Vec<String>],
    layout: &Layout,
) -> Outcome {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("store{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let store = Store::new(&name);
    let sinks: String = sinks
        .iter()
        .map(|(sink, from)| format!("  {sink}: {{ from: {from}, memory: {{ store: {name} }} }}\n"))
        .collect();
    let yaml = format!(
        "name: law\nmode: {}\nepoch: 1ms\ncheckpoint: {}\nsources:\n  events:\n    memory: {{ store: {name} }}\n    dead_letters: {{ memory: {{ store: {name} }} }}\n{source}operators:{operators}sinks:\n{sinks}",
        layout.mode, layout.checkpoint
    );
    let folder = tempfile::tempdir().unwrap();
    let mut script = Script {
        partitions: partitions.to_vec(),
        order: layout.order.clone(),
        at_start: layout.at_start,
        steps: layout.steps.clone(),
    };
    if let Some(first) = &layout.first {
        let mut earlier = script.clone();
        for (records, count) in earlier.partitions.iter_mut().zip(first) {
            records.truncate(*count);
        }
        store.set_script(earlier);
        run_once(&yaml, folder.path(), layout.workers % 3 + 1);
        script.steps.reverse();
        if layout.lost {
            for (records, count) in script.partitions.iter_mut().zip(first) {
                records.iter_mut().take(*count).for_each(|record| *record = "gone".into());
            }
            store.forget_rows(|sink| !FED_BY_SOURCE.contains(&sink) && sink != LETTERS);
        }
    }
    store.set_script(script);
    let ledger = run_once(&yaml, folder.path(), layout.workers);
    let mut sinks = store.rows();
    Store::forget(&name);
    let dead_letters = dead_letters(&sinks.remove(LETTERS).unwrap_or_default());
    Outcome { sinks, ledger, dead_letters }
}

fn run_once(yaml: &str, state: &Path, workers: usize) -> Ledger {
    let read = |path: &Path| {
        if path == Path::new("law.yaml") { Ok(yaml.as_bytes().to_vec()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    let variables = Variables::default();
    let Loaded { files, spec, mut diagnostics } = load(Path::new("law.yaml"), &read, &variables);
    let plan = spec.and_then(|spec| check(&spec, &files, &registry(), &variables, &mut diagnostics));
    let plan = Arc::new(plan.unwrap_or_else(|| panic!("{:?}\n{yaml}", diagnostics.sorted())));
    let options = RunOptions::new(workers, state.to_owned(), variables, StopFlag::default());
    let ended = run(&plan, &options, &Silent);
    ended.outcome.unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    ended
        .summary
        .ledgers
        .into_iter()
        .find(|(source, _)| source == "events")
        .map(|(_, ledger)| ledger)
        .unwrap_or_default()
}

/// Operator, code and text of letters.
fn dead_letters(letters: &Rows) -> Rows {
    let mut found = Rows::new();
    for (letter, count) in letters {
        let letter: Value = serde_json::from_str(letter).unwrap();
        let [operator, code, text] = ["operator", "code", "text"].map(|name| letter[name].as_str().unwrap());
        add(&mut found, format!("{operator} {code} {}", without_nulls(text)), *count);
    }
    found
}
