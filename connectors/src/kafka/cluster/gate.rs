//! The way in to a pipeline's topics, which instances pass one after the other.

use std::time::Duration;

use engine::connector::{ConnectContext, ConnectorError, StopFlag};
use engine::digest::Digest;

use crate::kafka::connection::Cluster;

use super::transactor::Transactor;

/// A transactional id that all instances of a pipeline's state share, whichever of its sinks they write.
///
/// Who wants to write opens it, which shuts out everybody who has opened it before, then makes its own producers and so shuts out those of others, and
/// at last says through it in the progress of all sinks that it writes now. Between two instances that come at the same time, or an instance that
/// wakes while another comes, this last transaction decides: it goes through only if nobody has opened the gate since. So what was read of the
/// progress before is still true then, and no producer that was shut out has been made again, under whichever id.
#[derive(Debug)]
pub(super) struct Gate {
    id: String,
}

impl Gate {
    /// That of the state that `context` has.
    pub(super) fn new(context: &ConnectContext) -> Self {
        Self { id: format!("flowctl.{}.{}", context.pipeline, context.state_id) }
    }

    /// Shuts out everybody who has opened it before.
    ///
    /// # Errors
    /// As [`Transactor::open`].
    pub(super) fn open(
        &self,
        cluster: &Cluster,
        limit: Option<Duration>,
        stop: &StopFlag,
    ) -> Result<Transactor, ConnectorError> {
        Transactor::open(cluster, &self.id, limit, stop)
    }

    /// What the ids of producers begin with that write the sinks of these names together: the same at each start.
    pub(super) fn behind<'a>(&self, sinks: impl Iterator<Item = &'a str>) -> String {
        let mut names = Digest::default();
        sinks.for_each(|sink| names.add(sink.as_bytes(), 1));
        format!("{}.{names}", self.id)
    }
}
