//! Small numbers for the groups of an epoch.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::render::row_bytes::{RowBytes, RowCodec, columns_at};
use crate::schema::{ColumnType, Schema};

/// Gives every distinct key a number, counting from zero.
pub(super) struct Interner {
    codec: RowCodec,
    keys: usize,
    /// One text column without nulls is told apart by its bytes, without encoding them first.
    plain_text: bool,
    table: HashTable<u32>,
    hasher: RandomState,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
}

impl Interner {
    /// For keys of the first `keys` columns of `schema`.
    pub(super) fn new(schema: &Schema, keys: usize) -> Self {
        let plain_text =
            keys == 1 && !schema.columns[0].nullable && schema.columns[0].column_type == ColumnType::String;
        Self {
            codec: RowCodec::ascending(schema, 0..keys),
            keys,
            plain_text,
            table: HashTable::new(),
            hasher: RandomState::default(),
            bytes: Vec::new(),
            ends: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// How many keys have a number.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number of each row's key.
    pub(super) fn intern(&mut self, rows: &RecordBatch, numbers: &mut Vec<u32>) {
        numbers.clear();
        numbers.reserve(rows.num_rows());
        if self.keys == 0 {
            if rows.num_rows() > 0 {
                let only = self.number(b"");
                numbers.resize(rows.num_rows(), only);
            }
        } else if self.plain_text {
            let texts = rows.column(0).as_string_view();
            for row in 0..texts.len() {
                numbers.push(self.number(texts.value(row).as_bytes()));
            }
        } else {
            let encoded = self.codec.encode(&columns_at(rows, 0..self.keys));
            for key in &encoded {
                numbers.push(self.number(key.as_ref()));
            }
        }
    }

    fn number(&mut self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        let found =
            self.table.find(hash, |number| self.hashes[*number as usize] == hash && self.key(*number as usize) == key);
        if let Some(number) = found {
            return *number;
        }
        let number = u32::try_from(self.ends.len()).expect("an epoch has fewer than 2^32 groups");
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        self.table.insert_unique(hash, number, |number| self.hashes[*number as usize]);
        number
    }

    fn key(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// All keys by number, as `arrow-row` bytes.
    pub(super) fn into_keys(self) -> Vec<RowBytes> {
        let keys = (0..self.len()).map(|number| self.key(number));
        if !self.plain_text {
            return keys.map(Into::into).collect();
        }
        let texts = StringViewArray::from_iter_values(keys.map(|key| std::str::from_utf8(key).unwrap_or_default()));
        let column: ArrayRef = std::sync::Arc::new(texts);
        self.codec.encode(&[column]).iter().map(|row| row.as_ref().into()).collect()
    }
}
