//! The connectors and formats that a program knows.

use super::{FormatKind, SinkKind, SourceKind};

/// Everything that YAML can name beside operators.
#[derive(Clone, Copy)]
pub struct Registry {
    /// Kinds of sources.
    pub sources: &'static [&'static dyn SourceKind],
    /// Kinds of sinks.
    pub sinks: &'static [&'static dyn SinkKind],
    /// Formats.
    pub formats: &'static [&'static dyn FormatKind],
    /// Where dead letters go if the YAML does not say it.
    pub dead_letters: DefaultSink,
}

/// A sink that nobody has written.
#[derive(Clone, Copy, Debug)]
pub struct DefaultSink {
    /// The name of its kind.
    pub kind: &'static str,
    /// Its keys and their values, in which `{source}` stands for the source's name.
    pub keys: &'static [(&'static str, &'static str)],
}
