//! Letters as rows: the schema of their sinks, and the way there and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use crate::connector::SinkMode;
use crate::schema::{Column, ColumnType, Schema};

use super::Letter;

/// The column of sinks that take no rows back: whether the row says that an earlier letter no longer holds.
pub const RETRACTED: &str = "retracted";

/// The columns of letters.
#[must_use]
pub fn letter_schema(mode: SinkMode) -> Schema {
    let text = |name: &str| Column::new(name, ColumnType::String);
    let text_if = |name: &str| Column::nullable(name, ColumnType::String);
    let mut columns = vec![
        text("id"),
        text("source"),
        text_if("partition"),
        Column::nullable("offset", ColumnType::Int),
        text("operator"),
        text("code"),
        text("message"),
        Column::nullable("time", ColumnType::Timestamp),
        text_if("text"),
        text_if("base64"),
        Column::nullable("bytes", ColumnType::Int),
        text_if("reached"),
        text_if("metadata"),
        text_if("header"),
    ];
    if mode == SinkMode::Appends {
        columns.push(Column::new(RETRACTED, ColumnType::Bool));
    }
    Schema::new(columns)
}

/// Letters as rows; `retracted` is the value of that column, if there is one.
#[must_use]
pub fn rows_of(letters: &[&Letter], retracted: Option<&[bool]>) -> RecordBatch {
    let text = |of: fn(&Letter) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(letters.iter().map(|letter| of(letter))))
    };
    let text_if = |of: fn(&Letter) -> Option<&str>| -> ArrayRef {
        Arc::new(letters.iter().map(|letter| of(letter)).collect::<StringViewArray>())
    };
    let int_if = |of: fn(&Letter) -> Option<i64>| -> ArrayRef {
        Arc::new(letters.iter().map(|letter| of(letter)).collect::<Int64Array>())
    };
    let times = letters.iter().map(|letter| letter.time).collect::<TimestampMicrosecondArray>();
    let mut columns = vec![
        text(|letter| &letter.id),
        text(|letter| &letter.source),
        text_if(|letter| letter.partition.as_deref()),
        int_if(|letter| letter.offset),
        text(|letter| &letter.operator),
        text(|letter| &letter.code),
        text(|letter| &letter.message),
        Arc::new(times.with_timezone("UTC")) as ArrayRef,
        text_if(|letter| letter.text.as_deref()),
        text_if(|letter| letter.base64.as_deref()),
        int_if(|letter| letter.bytes),
        text_if(|letter| letter.reached.as_deref()),
        text_if(|letter| letter.metadata.as_deref()),
        text_if(|letter| letter.header.as_deref()),
    ];
    let mode = if retracted.is_some() { SinkMode::Appends } else { SinkMode::Changes };
    columns.extend(retracted.map(|retracted| Arc::new(BooleanArray::from(retracted.to_vec())) as ArrayRef));
    RecordBatch::try_new(letter_schema(mode).arrow(), columns).expect("the columns are those of the schema")
}

/// The letters of rows, and whether each is taken back; none if the rows are not of the schema.
#[must_use]
pub fn letters_of(rows: &RecordBatch) -> Option<Vec<(Letter, bool)>> {
    let text = |name: &str| rows.column_by_name(name)?.as_string_view_opt();
    let int = |name: &str| rows.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let (id, source, operator, code, message) =
        (text("id")?, text("source")?, text("operator")?, text("code")?, text("message")?);
    let (partition, offset, bytes) = (text("partition")?, int("offset")?, int("bytes")?);
    let (texts, base64) = (text("text")?, text("base64")?);
    let (reached, metadata, header) = (text("reached")?, text("metadata")?, text("header")?);
    let time = rows.column_by_name("time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    let retracted = match rows.column_by_name(RETRACTED) {
        Some(retracted) => Some(retracted.as_boolean_opt()?),
        None => None,
    };
    let word = |array: &StringViewArray, row: usize| array.is_valid(row).then(|| array.value(row).to_owned());
    let number = |array: &Int64Array, row: usize| array.is_valid(row).then(|| array.value(row));
    let letter = |row: usize| {
        let letter = Letter {
            id: id.value(row).to_owned(),
            source: source.value(row).to_owned(),
            partition: word(partition, row),
            offset: number(offset, row),
            operator: operator.value(row).to_owned(),
            code: code.value(row).to_owned(),
            message: message.value(row).to_owned(),
            time: time.is_valid(row).then(|| time.value(row)),
            text: word(texts, row),
            base64: word(base64, row),
            bytes: number(bytes, row),
            reached: word(reached, row),
            metadata: word(metadata, row),
            header: word(header, row),
        };
        (letter, retracted.is_some_and(|retracted| retracted.value(row)))
    };
    Some((0..rows.num_rows()).map(letter).collect())
}

/// What the rows of a sink that takes none back come to: letters, and how often each is added by its row; others as they are.
#[must_use]
pub fn standing(rows: &RecordBatch) -> (RecordBatch, Vec<i64>) {
    let column = rows.schema().index_of(RETRACTED).ok();
    let Some((at, retracted)) = column.and_then(|at| Some((at, rows.column(at).as_boolean_opt()?))) else {
        return (rows.clone(), vec![1; rows.num_rows()]);
    };
    let diffs = (0..rows.num_rows()).map(|row| if retracted.value(row) { -1 } else { 1 }).collect();
    let mut columns = rows.columns().to_vec();
    columns[at] = Arc::new(BooleanArray::from(vec![false; rows.num_rows()]));
    (RecordBatch::try_new(rows.schema(), columns).expect("the column keeps its type"), diffs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_rows_and_back() {
        let full = Letter {
            id: "1".into(),
            source: "s".into(),
            partition: Some("p".into()),
            offset: Some(7),
            operator: "o".into(),
            code: "c".into(),
            message: "m".into(),
            time: Some(-1),
            text: Some("t".into()),
            base64: Some("b".into()),
            bytes: Some(1),
            reached: Some("sink a".into()),
            metadata: Some("{}".into()),
            header: Some("h".into()),
        };
        let bare = Letter { id: "2".into(), ..Letter::default() };
        let rows = rows_of(&[&full, &bare], None);
        assert_eq!(letters_of(&rows), Some(vec![(full.clone(), false), (bare.clone(), false)]));
        let rows = rows_of(&[&full, &bare], Some(&[true, false]));
        assert_eq!(standing(&rows), (rows_of(&[&full, &bare], Some(&[false, false])), vec![-1, 1]));
        assert_eq!(letters_of(&rows), Some(vec![(full, true), (bare, false)]));
        assert_eq!(letters_of(&rows.project(&[0]).expect("a column")), None);
    }
}
