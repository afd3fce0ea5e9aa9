//! The records that an epoch's changes become.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use engine::clock::now_micros;
use engine::connector::{Changes, ConnectContext, ConnectorError};
use engine::schema::{ColumnType, Schema};
use hashbrown::HashMap;

use crate::format::json::{encode_columns, write_value};
use crate::topic_log::{Header, TopicRecord};

/// Names the writer: pipeline, sink and state.
pub(super) const WRITER_HEADER: &str = "fc-writer";
/// The epoch, in decimal digits.
pub(super) const EPOCH_HEADER: &str = "fc-epoch";
/// The generation of the instance that wrote it, in decimal digits.
const GENERATION_HEADER: &str = "fc-gen";
/// The record's place in its epoch, from zero, in decimal digits.
const SEQUENCE_HEADER: &str = "fc-seq";

/// What a topic sink does with taken-back rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicMode {
    /// There are none; a row is a record.
    Append,
    /// A key's last record is its present row, or a tombstone if it has none.
    Upsert,
}

/// How rows become records.
#[derive(Clone, Debug)]
pub(super) struct RowPlan {
    /// The sink's input.
    pub(super) schema: Schema,
    /// The columns of the key; one is written as its bare text, several as a JSON object.
    pub(super) key: Vec<usize>,
    /// What becomes of taken-back rows.
    pub(super) mode: TopicMode,
    /// The column with the record's time; without one, or where it is null, it is the time of the commit.
    pub(super) timestamp: Option<usize>,
}

impl RowPlan {
    /// The records of an epoch, always the same and in the same order for the same changes.
    ///
    /// # Errors
    /// A row is taken back in append mode, which the check rules out.
    pub(super) fn records(&self, changes: &Changes) -> Result<Vec<TopicRecord>, ConnectorError> {
        let now = now_micros();
        match self.mode {
            TopicMode::Append => self.appended(changes, now),
            TopicMode::Upsert => Ok(self.upserted(changes, now)),
        }
    }

    fn appended(&self, changes: &Changes, now: i64) -> Result<Vec<TopicRecord>, ConnectorError> {
        let mut records = Vec::with_capacity(changes.diffs.len());
        for (row, diff) in changes.diffs.iter().enumerate() {
            let copies = usize::try_from(*diff).map_err(|_| {
                ConnectorError::refused(
                    "a row was taken back from a topic in `mode: append`",
                    "use `mode: upsert` and `key`",
                )
            })?;
            let record = self.record(&changes.rows, row, now);
            records.extend(std::iter::repeat_n(record, copies));
        }
        Ok(records)
    }

    /// One record a key: its last added row, or a tombstone. Keys come in the order of their first change.
    fn upserted(&self, changes: &Changes, now: i64) -> Vec<TopicRecord> {
        let mut places: HashMap<Option<Vec<u8>>, usize> = HashMap::new();
        let mut records: Vec<TopicRecord> = Vec::new();
        for (row, diff) in changes.diffs.iter().enumerate() {
            let key = self.key_of(&changes.rows, row);
            let place = *places.entry(key.clone()).or_insert(records.len());
            if place == records.len() {
                let timestamp = self.time_of(&changes.rows, row, now);
                records.push(TopicRecord { key, value: None, headers: Vec::new(), timestamp });
            }
            if *diff > 0 {
                records[place] = self.record(&changes.rows, row, now);
            }
        }
        records
    }

    fn record(&self, rows: &RecordBatch, row: usize, now: i64) -> TopicRecord {
        let mut value = Vec::new();
        encode_columns(rows, row, &self.schema, 0..self.schema.columns.len(), &mut value);
        TopicRecord {
            key: self.key_of(rows, row),
            value: Some(value),
            headers: Vec::new(),
            timestamp: self.time_of(rows, row, now),
        }
    }

    fn key_of(&self, rows: &RecordBatch, row: usize) -> Option<Vec<u8>> {
        let mut key = Vec::new();
        match self.key.as_slice() {
            [] => return None,
            [column] if rows.column(*column).is_null(row) => return None,
            [column] => match &self.schema.columns[*column].column_type {
                ColumnType::String => {
                    key.extend_from_slice(rows.column(*column).as_string_view().value(row).as_bytes())
                }
                column_type @ (ColumnType::Timestamp | ColumnType::Date) => {
                    write_value(column_type, rows.column(*column).as_ref(), row, &mut key);
                    key.retain(|byte| *byte != b'"');
                }
                column_type => write_value(column_type, rows.column(*column).as_ref(), row, &mut key),
            },
            columns => encode_columns(rows, row, &self.schema, columns.iter().copied(), &mut key),
        }
        Some(key)
    }

    fn time_of(&self, rows: &RecordBatch, row: usize, now: i64) -> i64 {
        let Some(column) = self.timestamp else { return now };
        let times = rows.column(column).as_primitive::<TimestampMicrosecondType>();
        if times.is_null(row) { now } else { times.value(row) }
    }
}

/// Names a sink's records in its topic, for as long as its state lives.
pub(super) fn writer_id(context: &ConnectContext) -> String {
    format!("{}/{}/{}", context.pipeline, context.name, context.state_id)
}

/// Says in every record which writer, epoch, place and generation it is of.
pub(super) fn mark_records(records: &mut [TopicRecord], writer: &str, epoch: u64, generation: u64) {
    for (place, record) in records.iter_mut().enumerate() {
        for (name, value) in [
            (WRITER_HEADER, writer.to_owned()),
            (EPOCH_HEADER, epoch.to_string()),
            (SEQUENCE_HEADER, place.to_string()),
            (GENERATION_HEADER, generation.to_string()),
        ] {
            record.headers.push(Header { name: name.to_owned(), value: Some(value.into_bytes()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};
    use engine::schema::Column;

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> (Schema, Changes) {
        let schema = Schema::new(vec![Column::new("name", ColumnType::String), Column::new("n", ColumnType::Int)]);
        let names = StringViewArray::from_iter_values(rows.iter().map(|row| row.0));
        let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.1));
        let batch = RecordBatch::try_new(schema.arrow(), vec![Arc::new(names), Arc::new(numbers)]).expect("fits");
        (schema, Changes { rows: batch, diffs: rows.iter().map(|row| row.2).collect() })
    }

    fn texts(plan: &RowPlan, changes: &Changes) -> Vec<(Option<String>, Option<String>)> {
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).expect("text"));
        let records = plan.records(changes).expect("fits the mode");
        records.into_iter().map(|record| (text(record.key), text(record.value))).collect()
    }

    #[test]
    fn upsert_keeps_each_keys_net_effect() {
        let (schema, changes) = changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1), ("c", 3, 1)]);
        let plan = RowPlan { schema, key: vec![0], mode: TopicMode::Upsert, timestamp: None };
        let some = |text: &str| Some(text.to_owned());
        let expected =
            [(some("a"), some(r#"{"name":"a","n":2}"#)), (some("b"), None), (some("c"), some(r#"{"name":"c","n":3}"#))];
        assert_eq!(texts(&plan, &changes), expected);
    }

    #[test]
    fn append_writes_a_row_as_often_as_it_is_added_and_takes_none_back() {
        let (schema, twice) = changes(&[("a", 1, 2)]);
        let mut plan = RowPlan { schema, key: vec![], mode: TopicMode::Append, timestamp: None };
        assert_eq!(texts(&plan, &twice), vec![(None, Some(r#"{"name":"a","n":1}"#.into())); 2]);
        plan.key = vec![0, 1];
        assert_eq!(texts(&plan, &twice)[0].0.as_deref(), Some(r#"{"name":"a","n":1}"#));
        assert!(plan.records(&changes(&[("a", 1, -1)]).1).is_err());
    }
}
