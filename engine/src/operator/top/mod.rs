//! `top: N, by: COLUMNS` keeps the first N rows in an order; with `per`, the first N of each combination of columns.
//!
//! ```yaml
//! top_games: { from: games, top: 5, by: total_viewers desc }
//! ```
//! The order is total: what `by` leaves open is decided by the row's columns from left to right, ascending. Equal rows count each. Null comes last. Keeps
//! the input's rows, in order.

mod check;
mod render;

pub(super) use check::TOP;
pub use check::Top;
pub(crate) use render::top;
