//! Many runs as one: in order, entries of equal keys added up.

use std::path::Path;

use crate::runtime::RunError;

use super::entry::Run;
use super::expiry::Expiry;
use super::run_file::{RunEntry, RunReader};

/// The sum of some runs.
pub(in crate::runtime) struct Merge {
    /// Readers and their next entries.
    heads: Vec<(RunReader, RunEntry)>,
    /// If these are all runs: then what no longer matters is left out.
    whole: Option<Expiry>,
}

impl Merge {
    /// Opens runs; `whole` if they are all runs of a checkpoint.
    pub(in crate::runtime) fn open(folder: &Path, runs: &[Run], whole: Option<Expiry>) -> Result<Self, RunError> {
        let mut heads = Vec::new();
        for run in runs {
            let mut reader = RunReader::open(folder, run)?;
            if let Some(entry) = reader.next()? {
                heads.push((reader, entry));
            }
        }
        Ok(Self { heads, whole })
    }

    /// The next entry; none at the end.
    pub(in crate::runtime) fn next(&mut self) -> Result<Option<RunEntry>, RunError> {
        loop {
            // There are a few runs: looking at all of their heads costs no more than a heap.
            let Some(least) = self.heads.iter().map(|(_, (cut, key, _))| (*cut, key)).min() else { return Ok(None) };
            let least = (least.0, least.1.clone());
            let mut sum: Option<RunEntry> = None;
            let mut at = 0;
            while at < self.heads.len() {
                let (reader, entry) = &mut self.heads[at];
                if (entry.0, &entry.1) != (least.0, &least.1) {
                    at += 1;
                    continue;
                }
                let next = reader.next()?;
                let taken = match next {
                    Some(next) => {
                        at += 1;
                        std::mem::replace(&mut self.heads[at - 1].1, next)
                    }
                    None => self.heads.remove(at).1,
                };
                match &mut sum {
                    Some(sum) => sum.2.add(taken.2),
                    None => sum = Some(taken),
                }
            }
            let whole = &mut self.whole;
            let matters = |sum: &RunEntry| whole.as_mut().is_none_or(|expiry| expiry.matters(sum.0, &sum.2));
            if let Some(sum) = sum.filter(matters) {
                return Ok(Some(sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::run_file::{RunWriter, write_run};
    use super::*;
    use crate::render::{Cut, CutValue, SumEntry};

    proptest! {
        #[test]
        fn merged_runs_are_the_sum_of_their_entries(
            runs in prop::collection::vec(prop::collection::btree_map(0_u8..12, -2_i64..3, 0..12), 0..5),
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut sums = BTreeMap::<u8, i64>::new();
            let mut written = Vec::new();
            for (at, run) in runs.iter().enumerate() {
                let fill = |to: &mut RunWriter| run.iter().try_for_each(|(key, count)| {
                    to.push(Cut::Node(usize::from(*key) / 5), SumEntry::Value(&[*key], &CutValue::Count(*count)))
                });
                written.push(write_run(folder.path(), format!("{at}.run"), fill).expect("written"));
                run.iter().for_each(|(key, count)| *sums.entry(*key).or_default() += count);
            }
            for whole in [true, false] {
                let mut merge = Merge::open(folder.path(), &written, whole.then(Expiry::default)).expect("opened");
                let found: Vec<(u8, CutValue)> =
                    std::iter::from_fn(|| merge.next().expect("read")).map(|entry| (entry.1[0], entry.2)).collect();
                let expected = sums.iter().filter(|(_, count)| !whole || **count != 0);
                let expected: Vec<(u8, CutValue)> = expected.map(|(key, count)| (*key, CutValue::Count(*count))).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
