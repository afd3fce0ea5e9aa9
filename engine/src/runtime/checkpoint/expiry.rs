//! Which entries of a whole checkpoint no longer matter: keys of `latest` that have expired would grow without end.

use std::collections::BTreeMap;

use crate::operator::Stateful;
use crate::plan::Plan;
use crate::render::{Cut, CutValue};

/// When the keys of each node expire.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime) struct Expiry {
    /// After how many microseconds of which sources' event time, by node.
    after: BTreeMap<usize, (i64, Vec<usize>)>,
    /// The greatest event time of each source.
    clocks: BTreeMap<usize, i64>,
}

impl Expiry {
    pub(in crate::runtime) fn new(plan: &Plan) -> Self {
        let after = plan.nodes.iter().enumerate().filter_map(|(at, node)| match &node.operator {
            Stateful::Latest(latest) => {
                let after = i64::try_from(latest.expire?.as_micros()).unwrap_or(i64::MAX);
                Some((at, (after, node.clocks.clone())))
            }
            Stateful::Distinct | Stateful::Top(_) | Stateful::GroupBy(_) => None,
        });
        Self { after: after.collect(), clocks: BTreeMap::new() }
    }

    /// Whether an entry still matters. All entries must come by in order: those of sources come first.
    pub(super) fn matters(&mut self, cut: Cut, value: &CutValue) -> bool {
        match (cut, value) {
            (Cut::Source(source), CutValue::Greatest(time)) => {
                let clock = self.clocks.entry(source).or_insert(*time);
                *clock = (*clock).max(*time);
                true
            }
            (Cut::Node(node), CutValue::Newest((time, ..), _)) => {
                let Some((after, sources)) = self.after.get(&node) else { return true };
                let clock = sources.iter().filter_map(|source| self.clocks.get(source)).max();
                clock.is_none_or(|clock| time.saturating_add(*after) > *clock)
            }
            (_, value) => !value.is_zero(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_does_not_matter() {
        let after = BTreeMap::from([(1, (10, vec![0, 2]))]);
        let mut expiry = Expiry { after, ..Expiry::default() };
        let newest = |time| CutValue::Newest((time, 0, 0), Box::default());
        assert!(expiry.matters(Cut::Node(1), &newest(0)), "no clock is known");
        for (source, time) in [(0, 100), (1, 999), (2, 90)] {
            assert!(expiry.matters(Cut::Source(source), &CutValue::Greatest(time)));
        }
        assert!(!expiry.matters(Cut::Node(1), &newest(90)) && expiry.matters(Cut::Node(1), &newest(91)));
        assert!(expiry.matters(Cut::Node(3), &newest(0)), "keys of others do not expire");
        assert!(!expiry.matters(Cut::Node(3), &CutValue::Count(0)));
    }
}
