//! A record with the place that it goes to.

use crate::topic_log::TopicRecord;

/// A record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) record: TopicRecord,
}
