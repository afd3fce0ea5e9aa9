//! `group_by: [COLUMNS], aggregate: { NAME: CALL }` makes one row of each group.
//!
//! ```yaml
//! games:
//!   from: bucketed
//!   group_by: [game_name]
//!   aggregate: { viewers: sum(viewer_count), big: count(*) where viewer_count > 5000 }
//! ```
//! An aggregate is one call, with `where CONDITION` (or SQL's `filter (where …)`) to take part of the rows. Nulls of a key make a group. `group_by: []` makes one
//! row of everything, and none of nothing. A row changes when its group does. Keeps one entry a group, and for `count_distinct` and, over rows
//! that are taken back, `min max first last arg_max` also the values.

mod check;
mod render;

pub(super) use check::GROUP_BY;
pub use check::{Aggregate, GroupBy};
pub use render::{Accumulators, GroupTable};
pub(crate) use render::{Groups, Shape, group_by};
