//! How a poll ended.

use std::fmt;

use chrono::{DateTime, SecondsFormat};

/// The end of one poll: what may be concluded from what is absent in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PollMark {
    /// The poll's number, from 1.
    pub(super) poll: u64,
    /// When it began, in microseconds since 1970.
    pub(super) polled_at: i64,
    /// Whether everything that was asked for was read; only then is a stream that is absent offline.
    pub(super) complete: bool,
    /// How many rows it brought, duplicates not counted.
    pub(super) rows: u64,
    /// Why it ended, or failed.
    pub(super) reason: String,
}

impl fmt::Display for PollMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = DateTime::from_timestamp_micros(self.polled_at)
            .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let how = if self.complete { "complete" } else { "incomplete" };
        write!(f, "poll {} of {at} is {how} with {} rows: {}", self.poll, self.rows, self.reason)
    }
}
