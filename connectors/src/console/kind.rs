//! `console:` in a sink entry: its keys and its check.

use engine::connector::{CheckContext, Member, MemberError, Sink, SinkInput, SinkKind, Writer};
use engine::spec::{Entry, Key, Kind, Text};

use super::output::Output;
use super::screen::Screen;
use super::writer;

const KEYS: &[Key] = &[
    Key::default(
        "format",
        Kind::Choice(Output::WORDS),
        "table",
        "the current rows as a table, or each change as a line of JSON or CSV",
    ),
    Key::default("rows", Kind::Int(1, 10_000), "20", "how many rows of a table are shown"),
    Key::optional("title", Kind::Text, "what stands above the table; the sink's name if missing"),
];

/// The kind of console sinks.
pub struct ConsoleKind {
    screen: Option<Screen>,
}

impl ConsoleKind {
    /// Checks console sinks and runs them without showing anything, for programs that have no terminal.
    #[must_use]
    pub const fn detached() -> Self {
        Self { screen: None }
    }

    /// Console sinks that draw on a screen.
    #[must_use]
    pub const fn on(screen: Screen) -> Self {
        Self { screen: Some(screen) }
    }
}

impl SinkKind for ConsoleKind {
    fn name(&self) -> &'static str {
        "console"
    }

    fn about(&self) -> &'static str {
        "Shows rows on the terminal: tables that redraw in place, blocks in a pipe, or lines of JSON or CSV."
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn check(&self, entry: &Entry, input: &SinkInput, _context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        Some(Box::new(ConsoleSink {
            screen: self.screen.clone().unwrap_or_else(Screen::silent),
            input: input.clone(),
            output: Output::parse(&entry.word("format").value)?,
            rows: usize::try_from(entry.int("rows")).ok()?,
            title: entry.text_if("title").unwrap_or_else(|| Text::literal(&*input.name)),
        }))
    }
}

/// A checked console sink.
#[derive(Debug)]
struct ConsoleSink {
    screen: Screen,
    input: SinkInput,
    output: Output,
    rows: usize,
    title: Text,
}

impl Sink for ConsoleSink {
    fn describe(&self) -> String {
        "the console".into()
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        let output = self.screen.forced_output().unwrap_or(self.output);
        let title = self.title.resolve(&members[0].context.variables)?;
        Ok(writer::open(self.screen.clone(), &self.input, output, &title, self.rows)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use engine::connector::{ConnectContext, SinkMode, StopFlag};
    use engine::diagnostic::{Diagnostics, FileId, Span};
    use engine::spec::{Content, Node, Spanned, Variables};

    use super::super::rows::tests::{alone, games};
    use super::super::screen::Surface;
    use super::super::screen::tests::Stage;
    use super::super::status::Status;
    use super::*;

    fn open(kind: &ConsoleKind, pairs: &[(&str, &str)]) -> Result<Box<dyn Writer>, Diagnostics> {
        let span = Span { file: FileId(0), start: 0, end: 0 };
        let pair = |(key, value): &(&str, &str)| {
            let node = Node { content: Content::Scalar((*value).into()), span };
            (Spanned::new((*key).to_owned(), span), node)
        };
        let node = Node { content: Content::Map(pairs.iter().map(pair).collect()), span };
        let variables = Variables::new([("WHO".to_owned(), "you".to_owned())]);
        let mut diagnostics = Diagnostics::default();
        let Some(entry) = Entry::read(&node, kind.keys(), &variables, &mut diagnostics) else {
            return Err(diagnostics);
        };
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let mut check = CheckContext { folder: Path::new("."), variables: &variables, diagnostics: &mut diagnostics };
        let sink = kind.check(&entry, &games(SinkMode::Changes), &mut check).unwrap();
        let context = ConnectContext {
            pipeline: "p".into(),
            name: "games".into(),
            state_id: "1".into(),
            generation: 1,
            fingerprint: "f".into(),
            state_root: ".".into(),
            state_folder: "p".into(),
            taken_over: false,
            predecessor: None,
            variables,
            stop: StopFlag::default(),
        };
        Ok(sink.open(&[Member { sink: &*sink, context: &context }]).unwrap())
    }

    #[test]
    fn an_entry_decides_form_and_title() {
        let stage = Stage::default();
        let screen = stage.screen(Surface::Plain);
        let kind = ConsoleKind::on(screen.clone());
        open(&kind, &[("title", "for ${WHO}")]).unwrap().commit(1, &alone(&[("a", Some(1), 1)])).unwrap();
        screen.show_status(Status::default()).unwrap();
        assert!(stage.take().starts_with("for you · epoch 1\n"));
        open(&kind, &[("format", "csv")]).unwrap().commit(1, &alone(&[("a", Some(1), 1)])).unwrap();
        assert_eq!(stage.take(), "sink,epoch,diff,game,viewers\ngames,1,1,a,1\n");
        screen.force_output(Some(Output::Json));
        open(&kind, &[("format", "csv")]).unwrap().commit(1, &alone(&[("a", Some(1), 1)])).unwrap();
        assert!(stage.take().starts_with("{\"sink\""), "the command line wins");
    }

    #[test]
    fn wrong_keys_are_reported() {
        for pairs in [[("rows", "0")], [("rows", "many")], [("format", "xml")], [("colour", "red")]] {
            let Err(diagnostics) = open(&ConsoleKind::detached(), &pairs) else { panic!("{pairs:?} is accepted") };
            assert!(diagnostics.has_errors());
        }
    }
}
