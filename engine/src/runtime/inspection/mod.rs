//! Looks at pipelines' state from outside, while they run or not: takes no lock, writes nothing, makes no folder.
//!
//! What vanishes between listing and reading was removed by a run that goes on, and is looked for anew. What stands torn at the journal's end is being
//! written, and counts as not there yet.

mod cuts;
mod epoch;
mod folders;
mod misfit;
mod state;

pub use cuts::{CutSize, cut_sizes};
pub use epoch::{EpochState, OffsetRange, inspect_epoch};
pub use folders::state_folders;
pub use misfit::misfit;
pub use state::{CheckpointState, PipelineState, SegmentState, SinkState, inspect};

use std::io::ErrorKind;

use super::RunError;

/// How often what vanishes is looked for anew.
const ATTEMPTS: usize = 20;

/// Looks again if a file has vanished.
fn patiently<T>(look: impl Fn() -> Result<T, RunError>) -> Result<T, RunError> {
    let mut seen = look();
    for _ in 1..ATTEMPTS {
        match &seen {
            Err(RunError::File { error, .. }) if error.kind() == ErrorKind::NotFound => seen = look(),
            _ => break,
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_vanished_is_looked_for_anew() {
        let looks = std::cell::Cell::new(0);
        let look = |fails: usize, kind: ErrorKind| {
            looks.set(0);
            let seen = patiently(|| {
                looks.set(looks.get() + 1);
                if looks.get() <= fails { Err(RunError::file("x")(kind.into())) } else { Ok(()) }
            });
            (seen.is_ok(), looks.get())
        };
        assert_eq!(look(3, ErrorKind::NotFound), (true, 4));
        assert_eq!(look(99, ErrorKind::NotFound), (false, ATTEMPTS));
        assert_eq!(look(99, ErrorKind::PermissionDenied), (false, 1));
    }
}
