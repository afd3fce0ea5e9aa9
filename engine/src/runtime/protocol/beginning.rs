//! Where a start begins: with a checkpoint, with the first records, or nowhere.

use crate::runtime::journal::SinkMark;

/// How many records a sink may get in one epoch when all of them are read again.
const AGAIN_MOST: u64 = 16_000_000;

/// What a start knows of the past.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct PastFacts<'a> {
    /// The epochs of the checkpoints that can be put back, ascending.
    pub(in crate::runtime) checkpoints: &'a [u64],
    /// How every sink stands.
    pub(in crate::runtime) sinks: &'a [SinkNeed],
    /// The epoch behind which the journal begins; zero if it is whole.
    pub(in crate::runtime) oldest: u64,
    /// How many records were read up to there.
    pub(in crate::runtime) read_before: u64,
    /// Whether every source can read again from its first record on.
    pub(in crate::runtime) can_read_again: bool,
}

/// What a sink needs of the past.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct SinkNeed {
    /// How far it has come.
    pub(in crate::runtime) mark: SinkMark,
    /// Whether rows of a source reach it directly: those are in no checkpoint.
    pub(in crate::runtime) takes_source_rows: bool,
}

/// Where the past begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Beginning {
    /// With the first record: the journal is whole.
    Records,
    /// With the first record: what came up to this epoch, with which the journal begins, is read as one stage.
    RecordsBefore(u64),
    /// With the checkpoint at this place of [`PastFacts::checkpoints`].
    Checkpoint(usize),
}

/// Where the past begins: with the newest checkpoint from which every sink can be brought to where the journal ends; else with the first records, if
/// the journal or the sources still have them. `None`: there is no such place.
pub(in crate::runtime) fn beginning(facts: &PastFacts<'_>) -> Option<Beginning> {
    let serves = |epoch: &u64| facts.sinks.iter().all(|sink| sink.is_served_by(*epoch));
    if let Some(newest) = facts.checkpoints.iter().rposition(serves) {
        return Some(Beginning::Checkpoint(newest));
    }
    if facts.oldest == 0 {
        return Some(Beginning::Records);
    }
    // The journal no longer has what came before its oldest segment, but it knows how much that was, and the sources may still have it.
    let fits = |sink: &SinkNeed| {
        let takes = facts.read_before <= AGAIN_MOST || !sink.needs_source_rows();
        sink.mark.reaches(facts.oldest) || (sink.mark.passed == 0 && takes)
    };
    (facts.can_read_again && facts.sinks.iter().all(fits)).then_some(Beginning::RecordsBefore(facts.oldest))
}

impl SinkNeed {
    /// Whether it needs nothing of what came before a checkpoint but what that brings back.
    fn is_served_by(&self, epoch: u64) -> bool {
        self.mark.reaches(epoch) || (self.mark.written == 0 && !self.needs_source_rows())
    }

    fn needs_source_rows(&self) -> bool {
        self.mark.written == 0 && self.takes_source_rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: PastFacts<'static> =
        PastFacts { checkpoints: &[], sinks: &[], oldest: 0, read_before: 0, can_read_again: false };

    fn sink(written: u64, passed: u64, takes_source_rows: bool) -> SinkNeed {
        SinkNeed { mark: SinkMark { written, passed }, takes_source_rows }
    }

    #[test]
    fn the_newest_checkpoint_that_every_sink_has_reached() {
        let chosen = |sinks: &[SinkNeed]| beginning(&PastFacts { checkpoints: &[3, 6, 9], sinks, ..WHOLE });
        assert_eq!(chosen(&[sink(9, 9, true), sink(7, 9, false)]), Some(Beginning::Checkpoint(2)));
        assert_eq!(chosen(&[sink(9, 9, true), sink(7, 8, false)]), Some(Beginning::Checkpoint(1)));
        assert_eq!(chosen(&[sink(9, 9, true), sink(2, 2, false)]), Some(Beginning::Records));
    }

    #[test]
    fn a_sink_that_has_nothing_gets_what_a_checkpoint_brings_back_unless_it_takes_rows_of_a_source() {
        let chosen = |sinks: &[SinkNeed]| beginning(&PastFacts { checkpoints: &[3, 6], sinks, ..WHOLE });
        assert_eq!(chosen(&[sink(0, 0, false)]), Some(Beginning::Checkpoint(1)));
        assert_eq!(chosen(&[sink(0, 4, true)]), Some(Beginning::Checkpoint(0)));
        assert_eq!(chosen(&[sink(0, 0, true)]), Some(Beginning::Records));
    }

    #[test]
    fn sources_that_can_read_again_bring_what_the_journal_no_longer_has() {
        let trimmed = PastFacts { oldest: 5, can_read_again: true, ..WHOLE };
        let chosen = |facts: PastFacts<'_>| beginning(&facts);
        assert_eq!(chosen(PastFacts { sinks: &[sink(5, 5, true), sink(0, 0, true)], ..trimmed }), before(5));
        assert_eq!(chosen(PastFacts { sinks: &[sink(0, 0, true)], can_read_again: false, ..trimmed }), None);
        assert_eq!(chosen(PastFacts { sinks: &[sink(4, 4, false)], ..trimmed }), None, "it holds a part of the stage");
        let many = PastFacts { read_before: AGAIN_MOST + 1, ..trimmed };
        assert_eq!(chosen(PastFacts { sinks: &[sink(0, 0, true)], ..many }), None);
        assert_eq!(chosen(PastFacts { sinks: &[sink(0, 0, false)], ..many }), before(5));
    }

    fn before(epoch: u64) -> Option<Beginning> {
        Some(Beginning::RecordsBefore(epoch))
    }
}
