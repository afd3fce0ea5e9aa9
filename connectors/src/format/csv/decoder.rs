//! Judges CSV records by their header and schema, and builds the columns that are asked for.

use std::ops::Range;

use arrow::array::ArrayRef;
use engine::connector::{BadRecord, DecodeRequest, Decoder, Records, Spans, Verdicts};
use engine::schema::Column;

use super::super::build::{Origin, build_column};
use super::super::excerpt::excerpt;
use super::super::slots::{Place, Row, Slots};
use super::super::time::TimestampReader;
use super::super::utf8::Payload;
use super::field::{Problem, read_field};
use super::header::Header;
use super::split::{Field, SplitFault, split, unescape};

/// Decodes CSV records of one schema.
pub(super) struct CsvDecoder {
    judge: Judge,
    slots: Slots,
    /// The last batch, into which the slots point.
    payload: Payload,
}

impl CsvDecoder {
    pub(super) fn new(request: &DecodeRequest) -> Self {
        Self {
            judge: Judge {
                columns: request.schema.columns.clone(),
                header: Header::none(),
                fields: Vec::new(),
                timestamps: TimestampReader::default(),
            },
            slots: Slots::new(request),
            payload: Payload::default(),
        }
    }
}

impl Decoder for CsvDecoder {
    fn scan(&mut self, records: &Records, spans: &Spans) -> Verdicts {
        self.payload = Payload::of(records.payload.clone());
        self.slots.clear();
        self.judge.header.take(records.preamble.as_ref(), &self.judge.columns);
        let bytes = self.payload.bytes().as_slice();
        let mut verdicts = Verdicts::default();
        for (row, span) in (0..).zip(&spans.values) {
            let span = span.as_ref().map(|span| span.start as usize..span.end as usize);
            let mut cells = self.slots.add_record();
            let bad = |code, message: String| Err(Problem { code, message });
            let verdict = match span {
                None => bad("csv.tombstone", "the record has no value (a tombstone)".into()),
                Some(span) if !Place::can_hold(span.start, span.end) => {
                    bad("csv.too_large", "the record is larger than 2 GiB".into())
                }
                Some(span) if !self.payload.holds(span.clone()) => {
                    bad("csv.not_utf8", format!("the record is not UTF-8: `{}`", excerpt(&bytes[span])))
                }
                Some(span) => self.judge.record(bytes, span, &mut cells),
            };
            match verdict {
                Ok(()) => verdicts.good.push(row),
                Err(Problem { code, message }) => verdicts.bad.push(BadRecord { row, code, message }),
            }
        }
        verdicts
    }

    fn column(&mut self, column: usize, rows: &[u32]) -> ArrayRef {
        let (cells, nulls) = self.slots.gather(column, rows);
        build_column(&self.judge.columns[column].column_type, cells, nulls, Origin { payload: &self.payload, unescape })
    }
}

/// Judges one record after the other.
struct Judge {
    columns: Vec<Column>,
    header: Header,
    /// The fields of the last record; kept for its memory.
    fields: Vec<Field>,
    timestamps: TimestampReader,
}

impl Judge {
    fn record(&mut self, bytes: &[u8], record: Range<usize>, cells: &mut Row<'_>) -> Result<(), Problem> {
        if let Some(problem) = &self.header.problem {
            return Err(problem.clone());
        }
        let start = record.start;
        split(bytes, record, &mut self.fields).map_err(|fault| split_problem(bytes, start, fault))?;
        let (found, expected) = (self.fields.len(), self.header.width);
        if found != expected {
            let message = format!("the record has {found} fields, but the header line {expected}");
            return Err(Problem { code: "csv.field_count", message });
        }
        for (index, (column, field)) in self.columns.iter().zip(&self.header.fields).enumerate() {
            let Some(field) = field.and_then(|field| self.fields.get(field)) else { continue };
            if let Some(cell) = read_field(column, bytes, field, &mut self.timestamps)? {
                cells.set(index, cell);
            }
        }
        Ok(())
    }
}

fn split_problem(bytes: &[u8], start: usize, fault: SplitFault) -> Problem {
    let (code, at, what) = match fault {
        SplitFault::NotClosed(at) => ("csv.open_quote", at, "a quote is not closed"),
        SplitFault::Stray(at) => ("csv.syntax", at, "a quote stands within a field that does not begin with one"),
        SplitFault::TextAfter(at) => ("csv.syntax", at, "text follows a closing quote"),
    };
    Problem { code, message: format!("{what} at byte {}: `{}`", at - start, excerpt(&bytes[at..])) }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, RecordBatch};
    use arrow::datatypes::Int64Type;
    use engine::schema::{ColumnType, Schema};

    use super::super::super::given::records_behind;
    use super::super::{encode_header, encode_row};
    use super::*;

    fn schema() -> Schema {
        Schema::new(vec![
            Column::new("n", ColumnType::Int),
            Column::new("s", ColumnType::String),
            Column::nullable("f", ColumnType::Float),
            Column::nullable("t", ColumnType::Timestamp),
            Column::nullable("d", ColumnType::Decimal(5, 2)),
            Column::nullable("j", ColumnType::Json),
            Column::nullable("z", ColumnType::String),
        ])
    }

    fn decode(header: Option<&str>, all: &[&[u8]]) -> (RecordBatch, Vec<&'static str>) {
        let preamble = header.map(|header| header.as_bytes().into());
        let records = Records { preamble, ..records_behind(b"", all) };
        let schema = schema();
        let wanted = vec![true; schema.columns.len()];
        let mut decoder = CsvDecoder::new(&DecodeRequest { schema: schema.clone(), wanted });
        let verdicts = decoder.scan(&records, &records.spans());
        let columns = (0..schema.columns.len()).map(|column| decoder.column(column, &verdicts.good)).collect();
        let batch = RecordBatch::try_new(schema.arrow(), columns).expect("columns of the schema");
        (batch, verdicts.bad.iter().map(|bad| bad.code).collect())
    }

    #[test]
    fn every_outcome_is_as_stated() {
        for (record, expected) in [
            (b"5,x,,".as_slice(), None),
            (b"5,,,", None),
            (b"\"5\",x,1.5,2026-01-05T00:00:00Z", None),
            (b",x,,", Some("csv.null")),
            (b"\"\",x,,", Some("csv.wrong_type")),
            (b"5.0,x,,", Some("csv.wrong_type")),
            (b"9223372036854775808,x,,", Some("csv.out_of_range")),
            (b"5,x,inf,", Some("csv.wrong_type")),
            (b"5,x,1e999,", Some("csv.out_of_range")),
            (b"5,x,,2026-02-30T00:00:00Z", Some("csv.out_of_range")),
            (b"5,x", Some("csv.field_count")),
            (b"", Some("csv.field_count")),
            (b"5,x,,,", Some("csv.field_count")),
            (b"5,\"x,,", Some("csv.open_quote")),
            (b"5,x\"y,,", Some("csv.syntax")),
            (b"5,\"x\"y,,", Some("csv.syntax")),
            (b"5,\xff,,", Some("csv.not_utf8")),
        ] {
            let (_, bad) = decode(Some("n,s,f,t"), &[record]);
            assert_eq!(bad.first().copied(), expected, "{}", String::from_utf8_lossy(record));
        }
        assert_eq!(decode(None, &[b"5,x"]).1, ["csv.no_header"]);
        assert_eq!(decode(Some("n,\"s"), &[b"5,x"]).1, ["csv.no_header"]);
        assert_eq!(decode(Some("n"), &[b"5"]).1, ["csv.header_mismatch"]);
        assert_eq!(decode(Some("n,s,n"), &[b"5,x,5"]).1, ["csv.header_mismatch"]);
    }

    #[test]
    fn columns_are_found_by_name_and_quotes_hold_anything() {
        let (batch, bad) = decode(Some("extra,s,\"n\""), &[b"e,\"a \"\"quoted\"\"\nline, long\",-7"]);
        assert_eq!(bad, Vec::<&str>::new());
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), -7);
        assert_eq!(batch.column(1).as_string_view().value(0), "a \"quoted\"\nline, long");
        assert!(batch.column(2).is_null(0));
    }

    #[test]
    fn what_is_encoded_decodes_equal() {
        let all: [&[u8]; 3] = [
            b"1,\"a,\"\"b\"\"\n\",0.1,2026-01-05T00:00:00.25Z,1.50,\"{\"\"k\"\": [1]}\",\"\"",
            b"-2,,,,,,",
            b"3, plain,1e300,,-0.01,[],x",
        ];
        let (batch, bad) = decode(Some("n,s,f,t,d,j,z"), &all);
        assert_eq!(bad, Vec::<&str>::new());
        let (mut header, mut rows) = (Vec::new(), Vec::new());
        encode_header(&schema(), &mut header);
        for row in 0..batch.num_rows() {
            let mut text = Vec::new();
            encode_row(&batch, row, &schema(), &mut text);
            rows.push(text);
        }
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let (again, bad) = decode(Some(std::str::from_utf8(&header).expect("names are text")), &rows);
        assert_eq!(bad, Vec::<&str>::new());
        assert_eq!(again, batch);
        assert!(again.column(6).is_valid(0) && again.column(6).is_null(1));
    }
}
