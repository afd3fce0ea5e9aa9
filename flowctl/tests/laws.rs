//! Laws of whole pipelines: results are a function of the records alone, and each operator is what a naive recomputation says.
//!
//! Each case runs a pipeline in several layouts: as batch in one piece, and as a stream in random pieces, with random epoch cuts,
//! interleavings of partitions, partitions that appear late, a restart, and 1 to 3 workers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "laws/layout.rs"]
mod layout;
#[path = "laws/naive.rs"]
mod naive;
mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;

use layout::{Layout, Outcome, layouts, play};
use naive::{Row, rows};
use support::rows::{Rows, difference};

/// Every operator over the same rows.
const OPERATORS: &str = r#"
  by_k:
    from: events
    group_by: [k]
    aggregate:
      n: count(*)
      nv: count(v)
      total: sum(v)
      mean: avg(v)
      least: min(v)
      most: max(v)
      kinds: count_distinct(v)
      floats: sum(f)
      float_mean: avg(f)
      decimals: sum(d)
      decimal_mean: avg(d)
      first: first(v)
      last: last(u)
      best: arg_max(u, v)
      positive: count(*) where v > 0
      low: min(u) where v > 0
      mean_up: avg(v) where f > 0
      most_up: max(v) where f > 0
      kinds_up: count_distinct(v) where f > 0
      first_up: first(v) where f > 0
      last_up: last(u) where f > 0
      best_up: arg_max(u, v) where f > 0
  live: { from: events, latest: { key: [u], expire: 10m } }
  forever: { from: events, latest: { key: [u, k] } }
  live_by_k:
    from: live
    group_by: [k]
    aggregate:
      n: count(*)
      total: sum(v)
      mean: avg(v)
      least: min(v)
      most: max(v)
      kinds: count_distinct(v)
      decimals: sum(d)
      best: arg_max(u, v)
      positive: sum(v) where v > 0
  best: { from: events, top: 3, by: [v desc, k] }
  best_per: { from: events, top: 2, by: [v, f desc], per: [k] }
  best_live: { from: live_by_k, top: 2, by: [total desc, k] }
  inverse: { from: live_by_k, select: { k: k, inverse: 60 / total } }
  pairs: { from: events, distinct: [v, k] }
  live_pairs: { from: live, distinct: [k, v] }
  arms: { from: events, route: { big: v > 3, negative: v < 0, rest: else } }
  few: { from: events, filter: v > 1 and f < 1 }
  derived: { from: events, derive: { w: 2 * v + 1, v: "coalesce(v, 0)" } }
  sized: { from: events, bucket: { column: v, as: size, cases: { big: "> 3", small: "< 0", some: else } } }
  sizes: { from: sized, select: [v, size] }
  again: { from: [arms.big, arms.rest, arms.negative], union: {} }
"#;

const SINKS: &[(&str, &str)] = &[
    ("by_k", "by_k"),
    ("live", "live"),
    ("forever", "forever"),
    ("live_by_k", "live_by_k"),
    ("best", "best"),
    ("best_per", "best_per"),
    ("best_live", "best_live"),
    ("inverse", "inverse"),
    ("pairs", "pairs"),
    ("live_pairs", "live_pairs"),
    ("big", "arms.big"),
    ("negative", "arms.negative"),
    ("rest", "arms.rest"),
    ("few", "few"),
    ("derived", "derived"),
    ("sizes", "sizes"),
    ("again", "again"),
];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() }
}

/// Checks an outcome, sink by sink.
fn compare(outcome: &Outcome, expected: &BTreeMap<&str, Rows>, layout: &Layout) -> Result<(), TestCaseError> {
    for (sink, expected) in expected {
        let found = &outcome.sinks[*sink];
        prop_assert!(found == expected, "sink {} in {:?}:\n{}", sink, layout, difference(found, expected));
    }
    Ok(())
}

#[test]
fn lost_tables_come_back_from_a_checkpoint_alone() {
    let rows = vec![Row::end()];
    let partitions = naive::partitions(&rows, 1);
    let outcome = play(naive::SOURCE, OPERATORS, SINKS, &partitions, &Layout::all_lost(1));
    assert_eq!(outcome.sinks["by_k"].len(), 1, "{:?}", outcome.sinks);
    assert_eq!((outcome.dead_letters, outcome.ledger.read), (Rows::new(), 1));
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn operators_are_naive_recomputations(rows in rows(), layouts in layouts()) {
        let partitions = naive::partitions(&rows, layouts.partitions);
        let (expected, failures) = (naive::results(&rows), naive::failures(&rows));
        for layout in &layouts.each {
            let outcome = play(naive::SOURCE, OPERATORS, SINKS, &partitions, layout);
            compare(&outcome, &expected, layout)?;
            prop_assert!(outcome.ledger.is_balanced(), "{}", outcome.ledger);
            prop_assert_eq!(outcome.ledger.read, rows.len() as u64);
            prop_assert_eq!(outcome.ledger.used, rows.len() as u64);
            let (found, expected) = (&outcome.dead_letters, &failures);
            prop_assert!(found == expected, "dead letters in {:?}:\n{}", layout, difference(found, expected));
        }
    }

    #[test]
    fn the_order_of_partitions_is_fixed(rows in rows(), layouts in layouts()) {
        // Equal times in several partitions: whichever row wins, it is always the same.
        let partitions: Vec<Vec<String>> = (0..layouts.partitions)
            .map(|at| rows.iter().skip(at).step_by(layouts.partitions).map(Row::record).collect())
            .collect();
        let mut before: Option<Outcome> = None;
        for layout in &layouts.each {
            let outcome = play(naive::SOURCE, OPERATORS, SINKS, &partitions, layout);
            if let Some(before) = &before {
                for (sink, found) in &outcome.sinks {
                    let expected = &before.sinks[sink];
                    prop_assert!(found == expected, "sink {} in {:?}:\n{}", sink, layout, difference(found, expected));
                }
            }
            before.get_or_insert(outcome);
        }
    }

    #[test]
    fn what_is_taken_back_leaves_nothing(rows in rows(), layouts in layouts()) {
        const TAKEN: &str = r#"
  real: { from: events, filter: u <> 'end' }
  live: { from: real, latest: { key: [u], expire: 10m } }
  sums: { from: live, group_by: [k], aggregate: { n: count(*), total: sum(v), least: min(v), kinds: count_distinct(f), mean: avg(f) } }
  all: { from: live, group_by: [], aggregate: { n: count(*), most: max(d) } }
  best: { from: sums, top: 2, by: total desc }
  each: { from: live, distinct: [v] }
"#;
        let sinks = ["live", "sums", "all", "best", "each"].map(|name| (name, name));
        let mut partitions = naive::partitions(&rows, layouts.partitions);
        partitions[0].push(Row::end().record());
        for layout in &layouts.each {
            let outcome = play(naive::SOURCE, TAKEN, &sinks, &partitions, layout);
            for (sink, found) in &outcome.sinks {
                prop_assert!(found.is_empty(), "sink {} in {:?}: {:?}", sink, layout, found);
            }
            prop_assert_eq!((outcome.ledger.read, outcome.ledger.filtered), (rows.len() as u64 + 1, 1));
        }
    }

    #[test]
    fn every_record_is_accounted_for(rows in rows(), bad in prop::collection::vec(any::<bool>(), 40), layouts in layouts()) {
        const CHAIN: &str = r#"
  positive: { from: events, filter: v > 0 }
  inverse: { from: positive, derive: { inverse: 12 / (v - 3) } }
  sums: { from: inverse, group_by: [inverse], aggregate: { n: count(*) } }
"#;
        let garbage = |at: usize| bad.get(at).copied().unwrap_or(false);
        let records: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| if garbage(at) { row.record().replace("\"u\"", "\"you\"") } else { row.record() })
            .collect();
        let good = || rows.iter().enumerate().filter(|(at, _)| !garbage(*at)).map(|(_, row)| row);
        let positive: Vec<i64> = good().filter_map(|row| row.v).filter(|v| *v > 0).collect();
        let failed = positive.iter().filter(|v| **v == 3).count() as u64;
        let mut counts = BTreeMap::<i64, i64>::new();
        for v in positive.iter().filter(|v| **v != 3) {
            *counts.entry(12 / (v - 3)).or_insert(0) += 1;
        }
        let sums = counts.iter().map(|(inverse, n)| (format!("{{\"inverse\":{inverse},\"n\":{n}}}"), 1));
        let expected = BTreeMap::from([("sums", sums.collect::<Rows>())]);
        let partitions: Vec<Vec<String>> = (0..layouts.partitions)
            .map(|at| records.iter().skip(at).step_by(layouts.partitions).cloned().collect())
            .collect();
        for layout in &layouts.each {
            let outcome = play(naive::SOURCE, CHAIN, &[("sums", "sums")], &partitions, layout);
            compare(&outcome, &expected, layout)?;
            let broken = rows.len() as u64 - good().count() as u64;
            let ledger = outcome.ledger;
            prop_assert!(ledger.is_balanced(), "{}", ledger);
            prop_assert_eq!(ledger.read, rows.len() as u64, "{}", ledger);
            prop_assert_eq!(ledger.used, positive.len() as u64 - failed, "{}", ledger);
            prop_assert_eq!(ledger.dead_letter, broken + failed, "{}", ledger);
            prop_assert_eq!(outcome.dead_letters.values().sum::<i64>() as u64, broken + failed);
        }
    }
}
