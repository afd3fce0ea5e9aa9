//! Cuts: where the state of a dataflow can be taken out and put back.
//!
//! A cut lies behind what each stateful operator gathers of the rows of sources. All that lies beyond it is a function of what has passed it,
//! added up: so the sum is all that a checkpoint keeps of an operator, and putting it back in one epoch brings back everything beyond.
//! A source is a cut too, of the greatest event time of each partition: by that rows are late and keys expire.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::operator::{Groups, Shape};

use super::Epoch;
use super::cut_sum::CutSum;
use super::cut_value::CutValue;

/// A cut of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The event times of a source, by its place in the plan.
    Source(usize),
    /// What a stateful operator has gathered of the rows of sources, by its place in the plan.
    Node(usize),
}

/// What something is about that passes a cut: bytes whose meaning is the operator's.
pub type CutKey = Box<[u8]>;

/// What passes a cut.
pub type CutEntry = (CutKey, CutValue);

/// What has passed some cuts, added up.
pub type CutSums = BTreeMap<Cut, CutSum>;

/// What passes a cut at once.
enum Noted {
    Entries(Vec<CutEntry>),
    Groups(Shape, Rc<Groups>),
}

/// What has passed one worker's cuts since it was last asked.
pub(crate) struct CutBook {
    /// Up to here a checkpoint has it already.
    past: Epoch,
    /// By epoch, as long as the epoch may still change; not added up yet, since few things are noted twice in an epoch.
    open: BTreeMap<Epoch, Vec<(Cut, Noted)>>,
    closed: CutSums,
}

/// An operator's page in the book.
#[derive(Clone)]
pub(crate) struct CutPage {
    book: Rc<RefCell<CutBook>>,
    cut: Cut,
}

impl CutBook {
    pub(crate) fn new(past: Epoch) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { past, open: BTreeMap::new(), closed: CutSums::new() }))
    }

    pub(crate) fn page(book: &Rc<RefCell<Self>>, cut: Cut) -> CutPage {
        CutPage { book: Rc::clone(book), cut }
    }

    /// Everything up to and including `epoch`, which no longer changes.
    pub(crate) fn take(&mut self, epoch: Epoch) -> CutSums {
        self.close(epoch + 1);
        std::mem::take(&mut self.closed)
    }

    /// Adds up the epochs before `through`, which no longer change.
    pub(crate) fn close(&mut self, through: Epoch) {
        let later = self.open.split_off(&through);
        for (cut, noted) in std::mem::replace(&mut self.open, later).into_values().flatten() {
            let sum = self.closed.entry(cut).or_default();
            match noted {
                Noted::Entries(entries) => sum.add_all(entries),
                Noted::Groups(shape, groups) => sum.add_groups(shape, &groups),
            }
        }
    }

    fn note(&mut self, epoch: Epoch, cut: Cut, noted: impl FnOnce() -> Noted) {
        if epoch > self.past {
            self.open.entry(epoch).or_default().push((cut, noted()));
        }
    }
}

impl CutPage {
    /// Notes what passes in an epoch.
    pub(crate) fn note<I: IntoIterator<Item = CutEntry>>(&self, epoch: Epoch, entries: impl FnOnce() -> I) {
        let entries = || Noted::Entries(entries().into_iter().collect());
        self.book.borrow_mut().note(epoch, self.cut, entries);
    }

    /// Notes the groups that pass in an epoch.
    pub(crate) fn note_groups(&self, epoch: Epoch, shape: Shape, groups: &Rc<Groups>) {
        self.book.borrow_mut().note(epoch, self.cut, || Noted::Groups(shape, Rc::clone(groups)));
    }
}
