//! Where the stages end in which the past is replayed.

use std::collections::BTreeSet;

/// A stage ends after about this many records, so that what it changes fits into memory.
pub(in crate::runtime) const STAGE_RECORDS: u64 = 4_000_000;

/// Where stages must end: where a sink stands, and at each of the last epochs, since a sink that cannot take an epoch whole may hold a part of one
/// of them, and gets the same records again only in the same epoch. `in_flight` epochs may have been on their way to sinks.
pub(in crate::runtime) fn borders(passed: impl Iterator<Item = u64>, last: u64, in_flight: u64) -> BTreeSet<u64> {
    passed.chain(last.saturating_sub(in_flight + 1)..=last).collect()
}

/// Whether a stage that has so many records ends with this epoch. The journal's last epoch ends one in any case.
pub(in crate::runtime) fn ends_stage(epoch: u64, records: u64, borders: &BTreeSet<u64>) -> bool {
    borders.contains(&epoch) || records >= STAGE_RECORDS
}

/// How many of the first stages need not be replayed if nothing is kept between epochs: those that every sink has. `stages` are the epochs with which
/// they end.
pub(in crate::runtime) fn left_out(stages: impl Iterator<Item = u64>, passed_by_all: u64) -> usize {
    stages.take_while(|epoch| *epoch <= passed_by_all).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_where_a_sink_stands_at_the_last_epochs_and_where_they_are_long() {
        let borders = borders([3, 40].into_iter(), 100, 4);
        let ends: Vec<u64> = (1..=100).filter(|epoch| ends_stage(*epoch, 7, &borders)).collect();
        assert_eq!(ends, [3, 40, 95, 96, 97, 98, 99, 100]);
        assert!(ends_stage(50, STAGE_RECORDS, &borders));
    }

    #[test]
    fn what_every_sink_has_is_left_out() {
        assert_eq!(left_out([3, 40, 95].into_iter(), 40), 2);
        assert_eq!(left_out([3, 40, 95].into_iter(), 2), 0);
        assert_eq!(left_out([3].into_iter(), 9), 1);
    }
}
