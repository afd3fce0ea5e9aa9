//! The layout of the last record, by which the next one is guessed.
//!
//! A producer writes record after record with the same keys in the same order and the same spaces. What stands between two values
//! (a *gap*: `{"user":` or `, "count": `) is therefore compared as a whole with the gap at the same place of the last record. Equal
//! bytes are equal tokens, so nothing is taken on trust.

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
}

#[derive(Debug, Default)]
struct Gap {
    bytes: Vec<u8>,
    /// The first and the last eight bytes, if there are from 8 to 16 of them.
    ends: Option<(u64, u64)>,
    column: Option<usize>,
}

impl Layout {
    /// If the gap before the value at place `member` is the one of the last record: the position of the value, and the column that it
    /// belongs to, if any.
    #[inline]
    pub(super) fn guess(&self, member: usize, bytes: &[u8], at: usize) -> Option<(usize, Option<usize>)> {
        let gap = self.gaps[..self.known].get(member)?;
        let end = at + gap.bytes.len();
        let found = bytes.get(at..end)?;
        let equal = match gap.ends {
            Some(ends) => ends_of(found) == Some(ends),
            None => found == gap.bytes,
        };
        equal.then_some((end, gap.column))
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
