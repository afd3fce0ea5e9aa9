//! What a sink holds in a topic on real brokers.

use engine::connector::{ConnectContext, ConnectorError, Mark};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use crate::kafka::connection::Cluster;
use crate::kafka::held_rows::{HeldRows, Origin, Take};
use crate::kafka::rows::{EPOCH_HEADER, RowPlan, WRITER_HEADER};

use super::progress::Claim;
use super::progress_topic;
use super::scan::{Extent, scan_topic};

/// Hands over all rows that the sink holds, as of the epoch that its progress says, and gives that.
///
/// # Errors
/// The brokers refuse or are out of reach, the progress belongs to rows of another meaning, or an error of `take`.
pub(in crate::kafka) fn read_back(
    cluster: &Cluster,
    topic: &str,
    plan: &RowPlan,
    context: &ConnectContext,
    take: Take<'_>,
) -> Result<Mark, ConnectorError> {
    let claim = Claim::new(context, topic);
    let found = progress_topic::read(cluster, &[&claim], Extent::Whole, &context.stop)?;
    let mark = found.into_iter().flatten().next().map_or_else(Mark::default, |found| found.mark());
    let mut held = HeldRows::new(plan, topic, mark.epoch, take)?;
    // The records of that epoch were written before its progress, so they are there now, even if the brokers have not yet told all partitions
    // that they are committed.
    scan_topic(cluster, topic, Extent::Whole, &context.stop, &mut |message| {
        held.add(origin(message, &claim.writer), message.key(), message.payload())
    })?;
    held.finish()?;
    Ok(mark)
}

fn origin(message: &BorrowedMessage<'_>, writer: &str) -> Origin {
    let value = |name| message.headers()?.iter().find(|header| header.key == name)?.value;
    match value(WRITER_HEADER) {
        None => Origin::Unmarked,
        Some(found) if found != writer.as_bytes() => Origin::OtherSink,
        Some(_) => {
            let epoch = value(EPOCH_HEADER).and_then(|epoch| std::str::from_utf8(epoch).ok()?.parse().ok());
            epoch.map_or(Origin::Unmarked, Origin::Ours)
        }
    }
}
