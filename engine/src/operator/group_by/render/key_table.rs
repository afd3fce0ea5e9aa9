//! Small numbers for keys.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Gives every key a number; numbers of keys that were removed are given again.
///
/// Bytes of keys stand in one arena. A slot of the table says where, so that a key is found by two looks into memory.
#[derive(Default)]
pub(super) struct KeyTable {
    slots: HashTable<Slot>,
    /// Where the bytes of each key are, by number.
    places: Vec<Place>,
    bytes: Vec<u8>,
    /// Numbers without a key.
    free: Vec<u32>,
    /// How many bytes belong to no key.
    dead: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    number: u32,
    place: Place,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// In units of [`UNIT`].
    start: u32,
    length: u32,
}

/// Keys begin at multiples of this many bytes, so that 32 bits say where in 32 GiB.
const UNIT: usize = 8;

/// Bytes without a key that are not worth to be cleared away.
const DEAD_MAX: usize = 1 << 16;

/// The hash of a key: the same on every worker.
#[inline]
pub(super) fn hash_key(key: &[u8]) -> u32 {
    let hash = FixedState::with_seed(0).hash_one(key);
    (hash ^ (hash >> 32)) as u32
}

/// What the table's slots are dealt by.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl KeyTable {
    /// With room for so many keys.
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self { slots: HashTable::with_capacity(keys), places: Vec::with_capacity(keys), ..Self::default() }
    }

    /// All numbers are below this.
    pub(super) fn bound(&self) -> usize {
        self.places.len()
    }

    /// The number of a key, which has this hash.
    #[inline]
    pub(super) fn number(&mut self, key: &[u8], hash: u32) -> u32 {
        let found =
            self.slots.find(spread(hash), |slot| slot.hash == hash && is_equal(bytes_at(&self.bytes, slot.place), key));
        match found {
            Some(slot) => slot.number,
            None => self.add(key, hash),
        }
    }

    #[inline(never)]
    fn add(&mut self, key: &[u8], hash: u32) -> u32 {
        let place = append(&mut self.bytes, key);
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.places.push(place);
                u32::try_from(self.places.len() - 1).expect("there are fewer than 2^32 groups")
            }
        };
        self.places[number as usize] = place;
        self.slots.insert_unique(spread(hash), Slot { hash, number, place }, |slot| spread(slot.hash));
        number
    }

    /// The key of a number that is given.
    pub(super) fn key(&self, number: u32) -> &[u8] {
        bytes_at(&self.bytes, self.places[number as usize])
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, number: u32) {
        let hash = hash_key(self.key(number));
        if let Ok(slot) = self.slots.find_entry(spread(hash), |slot| slot.number == number) {
            let (slot, _) = slot.remove();
            self.dead += (slot.place.length as usize).next_multiple_of(UNIT);
            self.free.push(number);
        }
        if self.dead > DEAD_MAX && self.dead > self.bytes.len() / 2 {
            self.clear_away();
        }
    }

    /// Copies the bytes that belong to keys, and nothing else.
    fn clear_away(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead);
        for slot in self.slots.iter_mut() {
            slot.place = append(&mut bytes, bytes_at(&self.bytes, slot.place));
            self.places[slot.number as usize] = slot.place;
        }
        self.bytes = bytes;
        self.dead = 0;
    }
}

fn append(bytes: &mut Vec<u8>, key: &[u8]) -> Place {
    let start = u32::try_from(bytes.len() / UNIT).expect("the keys of a worker fit into 32 GiB");
    bytes.extend_from_slice(key);
    bytes.resize(bytes.len().next_multiple_of(UNIT), 0);
    Place { start, length: u32::try_from(key.len()).expect("a key is shorter than 4 GiB") }
}

#[inline]
fn bytes_at(bytes: &[u8], place: Place) -> &[u8] {
    let start = place.start as usize * UNIT;
    &bytes[start..start + place.length as usize]
}

/// Whether two keys are equal. Most are short: then a few words are compared in place.
#[inline]
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (Some(end), Some(other_end)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else { return one == other };
    let words = one.chunks_exact(8).zip(other.chunks_exact(8));
    end == other_end && words.fold(true, |equal, (word, other)| equal & (word == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again_and_given_again() {
        let mut table = KeyTable::default();
        let key = |at: u32| format!("{}{at}", "k".repeat(at as usize % 40)).into_bytes();
        let number = |table: &mut KeyTable, key: &[u8]| table.number(key, hash_key(key));
        let numbers: Vec<u32> = (0..10_000).map(|at| number(&mut table, &key(at))).collect();
        assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
        (0..9_000).for_each(|number| table.remove(number));
        for at in 9_000..10_000 {
            assert_eq!((number(&mut table, &key(at)), table.key(at)), (at, key(at).as_slice()));
        }
        assert!(table.bytes.len() < 9_000 * 8 && number(&mut table, b"new") < 9_000);
        assert_eq!(table.bound(), 10_000);
    }

    #[test]
    fn keys_are_equal_only_if_every_byte_is() {
        for length in 0..40 {
            let key = vec![7; length];
            assert!(is_equal(&key, &key.clone()) && !is_equal(&key, &vec![7; length + 1]));
            for at in 0..length {
                let mut other = key.clone();
                other[at] = 8;
                assert!(!is_equal(&key, &other));
            }
        }
    }
}
