//! What was written comes back from the topic as the same rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field};
use engine::connector::{Changes, Committed, ConnectContext, ConnectorError, Held, Mark, Sink, SinkMode};
use engine::schema::{Column, ColumnType, Schema};

use crate::epochs::{commit, mark, open};
use crate::place::Place;
use crate::yaml::{changes, schema};

fn read(sink: &dyn Sink, context: &ConnectContext, schema: &Schema) -> (Mark, RecordBatch, Vec<String>) {
    let (mut batches, mut foreign) = (Vec::new(), Vec::new());
    let committed = sink.read_back(context, &mut |held| {
        match held {
            Held::Rows(rows) => batches.push(rows),
            Held::Foreign(what) => foreign.push(what),
        }
        Ok(())
    });
    let Some(Committed::Epoch(mark)) = committed.expect("readable") else { panic!("topics last") };
    (mark, concat_batches(&schema.arrow(), &batches).expect("of one schema"), foreign)
}

/// Two rows of every type, with what is hard to write, and nulls in the second.
fn every_type() -> (Schema, RecordBatch) {
    let list = ColumnType::List(Box::new(ColumnType::Decimal(5, 2)));
    let columns: Vec<(&str, ColumnType, ArrayRef)> = vec![
        ("text", ColumnType::String, Arc::new(StringViewArray::from(vec![Some("\"\\\n\u{0}ü🦀"), None]))),
        ("int", ColumnType::Int, Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("float", ColumnType::Float, Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), None]))),
        ("tiny", ColumnType::Float, Arc::new(Float64Array::from(vec![Some(5e-324), Some(-f64::MAX)]))),
        (
            "decimal",
            ColumnType::Decimal(38, 3),
            Arc::new(
                Decimal128Array::from(vec![Some(-10_i128.pow(38) + 1), None])
                    .with_precision_and_scale(38, 3)
                    .expect("in range"),
            ),
        ),
        ("bool", ColumnType::Bool, Arc::new(BooleanArray::from(vec![Some(false), None]))),
        (
            "timestamp",
            ColumnType::Timestamp,
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("UTC")),
        ),
        ("date", ColumnType::Date, Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("json", ColumnType::Json, Arc::new(StringViewArray::from(vec![Some("{ \"a\" :\n[1, null]}"), None]))),
        (
            "list",
            list,
            Arc::new(ListArray::new(
                Arc::new(Field::new("item", DataType::Decimal128(5, 2), false)),
                OffsetBuffer::new(vec![0, 2, 2].into()),
                Arc::new(Decimal128Array::from(vec![-99_999, 5]).with_precision_and_scale(5, 2).expect("in range")),
                Some(vec![true, false].into()),
            )),
        ),
    ];
    let fields = columns.iter().map(|(name, column_type, _)| Column::nullable(*name, column_type.clone())).collect();
    let schema = Schema::new(fields);
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    let rows = RecordBatch::try_new(schema.arrow(), arrays).expect("fits");
    (schema, rows)
}

pub(crate) fn rows_of_every_type_come_back_equal(place: &Place) {
    let (schema, rows) = every_type();
    let sink = place.sink_of(schema.clone(), &[("partitions", "1")], SinkMode::Appends).expect("a good entry");
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    let both = Changes { rows: rows.clone(), diffs: vec![1, 1] };
    commit(&mut *writer, 1, both).expect("room");
    commit(&mut *writer, 2, Changes { rows: rows.slice(0, 1), diffs: vec![2] }).expect("room");
    // Those of other sinks are not ours.
    let other = ConnectContext { name: "other".into(), ..place.context() };
    drop(writer);
    let mut writer = open(&*sink, &other).expect("the topic");
    commit(&mut *writer, 9, Changes { rows: rows.slice(1, 1), diffs: vec![1] }).expect("room");
    let expected = take_record_batch(&rows, &Int64Array::from(vec![0, 1, 0, 0])).expect("in range");
    assert_eq!(read(&*sink, &place.context(), &schema), (mark(2), expected, vec![]));
}

pub(crate) fn present_rows_come_back_without_those_that_are_gone(place: &Place) {
    let sink = place.sink(&[("mode", "upsert"), ("key", "name")], SinkMode::Changes).expect("a good entry");
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    commit(&mut *writer, 1, changes(&[("a", 1, 1), ("b", 1, 1), ("c", 7, 1)])).expect("room");
    commit(&mut *writer, 2, changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1)])).expect("room");
    let rows = |rows| changes(rows).rows;
    assert_eq!(read(&*sink, &place.context(), &schema()), (mark(2), rows(&[("a", 2, 1), ("c", 7, 1)]), vec![]));
    drop(writer);
    // Somebody meddles.
    place.produce(1, &[(Some("c"), Some(r#"{"name":"c","n":8}"#), 1), (Some("a"), Some("no JSON"), 1)]);
    if place.is_embedded() {
        // Brokers take no records without keys for a topic that is compacted.
        place.produce(1, &[(None, Some("{}"), 1)]);
    }
    let (held, found, foreign) = read(&*sink, &place.context(), &schema());
    assert_eq!((held, found, foreign.len()), (mark(2), rows(&[("c", 8, 1)]), if place.is_embedded() { 2 } else { 1 }));
}

pub(crate) fn what_was_never_written_holds_nothing(place: &Place) {
    let sink = place.sink(&[], SinkMode::Appends).expect("a good entry");
    assert_eq!(read(&*sink, &place.context(), &schema()), (Mark::default(), changes(&[]).rows, vec![]));
    drop(open(&*sink, &place.context()).expect("a topic"));
    assert_eq!(read(&*sink, &place.context(), &schema()), (Mark::default(), changes(&[]).rows, vec![]));
    let other = ConnectContext { fingerprint: "g".into(), ..place.context() };
    let refused = sink.read_back(&other, &mut |_| Ok(()));
    assert!(matches!(refused, Err(ConnectorError::Diverged { .. })), "{refused:?}");
}
