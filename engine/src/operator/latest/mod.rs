//! `latest: { key, expire }` keeps the newest row of each key.
//!
//! ```yaml
//! live: { from: streams, latest: { key: [user_name], expire: 10m } }
//! ```
//! Newest is by event time; of equal times the later offset of the same partition wins, and between partitions an order that is fixed but
//! not that of their names. With `expire`,
//! a key is taken back once the greatest event time that its sources have shown, in any partition and before any filter, is `expire` or more past the key's newest row. So
//! what is kept is a function of the rows read so far and of nothing else. Keeps one row a key.

mod check;
mod render;

pub(super) use check::LATEST;
pub use check::Latest;
pub(crate) use render::latest;
