//! How long a producer waits: as long as the run does, with longer and longer pauses.

use std::thread;
use std::time::{Duration, Instant};

use engine::connector::StopFlag;

/// How long records may still be under way after the run was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// The first waits: so many, and so long.
const SHORT_WAITS: u32 = 40;
const SHORT_WAIT: Duration = Duration::from_micros(300);

/// Endless, until the run is asked to stop; with longer and longer waits.
pub(super) struct Patience<'a> {
    stop: &'a StopFlag,
    waits: u32,
    since: Option<Instant>,
    /// How many records were under way when that last changed, and when it did.
    under_way: (i32, Instant),
}

impl<'a> Patience<'a> {
    /// Begins to wait.
    pub(super) fn new(stop: &'a StopFlag) -> Self {
        Self { stop, waits: 0, since: None, under_way: (0, Instant::now()) }
    }

    /// Hears what a client has to say, with `poll`, and waits: from 0.3 ms to 50 ms. A poll takes its whole time even if the last acknowledgement comes
    /// early in it, so that the first waits, in which most come, are short sleeps.
    pub(super) fn listen(&mut self, poll: impl FnOnce(Duration)) {
        self.waits = self.waits.saturating_add(1);
        if self.waits > SHORT_WAITS {
            return poll(Duration::from_millis(u64::from(1 + (self.waits - SHORT_WAITS) / 20).min(50)));
        }
        poll(Duration::ZERO);
        thread::sleep(SHORT_WAIT);
    }

    /// For how long nothing has been confirmed.
    pub(super) fn silence(&mut self, under_way: i32) -> Duration {
        if self.under_way.0 != under_way {
            self.under_way = (under_way, Instant::now());
        }
        self.under_way.1.elapsed()
    }

    /// Whether the run was asked to stop, and what was under way has had its time.
    pub(super) fn is_over(&mut self) -> bool {
        self.stop.is_set() && self.since.get_or_insert_with(Instant::now).elapsed() >= STOP_PATIENCE
    }
}
