//! Which epochs a committer may commit.

use crate::safeguard::Safeguard;

/// The last epoch that all have passed who say below which epoch they have passed everything; `None` if nobody has passed any.
pub(in crate::runtime) fn passed(through: impl IntoIterator<Item = u64>) -> Option<u64> {
    let through = through.into_iter();
    let first = if Safeguard::AllWorkersPassed.holds() { through.min() } else { through.max() };
    first?.checked_sub(1)
}

/// Of epochs that the journal durably holds, ascending, those that may be committed now: all rows of theirs have come.
pub(in crate::runtime) fn committable(
    durable: impl IntoIterator<Item = u64>,
    passed: Option<u64>,
) -> impl Iterator<Item = u64> {
    durable.into_iter().take_while(move |epoch| passed.is_some_and(|passed| *epoch <= passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_needs_all_workers_and_the_journal() {
        assert_eq!(passed([5, 4, 9]), Some(3));
        assert_eq!((passed([5, 0]), passed([])), (None, None));
        let ready = |durable: &[u64], through: &[u64]| -> Vec<u64> {
            committable(durable.iter().copied(), passed(through.iter().copied())).collect()
        };
        assert_eq!(ready(&[2, 3, 4], &[5, 4]), [2, 3]);
        assert!(ready(&[], &[5, 4]).is_empty() && ready(&[2], &[5, 0]).is_empty());
    }
}
