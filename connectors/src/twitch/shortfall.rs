//! What is said about polls that were incomplete: the first at once, further ones counted, at most once a minute.

use std::time::{Duration, Instant};

use super::mark::PollMark;

/// The shortest time between two notices.
const NOTICE_EVERY: Duration = Duration::from_secs(60);

/// Polls since the last notice.
#[derive(Debug, Default)]
pub(super) struct Shortfall {
    said: Option<Instant>,
    polls: u64,
    incomplete: u64,
    reason: String,
}

impl Shortfall {
    /// Counts a poll; the notice that is due, if one is.
    pub(super) fn count(&mut self, mark: &PollMark, now: Instant) -> Option<String> {
        self.polls += 1;
        if !mark.complete {
            self.incomplete += 1;
            self.reason.clone_from(&mark.reason);
        }
        let is_due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= NOTICE_EVERY);
        if !is_due {
            return None;
        }
        let Self { polls, incomplete, reason, .. } = std::mem::take(self);
        if incomplete == 0 {
            return None;
        }
        self.said = Some(now);
        Some(match polls {
            1 => mark.to_string(),
            polls => format!("{incomplete} of the last {polls} polls were incomplete: {reason}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_counted_and_told_once_a_minute() {
        let begun = Instant::now();
        let mut shortfall = Shortfall::default();
        let mut said = |second: u64, complete: bool| {
            let reason = if complete { "no more pages" } else { "no answer" }.to_owned();
            let mark = PollMark { poll: second, polled_at: 0, complete, rows: 0, duplicates: 0, reason };
            shortfall.count(&mark, begun + Duration::from_secs(second))
        };
        assert_eq!(said(0, true), None);
        assert!(said(20, false).is_some_and(|notice| notice.contains("poll 20") && notice.contains("no answer")));
        assert_eq!([said(40, false), said(50, true), said(60, false), said(70, false)], [None, None, None, None]);
        assert_eq!(said(80, true).as_deref(), Some("3 of the last 5 polls were incomplete: no answer"));
        assert_eq!([said(100, true), said(140, true), said(160, true)], [None, None, None]);
        assert!(said(180, false).is_some_and(|notice| notice.starts_with("poll 180")));
    }
}
