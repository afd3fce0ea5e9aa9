//! How the groups that a worker owns stand.

use crate::render::row_bytes::RowBytes;

use super::groups::{Changed, Groups, Parcel, Shape};
use super::key_table::KeyTable;

/// All groups that a worker owns: sums and candidates by the number of the key.
pub(super) struct Standing {
    shape: Shape,
    keys: KeyTable,
    sums: Vec<i128>,
    best: Vec<Option<RowBytes>>,
    /// The change that last touched each group.
    touched: Vec<u64>,
    /// How many changes there were.
    changes: u64,
}

impl Standing {
    /// Of no group.
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            keys: KeyTable::with_capacity(0),
            sums: Vec::new(),
            best: Vec::new(),
            touched: Vec::new(),
            changes: 0,
        }
    }

    /// Adds what has come of an epoch. A group of which nothing is left is forgotten.
    pub(super) fn add(&mut self, parcels: &[Parcel]) -> Changed {
        self.changes += 1;
        let mut numbers = Vec::with_capacity(parcels.iter().map(|parcel| parcel.groups.keys.len()).max().unwrap_or(0));
        let mut before = Groups::default();
        let mut found = Vec::new();
        for Parcel { groups, .. } in parcels {
            found.clear();
            self.keys.numbers(groups.keys.len(), |at| groups.keys.get(at), &mut found);
            for ((_, added, candidates), number) in groups.iter(self.shape).zip(found.iter().copied()) {
                if self.touch(number) {
                    numbers.push(number);
                    let (sums, best) = self.values(number);
                    before.push(self.keys.key(number), sums, best);
                }
                self.add_group(number, added, candidates);
            }
        }
        self.changed(&numbers, &before)
    }

    /// Whether a group is touched by this change for the first time.
    fn touch(&mut self, number: u32) -> bool {
        let at = number as usize;
        if at >= self.touched.len() {
            self.touched.resize(self.keys.bound(), 0);
            self.sums.resize(self.keys.bound() * self.shape.sums, 0);
            self.best.resize(self.keys.bound() * self.shape.best, None);
        }
        std::mem::replace(&mut self.touched[at], self.changes) != self.changes
    }

    fn values(&self, number: u32) -> (&[i128], &[Option<RowBytes>]) {
        let at = number as usize;
        let Shape { sums, best } = self.shape;
        (&self.sums[at * sums..][..sums], &self.best[at * best..][..best])
    }

    /// Sums add; of two candidates the one that is first in byte order stays.
    fn add_group(&mut self, number: u32, sums: &[i128], best: &[Option<RowBytes>]) {
        let at = number as usize;
        for (sum, addend) in self.sums[at * self.shape.sums..].iter_mut().zip(sums) {
            *sum += addend;
        }
        for (known, candidate) in self.best[at * self.shape.best..].iter_mut().zip(best) {
            if let Some(candidate) = candidate
                && known.as_ref().is_none_or(|known| candidate < known)
            {
                *known = Some(candidate.clone());
            }
        }
    }

    fn changed(&mut self, numbers: &[u32], before: &Groups) -> Changed {
        let mut changed = Changed::default();
        for (number, (key, old, old_best)) in numbers.iter().zip(before.iter(self.shape)) {
            let (sums, best) = self.values(*number);
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
                self.forget(*number);
            }
        }
        changed
    }

    fn forget(&mut self, number: u32) {
        let at = number as usize;
        self.best[at * self.shape.best..][..self.shape.best].fill(None);
        self.keys.remove(number);
    }
}

/// Whether a group stands: its first sum counts its rows.
fn is_any(sums: &[i128]) -> bool {
    sums.iter().any(|sum| *sum != 0)
}
