//! A named list of columns.

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};

use super::ColumnType;

/// One column of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// Unique within its schema.
    pub name: String,
    /// What its values are.
    pub column_type: ColumnType,
    /// Whether a value may be absent.
    pub nullable: bool,
}

impl Column {
    /// A column that always has a value.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Self { name: name.into(), column_type, nullable: false }
    }

    /// A column whose values may be null.
    pub fn nullable(name: impl Into<String>, column_type: ColumnType) -> Self {
        Self { name: name.into(), column_type, nullable: true }
    }

    /// The Arrow field that carries this column.
    #[must_use]
    pub fn arrow(&self) -> Field {
        Field::new(&self.name, self.column_type.arrow(), self.nullable)
    }
}

/// Columns in order, with unique names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schema {
    /// The columns, in the order that users see.
    pub columns: Vec<Column>,
}

impl Schema {
    /// A schema of these columns; their names are already known to be unique.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// Where the column of this name stands.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The Arrow schema of batches that carry these columns.
    #[must_use]
    pub fn arrow(&self) -> SchemaRef {
        Arc::new(arrow::datatypes::Schema::new(self.columns.iter().map(Column::arrow).collect::<Vec<_>>()))
    }
}
