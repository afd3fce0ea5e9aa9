//! What queries of a SQLite file give.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Error, Row};

/// The rows of a query, as tuples.
pub(crate) fn rows<T: for<'row> TryFrom<&'row Row<'row>, Error = Error>>(file: &Path, sql: &str) -> Vec<T> {
    read(file, sql, |row| T::try_from(row))
}

/// The rows of a query as text, with `|` between cells.
pub(crate) fn lines(file: &Path, sql: &str) -> Vec<String> {
    let cell = |value| match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    read(file, sql, |row| {
        let cells = (0..row.as_ref().column_count()).map(|at| row.get(at).map(cell));
        Ok(cells.collect::<Result<Vec<_>, _>>()?.join("|"))
    })
}

fn read<T>(file: &Path, sql: &str, take: impl FnMut(&Row<'_>) -> Result<T, Error>) -> Vec<T> {
    let database = Connection::open(file).unwrap();
    let mut query = database.prepare(sql).unwrap();
    query.query_map([], take).unwrap().map(Result::unwrap).collect()
}
