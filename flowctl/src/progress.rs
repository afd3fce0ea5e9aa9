//! How a run is doing, while it runs: a status line on the screen, or a progress bar beside it.

use std::sync::OnceLock;
use std::time::Duration;

use connectors::console::{Done, Status, grouped};
use engine::runtime::{Observer, Progress};
use engine::spec::Mode;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::Terminal;

/// With `{len}` known: how much of it is done, and how long the rest will take at the speed so far.
const BAR: &str = "{bar:30} {percent:>3}% · {msg} · {eta} left";
/// As long as nobody knows how much there is.
const SPINNER: &str = "{spinner} {msg}";

/// Shows the progress of one run.
pub(crate) struct ShownProgress {
    terminal: Terminal,
    mode: Mode,
    workers: usize,
    /// Decided at the first observation, when the sinks are open.
    bar: OnceLock<Option<ProgressBar>>,
}

impl ShownProgress {
    /// Nothing is shown before the first observation.
    pub(crate) fn new(terminal: &Terminal, mode: Mode, workers: usize) -> Self {
        Self { terminal: terminal.clone(), mode, workers, bar: OnceLock::new() }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.terminal.set_bar(None);
        if let Some(Some(bar)) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    /// For a replay that somebody watches a bar on standard error, unless tables and a status line are drawn already.
    fn start_bar(&self) -> Option<ProgressBar> {
        if self.mode == Mode::Stream || !self.terminal.is_watched() || self.terminal.screen.is_drawing() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style(SPINNER));
        bar.enable_steady_tick(Duration::from_millis(250));
        self.terminal.set_bar(Some(bar.clone()));
        Some(bar)
    }
}

impl Observer for ShownProgress {
    fn progress(&self, progress: &Progress) {
        let Some(bar) = self.bar.get_or_init(|| self.start_bar()) else {
            // If it cannot be shown, the sink that cannot write either says so.
            let _ = self.terminal.screen.show_status(status(progress, self.workers));
            return;
        };
        let _ = self.terminal.screen.show_status(status(progress, self.workers));
        let rate = grouped(progress.records_per_second.max(0.0).round() as u64);
        bar.set_message(format!("{} records · {rate} records/s", grouped(progress.records)));
        if let Some(total) = progress.total.filter(|total| *total > 0) {
            if bar.length() != Some(total) {
                bar.set_style(style(BAR));
                bar.set_length(total);
            }
            bar.set_position(progress.done.min(total));
        }
    }
}

fn status(progress: &Progress, workers: usize) -> Status {
    Status {
        records_per_second: progress.records_per_second,
        records: progress.records,
        lag: progress.backlog,
        done: done(progress),
        epoch: progress.epoch,
        last_epoch: progress.last_epoch,
        workers,
    }
}

/// How far a bounded run is, once it has begun.
fn done(progress: &Progress) -> Option<Done> {
    let total = progress.total.filter(|_| progress.done > 0)?;
    let done = progress.done.min(total) as f64 / total as f64;
    Some(Done { percent: (done * 100.0) as u8, left: progress.elapsed.mul_f64(1.0 / done - 1.0) })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_speed_so_far() {
        let mut progress = Progress { total: Some(400), elapsed: Duration::from_secs(3), ..Progress::default() };
        assert_eq!(done(&progress), None);
        progress.done = 100;
        assert_eq!(done(&progress), Some(Done { percent: 25, left: Duration::from_secs(9) }));
        progress.done = 401;
        assert_eq!(done(&progress), Some(Done { percent: 100, left: Duration::ZERO }));
    }

    #[test]
    fn the_templates_are_well_formed() {
        for template in [BAR, SPINNER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
