//! Records of letters enter the dataflow once more.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::buffer::Buffer;
use arrow::json::ReaderBuilder;

use crate::clock::Moment;
use crate::connector::{ConnectorError, Framing, MetadataOrigin, Offsets, PartitionIndex, Records, Spans};
use crate::dead_letter::{Again, AgainRecord};
use crate::plan::SourceNode;
use crate::render::{RawAgain, RawBatch};
use crate::schema::Schema;

use super::RunError;
use super::coordinator::Coordinator;

impl Coordinator<'_> {
    /// A record enters the open epoch once more, and its letters are taken back with it.
    pub(super) fn enter_again(&mut self, again: &Again) -> Result<(), RunError> {
        // What nobody reads any more has no letters either.
        let Some(at) = self.sources.iter().position(|source| source.name == again.source) else { return Ok(()) };
        let source = &self.sources[at];
        let Some(index) = source.partitions.iter().position(|partition| partition.id == again.partition) else {
            let what = format!("partition `{}` is gone, of which dead letters are read again", again.partition);
            let hint = "bring it back, or begin anew with another `--state DIR` and empty tables";
            return Err(source.error(ConnectorError::diverged(what, hint)));
        };
        let partition = Arc::clone(&source.partitions[index]);
        let node = &self.plan.sources[at];
        let damaged = |what: String| {
            let hint = "the journal is damaged, or of another version: begin anew with another `--state DIR`";
            source.error(ConnectorError::diverged(format!("a dead letter cannot be read again: {what}"), hint))
        };
        let records =
            |record: &AgainRecord| records(record, again, PartitionIndex(index as u32), node).map_err(damaged);
        let before = again.before.iter().map(|failed| Ok((Arc::new(records(&failed.record)?), failed.at.clone())));
        let before = before.collect::<Result<_, RunError>>()?;
        let known = node.letters.is_some_and(|sink| self.plan.sinks[sink].mark_key() == again.sink);
        let raw_again =
            RawAgain { before, only_late: again.letters.iter().all(|letter| letter.is_late()), letters_known: known };
        let raw =
            RawBatch { records: Arc::new(records(&again.replacement)?), partition, again: Some(Arc::new(raw_again)) };
        if known {
            self.epochs.again.extend(again.letters.iter().cloned());
        }
        self.epochs.last_data = Moment::now();
        self.epochs.opened_at.get_or_insert_with(Moment::now);
        self.workers.feed(at, raw, false)
    }
}

/// One record as a reader would bring it.
fn records(
    record: &AgainRecord,
    again: &Again,
    partition: PartitionIndex,
    node: &SourceNode,
) -> Result<Records, String> {
    let value = record.value().map_err(|error| error.to_string())?;
    let payload = Buffer::from(value.as_deref().unwrap_or_default());
    let span = value.map(|value| 0..value.len() as u32);
    Ok(Records {
        partition,
        range: again.offset..again.offset + 1,
        payload,
        framing: Framing::Spans(Spans { values: vec![span], offsets: Offsets::Listed(vec![again.offset]) }),
        metadata: metadata(again.metadata.as_deref(), node)?,
        preamble: again.header.as_ref().map(|header| header.as_bytes().into()),
        duplicates: 0,
        anchor: None,
    })
}

/// What came with a record, from JSON.
fn metadata(json: Option<&str>, node: &SourceNode) -> Result<Vec<ArrayRef>, String> {
    let columns = node.metadata.iter().filter_map(|column| match column.origin {
        MetadataOrigin::Record(at) => Some((at, &column.column)),
        _ => None,
    });
    let columns: Vec<_> = columns.collect();
    let schema = Schema::new(columns.iter().map(|(_, column)| (*column).clone()).collect());
    // What the record does not tell is null, whatever its column says.
    let fields = schema.columns.iter().map(|column| column.arrow().with_nullable(true)).collect::<Vec<_>>();
    let reader = ReaderBuilder::new(Arc::new(arrow::datatypes::Schema::new(fields)));
    let text = json.unwrap_or("{}");
    let mut reader = reader.build(Cursor::new(text.as_bytes())).map_err(|error| error.to_string())?;
    let rows = reader.next().transpose().map_err(|error| error.to_string())?;
    let count = columns.iter().map(|(at, _)| at + 1).max().unwrap_or(0);
    let mut arrays: Vec<ArrayRef> = vec![new_null_array(&arrow::datatypes::DataType::Null, 1); count];
    for (place, (at, column)) in columns.iter().enumerate() {
        let array = rows.as_ref().map(|rows| Arc::clone(rows.column(place)));
        arrays[*at] = array.unwrap_or_else(|| new_null_array(&column.column_type.arrow(), 1));
    }
    Ok(arrays)
}
