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
}
