//! The statements of one table: an epoch's changes as deletes, inserts and upserts. Knows no transaction.

use engine::connector::{Changes, ConnectorError, SinkMode};
use engine::schema::ColumnType;

use super::cell::{Cell, Cells};
use super::connection::{Connection, DataFault, Failure, Fault};
use super::data_error::{blame, show_row};
use super::name::TableName;
use super::net_effect::{NetEffect, Unclear, net_effect};
use super::statement;

/// The most rows of one statement.
const ROWS_MAX: usize = 1000;

/// A table that is written to.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// As the user writes it, in its database.
    pub name: TableName,
    /// Table and database, for messages.
    pub place: String,
    /// The columns' names, in the order of the rows.
    pub columns: Vec<String>,
    /// Their types.
    pub types: Vec<ColumnType>,
    /// What becomes of a row.
    pub manner: Manner,
}

/// What becomes of a row.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// It is added.
    Append,
    /// It takes the place of the row with its key.
    Upsert {
        /// The key's columns, as places in the schema.
        key: Vec<usize>,
        /// What the input sends.
        input: SinkMode,
    },
}

impl Table {
    /// Writes an epoch's changes.
    pub(super) fn write(&self, connection: &mut dyn Connection, changes: &Changes) -> Result<(), Failure> {
        let cells: Vec<Cells<'_>> = changes
            .rows
            .columns()
            .iter()
            .zip(&self.types)
            .map(|(array, column_type)| Cells::of(array, column_type))
            .collect();
        let dialect = connection.dialect();
        let names: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let all: Vec<usize> = (0..names.len()).collect();
        match &self.manner {
            Manner::Append => {
                if changes.diffs.iter().any(|diff| *diff < 0) {
                    return Err(self.refuse_retraction().into());
                }
                let rows = changes.diffs.iter().enumerate().flat_map(|(row, diff)| (0..*diff).map(move |_| row));
                self.send(connection, &cells, &all, rows, |rows| statement::insert(dialect, &self.name, &names, rows))
            }
            Manner::Upsert { key, input } => {
                let NetEffect { puts, deletes } =
                    net_effect(changes, key, *input).map_err(|unclear| self.refuse_unclear(unclear, &cells))?;
                let key_names: Vec<&str> = key.iter().map(|column| names[*column]).collect();
                self.send(connection, &cells, key, deletes.into_iter(), |rows| {
                    statement::delete(dialect, &self.name, &key_names, rows)
                })?;
                self.send(connection, &cells, &all, puts.into_iter(), |rows| {
                    statement::upsert(dialect, &self.name, &names, &key_names, rows)
                })
            }
        }
    }

    /// Sends rows in statements of bounded size.
    fn send(
        &self,
        connection: &mut dyn Connection,
        cells: &[Cells<'_>],
        columns: &[usize],
        rows: impl Iterator<Item = usize>,
        sql: impl Fn(usize) -> String,
    ) -> Result<(), Failure> {
        let limits = connection.limits();
        let rows_max = (limits.parameters / columns.len().max(1)).clamp(1, ROWS_MAX);
        let mut pending: Vec<Cell<'_>> = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        for row in rows {
            let start = pending.len();
            for column in columns {
                let cell = cells[*column].at(row).map_err(|message| self.refuse_value(*column, message, cells, row))?;
                pending.push(cell);
            }
            let size: usize = pending[start..].iter().map(Cell::size).sum();
            if size > limits.bytes.saturating_mul(2) {
                let message =
                    format!("the row has {size} bytes, more than a statement may have (`max_allowed_packet`)");
                return Err(self.refuse_value(columns[0], message, cells, row).into());
            }
            if count > 0 && (count == rows_max || bytes + size > limits.bytes) {
                self.execute(connection, columns, &pending[..start], &sql(count))?;
                pending.drain(..start);
                (count, bytes) = (0, 0);
            }
            count += 1;
            bytes += size;
        }
        if count > 0 { self.execute(connection, columns, &pending, &sql(count)) } else { Ok(()) }
    }

    fn execute(
        &self,
        connection: &mut dyn Connection,
        columns: &[usize],
        cells: &[Cell<'_>],
        sql: &str,
    ) -> Result<(), Failure> {
        match connection.execute(sql, cells) {
            Ok(_) => Ok(()),
            Err(Fault::Data(fault)) => Err(blame(&self.place, &self.names(columns), cells, &fault).into()),
            Err(fault) => Err(fault.into()),
        }
    }

    fn names(&self, columns: &[usize]) -> Vec<&str> {
        columns.iter().map(|column| self.columns[*column].as_str()).collect()
    }

    /// The row as it is shown; a value that has no form shows as null.
    fn show(&self, cells: &[Cells<'_>], row: usize) -> String {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        show_row(&self.names(&all), &self.row(cells, row))
    }

    fn row<'a>(&self, cells: &[Cells<'a>], row: usize) -> Vec<Cell<'a>> {
        cells.iter().map(|column| column.at(row).unwrap_or(Cell::Null)).collect()
    }

    fn refuse_value(&self, column: usize, message: String, cells: &[Cells<'_>], row: usize) -> ConnectorError {
        let message = format!("column `{}`: {message}", self.columns[column]);
        let all: Vec<usize> = (0..self.columns.len()).collect();
        blame(&self.place, &self.names(&all), &self.row(cells, row), &DataFault { message, ..DataFault::default() })
    }

    fn refuse_retraction(&self) -> ConnectorError {
        ConnectorError::refused(
            format!("{} is only appended to, but a row is taken back", self.place),
            "use `mode: upsert` with `key`",
        )
    }

    fn refuse_unclear(&self, unclear: Unclear, cells: &[Cells<'_>]) -> ConnectorError {
        match unclear {
            Unclear::Ambiguous(first, second) => ConnectorError::refused(
                format!(
                    "{} cannot hold two rows of one key at a time: ({}) and ({})",
                    self.place,
                    self.show(cells, first),
                    self.show(cells, second)
                ),
                "add columns to `key` until it is unique, or keep one row a key with `latest` before this sink",
            ),
            Unclear::Keys(error) => ConnectorError::refused(
                format!("keys of {} cannot be compared: {error}", self.place),
                "choose other columns for `key`",
            ),
        }
    }
}
