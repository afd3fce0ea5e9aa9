//! The first of many values that come and go.

use std::collections::{BTreeMap, btree_map};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map};

use super::Diff;
use super::row_bytes::RowBytes;

/// Values with how often each stands. The first of them are in order, with some more behind, so that a few may go before the rest has to be looked
/// through; of the rest it is only known that it comes after those.
#[derive(Debug, Default)]
pub(super) struct FirstValues {
    ordered: BTreeMap<RowBytes, Diff>,
    rest: HashMap<RowBytes, Diff, FixedState>,
    /// What was last said to be first.
    said: Vec<(RowBytes, Diff)>,
}

/// How many values stay in order beyond twice those that are asked for.
const SPARE: usize = 32;

impl FirstValues {
    /// Adds a value so many times.
    pub(super) fn add(&mut self, value: RowBytes, times: Diff) {
        if times == 0 {
            return;
        }
        let last = self.ordered.last_key_value();
        if self.rest.is_empty() || last.is_some_and(|(last, _)| value <= *last) {
            match self.ordered.entry(value) {
                btree_map::Entry::Occupied(mut known) => {
                    *known.get_mut() += times;
                    if *known.get() == 0 {
                        known.remove();
                    }
                }
                btree_map::Entry::Vacant(place) => drop(place.insert(times)),
            }
        } else {
            match self.rest.entry(value) {
                hash_map::Entry::Occupied(mut known) => {
                    *known.get_mut() += times;
                    if *known.get() == 0 {
                        known.remove();
                    }
                }
                hash_map::Entry::Vacant(place) => drop(place.insert(times)),
            }
        }
    }

    /// What has changed in the first `n` since this was last asked; a value that stands `m` times takes `m` places.
    pub(super) fn changes(&mut self, n: usize) -> Vec<(RowBytes, Diff)> {
        let most = n.saturating_mul(2).saturating_add(SPARE);
        if !self.rest.is_empty() && self.standing() < n {
            self.refill(most);
        }
        while self.ordered.len() > most {
            self.rest.extend(self.ordered.pop_last());
        }
        let first = self.first(n);
        let mut changes: BTreeMap<RowBytes, Diff> = first.iter().cloned().collect();
        for (value, count) in std::mem::replace(&mut self.said, first) {
            *changes.entry(value).or_default() -= count;
        }
        changes.retain(|_, count| *count != 0);
        changes.into_iter().collect()
    }

    /// Whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.ordered.is_empty() && self.rest.is_empty()
    }

    /// How many places the values take that are in order.
    fn standing(&self) -> usize {
        let places: Diff = self.ordered.values().map(|count| (*count).max(0)).sum();
        usize::try_from(places).unwrap_or(usize::MAX)
    }

    /// Puts the first of the rest in order, too.
    fn refill(&mut self, most: usize) {
        let mut rest: Vec<(RowBytes, Diff)> = self.rest.drain().collect();
        if rest.len() > most {
            rest.select_nth_unstable_by(most, |one, other| one.0.cmp(&other.0));
            self.rest.extend(rest.drain(most..));
        }
        self.ordered.extend(rest);
    }

    fn first(&self, n: usize) -> Vec<(RowBytes, Diff)> {
        let mut left = Diff::try_from(n).unwrap_or(Diff::MAX);
        let mut first = Vec::new();
        for (value, count) in &self.ordered {
            let taken = (*count).min(left);
            if taken > 0 {
                first.push((value.clone(), taken));
                left -= taken;
            }
            if left == 0 {
                break;
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_are_those_of_all_values(
            n in 1_usize..4,
            epochs in prop::collection::vec(prop::collection::vec((0_u16..300, -2_i64..4), 0..120), 0..12),
        ) {
            let (mut values, mut all) = (FirstValues::default(), BTreeMap::<RowBytes, Diff>::new());
            let mut said = BTreeMap::<RowBytes, Diff>::new();
            for epoch in epochs {
                for (value, times) in epoch {
                    let value = RowBytes::from(value.to_be_bytes());
                    let known = all.entry(value.clone()).or_default();
                    // No more is taken back than stands.
                    let times = times.max(-*known);
                    *known += times;
                    values.add(value, times);
                }
                all.retain(|_, count| *count != 0);
                for (value, times) in values.changes(n) {
                    *said.entry(value).or_default() += times;
                }
                said.retain(|_, count| *count != 0);
                let each = all.iter().flat_map(|(value, count)| (0..*count).map(move |_| value.clone()));
                let mut expected = BTreeMap::<RowBytes, Diff>::new();
                each.take(n).for_each(|value| *expected.entry(value).or_default() += 1);
                prop_assert_eq!(&said, &expected);
                prop_assert_eq!(values.is_empty(), all.is_empty());
            }
        }
    }
}
