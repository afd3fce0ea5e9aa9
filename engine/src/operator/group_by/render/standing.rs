//! How the groups that a worker owns stand.

use super::group_table::{GroupTable, is_any};
use super::groups::{Changed, Groups, Parcel, Shape};

/// All groups that a worker owns.
pub(super) struct Standing {
    shape: Shape,
    groups: GroupTable,
    /// The change that last touched each group.
    touched: Vec<u64>,
    /// How many changes there were.
    changes: u64,
}

impl Standing {
    /// Of no group.
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, groups: GroupTable::new(shape), touched: Vec::new(), changes: 0 }
    }

    /// Adds what has come of an epoch. A group of which nothing is left is forgotten.
    pub(super) fn add(&mut self, parcels: &[Parcel]) -> Changed {
        self.changes += 1;
        let mut numbers = Vec::with_capacity(parcels.iter().map(|parcel| parcel.groups.keys.len()).max().unwrap_or(0));
        let mut before = Groups::default();
        let mut found = Vec::new();
        for Parcel { groups, .. } in parcels {
            found.clear();
            self.groups.numbers(&groups.keys, &mut found);
            self.touched.resize(self.groups.bound(), 0);
            for ((key, added, candidates), number) in groups.iter(self.shape).zip(found.iter().copied()) {
                if self.touch(number) {
                    numbers.push(number);
                    let (sums, best) = self.groups.values(number);
                    before.push(key, sums, best);
                }
                self.groups.add(number, added, candidates);
            }
        }
        self.changed(&numbers, &before)
    }

    /// Whether a group is touched by this change for the first time.
    fn touch(&mut self, number: u32) -> bool {
        std::mem::replace(&mut self.touched[number as usize], self.changes) != self.changes
    }

    fn changed(&mut self, numbers: &[u32], before: &Groups) -> Changed {
        let mut changed = Changed::default();
        for (number, (key, old, old_best)) in numbers.iter().zip(before.iter(self.shape)) {
            let (sums, best) = self.groups.values(*number);
            let stands = is_any(sums);
            if old == sums && old_best == best && stands {
                continue;
            }
            let mut note = |sums, best, diff| {
                changed.groups.push(key, sums, best);
                changed.diffs.push(diff);
            };
            if is_any(old) {
                note(old, old_best, -1);
            }
            if stands {
                note(sums, best, 1);
            } else {
                self.groups.forget(*number);
            }
        }
        changed
    }
}
