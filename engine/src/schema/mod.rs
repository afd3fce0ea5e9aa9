//! What a row looks like: column types, schemas, and their Arrow form.

mod column_type;
mod sketch;
mod table;

pub use column_type::ColumnType;
pub(crate) use sketch::{Beyond, Sketch};
pub use table::{Column, Schema};
