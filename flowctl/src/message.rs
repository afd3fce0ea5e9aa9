//! Notices of all crates as lines on standard error: `flowctl: warning: topic …`.

use std::fmt::{self, Write as _};
use std::io;

use connectors::console::neutralise;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::terminal::Terminal;

/// What is said unless `RUST_LOG` says otherwise.
const LEVELS: &str = "warn,flowctl=info,engine=info,connectors=info";

/// Starts to show notices.
pub(crate) fn listen(terminal: &Terminal) {
    let levels = std::env::var("RUST_LOG").ok().filter(|levels| !levels.is_empty());
    let filter = EnvFilter::new(levels.as_deref().unwrap_or(LEVELS));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .event_format(Lines { color: terminal.color })
        .with_writer(Voice(terminal.clone()))
        .init();
}

/// The form of a notice, in which nothing that comes from data can act on the terminal or look like another notice.
struct Lines {
    color: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        let (text, target) = (words.message + &words.fields, event.metadata().target());
        writeln!(writer, "{}", line(*event.metadata().level(), target, &text, self.color))
    }
}

fn line(level: Level, target: &str, text: &str, color: bool) -> String {
    let (label, code) = match level {
        Level::ERROR => ("error: ".to_owned(), "31"),
        Level::WARN => ("warning: ".to_owned(), "33"),
        Level::INFO => (String::new(), "0"),
        Level::DEBUG | Level::TRACE => (format!("{}: ", target), "2"),
    };
    let text = on_its_own(text);
    if color && !label.is_empty() {
        format!("flowctl: \x1b[{code}m{label}\x1b[0m{text}")
    } else {
        format!("flowctl: {label}{text}")
    }
}

/// Text in which nothing acts on the terminal. Lines after the first are set in, so that none can pass for a message of its own.
pub(crate) fn on_its_own(text: &str) -> String {
    text.lines().map(neutralise).collect::<Vec<_>>().join("\n    ")
}

/// The words of an event: its message, then its other fields as `name=value`.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.fields.push_str(&format!(" {name}={value}")),
        }
    }
}

/// Hands each notice to the terminal as a whole.
struct Voice(Terminal);

/// One notice on its way.
struct Utterance(Terminal);

impl<'a> MakeWriter<'a> for Voice {
    type Writer = Utterance;

    fn make_writer(&'a self) -> Utterance {
        Utterance(self.0.clone())
    }
}

impl io::Write for Utterance {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.say(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_cannot_pass_for_others() {
        assert_eq!(line(Level::INFO, "engine", "reading", true), "flowctl: reading");
        assert_eq!(line(Level::WARN, "engine", "a\nflowctl: b", false), "flowctl: warning: a\n    flowctl: b");
        assert_eq!(
            line(Level::ERROR, "engine", "\u{1b}]0;x\u{7}", true),
            "flowctl: \x1b[31merror: \x1b[0m\\u{1b}]0;x\\u{7}"
        );
        assert_eq!(line(Level::DEBUG, "engine::x", "y", false), "flowctl: engine::x: y");
    }
}
