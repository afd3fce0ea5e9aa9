//! The whole pipeline as written: its head, and the entries of all its files in order.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Span;

use super::{Key, Kind, Node, Spanned, Text};

/// A pipeline as written, its included files merged in. What the entries mean is for the check to say.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// Its name, which also names its state directory.
    pub name: Spanned<String>,
    /// Whether it ever ends.
    pub mode: Mode,
    /// How long an epoch stays open, if it says so.
    pub epoch: Option<Spanned<Duration>>,
    /// How long after a checkpoint the next one is made, if it says so.
    pub checkpoint: Option<Duration>,
    /// How much memory the process may hold, in bytes.
    pub memory: Option<Spanned<u64>>,
    /// The pipeline that fills its sources when they are embedded stand-ins.
    pub feed: Option<Feed>,
    /// Whether all entries are here: not if a part of a file could not be read, or if the file is only there to be included.
    pub complete: bool,
    /// Where the map of its own file begins.
    pub top: Span,
    /// Where sections stand that hold nothing.
    pub empty: Vec<Spanned<String>>,
    /// Names that stand where none is expected: nobody knows what they are, but they are not missing.
    pub strays: Vec<String>,
    /// Sources: those of included files first.
    pub sources: Vec<Item>,
    /// Operators: those of included files first. Their names and those of sources differ.
    pub operators: Vec<Item>,
    /// Sinks: those of included files first.
    pub sinks: Vec<Item>,
    /// Reports: those of included files first.
    pub reports: Vec<Report>,
}

/// Whether a pipeline ever ends; nothing else differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It runs until it is stopped.
    #[default]
    Stream,
    /// It reads what is there at its start, and ends.
    Batch,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::Batch => "batch",
        })
    }
}

/// A pipeline that runs beside this one, or before it, and fills its embedded stand-ins.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its file, found from the folder of the file that names it.
    pub file: Spanned<PathBuf>,
    /// Variables that are set for it, values as written.
    pub set: Vec<(Spanned<String>, Text)>,
}

/// A source, an operator or a sink.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: Spanned<String>,
    /// What stands below the name.
    pub node: Node,
    /// The folder of its file: relative paths in it start there.
    pub folder: PathBuf,
}

/// A query that is run in a sink's own database after a commit, and whose answer is shown.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub name: Spanned<String>,
    /// The sink whose database answers.
    pub sink: Spanned<String>,
    /// The query, in the SQL of that database; none if what stands there is none, which has been reported.
    pub sql: Option<Spanned<Text>>,
    /// The headline above the answer, if it is not the name.
    pub title: Option<Text>,
}

/// The keys of a file that others include.
const SHARED: [Key; 5] = [
    Key::optional("include", Kind::List(&Kind::Text), "files whose entries belong to this pipeline"),
    Key::optional("sources", Kind::Map(&Kind::Any), "where rows come from"),
    Key::optional("operators", Kind::Map(&Kind::Any), "what happens to them"),
    Key::optional("sinks", Kind::Map(&Kind::Any), "where they go"),
    Key::optional("reports", Kind::Map(&Kind::Any), "queries that are run in a sink's database after a commit"),
];

/// The keys at the top of a pipeline's file.
pub const PIPELINE_KEYS: &[Key] = &[
    Key::required("name", Kind::Text, "the pipeline's name"),
    Key::default("mode", Kind::Choice(&["stream", "batch"]), "stream", "whether it runs for ever or ends"),
    Key::optional("epoch", Kind::Duration, "how long an epoch stays open"),
    Key::default(
        "checkpoint",
        Kind::Duration,
        "10s",
        "how long after a checkpoint the next is made; 0s for one an epoch",
    ),
    Key::optional(
        "memory",
        Kind::Size,
        "how much the process may hold: from half of it on sources wait, and if that does not help the run ends with a checkpoint",
    ),
    Key::optional("feed", Kind::Any, "the pipeline that fills the embedded stand-ins, as `feed: ingest.yaml`"),
    SHARED[0],
    SHARED[1],
    SHARED[2],
    SHARED[3],
    SHARED[4],
];

/// The keys at the top of an included file.
pub(super) const INCLUDED_KEYS: &[Key] = &SHARED;

/// The keys of `feed`.
pub const FEED_KEYS: &[Key] = &[
    Key::required("run", Kind::Text, "the pipeline's file"),
    Key::optional("set", Kind::Map(&Kind::Text), "variables that are set for it"),
];

/// The keys of a report.
pub const REPORT_KEYS: &[Key] = &[
    Key::required("sink", Kind::Text, "the sink whose database answers"),
    Key::required("sql", Kind::Text, "the query, in the SQL of that database"),
    Key::optional("title", Kind::Text, "the headline above the answer"),
];

/// Whether a name is of the form of names: a letter or `_`, then letters, digits and `_`, at most 63; a pipeline's may also hold `-`.
pub(super) fn is_name(name: &str, dashes: bool) -> bool {
    let mut characters = name.chars();
    name.len() <= 63
        && characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || (dashes && c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for name in ["a", "_x1", "Top_Games", &"n".repeat(63)] {
            assert!(is_name(name, false), "{name}");
        }
        for name in ["", "1a", "a b", "a-b", "ä", "a.b", &"n".repeat(64)] {
            assert!(!is_name(name, false), "{name}");
        }
        assert!(is_name("twitch-stream", true) && !is_name("-x", true));
    }
}
