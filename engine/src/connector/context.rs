//! What a connector is told when it is checked and when it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostic::Diagnostics;
use crate::ownership::Stopped;
use crate::spec::Variables;

/// What checking may look at: no network, and of files only whether one that a value names can be read.
pub struct CheckContext<'a> {
    /// The folder of the file that the entry stands in; relative paths start there.
    pub folder: &'a Path,
    /// For keys that must be known at check time; most texts resolve when they are opened.
    pub variables: &'a Variables,
    /// Where problems go.
    pub diagnostics: &'a mut Diagnostics,
}

/// What opening may use.
#[derive(Clone, Debug)]
pub struct ConnectContext {
    /// The pipeline's name.
    pub pipeline: String,
    /// The name of this source or sink within the pipeline.
    pub name: String,
    /// Identifies the pipeline's state directory: made once, at random, when the directory is created. A sink that finds rows of
    /// another id has been written from other state.
    pub state_id: String,
    /// The instance's generation within this state directory: grows by one a start.
    pub generation: u64,
    /// Of everything that decides what this sink or source carries. A sink that holds rows made by another fingerprint would mix two
    /// meanings, and refuses.
    pub fingerprint: String,
    /// The root of all state (`--state`): embedded stand-ins live here and are shared between pipelines.
    pub state_root: PathBuf,
    /// The pipeline's own folder below the root.
    pub state_folder: PathBuf,
    /// Whether the instance before this one is stopped and may wake in the middle of anything: files that it may have open must be replaced by
    /// copies before they are written to.
    pub taken_over: bool,
    /// That instance, if it is one of this machine: it may hold locks that nobody but its end releases.
    pub predecessor: Option<Stopped>,
    /// The values of `${…}`.
    pub variables: Variables,
    /// Set when the run is asked to stop; long waits look at it.
    pub stop: StopFlag,
}

/// Says that something shall end.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    own: Arc<AtomicBool>,
    parent: Option<Arc<AtomicBool>>,
}

impl StopFlag {
    /// A flag that counts as set when this one is, but can also be set alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { own: Arc::default(), parent: Some(Arc::clone(&self.own)) }
    }

    /// Asks for the end.
    pub fn set(&self) {
        self.own.store(true, Ordering::SeqCst);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.own.load(Ordering::SeqCst) || self.parent.as_ref().is_some_and(|parent| parent.load(Ordering::SeqCst))
    }
}
