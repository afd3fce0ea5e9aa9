//! A sink: who has fenced it, where its marker stands, and what rows it holds.

use crate::connector::Mark;
use crate::digest::Digest;
use crate::runtime::journal::SinkMark;

use super::disk::{Contents, EPOCHS};

/// The two sinks: the first gets rows of a source, in every epoch; the second those of a stateful operator, which only odd epochs change.
pub(super) const SINKS: usize = 2;
/// What stands where an epoch was applied twice.
pub(super) const TWICE: u8 = 9;

/// A sink that commits rows and marker together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sink {
    /// The generation that has fenced it last.
    pub(super) fence: u8,
    /// The last epoch that has changed it.
    pub(super) epoch: u8,
    /// The epochs that were applied.
    pub(super) contents: Contents,
}

/// How far a sink has come, in small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SmallMark {
    pub(super) written: u8,
    pub(super) passed: u8,
}

impl SmallMark {
    pub(super) fn of(mark: SinkMark) -> Self {
        Self { written: mark.written as u8, passed: mark.passed as u8 }
    }

    pub(super) fn widen(self) -> SinkMark {
        SinkMark { written: self.written.into(), passed: self.passed.into() }
    }
}

/// Whether rows of a source reach a sink directly.
pub(super) fn takes_source_rows(sink: usize) -> bool {
    sink == 0
}

/// Whether an epoch changes a sink.
pub(super) fn changes(sink: usize, epoch: usize) -> bool {
    sink == 0 || epoch % 2 == 1
}

/// What a sink is to hold of an input up to an epoch.
pub(super) fn output(sink: usize, input: &Contents, upto: u8) -> Contents {
    let mut contents = Contents::default();
    for epoch in (1..=EPOCHS).filter(|epoch| *epoch <= usize::from(upto) && changes(sink, *epoch)) {
        contents[epoch] = input[epoch];
    }
    contents
}

/// What a marker says of rows.
pub(super) fn mark(epoch: u8, contents: &Contents) -> Mark {
    let mut digest = Digest::default();
    for (epoch, content) in contents.iter().enumerate().filter(|(_, content)| **content > 0) {
        digest.add_numbered(epoch as u64, &[*content]);
    }
    Mark { epoch: epoch.into(), digest }
}

impl Sink {
    /// Adds rows.
    pub(super) fn apply(&mut self, epoch: u8, rows: &Contents) {
        for (held, new) in self.contents.iter_mut().zip(rows).filter(|(_, new)| **new > 0) {
            *held = if *held == 0 { *new } else { TWICE };
        }
        self.epoch = epoch;
    }
}
