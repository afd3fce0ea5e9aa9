//! Latencies of an open loop: every record is due at a time, whether or not the sender keeps up, and waits for its answer from then on.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The time in microseconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// What is under way, and what was measured.
#[derive(Default)]
pub struct Samples {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: HashMap<String, VecDeque<i64>>,
    measured: Vec<i64>,
    late: i64,
}

impl Samples {
    /// A record of a game is sent that was due at a time.
    pub fn sent(&self, game: &str, due: i64) {
        let Ok(mut inner) = self.inner.lock() else { return };
        inner.late = inner.late.max(now() - due);
        if let Some(waiting) = inner.waiting.get_mut(game) {
            waiting.push_back(due);
        } else {
            inner.waiting.insert(game.to_owned(), [due].into());
        }
    }

    /// An answer for a game that has counted everything due until `newest`; those due before `from` are practice.
    pub fn answered(&self, game: &str, newest: i64, from: i64) {
        let arrived = now();
        let Ok(mut inner) = self.inner.lock() else { return };
        let Inner { waiting, measured, .. } = &mut *inner;
        let Some(waiting) = waiting.get_mut(game) else { return };
        while let Some(due) = waiting.front().copied().filter(|due| *due <= newest) {
            waiting.pop_front();
            if due >= from {
                measured.push(arrived - due);
            }
        }
    }

    /// How many have no answer yet.
    pub fn open(&self) -> usize {
        self.inner.lock().map_or(0, |inner| inner.waiting.values().map(VecDeque::len).sum())
    }

    /// The percentiles in milliseconds, how many were measured, and how late the sender was at most.
    pub fn summary(&self) -> Value {
        let Ok(mut inner) = self.inner.lock() else { return Value::Null };
        inner.measured.sort_unstable();
        let (measured, late) = (&inner.measured, inner.late);
        let at = |share: f64| {
            let last = measured.len().saturating_sub(1);
            measured
                .get((measured.len() as f64 * share) as usize)
                .or(measured.get(last))
                .map_or(-1.0, |micros| *micros as f64 / 1000.0)
        };
        json!({ "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1.0), "count": measured.len(), "late": late as f64 / 1000.0 })
    }
}
