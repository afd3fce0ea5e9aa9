//! What became of a source's records: every one is in exactly one column.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts of records: `read = used + filtered + late + dead_letter + duplicate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Records read.
    pub read: u64,
    /// Records of which at least one row reached a stateful operator or a sink.
    pub used: u64,
    /// Records that no branch wanted.
    pub filtered: u64,
    /// Records that came too late and were left out for it.
    pub late: u64,
    /// Records that failed: kept as dead letters, or with `on_error: skip` only counted.
    pub dead_letter: u64,
    /// Records that were there before.
    pub duplicate: u64,
}

impl Ledger {
    /// Adds another ledger's counts.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.used += other.used;
        self.filtered += other.filtered;
        self.late += other.late;
        self.dead_letter += other.dead_letter;
        self.duplicate += other.duplicate;
    }

    /// Takes another ledger's counts away.
    pub fn subtract(&mut self, other: &Self) {
        self.read -= other.read;
        self.used -= other.used;
        self.filtered -= other.filtered;
        self.late -= other.late;
        self.dead_letter -= other.dead_letter;
        self.duplicate -= other.duplicate;
    }

    /// Whether every record that was read is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.used + self.filtered + self.late + self.dead_letter + self.duplicate
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, used, filtered, late, dead_letter, duplicate } = self;
        write!(
            f,
            "read {read} = used {used} + filtered {filtered} + late {late} + dead_letter {dead_letter} + duplicate {duplicate}"
        )
    }
}
