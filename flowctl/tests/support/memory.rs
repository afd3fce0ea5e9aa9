//! A sink in memory that holds rows exactly once, and the store that it shares with a script.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use connectors::format::json::encode_row;
use engine::connector::{
    CheckContext, Committed, ConnectorError, DefaultSink, Mark, Member, MemberChanges, MemberError, Registry, Sink,
    SinkInput, SinkKind, Writer,
};
use engine::digest::Digest;
use engine::render::RowDigester;
use engine::spec::{Entry, Key, Kind};

use super::rows::{Rows, add, canonical};
use super::script::{Script, ScriptKind};

/// The keys of both kinds.
pub(crate) const STORE: &[Key] = &[Key::required("store", Kind::Text, "which store")];

/// The formats of the program, and the connectors of this folder.
pub(crate) fn registry() -> Registry {
    Registry {
        sources: &[&ScriptKind],
        sinks: &[&MemoryKind],
        formats: connectors::REGISTRY.formats,
        dead_letters: DefaultSink { kind: "memory", keys: &[] },
    }
}

static STORES: LazyLock<Mutex<BTreeMap<String, Arc<Store>>>> = LazyLock::new(Mutex::default);

/// What a pipeline of a test reads, and what it has written.
#[derive(Debug, Default)]
pub(crate) struct Store {
    script: Mutex<Script>,
    sinks: Mutex<BTreeMap<String, Held>>,
    epochs: AtomicU64,
}

/// What a sink holds.
#[derive(Clone, Debug, Default)]
struct Held {
    mark: Mark,
    digest: Digest,
    rows: Rows,
}

impl Store {
    /// A store that pipelines know by this name.
    pub(crate) fn new(name: &str) -> Arc<Self> {
        let store = Arc::new(Self::default());
        STORES.lock().unwrap().insert(name.to_owned(), Arc::clone(&store));
        store
    }

    /// Forgets a store.
    pub(crate) fn forget(name: &str) {
        STORES.lock().unwrap().remove(name);
    }

    /// What the source brings from its next opening on.
    pub(crate) fn set_script(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub(crate) fn script(&self) -> Script {
        self.script.lock().unwrap().clone()
    }

    /// How often sinks were told of an epoch.
    pub(crate) fn epochs(&self) -> u64 {
        self.epochs.load(Ordering::SeqCst)
    }

    /// Empties the sinks of these names, as if their tables were lost.
    pub(crate) fn forget_rows(&self, is_lost: impl Fn(&str) -> bool) {
        let mut sinks = self.sinks.lock().unwrap();
        sinks.iter_mut().filter(|(name, _)| is_lost(name)).for_each(|(_, held)| *held = Held::default());
    }

    /// The rows of all sinks.
    pub(crate) fn rows(&self) -> BTreeMap<String, Rows> {
        self.sinks.lock().unwrap().iter().map(|(name, held)| (name.clone(), held.rows.clone())).collect()
    }
}

/// The store that an entry names.
pub(crate) fn store(entry: &Entry, context: &CheckContext<'_>) -> Arc<Store> {
    let name = entry.text("store").resolve(context.variables).unwrap_or_else(|missing| panic!("{missing}"));
    Arc::clone(&STORES.lock().unwrap()[&name])
}

struct MemoryKind;

impl SinkKind for MemoryKind {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn about(&self) -> &'static str {
        "rows of a test"
    }

    fn keys(&self) -> &'static [Key] {
        STORE
    }

    fn takes_back(&self, _entry: &Entry) -> bool {
        true
    }

    fn check(&self, entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        Some(Box::new(MemorySink { store: store(entry, context), input: input.clone() }))
    }
}

#[derive(Clone, Debug)]
struct MemorySink {
    store: Arc<Store>,
    input: SinkInput,
}

impl Sink for MemorySink {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn open(&self, _members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        self.store.sinks.lock().unwrap().entry(self.input.name.clone()).or_default();
        Ok(Box::new(self.clone()))
    }
}

impl Writer for MemorySink {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(self.store.sinks.lock().unwrap()[&self.input.name].mark)]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let [MemberChanges { changes, digest, .. }] = changed else { panic!("a sink of its own has one member") };
        let mut sinks = self.store.sinks.lock().unwrap();
        let held = sinks.get_mut(&self.input.name).expect("it is there since the opening");
        assert!(epoch > held.mark.epoch, "epoch {epoch} comes after {}", held.mark.epoch);
        held.mark = Mark { epoch, digest: *digest };
        held.digest.merge(RowDigester::default().of_rows(&changes.rows, |row| changes.diffs[row]));
        assert_eq!(held.digest, *digest, "the digest of {} after epoch {epoch}", self.input.name);
        for (row, diff) in changes.diffs.iter().enumerate() {
            let mut json = Vec::new();
            encode_row(&changes.rows, row, &self.input.schema, &mut json);
            add(&mut held.rows, canonical(std::str::from_utf8(&json).expect("JSON is text")), *diff);
        }
        let negative: Vec<_> = held.rows.iter().filter(|(_, count)| **count < 0).collect();
        if !negative.is_empty() {
            let what = format!("{} has rows less than no times after epoch {epoch}: {negative:?}", self.input.name);
            return Err(ConnectorError::refused(what, "mend the engine").into());
        }
        drop(sinks);
        self.passed(epoch)
    }

    fn passed(&mut self, _epoch: u64) -> Result<(), MemberError> {
        self.store.epochs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
