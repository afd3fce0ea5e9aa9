//! A row as a JSON object.

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;

/// One row as a JSON object, for people.
pub(super) fn row_json(row: &RecordBatch) -> Vec<u8> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    if writer.write(row).and_then(|()| writer.finish()).is_err() {
        return Vec::new();
    }
    let mut bytes = writer.into_inner();
    bytes.truncate(bytes.trim_ascii_end().len());
    bytes
}
