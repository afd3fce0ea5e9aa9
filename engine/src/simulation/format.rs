//! Records of words, one a column, in order.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};

use crate::connector::{BadRecord, DecodeRequest, Decoder, Format, FormatKind, Records, Spans, Verdicts};
use crate::schema::{ColumnType, Schema};

/// The format.
pub(super) struct WordsKind;

#[derive(Debug)]
struct Words;

struct WordsDecoder {
    schema: Schema,
    rows: Vec<Vec<String>>,
}

impl FormatKind for WordsKind {
    fn name(&self) -> &'static str {
        "words"
    }

    fn about(&self) -> &'static str {
        "words, one a column"
    }

    fn check(&self, _schema: &Schema) -> Result<Box<dyn Format>, (usize, String)> {
        Ok(Box::new(Words))
    }
}

impl Format for Words {
    fn decoder(&self, request: &DecodeRequest) -> Box<dyn Decoder> {
        Box::new(WordsDecoder { schema: request.schema.clone(), rows: Vec::new() })
    }
}

impl Decoder for WordsDecoder {
    fn scan(&mut self, records: &Records, spans: &Spans) -> Verdicts {
        self.rows.clear();
        let mut verdicts = Verdicts::default();
        for (row, span) in spans.values.iter().enumerate() {
            let text = span.as_ref().map(|span| String::from_utf8_lossy(records.value(span)).into_owned());
            let words: Vec<String> = text.unwrap_or_default().split(' ').map(str::to_owned).collect();
            let columns = self.schema.columns.iter().zip(&words);
            let is_good = |(column, word): (&crate::schema::Column, &String)| {
                column.column_type == ColumnType::String || word.parse::<i64>().is_ok()
            };
            if columns.clone().count() == self.schema.columns.len() && columns.clone().all(is_good) {
                verdicts.good.push(row as u32);
            } else {
                let bad = BadRecord { row: row as u32, code: "words.bad", message: "not a number".into() };
                verdicts.bad.push(bad);
            }
            self.rows.push(words);
        }
        verdicts
    }

    fn column(&mut self, column: usize, rows: &[u32]) -> ArrayRef {
        let words = rows.iter().map(|row| self.rows[*row as usize][column].as_str());
        match self.schema.columns[column].column_type {
            ColumnType::Int => Arc::new(words.map(|word| word.parse().ok()).collect::<Int64Array>()),
            // In seconds.
            ColumnType::Timestamp => {
                let micros = words.map(|word| word.parse::<i64>().ok().map(|seconds| seconds * 1_000_000));
                Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            _ => Arc::new(StringViewArray::from_iter_values(words)),
        }
    }
}
