//! The forms in which a console sink shows its rows.

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The current rows as a table.
    Table,
    /// Every change as a JSON object on a line of its own.
    Json,
    /// Every change as a CSV record.
    Csv,
}

impl Output {
    /// The words of the YAML and of the command line.
    pub const WORDS: &'static [&'static str] = &["table", "json", "csv"];

    /// The form of this name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "table" => Some(Self::Table),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}
