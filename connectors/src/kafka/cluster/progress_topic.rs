//! The topic in which the sinks of a pipeline keep how far they have come: `flowctl-progress-` and its name.

use std::collections::BTreeMap;

use engine::clock::now_micros;
use engine::connector::{ConnectorError, StopFlag};
use rdkafka::Message;

use crate::kafka::connection::Cluster;
use crate::topic_log::TopicRecord;

use super::creation::create_topic;
use super::outgoing::Outgoing;
use super::progress::{Claim, Progress};
use super::scan::{Extent, scan_topic};
use super::topic_settings::TopicSettings;

/// What the topics' names begin with.
const PREFIX: &str = "flowctl-progress-";

/// The topic of a pipeline: a partition, compacted by the writers' ids, and kept for ever.
///
/// Each pipeline has its own, since progress cannot be read past a transaction that is open before it: who dies within one, and does not come back to
/// end it, would hold up the openings of all others until the brokers' patience is over. Names of pipelines are names of topics as they are.
pub(super) fn name(pipeline: &str) -> String {
    format!("{PREFIX}{pipeline}")
}

/// Small segments, so that compaction (which leaves the last one alone) keeps what a start has to read small.
const SETTINGS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("segment.bytes", "4194304"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// Makes the topic if it is missing.
///
/// # Errors
/// The brokers refuse or are out of reach, or the topic would forget.
pub(super) fn prepare(cluster: &Cluster, topic: &str, stop: &StopFlag) -> Result<(), ConnectorError> {
    create_topic(cluster, topic, 1, SETTINGS, stop)?;
    match TopicSettings::ask(cluster, topic) {
        Some(settings) if settings.forgets() => Err(ConnectorError::refused(
            format!("topic `{topic}` on {} does not keep its records for ever", cluster.brokers),
            "set its `cleanup.policy` to `compact`: what the brokers forget of it would be written again",
        )),
        _ => Ok(()),
    }
}

/// The last progress of each sink, in the order of `claims`, which are of one pipeline.
///
/// # Errors
/// As [`scan_topic`], or a record does not belong to its sink.
pub(super) fn read(
    cluster: &Cluster,
    claims: &[&Claim],
    extent: Extent,
    stop: &StopFlag,
) -> Result<Vec<Option<Progress>>, ConnectorError> {
    let mut last: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    let Some(first) = claims.first() else { return Ok(Vec::new()) };
    scan_topic(cluster, &first.progress_topic, extent, stop, &mut |message| {
        let key = message.key().filter(|key| claims.iter().any(|claim| claim.writer.as_bytes() == *key));
        if let Some(key) = key {
            last.insert(key.to_vec(), message.payload().map(<[u8]>::to_vec));
        }
        Ok(())
    })?;
    let found = |claim: &&Claim| match last.get(claim.writer.as_bytes()) {
        Some(Some(value)) => claim.understand(value).map(Some),
        _ => Ok(None),
    };
    claims.iter().map(found).collect()
}

/// As [`read`], but brokers that are out of reach are waited for until the run is to stop.
///
/// # Errors
/// The brokers refuse, the run is to stop, or a record does not belong to its sink.
pub(super) fn read_patiently(
    cluster: &Cluster,
    claims: &[&Claim],
    extent: Extent,
    stop: &StopFlag,
) -> Result<Vec<Option<Progress>>, ConnectorError> {
    loop {
        match read(cluster, claims, extent, stop) {
            Err(ConnectorError::Unavailable { .. }) if !stop.is_set() => {}
            result => return result,
        }
    }
}

/// The record that says how far a sink has come, for the transaction that takes it there.
pub(super) fn record(claim: &Claim, progress: &Progress) -> Outgoing {
    let record = TopicRecord {
        key: Some(claim.writer.clone().into_bytes()),
        value: Some(progress.encode()),
        headers: Vec::new(),
        timestamp: now_micros(),
    };
    Outgoing { topic: claim.progress_topic.clone(), partition: 0, record }
}
