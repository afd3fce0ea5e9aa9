//! Records of a sink, back as rows in its schema.

use arrow::array::RecordBatch;
use engine::connector::{BadRecord, Decoder, Records};
use engine::schema::Schema;

/// The good records as rows, if there are any, and the others. The decoder must be one for all columns of the schema.
pub(crate) fn decode_all(
    decoder: &mut dyn Decoder,
    schema: &Schema,
    records: &Records,
) -> (Option<RecordBatch>, Vec<BadRecord>) {
    let verdicts = decoder.scan(records, &records.spans());
    if verdicts.good.is_empty() {
        return (None, verdicts.bad);
    }
    let columns = (0..schema.columns.len()).map(|column| decoder.column(column, &verdicts.good)).collect();
    let rows = RecordBatch::try_new(schema.arrow(), columns)
        .expect("a decoder builds columns of the schema's types, all of one length");
    (Some(rows), verdicts.bad)
}
