//! Many stories; none may fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::safeguard::{Safeguard, without};

use super::shrink::shrink;
use super::story::{Story, Told};

/// How many seeds are tried, if `SIMULATIONS` does not say it, and the first, if `SEED` does not.
const SEEDS: u64 = 500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn shown(story: &Story, told: &Told) -> String {
    let mut text = format!(
        "SEED={} SIMULATIONS=1: {}\nof {} starts, with these faults:\n",
        story.seed,
        told.violation.as_deref().unwrap_or("nothing is wrong"),
        story.starts
    );
    for fault in &story.faults {
        text += &format!("  start {}, step {}: {:?}\n", fault.start, fault.step, fault.kind);
    }
    text + "what happened:\n  " + &told.events.join("\n  ")
}

#[test]
fn no_story_ends_badly() {
    let (first, count) = (number("SEED", 1), number("SIMULATIONS", SEEDS));
    let (next, started) = (AtomicU64::new(first), Instant::now());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tell = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return None;
            }
            let story = Story::of(seed);
            if story.tell().violation.is_some() {
                next.store(u64::MAX / 2, Ordering::Relaxed);
                let shortest = shrink(&story);
                return Some(shown(&shortest, &shortest.tell()));
            }
        }
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let tellers: Vec<_> = (0..threads).map(|_| scope.spawn(tell)).collect();
        tellers.into_iter().filter_map(|teller| teller.join().expect("no panic")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!("{count} stories from seed {first} in {:?}", started.elapsed());
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 1..20 {
        let story = Story::of(seed);
        assert_eq!(story.tell().events, story.tell().events, "seed {seed}");
    }
}

/// What only a loss of power shows: `flowctl/tests/safeguards` relies on this test for it.
#[test]
fn a_journal_that_is_not_durable_is_missed() {
    let missed =
        without(Safeguard::JournalDurable, || (1..=SEEDS).any(|seed| Story::of(seed).tell().violation.is_some()));
    assert!(missed, "{SEEDS} stories end well without it");
}
