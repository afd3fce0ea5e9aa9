//! What a group_by gathers as entries of its cut, and back.
//!
//! A key begins with a byte that says what it is: a group's accumulators, a candidate or a distinct value; the latter two go on with their aggregate
//! (4 bytes), the length of the group's key (4 bytes) and that key.

use crate::render::Diff;
use crate::render::cut::{CutEntry, CutKey};
use crate::render::cut_value::CutValue;
use crate::render::row_bytes::RowBytes;

use super::accumulators::Accumulators;
use super::fold::Groups;

const GROUP: u8 = 0;
const BEST: u8 = 1;
const DISTINCT: u8 = 2;

/// An epoch's groups as entries.
pub(super) fn entries(groups: &Groups) -> impl Iterator<Item = CutEntry> {
    let group = |(key, accumulators): &(RowBytes, Accumulators)| {
        ([&[GROUP], &**key].concat().into(), CutValue::Group(accumulators.clone()))
    };
    let value = |kind: u8| {
        move |(value, diff): &((RowBytes, u32, RowBytes), Diff)| (joined(kind, value), CutValue::Count(*diff))
    };
    let best = groups.best.iter().map(value(BEST));
    groups.accumulators.iter().map(group).chain(best).chain(groups.distinct.iter().map(value(DISTINCT)))
}

fn joined(kind: u8, (key, which, value): &(RowBytes, u32, RowBytes)) -> CutKey {
    [&[kind], which.to_be_bytes().as_slice(), &(key.len() as u32).to_be_bytes(), key, value].concat().into()
}

/// Entries as an epoch's groups.
pub(super) fn groups(entries: impl IntoIterator<Item = CutEntry>) -> Groups {
    let mut groups = Groups { accumulators: Vec::new(), best: Vec::new(), distinct: Vec::new() };
    for (key, value) in entries {
        match (key.split_first(), value) {
            (Some((&GROUP, key)), CutValue::Group(accumulators)) => {
                groups.accumulators.push((key.into(), accumulators))
            }
            (Some((&BEST, rest)), CutValue::Count(count)) => groups.best.push((parted(rest), count)),
            (Some((&DISTINCT, rest)), CutValue::Count(count)) => groups.distinct.push((parted(rest), count)),
            _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
        }
    }
    groups
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
    use super::*;

    #[test]
    fn groups_come_back_from_their_entries() {
        let bytes = |text: &str| -> RowBytes { text.as_bytes().into() };
        let accumulators =
            Accumulators { sums: [3, -(1_i128 << 90)].into_iter().collect(), best: vec![None, Some(bytes("b"))] };
        let there = Groups {
            accumulators: vec![(bytes("k"), accumulators), (bytes(""), Accumulators::default())],
            best: vec![((bytes("k"), 7, bytes("")), -2)],
            distinct: vec![((bytes(""), 1, bytes("v")), 1)],
        };
        let coded = entries(&there).map(|(key, value)| {
            let mut out = Vec::new();
            value.encode(&mut out);
            (key, CutValue::decode(&out).expect("a value"))
        });
        let back = groups(coded.collect::<Vec<_>>());
        assert_eq!((back.accumulators, back.best, back.distinct), (there.accumulators, there.best, there.distinct));
    }
}
