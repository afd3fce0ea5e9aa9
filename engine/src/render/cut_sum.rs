//! What has passed one cut, added up.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::operator::{GroupTable, Groups, Shape};

use super::cut::{CutEntry, CutKey};
use super::cut_value::CutValue;

/// The sum of what has passed one cut.
#[derive(Default)]
pub struct CutSum {
    /// What the groups of a `group_by` add up: most of what passes, so side by side and not in a piece of memory each.
    groups: Option<GroupTable>,
    /// Everything else.
    values: HashMap<CutKey, CutValue, FixedState>,
}

/// What has passed for one key.
#[derive(Clone, Copy)]
pub(crate) enum SumEntry<'a> {
    /// A group by its number.
    Group(&'a GroupTable, u32),
    /// A value.
    Value(&'a [u8], &'a CutValue),
}

impl CutSum {
    fn add(&mut self, (key, value): CutEntry) {
        match self.values.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().add(value),
            Entry::Vacant(place) => drop(place.insert(value)),
        }
    }

    /// Adds the values of an epoch.
    pub(crate) fn add_all(&mut self, entries: Vec<CutEntry>) {
        self.values.reserve(entries.len().saturating_sub(self.values.len()));
        entries.into_iter().for_each(|entry| self.add(entry));
    }

    /// Adds the groups of an epoch.
    pub(crate) fn add_groups(&mut self, shape: Shape, groups: &Groups) {
        self.groups.get_or_insert_with(|| GroupTable::new(shape)).add_groups(groups);
    }

    /// Adds what has passed the same cut on another worker.
    pub(crate) fn add_sum(&mut self, other: Self) {
        match (&mut self.groups, other.groups) {
            (Some(known), Some(other)) => known.add_table(&other),
            (known, other) => *known = known.take().or(other),
        }
        if self.values.is_empty() {
            self.values = other.values;
        } else {
            other.values.into_iter().for_each(|entry| self.add(entry));
        }
    }

    /// The entries that are worth to be kept, by the bytes of their keys. Those of groups come first, since their keys do.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = SumEntry<'_>> {
        let groups = self
            .groups
            .iter()
            .flat_map(|table| by_key(table.standing().collect()).map(|(_, number)| SumEntry::Group(table, number)));
        let kept = self.values.iter().filter(|(_, value)| !value.is_zero());
        let values = by_key(kept.map(|(key, value)| (&**key, value)).collect());
        groups.chain(values.map(|(key, value)| SumEntry::Value(key, value)))
    }
}

impl SumEntry<'_> {
    /// Appends the bytes of its key.
    pub(crate) fn encode_key(self, out: &mut Vec<u8>) {
        match self {
            Self::Group(table, number) => table.encode_key(number, out),
            Self::Value(key, _) => out.extend_from_slice(key),
        }
    }

    /// Appends the bytes of its [`CutValue`].
    pub(crate) fn encode_value(self, out: &mut Vec<u8>) {
        match self {
            Self::Group(table, number) => CutValue::encode_group(out, |out| table.encode_value(number, out)),
            Self::Value(_, value) => value.encode(out),
        }
    }
}

/// Sorts by key.
fn by_key<T: Copy>(entries: Vec<(&[u8], T)>) -> impl Iterator<Item = (&[u8], T)> {
    let common = entries.iter().map(|(key, _)| *key).reduce(common_prefix).map_or(0, <[u8]>::len);
    // Most keys are told apart by the bytes behind what all begin with: those stand side by side, the keys all over the memory.
    let mut entries: Vec<_> = entries.into_iter().map(|entry| (head(&entry.0[common..]), entry)).collect();
    entries
        .sort_unstable_by(|(head, (key, _)), (other, (other_key, _))| head.cmp(other).then_with(|| key.cmp(other_key)));
    entries.into_iter().map(|(_, entry)| entry)
}

fn common_prefix<'a>(key: &'a [u8], other: &[u8]) -> &'a [u8] {
    let length = key.iter().zip(other).take_while(|(byte, other)| byte == other).count();
    &key[..length]
}

/// The first bytes of a key, and zeros if it has fewer: orders keys as their bytes do, as far as it goes.
fn head(key: &[u8]) -> u128 {
    let mut head = [0; 16];
    let length = key.len().min(head.len());
    head[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_come_in_the_order_of_their_bytes(
            prefix in prop::collection::vec(0_u8..3, 0..20),
            rests in prop::collection::btree_set(prop::collection::vec(0_u8..3, 0..20), 0..20),
            apart in any::<bool>(),
        ) {
            let keys: Vec<Vec<u8>> = rests.iter().map(|rest| [prefix.as_slice(), rest].concat()).collect();
            let shape = Shape { sums: 1, best: 0 };
            let (mut sum, mut other) = (CutSum::default(), CutSum::default());
            for (at, key) in keys.iter().enumerate().rev() {
                let to = if apart && at % 2 == 0 { &mut other } else { &mut sum };
                // Twice, and once nothing.
                for times in [1, 0, 1] {
                    let mut groups = Groups::default();
                    groups.push(key, &[times], &[]);
                    groups.push(b"taken back", &[times - 1], &[]);
                    to.add_groups(shape, &groups);
                    to.add_all(vec![
                        ([&[1], key.as_slice()].concat().into(), CutValue::Count(times as i64)),
                        (Box::from(*b"\x02taken back"), CutValue::Count(times as i64 - 1)),
                    ]);
                }
                let mut back = Groups::default();
                back.push(b"taken back", &[1], &[]);
                to.add_groups(shape, &back);
                to.add_all(vec![(Box::from(*b"\x02taken back"), CutValue::Count(1))]);
            }
            sum.add_sum(other);
            let bytes = |entry: SumEntry<'_>| {
                let (mut key, mut value) = (Vec::new(), Vec::new());
                entry.encode_key(&mut key);
                entry.encode_value(&mut value);
                (key, CutValue::decode(&value).expect("a value"))
            };
            let found: Vec<_> = sum.in_order().map(bytes).collect();
            let of_kind = |kind: u8| keys.iter().map(move |key| [&[kind], key.as_slice()].concat());
            prop_assert_eq!(found.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), of_kind(0).chain(of_kind(1)).collect::<Vec<_>>());
            for (key, value) in found {
                match value {
                    CutValue::Count(count) => prop_assert!(key[0] == 1 && count == 2),
                    group => {
                        let mut twice = vec![1];
                        twice.extend_from_slice(&1_u32.to_le_bytes());
                        twice.extend_from_slice(&2_i128.to_le_bytes());
                        prop_assert!(key[0] == 0 && Some(group) == CutValue::decode(&twice));
                    }
                }
            }
        }
    }
}
