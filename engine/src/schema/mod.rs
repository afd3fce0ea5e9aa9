//! What a row looks like: column types, schemas, and their Arrow form.

mod column_type;
mod table;

pub use column_type::ColumnType;
pub use table::{Column, Schema};
