//! Rows as bytes whose order is the rows' order (the `arrow-row` format): the keys and values of arrangements.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::SortOptions;
use arrow::row::{RowConverter, Rows, SortField};

use crate::connector::SortKey;
use crate::schema::Schema;

/// A row, or some columns of one.
pub(crate) type RowBytes = Box<[u8]>;

/// Turns columns into bytes and back.
pub(crate) struct RowCodec {
    converter: RowConverter,
}

impl RowCodec {
    /// For these columns of a schema, ascending, null first.
    pub(crate) fn ascending(schema: &Schema, places: impl IntoIterator<Item = usize>) -> Self {
        Self::ordered(schema, places.into_iter().map(|column| (column, SortOptions::default())))
    }

    /// For these columns, each in its own order.
    pub(crate) fn ordered(schema: &Schema, places: impl IntoIterator<Item = (usize, SortOptions)>) -> Self {
        let fields = places
            .into_iter()
            .map(|(column, options)| SortField::new_with_options(schema.columns[column].column_type.arrow(), options))
            .collect();
        Self { converter: RowConverter::new(fields).expect("arrow-row carries every column type") }
    }

    /// The bytes of each row of these columns.
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Rows {
        self.converter.convert_columns(columns).expect("the plan has given every column its type")
    }

    /// The columns of rows that this codec, or one of the same columns, has encoded.
    pub(crate) fn decode<'a>(&self, rows: impl IntoIterator<Item = &'a [u8]>) -> Vec<ArrayRef> {
        let parser = self.converter.parser();
        let parsed: Vec<_> = rows.into_iter().map(|row| parser.parse(row)).collect();
        self.converter.convert_rows(parsed).expect("the bytes are this codec's own")
    }
}

/// How people sort: null last, whichever the direction.
pub(crate) fn sort_options(key: SortKey) -> SortOptions {
    SortOptions { descending: key.descending, nulls_first: false }
}

/// The columns at these places.
pub(crate) fn columns_at(rows: &RecordBatch, places: impl IntoIterator<Item = usize>) -> Vec<ArrayRef> {
    places.into_iter().map(|place| rows.column(place).clone()).collect()
}
