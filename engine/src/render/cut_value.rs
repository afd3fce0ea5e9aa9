//! What a cut keeps of a key, how it adds up, and its bytes.

use differential_dataflow::difference::{IsZero, Semigroup};

use super::Diff;
use super::row_bytes::RowBytes;
use crate::operator::Accumulators;

/// When a row happened: event time in microseconds, then partition, then offset. Greater is newer.
pub(crate) type Moment = (i64, i64, i64);

/// The sum of what has passed for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutValue {
    /// How often a value stands.
    Count(Diff),
    /// What a group adds up.
    Group(Accumulators),
    /// The newest row: the greatest moment, then the greatest row.
    Newest(Moment, RowBytes),
    /// The greatest number.
    Greatest(i64),
}

const COUNT: u8 = 0;
const GROUP: u8 = 1;
const NEWEST: u8 = 2;
const GREATEST: u8 = 3;

impl CutValue {
    /// Adds what has passed for the same key.
    pub(crate) fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (Self::Group(group), Self::Group(more)) => group.plus_equals(&more),
            (Self::Newest(moment, row), Self::Newest(other, newer)) => {
                if (&other, &newer) > (moment, row) {
                    (*moment, *row) = (other, newer);
                }
            }
            (Self::Greatest(greatest), Self::Greatest(other)) => *greatest = (*greatest).max(other),
            _ => unreachable!("a key of a cut has values of one kind"),
        }
    }

    /// How often a value stands.
    pub(crate) fn count(&self) -> Diff {
        match self {
            Self::Count(count) => *count,
            _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
        }
    }

    /// The newest row and its moment.
    pub(crate) fn newest(self) -> (Moment, RowBytes) {
        match self {
            Self::Newest(moment, row) => (moment, row),
            _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
        }
    }

    /// The greatest number.
    pub(crate) fn greatest(&self) -> i64 {
        match self {
            Self::Greatest(greatest) => *greatest,
            _ => unreachable!("the checkpoint is of this cut, and its sums are right"),
        }
    }

    /// Whether it is as if nothing had ever passed.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Count(count) => *count == 0,
            Self::Group(group) => group.is_zero(),
            Self::Newest(..) | Self::Greatest(_) => false,
        }
    }

    /// Appends its bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Count(count) => {
                out.push(COUNT);
                out.extend_from_slice(&count.to_le_bytes());
            }
            Self::Group(group) => Self::encode_group(out, |out| group.encode(out)),
            Self::Newest((time, partition, offset), row) => {
                out.push(NEWEST);
                [time, partition, offset].iter().for_each(|part| out.extend_from_slice(&part.to_le_bytes()));
                out.extend_from_slice(row);
            }
            Self::Greatest(greatest) => {
                out.push(GREATEST);
                out.extend_from_slice(&greatest.to_le_bytes());
            }
        }
    }

    /// Appends the bytes of what a group adds up, which `encode` appends as [`Accumulators`] do.
    pub(crate) fn encode_group(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
        out.push(GROUP);
        encode(out);
    }

    /// A value from all of its bytes; none if they are not a value's.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            COUNT => Some(Self::Count(i64::from_le_bytes(rest.try_into().ok()?))),
            GROUP => Accumulators::decode(rest).map(Self::Group),
            NEWEST => {
                let (moment, row) = rest.split_at_checked(24)?;
                let part = |at: usize| Some(i64::from_le_bytes(moment[at * 8..at * 8 + 8].try_into().ok()?));
                Some(Self::Newest((part(0)?, part(1)?, part(2)?), row.into()))
            }
            GREATEST => Some(Self::Greatest(i64::from_le_bytes(rest.try_into().ok()?))),
            _ => None,
        }
    }
}
