//! What a group_by gathers as entries of its cut, and back.
//!
//! A key begins with a byte that says what it is: a group's accumulators, a candidate or a distinct value; the latter two go on with their aggregate
//! (4 bytes), the length of the group's key (4 bytes) and that key, as `arrow-row` bytes. The key of a group's accumulators is as its
//! [`KeyCodec`](super::key_codec::KeyCodec) makes it.

use std::rc::Rc;

use crate::render::cut::{CutEntry, CutKey};
use crate::render::cut_value::CutValue;
use crate::render::row_bytes::RowBytes;

use super::fold::{EpochGroups, GroupValue};
use super::groups::Groups;

/// Less than the others: what groups add up comes first among the entries of a cut.
pub(super) const GROUP: u8 = 0;
const BEST: u8 = 1;
const DISTINCT: u8 = 2;

/// The candidates and distinct values of an epoch as entries.
pub(super) fn entries(epoch: &EpochGroups) -> impl Iterator<Item = CutEntry> {
    let value = |kind: u8| move |(value, diff): &GroupValue| (joined(kind, value), CutValue::Count(*diff));
    epoch.best.iter().map(value(BEST)).chain(epoch.distinct.iter().map(value(DISTINCT)))
}

/// Entries as an epoch's groups.
pub(super) fn groups(entries: impl IntoIterator<Item = CutEntry>) -> EpochGroups {
    let mut groups = Groups::default();
    let mut epoch = EpochGroups::default();
    for (key, value) in entries {
        match (key.split_first(), value) {
            (Some((&GROUP, key)), CutValue::Group(accumulators)) => {
                groups.push(key, &accumulators.sums, &accumulators.best);
            }
            (Some((&BEST, rest)), CutValue::Count(count)) => epoch.best.push((parted(rest), count)),
            (Some((&DISTINCT, rest)), CutValue::Count(count)) => epoch.distinct.push((parted(rest), count)),
            _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
        }
    }
    EpochGroups { groups: Rc::new(groups), ..epoch }
}

fn joined(kind: u8, (key, which, value): &(RowBytes, u32, RowBytes)) -> CutKey {
    [&[kind], which.to_be_bytes().as_slice(), &(key.len() as u32).to_be_bytes(), key, value].concat().into()
}

fn parted(bytes: &[u8]) -> (RowBytes, u32, RowBytes) {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    let (which, rest) = bytes.split_at(4);
    let (length, rest) = rest.split_at(4);
    let (key, value) = rest.split_at(number(length) as usize);
    (key.into(), number(which), value.into())
}

#[cfg(test)]
mod tests {
    use crate::render::cut_sum::CutSum;

    use super::super::groups::Shape;
    use super::*;

    #[test]
    fn groups_come_back_from_their_entries() {
        let bytes = |text: &str| -> RowBytes { text.as_bytes().into() };
        let shape = Shape { sums: 2, best: 2 };
        let mut groups = Groups::default();
        groups.push(b"", &[1, 0], &[None, None]);
        groups.push(b"a key", &[3, -(1_i128 << 90)], &[None, Some(bytes("b"))]);
        let there = EpochGroups {
            groups: Rc::new(groups),
            best: vec![((bytes("k"), 7, bytes("")), -2)],
            distinct: vec![((bytes(""), 1, bytes("v")), 1)],
        };
        let mut sum = CutSum::default();
        sum.add_groups(shape, &there.groups);
        sum.add_all(entries(&there).collect());
        let coded: Vec<CutEntry> = sum
            .in_order()
            .map(|entry| {
                let (mut key, mut value) = (Vec::new(), Vec::new());
                entry.encode_key(&mut key);
                entry.encode_value(&mut value);
                (key.into(), CutValue::decode(&value).expect("a value"))
            })
            .collect();
        assert!(coded.is_sorted_by(|(key, _), (next, _)| key < next));
        assert_eq!(super::groups(coded), there);
    }
}
