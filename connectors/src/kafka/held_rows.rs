//! The rows that a sink holds, from the records of its topic.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use engine::connector::{ConnectorError, DecodeRequest, Decoder, FormatKind, Held, PartitionIndex};
use engine::schema::Schema;

use crate::format::decode_all;
use crate::format::json::JsonKind;

use super::record_buffer::{BufferedRecord, RecordBuffer, Wanted};
use super::rows::{RowPlan, TopicMode};

/// Only the content of records becomes rows.
const CONTENT: Wanted = Wanted { timestamp: false, key: false, headers: false };

/// Where what is found goes.
pub(super) type Take<'a> = &'a mut dyn FnMut(Held) -> Result<(), ConnectorError>;

/// Who has written a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The sink itself, in this epoch.
    Ours(u64),
    /// Another sink.
    OtherSink,
    /// Nobody who says so.
    Unmarked,
}

/// Makes rows of records.
///
/// In append mode these are the sink's own records up to an epoch. In upsert mode they are the last records of keys, whoever wrote them: what a
/// reader takes for the present rows, but without keys that only other sinks have written. Each partition's records come in its order.
pub(super) struct HeldRows<'a> {
    mode: TopicMode,
    schema: Schema,
    topic: &'a str,
    epoch: u64,
    decoder: Box<dyn Decoder>,
    buffer: RecordBuffer,
    next: u64,
    latest: BTreeMap<Vec<u8>, Latest>,
    take: Take<'a>,
}

/// The last record of a key.
struct Latest {
    value: Option<Vec<u8>>,
    /// The last epoch in which the sink itself has written the key.
    epoch: u64,
    /// Whether the key is the sink's.
    counts: bool,
}

impl<'a> HeldRows<'a> {
    /// Begins with what a sink of this plan holds after `epoch`.
    ///
    /// # Errors
    /// Its rows can be written, but not read.
    pub(super) fn new(plan: &RowPlan, topic: &'a str, epoch: u64, take: Take<'a>) -> Result<Self, ConnectorError> {
        let schema = plan.schema.clone();
        let format = JsonKind.check(&schema).map_err(|(column, why)| {
            let what =
                format!("column `{}` of topic `{topic}` cannot be read back: {why}", schema.columns[column].name);
            ConnectorError::refused(what, "nest lists less deep")
        })?;
        let request = DecodeRequest { schema: schema.clone(), wanted: vec![true; schema.columns.len()] };
        Ok(Self {
            mode: plan.mode,
            decoder: format.decoder(&request),
            schema,
            topic,
            epoch,
            buffer: RecordBuffer::default(),
            next: 0,
            latest: BTreeMap::new(),
            take,
        })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Those of the taker.
    pub(super) fn add(
        &mut self,
        origin: Origin,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), ConnectorError> {
        if matches!(origin, Origin::Ours(epoch) if epoch > self.epoch) {
            return Ok(());
        }
        match (self.mode, key) {
            (TopicMode::Append, _) if matches!(origin, Origin::Ours(_)) => self.push(value),
            (TopicMode::Upsert, Some(key)) => {
                self.replace(origin, key, value);
                Ok(())
            }
            (TopicMode::Upsert, None) if origin != Origin::OtherSink => {
                (self.take)(Held::Foreign(format!("a record without a key in topic `{}`", self.topic)))
            }
            _ => Ok(()),
        }
    }

    fn replace(&mut self, origin: Origin, key: &[u8], value: Option<&[u8]>) {
        let value = value.map(<[u8]>::to_vec);
        let epoch = if let Origin::Ours(epoch) = origin { epoch } else { 0 };
        match self.latest.entry(key.to_vec()) {
            Entry::Vacant(place) => {
                place.insert(Latest { value, epoch, counts: origin != Origin::OtherSink });
            }
            // A key moves to another partition when some are added, and partitions come in any order.
            Entry::Occupied(place) if matches!(origin, Origin::Ours(_)) && place.get().epoch > epoch => {}
            Entry::Occupied(mut place) => {
                let latest = place.get_mut();
                latest.value = value;
                latest.epoch = latest.epoch.max(epoch);
                latest.counts |= origin != Origin::OtherSink;
            }
        }
    }

    fn push(&mut self, value: Option<&[u8]>) -> Result<(), ConnectorError> {
        let record = BufferedRecord { offset: self.next, timestamp: 0, key: None, value, headers: "" };
        self.buffer.push(record, CONTENT);
        self.next += 1;
        if self.buffer.is_full() { self.flush() } else { Ok(()) }
    }

    /// Hands over what is left.
    ///
    /// # Errors
    /// Those of the taker.
    pub(super) fn finish(mut self) -> Result<(), ConnectorError> {
        for latest in std::mem::take(&mut self.latest).into_values().filter(|latest| latest.counts) {
            if let Some(value) = latest.value {
                self.push(Some(&value))?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let records = self.buffer.take(PartitionIndex(0), CONTENT);
        let (rows, bad) = decode_all(&mut *self.decoder, &self.schema, &records);
        for bad in bad {
            (self.take)(Held::Foreign(format!("a record in topic `{}`: {}", self.topic, bad.message)))?;
        }
        rows.map_or(Ok(()), |rows| (self.take)(Held::Rows(rows)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use engine::schema::{Column, ColumnType};

    use super::*;

    type Added<'a> = (Origin, Option<&'a str>, Option<&'a str>);

    fn held(mode: TopicMode, records: &[Added<'_>]) -> (Vec<String>, usize) {
        let schema = Schema::new(vec![Column::new("a", ColumnType::String)]);
        let plan = RowPlan { schema, key: vec![0], mode, timestamp: None };
        let (mut rows, mut foreign) = (Vec::new(), 0);
        let mut take = |held| {
            match held {
                Held::Rows(batch) => rows.extend(batch.column(0).as_string_view().iter().flatten().map(str::to_owned)),
                Held::Foreign(_) => foreign += 1,
            }
            Ok(())
        };
        let mut held = HeldRows::new(&plan, "t", 5, &mut take).expect("readable");
        for (origin, key, value) in records {
            let value = value.map(|value| format!("{{\"a\":\"{value}\"}}"));
            held.add(*origin, key.map(str::as_bytes), value.as_ref().map(String::as_bytes)).expect("taken");
        }
        held.finish().expect("taken");
        (rows, foreign)
    }

    #[test]
    fn appended_rows_are_the_sinks_own_up_to_the_epoch() {
        let records = [
            (Origin::Ours(4), None, Some("x")),
            (Origin::OtherSink, None, Some("other")),
            (Origin::Unmarked, None, Some("hand")),
            (Origin::Ours(5), None, None),
            (Origin::Ours(5), None, Some("y")),
            (Origin::Ours(6), None, Some("later")),
        ];
        assert_eq!(held(TopicMode::Append, &records), (vec!["x".to_owned(), "y".to_owned()], 1));
    }

    #[test]
    fn a_keys_row_is_its_last_one_whoever_wrote_it() {
        let records = [
            (Origin::Ours(1), Some("k"), Some("old")),
            (Origin::Ours(3), Some("k"), Some("new")),
            (Origin::Ours(2), Some("k"), Some("moved to another partition")),
            (Origin::Ours(6), Some("k"), Some("later")),
            (Origin::Ours(1), Some("gone"), Some("x")),
            (Origin::Ours(2), Some("gone"), None),
            (Origin::Ours(1), Some("changed"), Some("x")),
            (Origin::Unmarked, Some("changed"), Some("by hand")),
            (Origin::OtherSink, Some("theirs"), Some("x")),
            (Origin::Unmarked, None, Some("x")),
        ];
        assert_eq!(held(TopicMode::Upsert, &records), (vec!["by hand".to_owned(), "new".to_owned()], 1));
    }
}
