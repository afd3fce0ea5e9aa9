//! Tests of the screen with a clock and streams of their own.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::block::tests::block;
use super::*;

/// A stream whose bytes a test can read, and a clock that a test moves.
#[derive(Clone, Default)]
pub(in super::super) struct Stage {
    written: Arc<Mutex<Vec<u8>>>,
    time: Arc<Mutex<Duration>>,
    broken: Arc<Mutex<bool>>,
}

impl Stage {
    /// A screen on this stage; messages go to the same stream.
    pub(in super::super) fn screen(&self, surface: Surface) -> Screen {
        let (time, start) = (self.time.clone(), Instant::now());
        let clock = Box::new(move || start + *time.lock().unwrap());
        Screen::with_clock(Box::new(self.clone()), Box::new(self.clone()), surface, clock)
    }

    /// Moves the clock on.
    pub(in super::super) fn pass(&self, time: Duration) {
        *self.time.lock().unwrap() += time;
    }

    /// Lets the reader go away.
    pub(in super::super) fn break_pipe(&self) {
        *self.broken.lock().unwrap() = true;
    }

    /// What was written since the last call.
    pub(in super::super) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.written.lock().unwrap())).unwrap()
    }
}

impl Write for Stage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.broken.lock().unwrap() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LIVE: Surface = Surface::Live { size: || Some((80, 30)), color: false, shared: true };

fn headings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains(" · ")).collect()
}

#[test]
fn a_pipe_gets_a_block_a_second_and_the_last_state() {
    let stage = Stage::default();
    let screen = stage.screen(Surface::Plain);
    let (one, two) = (screen.add(block("one", 0)), screen.add(block("two", 0)));
    let tick = || screen.show_status(Status { last_epoch: Duration::from_micros(1300), ..Status::default() }).unwrap();
    screen.show(one, block("one", 1)).unwrap();
    tick();
    assert_eq!(stage.take(), "one · epoch 3 · 1.3 ms\n┌───┐\n│ n │\n╞═══╡\n│ 1 │\n└───┘\n\n");
    screen.show(one, block("one", 2)).unwrap();
    tick();
    assert_eq!(stage.take(), "", "the second block within a second waits");
    screen.show(two, block("two", 1)).unwrap();
    tick();
    assert_eq!(headings(&stage.take()), ["two · epoch 3 · 1.3 ms"], "each sink has its own second");
    stage.pass(Duration::from_secs(1));
    screen.show(two, block("two", 1)).unwrap();
    screen.show(one, block("one", 2)).unwrap();
    assert_eq!(stage.take(), "", "blocks wait for each other");
    tick();
    assert_eq!(
        headings(&stage.take()),
        ["one · epoch 3 · 1.3 ms", "two · epoch 3 · 1.3 ms"],
        "in the order of the YAML"
    );
    tick();
    assert_eq!(stage.take(), "", "what has not changed is not repeated");
    screen.show(one, block("one", 3)).unwrap();
    screen.finish().unwrap();
    let last = stage.take();
    assert_eq!(headings(&last), ["one · epoch 3 · 1.3 ms"]);
    assert!(last.contains("│ 3 │"));
}

#[test]
fn a_table_that_never_changed_is_printed_at_the_end() {
    let stage = Stage::default();
    let screen = stage.screen(Surface::Plain);
    screen.add(block("empty", 0));
    screen.refresh().unwrap();
    assert_eq!(stage.take(), "");
    screen.finish().unwrap();
    assert_eq!(headings(&stage.take()), ["empty · no rows"]);
}

#[test]
fn a_run_that_never_began_shows_no_table() {
    let stage = Stage::default();
    let screen = stage.screen(Surface::Plain);
    screen.add(block("empty", 0));
    screen.discard().unwrap();
    screen.finish().unwrap();
    assert_eq!(stage.take(), "");
}

#[test]
fn a_terminal_redraws_all_tables_in_one_place() {
    let stage = Stage::default();
    let screen = stage.screen(LIVE);
    let (one, _two) = (screen.add(block("one", 0)), screen.add(block("two", 0)));
    screen.show(one, block("one", 1)).unwrap();
    let first = stage.take();
    assert_eq!(first.matches("\r\n").count(), 13);
    screen.show(one, block("one", 2)).unwrap();
    assert_eq!(stage.take(), "", "drawing waits for its time");
    stage.pass(Duration::from_millis(100));
    screen.show_status(Status { epoch: 9, ..Status::default() }).unwrap();
    let second = stage.take();
    assert!(second.contains("\r\x1b[13Aone"), "{second:?}");
    assert!(second.contains("epoch 9 · last epoch took"), "{second:?}");
    assert_eq!(second.matches("\r\n").count(), 15);
}

#[test]
fn messages_and_lines_stand_above_the_area() {
    let stage = Stage::default();
    let screen = stage.screen(LIVE);
    screen.show_status(Status::default()).unwrap();
    stage.take();
    screen.say(b"flowctl: waiting\n");
    let text = stage.take();
    assert!(text.starts_with("\r\x1b[1A\x1b[Jflowctl: waiting\n\x1b[?2026h\x1b[?7l\r0 records/s"), "{text:?}");
    screen.print("{}\n").unwrap();
    assert!(stage.take().starts_with("\r\x1b[1A\x1b[J{}\n"));
}

#[test]
fn the_end_shows_every_row_and_leaves_the_status_out() {
    let stage = Stage::default();
    let screen = stage.screen(LIVE);
    let place = screen.add(block("one", 0));
    screen.show(place, block("one", 100)).unwrap();
    assert!(headings(&stage.take())[0].contains("23 of 100 rows"));
    screen.finish().unwrap();
    let last = stage.take();
    assert!(last.contains("│ 100 │"), "{last}");
    assert!(!last.contains("records/s"));
    screen.finish().unwrap();
    assert!(!stage.take().contains("one"), "nothing is shown twice");
}

#[test]
fn a_broken_pipe_is_silent_and_stops_the_run() {
    let stage = Stage::default();
    let screen = stage.screen(Surface::Plain);
    let place = screen.add(block("one", 0));
    let stop = StopFlag::default();
    screen.stop_when_closed(stop.clone());
    screen.print("one\n").unwrap();
    assert!(!stop.is_set());
    stage.break_pipe();
    screen.show(place, block("one", 1)).unwrap();
    screen.show_status(Status::default()).unwrap();
    assert!(stop.is_set());
    screen.print("more\n").unwrap();
    screen.finish().unwrap();
}
