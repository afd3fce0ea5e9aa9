//! What may be removed when a checkpoint is complete, and by whom.
//!
//! An instance that was stopped while it removed may wake when others have long gone on, and goes on removing. So at least two checkpoints are kept:
//! of the newest one, those who have taken over may not know, but they know the one before. And nobody removes what a later start has made.

use crate::runtime::journal::Segment;

/// How many checkpoints are kept at least.
pub(in crate::runtime) const KEPT: usize = 3;

/// What stays when a checkpoint is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct Retention {
    /// How many of the oldest checkpoints go.
    pub(in crate::runtime) dropped: usize,
    /// The epoch behind which the journal must stay; none if all of it must.
    pub(in crate::runtime) journal_from: Option<u64>,
}

/// What stays of checkpoints, given by their epochs, ascending: `least` of them, and one at least that every sink has reached.
pub(in crate::runtime) fn retention(checkpoints: &[u64], passed_by_all: u64, least: usize) -> Retention {
    let reached = checkpoints.iter().rposition(|epoch| *epoch <= passed_by_all);
    let dropped = checkpoints.len().saturating_sub(least).min(reached.unwrap_or(0));
    let enough = reached.is_some() && checkpoints.len() - dropped >= least;
    Retention { dropped, journal_from: enough.then(|| checkpoints[dropped]) }
}

/// The segments that an instance of this generation may remove when the journal must stay behind epoch `from`: of those that are `there`, all that do
/// not count, and of those that count (`lineage`, oldest first) all before the one behind the checkpoint at `from`. A start that has added no epoch
/// leaves several that begin there: the first of them says that there is the checkpoint.
pub(in crate::runtime) fn removable(
    there: &[Segment],
    lineage: &[Segment],
    from: u64,
    generation: u64,
) -> Vec<Segment> {
    let begins = lineage.iter().position(|segment| segment.base == from);
    let first = begins.or_else(|| lineage.iter().rposition(|segment| segment.base < from)).unwrap_or(0);
    let kept = &lineage[first..];
    there.iter().copied().filter(|segment| is_mine(segment.generation, generation) && !kept.contains(segment)).collect()
}

/// Whether an instance may touch what one of generation `made_by` has made.
pub(in crate::runtime) fn is_mine(made_by: u64, generation: u64) -> bool {
    made_by <= generation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_stay_and_one_that_every_sink_has_reached() {
        let stay = |checkpoints: &[u64], passed| retention(checkpoints, passed, 3);
        assert_eq!(stay(&[2, 4], 4), Retention { dropped: 0, journal_from: None });
        assert_eq!(stay(&[2, 4, 6], 4), Retention { dropped: 0, journal_from: Some(2) });
        assert_eq!(stay(&[2, 4, 6, 8], 8), Retention { dropped: 1, journal_from: Some(4) });
        assert_eq!(stay(&[2, 4, 6, 8, 10], 4), Retention { dropped: 1, journal_from: Some(4) });
        assert_eq!(stay(&[2, 4, 6, 8], 1), Retention { dropped: 0, journal_from: None });
    }

    #[test]
    fn the_segment_that_notes_the_oldest_checkpoint_stays() {
        let segment = |generation, base| Segment { generation, base };
        let lineage = [segment(1, 0), segment(1, 4), segment(2, 4), segment(2, 6)];
        assert_eq!(removable(&lineage, &lineage, 4, 2), [segment(1, 0)]);
        assert_eq!(removable(&lineage, &lineage, 5, 2), lineage[..2], "nothing of a checkpoint at 5 is known");
    }

    #[test]
    fn segments_go_that_are_old_or_do_not_count_but_none_of_a_later_start() {
        let segment = |generation, base| Segment { generation, base };
        let lineage = [segment(1, 0), segment(1, 4), segment(2, 6), segment(2, 9)];
        let stray = segment(1, 8);
        let mut there = lineage.to_vec();
        there.push(stray);
        assert_eq!(removable(&there, &lineage, 6, 2), [segment(1, 0), segment(1, 4), stray]);
        assert_eq!(removable(&there, &lineage[..2], 4, 1), [segment(1, 0), stray], "an older instance knows less");
        assert_eq!(removable(&there, &lineage, 0, 2), [stray]);
    }
}
