//! What became of a commit whose reply did not come.

use super::Mark;

/// A marker as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundMarker {
    /// Whether it belongs to the same sink of the same pipeline and state.
    pub is_ours: bool,
    /// The generation of the instance that has fenced it last.
    pub generation: u64,
    /// How far the sink has come.
    pub mark: Mark,
}

/// The commit that is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubtfulCommit {
    /// The generation with which this instance has fenced the marker.
    pub generation: u64,
    /// What the marker said before.
    pub before: Mark,
    /// What it says if the commit went through.
    pub after: Mark,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went through.
    Committed,
    /// It did not, and no longer can: it may be tried again.
    NotCommitted,
    /// Somebody else has changed the marker: this instance must not go on.
    Fenced,
}

impl DoubtfulCommit {
    /// What became of the commit. The marker must have been read where the commit can no longer arrive behind the reading: under the lock that the
    /// commit itself needs, or after the producer that sent it was fenced.
    #[must_use]
    pub fn resolve(&self, found: Option<FoundMarker>) -> Outcome {
        match found {
            Some(found) if !found.is_ours || found.generation != self.generation => Outcome::Fenced,
            Some(found) if found.mark == self.after => Outcome::Committed,
            Some(found) if found.mark == self.before => Outcome::NotCommitted,
            _ => Outcome::Fenced,
        }
    }
}

impl Outcome {
    /// Of a commit into several sinks in one transaction: all or nothing, else it was not only this one that has written.
    #[must_use]
    pub fn of_all(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let agree = |one: Self, other: Self| if one == other { one } else { Self::Fenced };
        outcomes.into_iter().reduce(agree).unwrap_or(Self::NotCommitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn mark(epoch: u64, row: &[u8]) -> Mark {
        let mut digest = Digest::default();
        digest.add(row, 1);
        Mark { epoch, digest }
    }

    #[test]
    fn only_the_own_marker_at_one_of_both_places_decides() {
        let commit = DoubtfulCommit { generation: 4, before: mark(7, b"a"), after: mark(9, b"b") };
        let ours = FoundMarker { is_ours: true, generation: 4, mark: commit.after };
        assert_eq!(commit.resolve(Some(ours)), Outcome::Committed);
        assert_eq!(commit.resolve(Some(FoundMarker { mark: commit.before, ..ours })), Outcome::NotCommitted);
        for other in [
            FoundMarker { is_ours: false, ..ours },
            FoundMarker { generation: 5, ..ours },
            FoundMarker { mark: mark(9, b"c"), ..ours },
            FoundMarker { mark: mark(8, b"b"), ..ours },
        ] {
            assert_eq!(commit.resolve(Some(other)), Outcome::Fenced);
        }
        assert_eq!(commit.resolve(None), Outcome::Fenced);
    }

    #[test]
    fn a_transaction_is_in_all_sinks_or_in_none() {
        use Outcome::{Committed, Fenced, NotCommitted};
        assert_eq!(Outcome::of_all([Committed, Committed]), Committed);
        assert_eq!(Outcome::of_all([NotCommitted, NotCommitted]), NotCommitted);
        assert_eq!(Outcome::of_all([NotCommitted, Committed]), Fenced);
        assert_eq!(Outcome::of_all([Committed, Fenced]), Fenced);
    }
}
