//! Small numbers for keys.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Gives every key a number; numbers of keys that were removed are given again.
///
/// An open table with linear probing, whose slots say where the bytes of a key stand in one arena. It is a table of its own, and no ready-made one,
/// for [`KeyTable::numbers`]: many keys are looked up step by step together, so that their cache misses overlap.
pub(super) struct KeyTable {
    /// A power of two of them, at most half of them taken: then most keys stand in one of the first two places.
    slots: Vec<Slot>,
    taken: usize,
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
    /// [`EMPTY`] if there is no key.
    number: u32,
    place: Place,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// In units of [`UNIT`].
    start: u32,
    length: u32,
}

const EMPTY: u32 = u32::MAX;
const VACANT: Slot = Slot { hash: 0, number: EMPTY, place: Place { start: 0, length: 0 } };

/// Keys begin at multiples of this many bytes, so that 32 bits say where in 32 GiB.
const UNIT: usize = 8;

/// Bytes without a key that are not worth to be cleared away.
const DEAD_MAX: usize = 1 << 16;

/// How many keys are looked up together.
const TOGETHER: usize = 32;

/// The hash of a key: the same on every worker.
#[inline]
pub(super) fn hash_key(key: &[u8]) -> u32 {
    let hash = FixedState::with_seed(0).hash_one(key);
    (hash ^ (hash >> 32)) as u32
}

impl KeyTable {
    /// With room for so many keys.
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self {
            slots: vec![VACANT; (2 * keys + 1).next_power_of_two().max(16)],
            taken: 0,
            places: Vec::with_capacity(keys),
            bytes: Vec::new(),
            free: Vec::new(),
            dead: 0,
        }
    }

    /// All numbers are below this.
    pub(super) fn bound(&self) -> usize {
        self.places.len()
    }

    /// Appends the numbers of so many keys.
    #[inline]
    pub(super) fn numbers<'a>(&mut self, count: usize, key: impl Fn(usize) -> &'a [u8], numbers: &mut Vec<u32>) {
        let mut hashes = [0; TOGETHER];
        let mut slots = [VACANT; TOGETHER];
        let mut words = [[0; UNIT]; TOGETHER];
        for start in (0..count).step_by(TOGETHER) {
            let keys = start..count.min(start + TOGETHER);
            // Each of these loops waits for memory once, not once a key: nothing in a turn depends on the turn before.
            for (at, hash) in keys.clone().zip(&mut hashes) {
                *hash = hash_key(key(at));
            }
            for (slot, hash) in slots.iter_mut().zip(&hashes) {
                let home = self.home(*hash);
                // Which of two is computed, not branched on: a branch would wait for memory before the next key could.
                let second = usize::from(self.slots[home].hash != *hash);
                *slot = self.slots[(home + second) & (self.slots.len() - 1)];
            }
            for (word, slot) in words.iter_mut().zip(&slots) {
                let start = slot.place.start as usize * UNIT;
                *word = self
                    .bytes
                    .get(start..start + UNIT)
                    .and_then(|word| word.first_chunk().copied())
                    .unwrap_or_default();
            }
            for (at, ((hash, slot), word)) in keys.zip(hashes.iter().zip(&slots).zip(&words)) {
                let key = key(at);
                let found = slot.hash == *hash && slot.number != EMPTY && self.is_rest(slot.place, *word, key);
                numbers.push(if found { slot.number } else { self.number(key, *hash) });
            }
        }
    }

    /// The number of a key, which has this hash.
    pub(super) fn number(&mut self, key: &[u8], hash: u32) -> u32 {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot.number == EMPTY {
                return self.add(key, hash, at);
            }
            if slot.hash == hash && self.bytes_at(slot.place) == key {
                return slot.number;
            }
            at = self.after(at);
        }
    }

    /// The key of a number that is given.
    pub(super) fn key(&self, number: u32) -> &[u8] {
        self.bytes_at(self.places[number as usize])
    }

    /// Forgets a key.
    pub(super) fn remove(&mut self, number: u32) {
        let mut at = self.home(hash_key(self.key(number)));
        while self.slots[at].number != number {
            at = self.after(at);
        }
        self.dead += (self.slots[at].place.length as usize).next_multiple_of(UNIT);
        self.free.push(number);
        self.taken -= 1;
        self.close_gap(at);
        if self.dead > DEAD_MAX && self.dead > self.bytes.len() / 2 {
            self.clear_away();
        }
    }

    /// Where a key of this hash stands if nothing is in its way.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    #[inline(never)]
    fn add(&mut self, key: &[u8], hash: u32, at: usize) -> u32 {
        let place = append(&mut self.bytes, key);
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.places.push(place);
                let number = u32::try_from(self.places.len() - 1).ok().filter(|number| *number != EMPTY);
                number.expect("a worker has fewer than 2^32 - 1 groups")
            }
        };
        self.places[number as usize] = place;
        self.slots[at] = Slot { hash, number, place };
        self.taken += 1;
        if self.taken * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let more = vec![VACANT; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, more).into_iter().filter(|slot| slot.number != EMPTY) {
            let mut at = self.home(slot.hash);
            while self.slots[at].number != EMPTY {
                at = self.after(at);
            }
            self.slots[at] = slot;
        }
    }

    /// Empties a slot; those behind move up, so that none is cut off from its home.
    fn close_gap(&mut self, mut gap: usize) {
        let last = self.slots.len() - 1;
        let mut at = self.after(gap);
        while self.slots[at].number != EMPTY {
            let home = self.home(self.slots[at].hash);
            if at.wrapping_sub(home) & last >= at.wrapping_sub(gap) & last {
                self.slots[gap] = self.slots[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.slots[gap] = VACANT;
    }

    /// Copies the bytes that belong to keys, and nothing else.
    fn clear_away(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead);
        for at in 0..self.slots.len() {
            let slot = self.slots[at];
            if slot.number != EMPTY {
                let place = append(&mut bytes, self.bytes_at(slot.place));
                self.slots[at].place = place;
                self.places[slot.number as usize] = place;
            }
        }
        self.bytes = bytes;
        self.dead = 0;
    }

    #[inline]
    fn bytes_at(&self, place: Place) -> &[u8] {
        let start = place.start as usize * UNIT;
        &self.bytes[start..start + place.length as usize]
    }

    /// Whether this key stands at a place whose first bytes, and zeros after a shorter key, are `word`.
    #[inline]
    fn is_rest(&self, place: Place, word: [u8; UNIT], key: &[u8]) -> bool {
        if place.length as usize != key.len() {
            return false;
        }
        let (Some(first), Some(last)) = (key.first_chunk::<UNIT>(), key.last_chunk::<UNIT>()) else {
            return short(key) == word;
        };
        let known = self.bytes_at(place);
        // Words of a fixed size are compared in place, and not by a call each.
        let (known_words, _) = known.as_chunks::<UNIT>();
        let (words, _) = key.as_chunks::<UNIT>();
        let equal = known_words.iter().zip(words).skip(1).fold(true, |equal, (known, word)| equal & (known == word));
        *first == word && equal && known.last_chunk() == Some(last)
    }
}

/// A key of less than a word, and zeros.
#[inline]
fn short(key: &[u8]) -> [u8; UNIT] {
    let mut word = [0; UNIT];
    word.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    word
}

fn append(bytes: &mut Vec<u8>, key: &[u8]) -> Place {
    let start = u32::try_from(bytes.len() / UNIT).expect("the keys of a worker fit into 32 GiB");
    bytes.extend_from_slice(key);
    // A key without bytes takes a place, too: what is looked at together begins with the first bytes of each.
    bytes.resize((start as usize * UNIT + key.len().max(1)).next_multiple_of(UNIT), 0);
    Place { start, length: u32::try_from(key.len()).expect("a key is shorter than 4 GiB") }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_of_keys(steps in prop::collection::vec((any::<bool>(), prop::collection::vec(0_u16..400, 0..90)), 0..30)) {
            let (mut table, mut known) = (KeyTable::with_capacity(0), HashMap::<Vec<u8>, u32>::new());
            let key = |at: u16| format!("{}{at}", "k".repeat(usize::from(at) % 30)).split_off(usize::from(at) % 2).into_bytes();
            for (removes, keys) in steps {
                let keys: Vec<Vec<u8>> = keys.into_iter().map(key).collect();
                if removes {
                    for number in keys.iter().filter_map(|key| known.remove(key)) {
                        table.remove(number);
                    }
                } else {
                    let mut numbers = Vec::new();
                    table.numbers(keys.len(), |at| &keys[at], &mut numbers);
                    for (key, number) in keys.iter().zip(numbers) {
                        prop_assert_eq!(*known.entry(key.clone()).or_insert(number), number);
                    }
                }
                let mut numbers: Vec<u32> = known.values().copied().collect();
                numbers.sort_unstable();
                numbers.dedup();
                prop_assert_eq!(numbers.len(), known.len());
                for (key, number) in &known {
                    prop_assert_eq!(table.key(*number), key.as_slice());
                    prop_assert_eq!(table.number(key, hash_key(key)), *number);
                }
            }
        }
    }

    #[test]
    fn what_was_removed_takes_no_room() {
        let mut table = KeyTable::with_capacity(0);
        for round in 0..50_000_u32 {
            let key = format!("a key of some length {round}").into_bytes();
            let number = table.number(&key, hash_key(&key));
            table.remove(number);
        }
        assert!(table.bytes.len() < 4 * DEAD_MAX && table.bound() == 1 && table.slots.len() == 16);
    }
}
