//! Groups by the number of their key, added up as they come.

use crate::render::row_bytes::RowBytes;

use super::accumulators::encode;
use super::cut::GROUP;
use super::groups::{Groups, Keys, Shape};
use super::key_table::KeyTable;

/// What groups of one [`Shape`] add up: sums and candidates side by side, so that adding to a group that is known allocates nothing.
pub struct GroupTable {
    shape: Shape,
    keys: KeyTable,
    sums: Vec<i128>,
    best: Vec<Option<RowBytes>>,
}

impl GroupTable {
    /// Of no group.
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, keys: KeyTable::with_capacity(0), sums: Vec::new(), best: Vec::new() }
    }

    /// Appends the number of each key; a key that is new is a group of nothing.
    pub(super) fn numbers(&mut self, keys: &Keys, numbers: &mut Vec<u32>) {
        self.keys.numbers(keys.len(), |at| keys.get(at), numbers);
        self.make_room();
    }

    /// Makes a place for each number.
    fn make_room(&mut self) {
        self.sums.resize(self.bound() * self.shape.sums, 0);
        self.best.resize(self.bound() * self.shape.best, None);
    }

    /// All numbers are below this.
    pub(super) fn bound(&self) -> usize {
        self.keys.bound()
    }

    /// The key of a group.
    pub(super) fn key(&self, number: u32) -> &[u8] {
        self.keys.key(number)
    }

    /// The sums and candidates of a group.
    pub(super) fn values(&self, number: u32) -> (&[i128], &[Option<RowBytes>]) {
        let at = number as usize;
        let Shape { sums, best } = self.shape;
        (&self.sums[at * sums..][..sums], &self.best[at * best..][..best])
    }

    /// Adds to a group: sums add; of two candidates the one that is first in byte order stays.
    pub(super) fn add(&mut self, number: u32, sums: &[i128], best: &[Option<RowBytes>]) {
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

    /// Forgets a group whose sums are zero; its number is given again.
    pub(super) fn forget(&mut self, number: u32) {
        let at = number as usize;
        self.best[at * self.shape.best..][..self.shape.best].fill(None);
        self.keys.remove(number);
    }

    /// Adds groups of the same shape.
    pub(crate) fn add_groups(&mut self, groups: &Groups) {
        let mut numbers = Vec::with_capacity(groups.keys.len());
        self.numbers(&groups.keys, &mut numbers);
        for ((_, sums, best), number) in groups.iter(self.shape).zip(numbers) {
            self.add(number, sums, best);
        }
    }

    /// Adds another table, none of whose groups was forgotten.
    pub(crate) fn add_table(&mut self, other: &Self) {
        let mut numbers = Vec::with_capacity(other.bound());
        self.keys.numbers(other.bound(), |number| other.key(number as u32), &mut numbers);
        self.make_room();
        for (number, of_other) in numbers.into_iter().zip(0..) {
            let (sums, best) = other.values(of_other);
            self.add(number, sums, best);
        }
    }

    /// The key and number of each group whose sums are not zero, if none was forgotten.
    pub(crate) fn standing(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let numbers = (0..self.bound() as u32).filter(|number| is_any(self.values(*number).0));
        numbers.map(|number| (self.key(number), number))
    }

    /// Appends the key of a group as entries of a cut have it.
    pub(crate) fn encode_key(&self, number: u32, out: &mut Vec<u8>) {
        out.push(GROUP);
        out.extend_from_slice(self.key(number));
    }

    /// Appends what a group adds up, as [`super::Accumulators`] have it.
    pub(crate) fn encode_value(&self, number: u32, out: &mut Vec<u8>) {
        let (sums, best) = self.values(number);
        encode(sums, best, out);
    }
}

/// Whether a group stands: its first sum counts its rows.
pub(super) fn is_any(sums: &[i128]) -> bool {
    sums.iter().any(|sum| *sum != 0)
}
