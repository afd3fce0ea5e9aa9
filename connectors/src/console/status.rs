//! The status line of a run.

use std::time::Duration;

/// How a run is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Records read per second, of late.
    pub records_per_second: f64,
    /// Records read.
    pub records: u64,
    /// Records that wait outside, if the sources tell.
    pub lag: Option<u64>,
    /// How much of a bounded run is done.
    pub done: Option<Done>,
    /// The last epoch that is through.
    pub epoch: u64,
    /// How long that epoch took.
    pub last_epoch: Duration,
    /// How many workers compute.
    pub workers: usize,
}

/// How far a run is that has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Between 0 and 100.
    pub percent: u8,
    /// How long the rest will take at the speed so far.
    pub left: Duration,
}

impl Status {
    /// The line.
    pub(super) fn line(&self, color: bool) -> String {
        let rate = grouped(self.records_per_second.max(0.0).round() as u64);
        let mut parts = Vec::new();
        parts.extend(self.done.map(|done| format!("{} % · {} s left", done.percent, done.left.as_secs_f64().ceil())));
        parts.extend([format!("{rate} records/s"), format!("{} records", grouped(self.records))]);
        parts.extend(self.lag.map(|lag| format!("lag {}", grouped(lag))));
        parts.push(format!("epoch {}", self.epoch));
        parts.push(format!("last epoch took {}", short(self.last_epoch)));
        parts.push(format!("{} worker{}", self.workers, if self.workers == 1 { "" } else { "s" }));
        let line = parts.join(" · ");
        if color { format!("\x1b[2m{line}\x1b[0m") } else { line }
    }
}

/// A time as people say it.
pub(super) fn short(time: Duration) -> String {
    match time.as_micros() {
        0..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn the_line_leaves_out_what_nobody_knows() {
        let mut status = Status {
            records_per_second: 1234.4,
            records: 56_789,
            lag: Some(7),
            done: Some(Done { percent: 43, left: Duration::from_millis(1200) }),
            epoch: 42,
            last_epoch: Duration::from_micros(2500),
            workers: 2,
        };
        assert_eq!(
            status.line(false),
            "43 % · 2 s left · 1,234 records/s · 56,789 records · lag 7 · epoch 42 · last epoch took 2.5 ms · 2 workers"
        );
        status.lag = None;
        status.done = None;
        status.workers = 1;
        status.records_per_second = f64::NAN;
        let rest = "epoch 42 · last epoch took 2.5 ms · 1 worker";
        assert_eq!(status.line(true), format!("\x1b[2m0 records/s · 56,789 records · {rest}\x1b[0m"));
    }
}
