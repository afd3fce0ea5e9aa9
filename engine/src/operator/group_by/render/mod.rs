//! Renders `group_by`: fold an epoch's rows per group, send what each group adds up to the worker that owns it, add it to how the group stands.
//!
//! ```text
//!  rows ─▶ fold per epoch ─┬─ keys and sums ───▶ exchange ─▶ add up ─────────────────┬─▶ finish ─▶ rows, errors
//!                          ├─ (key, candidate) ▶ exchange ─▶ smallest ─┐             │
//!                          └─ (key, value) ────▶ exchange ─▶ distinct ─┴▶ collate ───┘
//! ```
//! Sums are kept by the number of their group, side by side, and cross workers so: a group that changes costs a look into a table. The lower
//! branches exist only for `count_distinct`, and for `min max first last arg_max` over rows that are taken back; there differential keeps the values.

mod accumulators;
mod collate;
mod cut;
mod dataflow;
mod exact_float;
mod finish;
mod fold;
mod group_table;
mod groups;
mod key_codec;
mod key_table;
mod layout;
mod standing;

pub use accumulators::Accumulators;
pub(crate) use dataflow::group_by;
pub use group_table::GroupTable;
pub(crate) use groups::{Groups, Shape};
