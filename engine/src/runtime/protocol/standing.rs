//! How far a sink counts as having come when a start begins.

use crate::connector::{Committed, Mark, SinkMode};
use crate::digest::Digest;
use crate::runtime::journal::SinkMark;
use crate::safeguard::Safeguard;

/// What is known of a sink once nobody else can write to it any more.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct SinkFacts {
    /// What it says itself.
    pub(in crate::runtime) held: Committed,
    /// Whether rows are only ever added to it.
    pub(in crate::runtime) mode: SinkMode,
    /// What the journal has noted of it last.
    pub(in crate::runtime) noted: Option<SinkMark>,
    /// The journal's last epoch.
    pub(in crate::runtime) last: u64,
    /// The digest of its rows that the journal has for the epoch at which it says it stands, if it has one.
    pub(in crate::runtime) recorded: Option<Digest>,
}

/// Why a sink and a journal do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Divergence {
    /// The sink holds an epoch that the journal does not have.
    Ahead(u64),
    /// At this epoch, the sink says that it holds other rows than the journal does.
    OtherRows(u64),
}

/// How far a sink has come. A sink knows the last epoch that changed something in it; the journal knows of epochs that did not.
pub(in crate::runtime) fn standing(facts: &SinkFacts) -> Result<SinkMark, Divergence> {
    match facts.held {
        Committed::Epoch(Mark { epoch, .. }) if epoch > facts.last => Err(Divergence::Ahead(epoch)),
        Committed::Epoch(Mark { epoch, digest })
            if facts.recorded.is_some_and(|known| known != digest) && Safeguard::SinkCompared.holds() =>
        {
            Err(Divergence::OtherRows(epoch))
        }
        Committed::Epoch(Mark { epoch: written, .. }) => {
            // A sink that has gone back to an older copy needs what came after that.
            let noted = facts.noted.filter(|mark| mark.written <= written);
            Ok(SinkMark { written, passed: noted.map_or(0, |mark| mark.passed).max(written) })
        }
        // Rows that are only added are shown once: those of the past have been.
        Committed::Volatile if facts.mode == SinkMode::Appends => Ok(SinkMark { written: 0, passed: facts.last }),
        Committed::Volatile => Ok(SinkMark::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(epoch: u64) -> SinkFacts {
        let held = Committed::Epoch(Mark { epoch, digest: Digest::default() });
        SinkFacts { held, mode: SinkMode::Changes, noted: None, last: 7, recorded: None }
    }

    fn noted(facts: SinkFacts, written: u64, passed: u64) -> SinkFacts {
        SinkFacts { noted: Some(SinkMark { written, passed }), ..facts }
    }

    #[test]
    fn the_journal_knows_of_epochs_that_changed_nothing() {
        assert_eq!(standing(&held(3)), Ok(SinkMark { written: 3, passed: 3 }));
        assert_eq!(standing(&noted(held(3), 3, 6)), Ok(SinkMark { written: 3, passed: 6 }));
        assert_eq!(standing(&noted(held(5), 2, 4)), Ok(SinkMark { written: 5, passed: 5 }));
    }

    #[test]
    fn what_was_noted_of_a_newer_copy_does_not_count() {
        assert_eq!(standing(&noted(held(3), 5, 6)), Ok(SinkMark { written: 3, passed: 3 }));
    }

    #[test]
    fn a_sink_of_another_time_is_told() {
        assert_eq!(standing(&held(8)), Err(Divergence::Ahead(8)));
        let mut other = Digest::default();
        other.add(b"row", 1);
        assert_eq!(standing(&SinkFacts { recorded: Some(other), ..held(3) }), Err(Divergence::OtherRows(3)));
    }

    #[test]
    fn what_outlives_no_run_gets_everything_again_unless_it_was_shown() {
        let volatile = SinkFacts { held: Committed::Volatile, ..noted(held(3), 3, 6) };
        assert_eq!(standing(&volatile), Ok(SinkMark::default()));
        let appends = SinkFacts { mode: SinkMode::Appends, ..volatile };
        assert_eq!(standing(&appends), Ok(SinkMark { written: 0, passed: 7 }));
    }
}
