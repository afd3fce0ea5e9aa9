//! The header line: which field of a record belongs to which column.

use std::sync::Arc;

use engine::schema::Column;

use super::super::excerpt::excerpt;
use super::field::Problem;
use super::split::{Field, split, unescape};

/// The header of the file that is being read.
#[derive(Debug, Default)]
pub(super) struct Header {
    line: Option<Arc<[u8]>>,
    /// For each column its field.
    pub(super) fields: Vec<Option<usize>>,
    /// How many fields a record has.
    pub(super) width: usize,
    /// Why no record can be read by it.
    pub(super) problem: Option<Problem>,
}

impl Header {
    /// The header of no file.
    pub(super) fn none() -> Self {
        Self { problem: Some(no_header("the source gives no header line")), ..Self::default() }
    }

    /// Takes the header of the next records, if it is another one.
    pub(super) fn take(&mut self, line: Option<&Arc<[u8]>>, columns: &[Column]) {
        if self.line.as_ref() == line {
            return;
        }
        *self = match line {
            None => Self::none(),
            Some(line) => match read(line, columns) {
                Ok((fields, width)) => Self { line: Some(line.clone()), fields, width, problem: None },
                Err(problem) => Self { line: Some(line.clone()), problem: Some(problem), ..Self::default() },
            },
        };
    }
}

fn no_header(message: impl Into<String>) -> Problem {
    Problem { code: "csv.no_header", message: message.into() }
}

fn read(line: &[u8], columns: &[Column]) -> Result<(Vec<Option<usize>>, usize), Problem> {
    let mut fields = Vec::new();
    if std::str::from_utf8(line).is_err() || split(line, 0..line.len(), &mut fields).is_err() {
        return Err(no_header(format!("the header line cannot be read: `{}`", excerpt(line))));
    }
    let name = |field: &Field| {
        let mut name = Vec::new();
        unescape(&line[field.place.clone()], &mut name);
        name
    };
    let names: Vec<Vec<u8>> = fields.iter().map(name).collect();
    let mismatch = |message| Problem { code: "csv.header_mismatch", message };
    let find = |column: &Column| {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == column.name.as_bytes());
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(Some(at)),
            (None, _) if column.nullable => Ok(None),
            (None, _) => Err(mismatch(format!("the header line has no column `{}`: `{}`", column.name, excerpt(line)))),
            (Some(_), Some(_)) => Err(mismatch(format!("the header line has column `{}` twice", column.name))),
        }
    };
    Ok((columns.iter().map(find).collect::<Result<_, _>>()?, names.len()))
}
