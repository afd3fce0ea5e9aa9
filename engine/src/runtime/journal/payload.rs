//! Records as bytes: a JSON head, then an Arrow IPC stream of one batch with value, offset and metadata columns.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::connector::{Framing, Offsets, PartitionIndex, Records, Spans};

/// The bytes of records, without their partition.
pub(super) fn encode(records: &Records) -> Result<Vec<u8>, ArrowError> {
    let spans = records.spans();
    let mut values = BinaryBuilder::new();
    for span in &spans.values {
        values.append_option(span.as_ref().map(|span| records.value(span)));
    }
    let offsets = UInt64Array::from_iter_values((0..spans.values.len()).map(|at| spans.offsets.at(at)));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(offsets)];
    let mut fields = vec![Field::new("value", DataType::Binary, true), Field::new("offset", DataType::UInt64, false)];
    for (at, array) in records.metadata.iter().enumerate() {
        fields.push(Field::new(format!("metadata{at}"), array.data_type().clone(), true));
        columns.push(Arc::clone(array));
    }
    let head = [("start", records.range.start), ("end", records.range.end), ("duplicates", records.duplicates)];
    let head = head.into_iter().map(|(name, offset)| (name.to_owned(), offset.to_string())).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields).with_metadata(head)), columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Records from their bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Records, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let batch = reader.next().ok_or_else(|| ArrowError::IpcError("no batch".into()))??;
    let schema = batch.schema();
    let number = |name: &str| {
        let text = schema.metadata().get(name).map(String::as_str).unwrap_or_default();
        text.parse::<u64>().map_err(|error| ArrowError::IpcError(format!("`{name}`: {error}")))
    };
    let range = number("start")?..number("end")?;
    let (Some(values), Some(offsets)) =
        (batch.column(0).as_binary_opt::<i32>(), batch.column(1).as_primitive_opt::<UInt64Type>())
    else {
        return Err(ArrowError::IpcError("the batch has other columns".into()));
    };
    let ends = values.value_offsets();
    let spans = (0..values.len()).map(|at| values.is_valid(at).then(|| ends[at] as u32..ends[at + 1] as u32)).collect();
    Ok(Records {
        partition: PartitionIndex(0),
        range,
        preamble: None,
        duplicates: number("duplicates")?,
        anchor: None,
        payload: Buffer::from(values.value_data()),
        framing: Framing::Spans(Spans { values: spans, offsets: Offsets::Listed(offsets.values().to_vec()) }),
        metadata: batch.columns()[2..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let records = Records {
            partition: PartitionIndex(0),
            range: 7..20,
            preamble: None,
            duplicates: 0,
            anchor: None,
            payload: Buffer::from(b"xxabc".as_slice()),
            framing: Framing::Spans(Spans { values: vec![Some(2..5), None], offsets: Offsets::Listed(vec![7, 19]) }),
            metadata: vec![Arc::new(Int64Array::from(vec![Some(1), None]))],
        };
        let back = decode(&encode(&records).expect("encodes")).expect("decodes");
        assert_eq!(back.range, 7..20);
        let spans = back.spans();
        assert_eq!(spans.values.len(), 2);
        assert_eq!(back.value(spans.values[0].as_ref().expect("a value")), b"abc");
        assert_eq!((spans.values[1].clone(), spans.offsets.at(1)), (None, 19));
        assert_eq!(back.metadata[0].as_ref(), records.metadata[0].as_ref());
    }
}
