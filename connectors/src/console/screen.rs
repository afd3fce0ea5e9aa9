//! The one place through which console sinks, the status line and messages reach the terminal.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::connector::StopFlag;

use super::area;
use super::block::Block;
use super::output::Output;
use super::status::Status;

/// In a pipe, a sink's table appears at most this often.
const BLOCK_INTERVAL: Duration = Duration::from_secs(1);
/// On a terminal, everything is drawn at most this often.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);
/// Where the terminal does not tell its size.
const SIZE_DEFAULT: (u16, u16) = (80, 24);

/// What kind of thing the output is.
#[derive(Clone, Copy)]
pub enum Surface {
    /// A file or a pipe: blocks are appended.
    Plain,
    /// A terminal: tables and status are drawn in place.
    Live {
        /// Columns and lines of the terminal, asked before each drawing.
        size: fn() -> Option<(u16, u16)>,
        /// Whether headings stand out.
        color: bool,
        /// Whether messages go to the same terminal, so that the area must make room for them.
        shared: bool,
    },
}

/// A handle to the output of a run; clones draw on the same one.
///
/// A reader that goes away (a broken pipe) is no error: from then on nothing is written, and the run may end
/// ([`Screen::stop_when_closed`]).
#[derive(Clone)]
pub struct Screen(Arc<Mutex<State>>);

struct State {
    out: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    surface: Surface,
    clock: Box<dyn Fn() -> Instant + Send>,
    output: Option<Output>,
    tables: Vec<ShownTable>,
    /// Whether a sink writes lines.
    has_lines: bool,
    status: Option<Status>,
    drawn_lines: usize,
    drawn_at: Option<Instant>,
    closed: bool,
    /// Set when the output is closed.
    stop: Option<StopFlag>,
}

/// The table of one sink.
struct ShownTable {
    block: Block,
    /// Whether it has changed since it was printed.
    fresh: bool,
    printed_at: Option<Instant>,
}

/// A sink's place on the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

impl Screen {
    /// A screen that writes data to `out` and messages to `talk`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, talk: Box<dyn Write + Send>, surface: Surface) -> Self {
        Self::with_clock(out, talk, surface, Box::new(Instant::now))
    }

    /// A screen that shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(Box::new(io::sink()), Box::new(io::sink()), Surface::Plain)
    }

    /// As [`Screen::new`], with another clock.
    fn with_clock(
        out: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
        surface: Surface,
        clock: Box<dyn Fn() -> Instant + Send>,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            out,
            talk,
            surface,
            clock,
            output: None,
            tables: Vec::new(),
            has_lines: false,
            status: None,
            drawn_lines: 0,
            drawn_at: None,
            closed: false,
            stop: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes every console sink write in this form, whatever its entry says.
    pub fn force_output(&self, output: Option<Output>) {
        self.state().output = output;
    }

    /// The form that wins over a sink's entry.
    pub(super) fn forced_output(&self) -> Option<Output> {
        self.state().output
    }

    /// Whether the output is a terminal.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state().surface, Surface::Live { .. })
    }

    /// Whether the output is a terminal on which at least one console sink writes.
    #[must_use]
    pub fn is_drawing(&self) -> bool {
        let state = self.state();
        matches!(state.surface, Surface::Live { .. }) && (state.has_lines || !state.tables.is_empty())
    }

    /// Sets `stop` when the reader of the output goes away: nobody is left to run for.
    pub fn stop_when_closed(&self, stop: StopFlag) {
        self.state().stop = Some(stop);
    }

    /// Gives a sink a place below those that have one. The block is what it looks like before its first epoch.
    pub(super) fn add(&self, block: Block) -> Place {
        let mut state = self.state();
        state.tables.push(ShownTable { block, fresh: false, printed_at: None });
        Place(state.tables.len() - 1)
    }

    /// Says that a sink will write lines.
    pub(super) fn add_lines(&self) {
        self.state().has_lines = true;
    }

    /// Shows what a sink looks like now: on a terminal at once or soon, in a pipe with the next status, so that the blocks of an epoch stand in
    /// the order of the YAML.
    pub(super) fn show(&self, place: Place, block: Block) -> io::Result<()> {
        let mut state = self.state();
        if let Some(table) = state.tables.get_mut(place.0) {
            table.block = block;
            table.fresh = true;
        }
        state.refresh()
    }

    /// Writes whole lines of data.
    pub(super) fn print(&self, lines: &str) -> io::Result<()> {
        let mut state = self.state();
        state.make_room()?;
        state.write(lines)?;
        if state.drawn_at.is_some() { state.draw() } else { Ok(()) }
    }

    /// Shows what has waited for its time.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn refresh(&self) -> io::Result<()> {
        self.state().refresh()
    }

    /// Shows how the run is doing, on a terminal as a line of its own; in a pipe, blocks tell how long an epoch took.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn show_status(&self, status: Status) -> io::Result<()> {
        let mut state = self.state();
        state.status = Some(status);
        match state.surface {
            Surface::Plain => state.print_due(),
            Surface::Live { .. } => state.refresh(),
        }
    }

    /// Writes a message, whole lines, beside the data.
    pub fn say(&self, message: &[u8]) {
        let mut state = self.state();
        let shared = matches!(state.surface, Surface::Live { shared: true, .. });
        // A message that cannot be written has nowhere to be complained about.
        if shared {
            let _ = state.make_room();
        }
        let _ = state.talk.write_all(message).and_then(|()| state.talk.flush());
        if shared && state.drawn_at.is_some() {
            let _ = state.draw();
        }
    }

    /// Shows the last state of every table in full and forgets them; what comes later is printed below.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        let written = match state.surface {
            Surface::Plain => state.print_blocks(|table, _| table.fresh || table.printed_at.is_none()),
            Surface::Live { color, .. } => state.draw_in_full(color),
        };
        state.forget();
        written
    }

    /// Takes away what is drawn and forgets the tables: a run that failed before its first epoch has nothing to show.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn discard(&self) -> io::Result<()> {
        let mut state = self.state();
        let written = state.make_room();
        state.forget();
        written
    }
}

impl State {
    fn forget(&mut self) {
        self.status = None;
        self.tables.clear();
        self.has_lines = false;
        self.drawn_lines = 0;
        self.drawn_at = None;
    }

    /// Draws on a terminal, if it is time.
    fn refresh(&mut self) -> io::Result<()> {
        let now = (self.clock)();
        let due = self.drawn_at.is_none_or(|at| now.duration_since(at) >= DRAW_INTERVAL);
        if due { self.draw() } else { Ok(()) }
    }

    /// Prints the blocks that have changed, each at most once in its interval.
    fn print_due(&mut self) -> io::Result<()> {
        self.print_blocks(|table, now| {
            let due = table.printed_at.is_none_or(|at| now.duration_since(at) >= BLOCK_INTERVAL);
            table.fresh && due
        })
    }

    fn print_blocks(&mut self, due: impl Fn(&ShownTable, Instant) -> bool) -> io::Result<()> {
        let now = (self.clock)();
        let took = self.status.as_ref().map(|status| status.last_epoch).filter(|took| !took.is_zero());
        let mut text = String::new();
        for table in self.tables.iter_mut().filter(|table| due(table, now)) {
            for line in table.block.lines_after(took, usize::MAX, None, false) {
                text.push_str(&line);
                text.push('\n');
            }
            table.fresh = false;
            table.printed_at = Some(now);
        }
        if text.is_empty() { Ok(()) } else { self.write(&text) }
    }

    fn draw(&mut self) -> io::Result<()> {
        let Surface::Live { size, color, .. } = self.surface else { return Ok(()) };
        let (width, height) = size().unwrap_or(SIZE_DEFAULT);
        let blocks: Vec<&Block> = self.tables.iter().map(|table| &table.block).collect();
        let status = self.status.as_ref().map(|status| status.line(color));
        let lines = area::compose(&blocks, status, width, height, color);
        let codes = area::redraw(self.drawn_lines.min(usize::from(height)), &lines);
        self.drawn_lines = lines.len();
        self.drawn_at = Some((self.clock)());
        self.write(&codes)
    }

    fn draw_in_full(&mut self, color: bool) -> io::Result<()> {
        let Surface::Live { size, .. } = self.surface else { return Ok(()) };
        let (width, _) = size().unwrap_or(SIZE_DEFAULT);
        let all = self.tables.iter().flat_map(|table| table.block.lines(usize::MAX, Some(width), color));
        let codes = area::redraw(self.drawn_lines, &all.collect::<Vec<_>>());
        self.write(&codes)
    }

    /// Takes the drawn area away, so that lines can be written where it began.
    fn make_room(&mut self) -> io::Result<()> {
        if self.drawn_lines == 0 {
            return Ok(());
        }
        let codes = area::erase(self.drawn_lines);
        self.drawn_lines = 0;
        self.write(&codes)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                if let Some(stop) = &self.stop {
                    stop.set();
                }
                Ok(())
            }
            written => written,
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

#[cfg(test)]
pub(super) mod tests;
