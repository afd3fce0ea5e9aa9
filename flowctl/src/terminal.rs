//! Standard output and standard error: what they are, and who may write to them.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::console::{Screen, Surface};
use indicatif::ProgressBar;

use crate::exit::{FAILED, Failure};

/// The two streams of the process. Data goes to standard output, talk to standard error; on one terminal they take care of
/// each other.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    /// Where console sinks draw.
    pub(crate) screen: Screen,
    /// Whether messages may be coloured.
    pub(crate) color: bool,
    /// Whether somebody watches standard error.
    watched: bool,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Terminal {
    /// Looks at the streams and the environment: `NO_COLOR` (<https://no-color.org>) and `TERM=dumb` are respected.
    pub(crate) fn open() -> Self {
        let smart = env::var_os("TERM").is_none_or(|term| term != "dumb");
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (out, talk) = (io::stdout().is_terminal() && smart, io::stderr().is_terminal() && smart);
        let surface = if out { Surface::Live { size, color: !plain, shared: talk } } else { Surface::Plain };
        Self {
            screen: Screen::new(Box::new(io::stdout()), Box::new(io::stderr()), surface),
            color: talk && !plain,
            watched: talk,
            bar: Arc::default(),
        }
    }

    /// Whether somebody watches standard error.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Lets messages stand above a progress bar, until it is taken away.
    pub(crate) fn set_bar(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Writes whole lines to standard error.
    pub(crate) fn say(&self, lines: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match bar {
            Some(bar) => bar.suspend(|| self.screen.say(lines.as_bytes())),
            None => self.screen.say(lines.as_bytes()),
        }
    }

    /// Writes text to standard output. A reader that has gone away is no failure.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(&error)),
            _ => Ok(()),
        }
    }
}

/// The failure of standard output.
pub(crate) fn unwritable(error: &io::Error) -> Failure {
    Failure::new(FAILED, format!("cannot write to standard output: {error}"), "look at where it leads: a full disk?")
}

/// Columns and lines of the terminal that standard output is.
pub(crate) fn size() -> Option<(u16, u16)> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, height)| (width.0, height.0))
}
