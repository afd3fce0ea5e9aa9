//! How far a partition has been delivered, and how far it may be.

use engine::connector::{PartitionIndex, Read};

/// One partition's way through a run.
#[derive(Debug)]
pub(super) struct Course {
    index: PartitionIndex,
    /// Everything below it has been delivered.
    position: u64,
    end: Option<u64>,
    limit: Option<u64>,
    /// Whether the engine knows that the border is reached.
    told: bool,
}

impl Course {
    /// A partition of which nothing has been delivered.
    pub(super) fn new(index: PartitionIndex, start: u64, end: Option<u64>) -> Self {
        Self { index, position: start, end, limit: None, told: false }
    }

    /// Its place in the source's list.
    pub(super) fn index(&self) -> PartitionIndex {
        self.index
    }

    /// Everything below it has been delivered.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Nothing at or past it may be delivered now.
    pub(super) fn border(&self) -> Option<u64> {
        self.limit.into_iter().chain(self.end).min()
    }

    /// Whether the record at `offset` may be delivered now.
    pub(super) fn admits(&self, offset: u64) -> bool {
        self.border().is_none_or(|border| offset < border)
    }

    /// Everything below `position` has been delivered, or is a gap.
    pub(super) fn advance(&mut self, position: u64) {
        self.position = self.position.max(position);
    }

    /// Sets or lifts the engine's limit.
    pub(super) fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
        self.told = false;
    }

    /// That the border is reached: once for each border.
    pub(super) fn tell(&mut self) -> Option<Read> {
        let border = self.border().filter(|border| !self.told && self.position >= *border)?;
        self.told = true;
        Some(Read::Reached(self.index, border))
    }

    /// Whether its end is known and everything below has been delivered.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_is_told_once_and_gaps_count_as_delivered() {
        let mut course = Course::new(PartitionIndex(0), 5, Some(20));
        assert!(course.tell().is_none());
        course.set_limit(Some(10));
        assert!(course.admits(9) && !course.admits(10));
        course.advance(12);
        assert!(matches!(course.tell(), Some(Read::Reached(PartitionIndex(0), 10))));
        assert!(course.tell().is_none() && !course.is_over());
        course.set_limit(None);
        assert!(course.admits(19) && !course.admits(20));
        course.advance(20);
        assert!(course.tell().is_some() && course.is_over());
    }
}
