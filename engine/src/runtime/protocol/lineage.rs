//! Which segments of the journal count: the newest, the one that it names as its predecessor, and so on.

use std::collections::VecDeque;

use crate::runtime::journal::{Link, Seal, Segment};

/// The segments that count, oldest first. `before` tells what a segment says of the one before it. Empty if there is none.
pub(in crate::runtime) fn lineage<E>(
    there: &[Segment],
    mut before: impl FnMut(Segment) -> Result<Option<Seal>, E>,
) -> Result<VecDeque<Link>, E> {
    let mut lineage = VecDeque::new();
    let mut next = there.iter().max().map(|newest| Link { segment: *newest, seal: None });
    while let Some(link) = next {
        lineage.push_front(link);
        // What is older than the journal is kept was removed.
        let seal = before(link.segment)?.filter(|seal| there.contains(&seal.segment) && seal.segment < link.segment);
        next = seal.map(|seal| Link { segment: seal.segment, seal: Some(seal) });
    }
    Ok(lineage)
}

/// The place in a lineage from which one reads to know what came after epoch `from`: the last segment that begins there, else the first of all.
pub(in crate::runtime) fn read_from(lineage: &VecDeque<Link>, from: u64) -> usize {
    lineage.iter().rposition(|link| link.segment.base == from).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_names_does_not_count() {
        let segment = |generation, base| Segment { generation, base };
        let there = [segment(1, 0), segment(1, 4), segment(1, 7), segment(2, 5), segment(2, 6)];
        let before = |of: Segment| {
            let before = match (of.generation, of.base) {
                (1, 4) => segment(1, 0),
                (1, 7) | (2, 5) => segment(1, 4),
                (2, 6) => segment(2, 5),
                _ => return Ok::<_, ()>(None),
            };
            Ok(Some(Seal { segment: before, length: 9, hash: 9 }))
        };
        let found = lineage(&there, before).expect("readable");
        let names: Vec<Segment> = found.iter().map(|link| link.segment).collect();
        assert_eq!(names, [segment(1, 0), segment(1, 4), segment(2, 5), segment(2, 6)]);
        assert!(found.iter().take(3).all(|link| link.seal.is_some()) && found[3].seal.is_none());
        assert_eq!((read_from(&found, 5), read_from(&found, 3)), (2, 0));
        let trimmed = lineage(&there[2..], before).expect("readable");
        assert_eq!(trimmed.len(), 2, "what is gone ends the lineage");
    }
}
