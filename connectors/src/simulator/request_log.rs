//! What was asked of the simulator, for tests that judge a client.

use std::collections::VecDeque;

use serde::Serialize;

/// How many requests are remembered.
const REMEMBERED: usize = 100_000;

/// One request to Helix.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LoggedRequest {
    /// Counted from 1.
    pub(super) number: u64,
    /// Virtual time.
    pub(super) at: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) user_agent: String,
    /// The reply's status; of a broken reply, that of its head.
    pub(super) status: u16,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: VecDeque<LoggedRequest>,
}

impl RequestLog {
    pub(super) fn add(&mut self, request: LoggedRequest) {
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    pub(super) fn requests(&self) -> &VecDeque<LoggedRequest> {
        &self.requests
    }
}
