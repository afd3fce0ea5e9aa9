//! The columns of rows as far as a check understands them.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, nearest};

use super::{Column, Schema};

/// Columns of which some may not be understood: their declaration is wrong, which has been reported.
///
/// An unknown column is no part of [`Sketch::known`], so whatever names it fails; and [`Sketch::judge`], through which every part
/// of a check looks at columns, leaves out what is said about that. So a fault is reported where it is, and not where it is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    /// The columns that are understood.
    pub(crate) known: Schema,
    unknown: BTreeSet<String>,
    beyond: Beyond,
}

/// Which columns there may be whose very names are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Beyond {
    /// None.
    #[default]
    Nothing,
    /// Those that come with a source's records: their names begin with an underscore.
    Metadata,
    /// Any.
    Anything,
}

impl Sketch {
    /// Stands for a name that is not understood. No user's column can be called so.
    pub(crate) const STAND_IN: &'static str = "$unknown";

    /// Columns that are all understood.
    pub(crate) fn of(known: Schema) -> Self {
        Self { known, ..Self::default() }
    }

    /// Columns of which nothing is known.
    pub(crate) fn anything() -> Self {
        Self { beyond: Beyond::Anything, ..Self::default() }
    }

    /// Whether nothing about them is unknown.
    pub(crate) fn is_complete(&self) -> bool {
        self.unknown.is_empty() && self.beyond == Beyond::Nothing
    }

    /// Whether there is no column, whether understood or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.columns.is_empty() && self.is_complete()
    }

    /// Whether a column of this name is among them, understood or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.index_of(name).is_some() || self.unknown.contains(name)
    }

    /// Whether a column of this name may be among them, though it is not understood.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        let beyond = match self.beyond {
            Beyond::Nothing => false,
            Beyond::Metadata => name.starts_with('_'),
            Beyond::Anything => true,
        };
        beyond || name == Self::STAND_IN || self.unknown.contains(name)
    }

    /// Which columns there may be whose names are not known.
    pub(crate) fn beyond(&self) -> Beyond {
        self.beyond
    }

    /// Adds that there may be columns whose names are not known.
    pub(crate) fn extend(&mut self, beyond: Beyond) {
        self.beyond = self.beyond.max(beyond);
    }

    /// Adds a column, or replaces the one of its name.
    pub(crate) fn add(&mut self, column: Column) {
        self.unknown.remove(&column.name);
        match self.known.index_of(&column.name) {
            Some(at) => self.known.columns[at] = column,
            None => self.known.columns.push(column),
        }
    }

    /// Adds a column that is not understood, or replaces the one of its name. If that is no word, it may be meant to be any: a lost sign
    /// makes one name of several.
    pub(crate) fn add_unknown(&mut self, name: &str) {
        self.known.columns.retain(|column| column.name != name);
        if name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            self.unknown.insert(name.to_owned());
        } else {
            self.extend(Beyond::Anything);
        }
    }

    /// These columns and, behind them, others that none of them hides.
    pub(crate) fn with(&self, others: &[Column]) -> Self {
        let mut all = self.clone();
        all.known.columns.extend(others.iter().filter(|column| !self.has(&column.name)).cloned());
        all
    }

    /// The columns with a guess in place of each unknown one, for who must know how many there are.
    pub(crate) fn guessed(&self, guess: impl Fn(&str) -> Column) -> Schema {
        let unknown = self.unknown.iter().map(|name| guess(name));
        Schema::new(self.known.columns.iter().cloned().chain(unknown).collect())
    }

    /// Takes in the columns that are unknown in others of which these are to be the same.
    pub(crate) fn unite(&mut self, other: &Self) {
        other.unknown.iter().for_each(|name| self.add_unknown(name));
        self.extend(other.beyond);
    }

    /// Runs a part of a check over the columns that are understood. Of what it finds is left out that it misses one of the others.
    pub(crate) fn judge<T>(
        &self,
        diagnostics: &mut Diagnostics,
        part: impl FnOnce(&Schema, &mut Diagnostics) -> T,
    ) -> T {
        let mut found = Diagnostics::default();
        let result = part(&self.known, &mut found);
        diagnostics.adopt(found, |found| self.corrected(found));
        result
    }

    /// A problem as it is in view of all columns: none, if a column is missed that may be there. Whoever misses one names it in
    /// backquotes.
    fn corrected(&self, mut found: Diagnostic) -> Option<Diagnostic> {
        if found.code != Code::UnknownColumn {
            return Some(found);
        }
        let names: Vec<&str> = found.message.split('`').skip(1).step_by(2).collect();
        if names.iter().any(|name| self.may_have(name)) {
            return None;
        }
        let unknown = self.unknown.iter().map(String::as_str);
        let near = names.first().and_then(|name| nearest(name, self.known.names().chain(unknown)));
        if let Some(near) = near.filter(|near| self.unknown.contains(*near)) {
            found.hint = Some(format!("did you mean `{near}`?"));
        } else if let Some(hint) = found.hint.as_mut().filter(|hint| hint.starts_with("columns here: ")) {
            self.unknown.iter().for_each(|name| hint.extend([", ", name]));
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{FileId, Span};
    use crate::schema::ColumnType;

    fn missed(columns: &Sketch, name: &str) -> bool {
        let mut diagnostics = Diagnostics::default();
        columns.judge(&mut diagnostics, |known, diagnostics| {
            if known.index_of(name).is_none() {
                let span = Span { file: FileId(0), start: 0, end: 0 };
                diagnostics.error(Code::UnknownColumn, span, format!("unknown column `{name}`"));
            }
        });
        diagnostics.has_errors()
    }

    #[test]
    fn only_what_cannot_be_there_is_missed() {
        let mut columns = Sketch::of(Schema::new(vec![Column::new("a", ColumnType::Int)]));
        columns.add_unknown("b");
        assert!(!missed(&columns, "a") && !missed(&columns, "b") && missed(&columns, "c"));
        columns.extend(Beyond::Metadata);
        assert!(!missed(&columns, "_offset") && missed(&columns, "c"));
        columns.add_unknown(Sketch::STAND_IN);
        assert!(!missed(&columns, "c") && !columns.is_complete());
    }

    #[test]
    fn a_column_is_known_or_unknown() {
        let mut columns = Sketch::of(Schema::new(vec![Column::new("a", ColumnType::Int)]));
        columns.add_unknown("a");
        assert!(columns.known.index_of("a").is_none() && columns.has("a"));
        columns.add(Column::new("a", ColumnType::String));
        assert!(columns.is_complete() && columns.has("a"));
    }
}
