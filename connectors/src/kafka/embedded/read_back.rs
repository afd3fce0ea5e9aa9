//! What a sink holds in a topic of the embedded log.

use engine::connector::{ConnectContext, ConnectorError, Mark};

use crate::kafka::held_rows::{HeldRows, Origin, Take};
use crate::kafka::marker::check_marker;
use crate::kafka::rows::{RowPlan, writer_id};
use crate::topic_log::{Frame, PartitionReader, Topics, read_complete_mark};

/// Hands over all rows that the sink holds, as of its last complete epoch, and gives that.
///
/// # Errors
/// The topic is damaged, the marker speaks of rows of another meaning, or an error of `take`.
pub(in crate::kafka) fn read_back(
    topics: &Topics,
    topic: &str,
    plan: &RowPlan,
    context: &ConnectContext,
    take: Take<'_>,
) -> Result<Mark, ConnectorError> {
    check_marker(context, topic)?;
    if !topics.exists(topic)? {
        return Ok(Mark::default());
    }
    let paths = topics.partition_paths(topic)?;
    let writer = writer_id(context);
    let mark = read_complete_mark(&paths, &writer)?.map_or_else(Mark::default, |mark| mark.to_mark());
    let mut held = HeldRows::new(plan, topic, mark.epoch, take)?;
    for path in &paths {
        let mut reader = PartitionReader::open(path)?;
        while let Some(frame) = reader.next_frame()? {
            let origin = origin(&frame, &writer);
            frame.records().try_for_each(|record| held.add(origin, record.key, record.value))?;
        }
    }
    held.finish()?;
    Ok(mark)
}

fn origin(frame: &Frame, writer: &str) -> Origin {
    match &frame.mark {
        None => Origin::Unmarked,
        Some(mark) if mark.writer == writer => Origin::Ours(mark.epoch),
        Some(_) => Origin::OtherSink,
    }
}
