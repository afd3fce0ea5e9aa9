//! Decodes a text of JSON lines at once: for small inputs such as tests.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use engine::connector::{BadRecord, DecodeRequest, Decoder, PartitionIndex, Records};
use engine::schema::Schema;

use super::decoder::JsonDecoder;

/// The rows and the bad records of `text`, one JSON object a line. The schema has at least one column.
#[must_use]
pub fn decode_lines(schema: &Schema, text: &str) -> (RecordBatch, Vec<BadRecord>) {
    let records = Records::of_lines(PartitionIndex(0), 0, Buffer::from(text.as_bytes()));
    let request = DecodeRequest { schema: schema.clone(), wanted: vec![true; schema.columns.len()] };
    let mut decoder = JsonDecoder::new(&request);
    let verdicts = decoder.scan(&records, &records.spans());
    let columns = (0..schema.columns.len()).map(|column| decoder.column(column, &verdicts.good)).collect();
    let batch = RecordBatch::try_new(schema.arrow(), columns)
        .expect("a decoder builds columns of the schema's types, all of one length");
    (batch, verdicts.bad)
}
