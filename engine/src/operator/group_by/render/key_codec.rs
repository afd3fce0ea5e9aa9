//! How the columns of a key become the bytes by which a group is known, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};

use crate::render::row_bytes::{RowBytes, RowCodec, columns_at};
use crate::schema::{ColumnType, Schema};

use super::groups::Keys;
use super::key_table::KeyTable;

/// The columns of keys as bytes. They are `arrow-row` bytes, but for one text column without nulls: its texts are told apart as they are, without
/// encoding each first.
pub(super) struct KeyCodec {
    rows: RowCodec,
    columns: usize,
    plain_text: bool,
}

impl KeyCodec {
    /// For keys of the first `columns` columns of `schema`.
    pub(super) fn new(schema: &Schema, columns: usize) -> Self {
        let plain_text =
            columns == 1 && !schema.columns[0].nullable && schema.columns[0].column_type == ColumnType::String;
        Self { rows: RowCodec::ascending(schema, 0..columns), columns, plain_text }
    }

    /// Appends the number of each row's key.
    pub(super) fn number(&self, rows: &RecordBatch, table: &mut KeyTable, numbers: &mut Vec<u32>) {
        let count = rows.num_rows();
        numbers.reserve(count);
        if self.columns == 0 {
            table.numbers(count.min(1), |_| b"", numbers);
            numbers.resize(count, numbers.first().copied().unwrap_or_default());
        } else if self.plain_text {
            let texts = rows.column(0).as_string_view();
            table.numbers(count, |row| texts.value(row).as_bytes(), numbers);
        } else {
            let encoded = self.rows.encode(&columns_at(rows, 0..self.columns));
            table.numbers(count, |row| encoded.row(row).data(), numbers);
        }
    }

    /// The columns of keys.
    pub(super) fn columns(&self, keys: &Keys) -> Vec<ArrayRef> {
        match (self.columns, self.plain_text) {
            (0, _) => Vec::new(),
            (_, true) => vec![texts(keys)],
            (_, false) => self.rows.decode(keys.iter()),
        }
    }

    /// Keys as `arrow-row` bytes, which is how they are kept and ordered.
    pub(super) fn to_rows(&self, keys: &Keys) -> Vec<RowBytes> {
        if !self.plain_text {
            return keys.iter().map(Into::into).collect();
        }
        self.rows.encode(&[texts(keys)]).iter().map(|row| row.as_ref().into()).collect()
    }

    /// Keys from their `arrow-row` bytes.
    pub(super) fn of_rows<'a>(&self, rows: impl IntoIterator<Item = &'a [u8]>) -> Keys {
        let mut keys = Keys::default();
        if self.plain_text {
            let columns = self.rows.decode(rows);
            let texts = columns[0].as_string_view();
            (0..texts.len()).for_each(|row| keys.push(texts.value(row).as_bytes()));
        } else {
            rows.into_iter().for_each(|row| keys.push(row));
        }
        keys
    }
}

fn texts(keys: &Keys) -> ArrayRef {
    let texts = keys.iter().map(|key| std::str::from_utf8(key).expect("plain keys are the texts of a column"));
    Arc::new(StringViewArray::from_iter_values(texts))
}
