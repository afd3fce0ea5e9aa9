//! `union: {}` takes the rows of several inputs together.
//!
//! ```yaml
//! all: { from: [high, mid, low], union: {} }
//! ```
//! The inputs must have the same columns in name and type; their order is the first input's. Equal rows stay apart. Keeps no state and
//! costs nothing: operators behind it run behind each of its inputs.

use crate::spec::{Entry, Key, Kind};

use super::{Checked, OperatorCheck, OperatorKind};

pub(super) const UNION: OperatorKind = OperatorKind {
    name: "union",
    about: "takes the rows of several inputs together",
    keys: &[Key::required("union", Kind::Group(&[]), "`{}`")],
    check,
};

fn check(_entry: &Entry, _context: &mut OperatorCheck<'_>) -> Checked {
    Checked::Union
}
