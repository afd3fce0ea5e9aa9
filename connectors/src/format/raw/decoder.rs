//! Takes records as they are, if they are text.

use arrow::array::ArrayRef;
use engine::connector::{BadRecord, DecodeRequest, Decoder, Records, Spans, Verdicts};
use engine::schema::ColumnType;

use super::super::build::{Origin, build_column};
use super::super::excerpt::excerpt;
use super::super::slots::{Place, Slots};
use super::super::utf8::Payload;

/// Decodes records into one text column.
pub(super) struct RawDecoder {
    slots: Slots,
    payload: Payload,
}

impl RawDecoder {
    pub(super) fn new(request: &DecodeRequest) -> Self {
        Self { slots: Slots::new(request), payload: Payload::default() }
    }
}

impl Decoder for RawDecoder {
    fn scan(&mut self, records: &Records, spans: &Spans) -> Verdicts {
        self.payload = Payload::of(records.payload.clone());
        self.slots.clear();
        let bytes = self.payload.bytes().as_slice();
        let mut verdicts = Verdicts::default();
        for (row, span) in (0..).zip(&spans.values) {
            let span = span.as_ref().map(|span| span.start as usize..span.end as usize);
            let mut cells = self.slots.add_record();
            let mut bad = |code, message: String| verdicts.bad.push(BadRecord { row, code, message });
            match span {
                None => bad("raw.tombstone", "the record has no value (a tombstone)".into()),
                Some(span) if !Place::can_hold(span.start, span.end) => {
                    bad("raw.too_large", "the record is larger than 2 GiB".into());
                }
                Some(span) if !self.payload.holds(span.clone()) => {
                    bad("raw.not_utf8", format!("the record is not UTF-8: `{}`", excerpt(&bytes[span])));
                }
                Some(span) => {
                    cells.set(0, Place::pack(span.start, span.end, false));
                    verdicts.good.push(row);
                }
            }
        }
        verdicts
    }

    fn column(&mut self, column: usize, rows: &[u32]) -> ArrayRef {
        let (cells, nulls) = self.slots.gather(column, rows);
        let origin = Origin { payload: &self.payload, unescape: |written, text| text.extend_from_slice(written) };
        build_column(&ColumnType::String, cells, nulls, origin)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use engine::connector::FormatKind;
    use engine::schema::{Column, Schema};

    use super::super::super::given::records_at;
    use super::super::RawKind;
    use super::*;

    #[test]
    fn text_is_taken_whole_and_nothing_else() {
        let schema = Schema::new(vec![Column::new("line", ColumnType::String)]);
        let payload = b"some {text}\xff\xc3\xa4".as_slice().into();
        let records = records_at(payload, vec![Some(0..11), None, Some(11..12), Some(12..14), Some(3..3)]);
        let format = RawKind.check(&schema).expect("one string column");
        let mut decoder = format.decoder(&DecodeRequest { schema, wanted: vec![true] });
        let verdicts = decoder.scan(&records, &records.spans());
        assert_eq!(verdicts.good, [0, 3, 4]);
        let codes: Vec<_> = verdicts.bad.iter().map(|bad| (bad.row, bad.code)).collect();
        assert_eq!(codes, [(1, "raw.tombstone"), (2, "raw.not_utf8")]);
        let column = decoder.column(0, &verdicts.good);
        assert_eq!(column.as_string_view().iter().flatten().collect::<Vec<_>>(), ["some {text}", "ä", ""]);
    }

    #[test]
    fn the_schema_is_one_string_column() {
        let column = |name: &str, kind| Column::new(name, kind);
        let text = column("a", ColumnType::String);
        assert!(RawKind.check(&Schema::new(vec![text.clone()])).is_ok());
        assert_eq!(RawKind.check(&Schema::new(vec![text, column("b", ColumnType::Int)])).expect_err("two").0, 1);
        assert!(RawKind.check(&Schema::new(vec![column("a", ColumnType::Json)])).is_err());
        assert!(RawKind.check(&Schema::default()).is_err());
    }
}
