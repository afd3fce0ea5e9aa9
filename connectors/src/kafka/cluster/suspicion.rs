//! After a connection was lost another topic may stand in the place of one that is read, and have come further: nothing goes on before the last records
//! that were read have been looked at again.

use std::collections::BTreeMap;

use engine::connector::{Anchor, ConnectorError, StopFlag};

use crate::kafka::connection::Cluster;

use super::anchoring::require_anchors;
use super::lane::Lane;

/// What is to be looked at again.
pub(super) struct Suspicion {
    cluster: Cluster,
    stop: StopFlag,
    /// How many disturbances of the client are known.
    heard: u64,
    /// The last record of each partition that had gone on before them, by topic.
    anchors: BTreeMap<String, BTreeMap<u32, Anchor>>,
}

impl Suspicion {
    /// None yet.
    pub(super) fn new(cluster: Cluster, stop: StopFlag) -> Self {
        Self { cluster, stop, heard: 0, anchors: BTreeMap::new() }
    }

    /// Takes in how many disturbances the client has told of, before what has come since is.
    pub(super) fn hear(&mut self, disturbances: u64, lanes: &[Lane]) {
        if disturbances == self.heard {
            return;
        }
        self.heard = disturbances;
        for lane in lanes {
            if let Some(anchor) = lane.anchor {
                // What was to be looked at before, still is.
                self.anchors.entry(lane.topic.clone()).or_default().entry(lane.partition as u32).or_insert(anchor);
            }
        }
    }

    /// Looks again; false if the brokers do not answer.
    ///
    /// # Errors
    /// A topic is not what it was.
    pub(super) fn is_dispelled(&mut self) -> Result<bool, ConnectorError> {
        while let Some(topic) = self.anchors.first_entry() {
            match require_anchors(&self.cluster, topic.key(), topic.get().clone(), &self.stop) {
                Ok(()) => drop(topic.remove()),
                Err(ConnectorError::Unavailable { .. }) => return Ok(false),
                Err(other) => return Err(other),
            }
        }
        Ok(true)
    }
}
