//! The rows that the tests of expressions run on, and the shortest way to a value.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::diagnostic::{Diagnostics, Files, Span};
use crate::expr::{Evaluated, Expression};
use crate::schema::{Column, ColumnType, Schema};
use crate::spec::Spanned;

pub(super) fn schema() -> Schema {
    Schema::new(vec![
        Column::new("n", ColumnType::Int),
        Column::nullable("m", ColumnType::Int),
        Column::nullable("x", ColumnType::Float),
        Column::new("name", ColumnType::String),
        Column::nullable("note", ColumnType::String),
        Column::new("ok", ColumnType::Bool),
        Column::nullable("price", ColumnType::Decimal(10, 2)),
        Column::new("started_at", ColumnType::Timestamp),
        Column::new("_timestamp", ColumnType::Timestamp),
        Column::new("day", ColumnType::Date),
        Column::nullable("extra", ColumnType::Json),
        Column::new("user", ColumnType::String),
        Column::new("Mixed Case", ColumnType::Int),
    ])
}

/// 2024-05-06T07:08:09Z in microseconds.
pub(super) const NOON: i64 = 1_714_979_289_000_000;

pub(super) fn batch_of(n: &[i64], m: &[Option<i64>], x: &[Option<f64>], note: &[Option<&str>]) -> RecordBatch {
    let rows = n.len();
    let names: Vec<String> = (0..rows).map(|row| format!("name{row}")).collect();
    let later = |row: usize| NOON + i64::try_from(row).expect("small") * 90_000_000;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(n.to_vec())),
        Arc::new(Int64Array::from(m.to_vec())),
        Arc::new(Float64Array::from(x.to_vec())),
        Arc::new(StringViewArray::from_iter_values(&names)),
        Arc::new(StringViewArray::from_iter(note.iter().copied())),
        Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 2 == 0)))),
        Arc::new(
            Decimal128Array::from_iter((0..rows).map(|row| (row % 3 != 2).then_some(row as i128 * 125)))
                .with_precision_and_scale(10, 2)
                .expect("fits"),
        ),
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|_| NOON)).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(later)).with_timezone("UTC")),
        Arc::new(Date32Array::from_iter_values((0..rows).map(|_| 19_849))),
        Arc::new(StringViewArray::from_iter((0..rows).map(|_| Some("{\"a\":1}")))),
        Arc::new(StringViewArray::from_iter_values(&names)),
        Arc::new(Int64Array::from_iter_values((0..rows).map(|_| 7))),
    ];
    RecordBatch::try_new(schema().arrow(), columns).expect("columns fit the schema")
}

pub(super) fn batch() -> RecordBatch {
    batch_of(
        &[1, 0, -3, i64::MAX],
        &[Some(2), None, Some(0), Some(i64::MIN)],
        &[Some(0.5), None, Some(-2.0), Some(1e308)],
        &[Some("a"), None, Some("12"), Some("")],
    )
}

/// The expression, and everything that was said about it.
pub(super) fn parse(text: &str) -> (Option<Expression>, Diagnostics, Files) {
    let (spanned, files) = in_file(text);
    let mut diagnostics = Diagnostics::default();
    let parsed = Expression::parse(&spanned, &schema(), &files, &mut diagnostics);
    (parsed, diagnostics, files)
}

pub(super) fn in_file(text: &str) -> (Spanned<String>, Files) {
    let mut files = Files::default();
    let content = format!("operators:\n  a: {{ filter: {text} }}\n");
    let start = content.find(text).expect("it was just put there");
    let file = files.add("a.yaml", content);
    (Spanned::new(text.to_owned(), Span { file, start, end: start + text.len() }), files)
}

pub(super) fn expression(text: &str) -> Expression {
    let (parsed, diagnostics, _) = parse(text);
    parsed.unwrap_or_else(|| panic!("{text}: {:?}", diagnostics.sorted()))
}

pub(super) fn evaluate(text: &str, batch: &RecordBatch) -> Evaluated {
    let expression = expression(text);
    let evaluated = expression.compile(&schema()).evaluate(batch);
    assert_eq!(*evaluated.values.data_type(), expression.column_type().arrow(), "{text}");
    assert_eq!(evaluated.values.len(), batch.num_rows(), "{text}");
    evaluated
}

/// One text a row: the value, `null`, or the code of the failure.
pub(super) fn shown(evaluated: &Evaluated) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let formatter = ArrayFormatter::try_new(evaluated.values.as_ref(), &options).expect("all types can be shown");
    let mut shown: Vec<String> = (0..evaluated.values.len()).map(|row| formatter.value(row).to_string()).collect();
    for failure in &evaluated.failures {
        assert!(evaluated.values.is_null(failure.row as usize));
        shown[failure.row as usize] = failure.code.to_owned();
    }
    shown
}

/// A table of cases of which all wrong ones are shown at once.
#[derive(Default)]
pub(super) struct Table {
    wrong: Vec<String>,
}

impl Table {
    /// The expression gives these on [`batch`].
    pub(super) fn gives(&mut self, text: &str, expected: &[&str]) {
        let given = shown(&evaluate(text, &batch()));
        self.equal(text, &given, &expected.iter().map(|value| (*value).to_owned()).collect());
    }

    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, text: &str, given: &T, expected: &T) {
        if given != expected {
            self.wrong.push(format!("{text}\n  gives    {given:?}\n  expected {expected:?}"));
        }
    }

    pub(super) fn end(self) {
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
    }
}
