//! Which file, and which bytes of it.

use std::path::{Path, PathBuf};

use super::fold::Fold;

/// A file that takes part in a pipeline: its place in [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub usize);

/// Bytes of one file, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The span of `length` bytes that starts `offset` bytes into this one, cut to it.
    #[must_use]
    pub fn within(self, offset: usize, length: usize) -> Self {
        let start = (self.start + offset).min(self.end);
        Self { file: self.file, start, end: (start + length.max(1)).min(self.end.max(start)) }
    }
}

/// A place as people write it: both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The text of every file that was read, for messages.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: Vec<(PathBuf, String)>,
    folds: Vec<Fold>,
}

impl Files {
    /// Keeps a file's text under a new id.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> FileId {
        self.files.push((path.into(), text.into()));
        FileId(self.files.len() - 1)
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self, file: FileId) -> &Path {
        &self.files[file.0].0
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        &self.files[file.0].1
    }

    /// Notes what the scalar at a span means, so that parts of it are found if it was quoted, escaped or laid over several lines.
    pub fn note_scalar(&mut self, span: Span, text: &str) {
        let fold = Fold::of(span, self.text(span.file).get(span.start..span.end).unwrap_or_default(), text);
        self.folds.extend(fold);
    }

    /// Where a span truly stands: [`Span::within`] counts in the text of a scalar, not in the way it is written.
    #[must_use]
    pub fn source(&self, span: Span) -> Span {
        self.folds.iter().find_map(|fold| fold.source(span)).unwrap_or(span)
    }

    /// What the scalar at a span means: the text after YAML's unquoting, in which [`Span::within`] counts.
    #[must_use]
    pub fn meaning(&self, span: Span) -> &str {
        self.folds.iter().find_map(|fold| fold.meaning(span)).unwrap_or_else(|| self.slice(span))
    }

    /// The text that a span covers.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        let span = self.source(span);
        self.text(span.file).get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column of a span's first byte.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let span = self.source(span);
        let text = self.text(span.file);
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let mut files = Files::default();
        let file = files.add("a.yaml", "ä: 1\nöö: 2\n");
        let start = files.text(file).find('2').expect("the text has a 2");
        assert_eq!(files.position(Span { file, start, end: start + 1 }), Position { line: 2, column: 5 });
    }
}
