//! The layout of the last record, by which the next one is guessed.
//!
//! A producer writes record after record with the same keys in the same order and the same spaces. What stands between two values
//! (a *gap*: `{"user":` or `, "count": `) is therefore compared as a whole with the gap at the same place of the last record. Equal
//! bytes are equal tokens, so nothing is taken on trust. Once a whole record was as guessed, the next is read by its gaps alone: that no field is
//! missing and none stands twice is known of the layout, and need not be found out again.

use engine::schema::Column;

use super::super::slots::Row;
use super::super::time::TimestampReader;
use super::grammar::skip_value;
use super::value::read_value;

/// The longest gap that is remembered, in bytes.
const GAP_MAX: usize = 128;

/// The most members that are remembered.
const MEMBERS_MAX: usize = 256;

/// The gaps before the values of the last record.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The gaps of the last record, and beyond `known` older ones that are kept for their memory.
    gaps: Vec<Gap>,
    known: usize,
    /// How many members the last record had, if it was good, had only gaps that are known, and ended with its brace.
    whole: Option<usize>,
}

#[derive(Debug, Default)]
struct Gap {
    bytes: Vec<u8>,
    /// The first and the last eight bytes, if there are from 8 to 16 of them.
    ends: Option<(u64, u64)>,
    column: Option<usize>,
}

impl Gap {
    /// The position after this gap, if it stands here.
    #[inline(always)]
    fn end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let end = at + self.bytes.len();
        let found = bytes.get(at..end)?;
        let equal = match self.ends {
            Some(ends) => ends_of(found) == Some(ends),
            None => found == self.bytes,
        };
        equal.then_some(end)
    }
}

impl Layout {
    /// Reads a record that has the layout of the last one and values of its columns' types. `None`: it may be good all the same.
    #[inline]
    pub(super) fn follow(
        &mut self,
        columns: &[Column],
        bytes: &[u8],
        start: usize,
        cells: &mut Row<'_>,
        timestamps: &mut TimestampReader,
    ) -> Option<()> {
        // Taken, so that of records whose layouts alternate few are tried in vain.
        let members = self.whole.take()?;
        let mut at = start;
        for gap in &self.gaps[..members] {
            at = gap.end(bytes, at)?;
            at = match gap.column {
                Some(column) => {
                    let Column { column_type, nullable, .. } = &columns[column];
                    match read_value(column_type, bytes, at, 1, timestamps) {
                        Some((cell, end)) => {
                            cells.set(column, cell);
                            end
                        }
                        None if *nullable && bytes[at..].starts_with(b"null") => at + b"null".len(),
                        None => return None,
                    }
                }
                None => skip_value(bytes, at, 1).ok()?,
            };
        }
        self.end(members, &bytes[at..]);
        self.whole.map(|_| ())
    }

    /// A good record has ended: after so many members, and with these bytes.
    pub(super) fn end(&mut self, members: usize, rest: &[u8]) {
        self.whole = (members <= self.known && rest == b"}").then_some(members);
    }

    /// If the gap before the value at place `member` is the one of the last record: the position of the value, and the column that it
    /// belongs to, if any.
    #[inline]
    pub(super) fn guess(&self, member: usize, bytes: &[u8], at: usize) -> Option<(usize, Option<usize>)> {
        let gap = self.gaps[..self.known].get(member)?;
        Some((gap.end(bytes, at)?, gap.column))
    }

    /// Remembers the gap before the value at place `member`, and forgets those that came after it.
    pub(super) fn learn(&mut self, member: usize, gap: &[u8], column: Option<usize>) {
        if member > self.known {
            return;
        }
        self.known = member;
        if gap.len() > GAP_MAX || member >= MEMBERS_MAX {
            return;
        }
        if member == self.gaps.len() {
            self.gaps.push(Gap::default());
        }
        let known = &mut self.gaps[member];
        known.bytes.clear();
        known.bytes.extend_from_slice(gap);
        known.ends = if (8..=16).contains(&gap.len()) { ends_of(gap) } else { None };
        known.column = column;
        self.known += 1;
    }
}

/// The first and the last eight bytes, which overlap if there are fewer than 16.
#[inline]
fn ends_of(bytes: &[u8]) -> Option<(u64, u64)> {
    Some((u64::from_le_bytes(*bytes.first_chunk()?), u64::from_le_bytes(*bytes.last_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_recognised_only_where_it_was() {
        for gap in ["{\"a\":", ",\"ab\":   ", ",\"viewer_counts\":", ",\"a key longer than two words of eight bytes\":"]
        {
            let mut layout = Layout::default();
            layout.learn(0, b"{\"x\":", None);
            layout.learn(1, gap.as_bytes(), Some(3));
            let text = format!("1{gap}5");
            assert_eq!(layout.guess(1, text.as_bytes(), 1), Some((1 + gap.len(), Some(3))));
            assert_eq!(layout.guess(0, text.as_bytes(), 1), None);
            for at in 1..=gap.len() {
                let mut other = text.clone().into_bytes();
                other[at] ^= 1;
                assert_eq!(layout.guess(1, &other, 1), None, "{gap} differs at {at}");
            }
            assert_eq!(layout.guess(1, &text.as_bytes()[..gap.len()], 1), None);
        }
    }
}
