//! What a group_by gathers as entries of its cut, and back.
//!
//! A key begins with a byte that says what it is: a group's accumulators, a candidate or a distinct value; the latter two go on with their aggregate
//! (4 bytes), the length of the group's key (4 bytes) and that key. Keys of groups are `arrow-row` bytes.

use crate::render::cut::{CutEntry, CutKey};
use crate::render::cut_value::CutValue;
use crate::render::row_bytes::RowBytes;

use super::fold::{EpochGroups, GroupValue};
use super::groups::{Groups, Shape};
use super::key_codec::KeyCodec;

const GROUP: u8 = 0;
const BEST: u8 = 1;
const DISTINCT: u8 = 2;

/// Between groups and entries.
pub(super) struct CutCodec {
    keys: KeyCodec,
    shape: Shape,
}

impl CutCodec {
    pub(super) fn new(keys: KeyCodec, shape: Shape) -> Self {
        Self { keys, shape }
    }

    /// An epoch's groups as entries.
    pub(super) fn entries(&self, epoch: &EpochGroups) -> impl Iterator<Item = CutEntry> {
        let keys = self.keys.to_rows(&epoch.groups.keys).into_iter().map(|key| [&[GROUP], &*key].concat().into());
        let groups = keys.zip(epoch.groups.accumulators(self.shape).map(CutValue::Group));
        let value = |kind: u8| move |(value, diff): &GroupValue| (joined(kind, value), CutValue::Count(*diff));
        groups.chain(epoch.best.iter().map(value(BEST))).chain(epoch.distinct.iter().map(value(DISTINCT)))
    }

    /// Entries as an epoch's groups.
    pub(super) fn groups(&self, entries: impl IntoIterator<Item = CutEntry>) -> EpochGroups {
        let mut epoch = EpochGroups::default();
        let mut keys: Vec<RowBytes> = Vec::new();
        let Groups { sums, best, .. } = &mut epoch.groups;
        for (key, value) in entries {
            match (key.split_first(), value) {
                (Some((&GROUP, key)), CutValue::Group(accumulators)) => {
                    keys.push(key.into());
                    sums.extend_from_slice(&accumulators.sums);
                    best.extend(accumulators.best);
                }
                (Some((&BEST, rest)), CutValue::Count(count)) => epoch.best.push((parted(rest), count)),
                (Some((&DISTINCT, rest)), CutValue::Count(count)) => epoch.distinct.push((parted(rest), count)),
                _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
            }
        }
        epoch.groups.keys = self.keys.of_rows(keys.iter().map(AsRef::as_ref));
        epoch
    }
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
    use crate::schema::{Column, ColumnType, Schema};

    use super::*;

    #[test]
    fn groups_come_back_from_their_entries() {
        let bytes = |text: &str| -> RowBytes { text.as_bytes().into() };
        let schema = Schema::new(vec![Column::new("k", ColumnType::String)]);
        let codec = CutCodec::new(KeyCodec::new(&schema, 1), Shape { sums: 2, best: 2 });
        let mut there = EpochGroups {
            groups: Groups::default(),
            best: vec![((bytes("k"), 7, bytes("")), -2)],
            distinct: vec![((bytes(""), 1, bytes("v")), 1)],
        };
        there.groups.push(b"a key", &[3, -(1_i128 << 90)], &[None, Some(bytes("b"))]);
        there.groups.push(b"", &[1, 0], &[None, None]);
        let coded = codec.entries(&there).map(|(key, value)| {
            let mut out = Vec::new();
            value.encode(&mut out);
            (key, CutValue::decode(&out).expect("a value"))
        });
        assert_eq!(codec.groups(coded.collect::<Vec<_>>()), there);
    }
}
