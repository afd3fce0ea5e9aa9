//! Why a run ended before its time.

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::connector::ConnectorError;

/// The exit code of an instance that another has taken over from.
const TAKEN_OVER: u8 = 75;

/// A run that failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A source failed.
    #[error("source `{name}`: {error}")]
    Source {
        /// Which.
        name: String,
        /// Why.
        error: ConnectorError,
    },
    /// A sink failed.
    #[error("sink `{name}`: {error}")]
    Sink {
        /// Which.
        name: String,
        /// Why.
        error: ConnectorError,
    },
    /// A record or row failed, and the YAML says `on_error: fail`; or more than `max_errors` have.
    #[error("{what}")]
    Data {
        /// Which record, and why.
        what: String,
        /// The last epoch whose results stand.
        epoch: u64,
        /// What would let the run go on.
        remedy: &'static str,
    },
    /// A replay comes to something else than what it replays.
    #[error("{what}")]
    Diverged {
        /// What, and where.
        what: String,
        /// The epochs among which the first is that differs.
        epochs: RangeInclusive<u64>,
        /// The remedy.
        hint: String,
    },
    /// There is no room for more state.
    #[error(
        "there is no room for more records: {held} MiB are held, `memory` allows {limit} MiB, and half of that must be free"
    )]
    Memory {
        /// How much the process holds, in MiB.
        held: u64,
        /// How much it may, in MiB.
        limit: u64,
        /// The last epoch whose results stand.
        epoch: u64,
    },
    /// Another instance has taken over the state directory.
    #[error("another instance has taken over {}", folder.display())]
    TakenOver {
        /// The folder.
        folder: PathBuf,
    },
    /// The state directory cannot be used.
    #[error("state in {}: {what}", folder.display())]
    State {
        /// The folder.
        folder: PathBuf,
        /// Why.
        what: String,
        /// The remedy.
        hint: String,
    },
    /// A file below the state directory failed.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A thread of the engine died: our bug.
    #[error("a thread of the engine ended early ({0})")]
    Died(&'static str),
}

impl RunError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }

    /// The remedy.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Source { error, .. } | Self::Sink { error, .. } => error.hint().to_owned(),
            Self::Data { epoch, remedy, .. } => {
                format!("results up to epoch {epoch} stand; mend the data or the YAML, or {remedy}")
            }
            Self::Memory { epoch, .. } => format!(
                "results up to epoch {epoch} stand, and a start goes on from there; raise `memory:`, or keep less, as with `expire:` of `latest`"
            ),
            Self::State { hint, .. } | Self::Diverged { hint, .. } => hint.clone(),
            Self::TakenOver { .. } => "nothing is lost, the other instance goes on; run only one at a time".to_owned(),
            Self::File { .. } => "check that the disk has room and that the folder is yours".to_owned(),
            Self::Died(_) => "this is a bug of flowctl; please report it".to_owned(),
        }
    }

    /// The exit code of a process that ends with this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Source { error, .. } | Self::Sink { error, .. } => match error {
                ConnectorError::Fenced { .. } => TAKEN_OVER,
                ConnectorError::Unusable { .. } => 2,
                _ => 1,
            },
            Self::TakenOver { .. } => TAKEN_OVER,
            Self::Data { .. }
            | Self::Memory { .. }
            | Self::Diverged { .. }
            | Self::State { .. }
            | Self::File { .. } => 1,
            Self::Died(_) => 70,
        }
    }

    /// Whether something outside does not answer, which says nothing of what is there.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Source { error, .. } | Self::Sink { error, .. } if matches!(error, ConnectorError::Unavailable { .. }))
    }
}
