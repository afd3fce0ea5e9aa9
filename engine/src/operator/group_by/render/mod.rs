//! Renders `group_by`: fold an epoch's rows per group, send the accumulators to the group's worker, let differential add them up.
//!
//! ```text
//!  rows ─▶ fold per epoch ─┬─ (key, accumulators) ──▶ exchange ─▶ count ──────────────┬─▶ finish ─▶ rows, errors
//!                          ├─ (key, candidate) ────▶ exchange ─▶ smallest ─┐          │
//!                          └─ (key, value) ────────▶ exchange ─▶ distinct ─┴▶ collate ┘
//! ```
//! The accumulators are the *diff*: adding up is all that differential does. The lower branches exist only for `count_distinct`,
//! and for `min max first last arg_max` over rows that are taken back.

mod accumulators;
mod cut;
mod dataflow;
mod exact_float;
mod finish;
mod fold;
mod interner;
mod layout;

pub use accumulators::Accumulators;
pub(crate) use dataflow::group_by;
