//! The table `flowctl_sinks`: who writes to a table, and up to which epoch it is written.

use engine::connector::{ConnectContext, ConnectorError};

use super::cell::Cell;
use super::connection::{Connection, DataFault, Failure, Fault, whole_number};
use super::dialect::Dialect;
use super::layout;

/// Its name.
pub(super) const MARKER_TABLE: &str = "flowctl_sinks";

/// Who writes to a table. Compared as a whole: another pipeline, another state or another meaning is another writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    /// The table, in the case in which its database compares names.
    pub table: String,
    /// The pipeline.
    pub pipeline: String,
    /// The sink within it.
    pub sink: String,
    /// The state directory's id.
    pub state_id: String,
    /// Of everything that decides the rows.
    pub fingerprint: String,
}

/// What the marker says beside who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// The instance that may write.
    pub generation: u64,
    /// The last epoch that the table holds; zero for none.
    pub epoch: u64,
}

impl Writing {
    /// The writing of the sink that is being opened. `table` is already in its canonical case.
    pub(super) fn new(table: String, context: &ConnectContext) -> Self {
        Self {
            table,
            pipeline: context.pipeline.clone(),
            sink: context.name.clone(),
            state_id: context.state_id.clone(),
            fingerprint: context.fingerprint.clone(),
        }
    }
}

/// A table's name in the case in which the database compares it: one table has one marker.
pub(super) fn canonical_name(connection: &mut dyn Connection, table: &str) -> Result<String, Fault> {
    if !connection.dialect().is_server() {
        return Ok(table.to_ascii_lowercase());
    }
    let answer = connection.query("SELECT @@lower_case_table_names", &[])?;
    let folds = whole_number(answer.rows.first().and_then(|row| row.first())) != 0;
    Ok(if folds { table.to_lowercase() } else { table.to_owned() })
}

/// Makes the marker table if there is none.
pub(super) fn prepare(connection: &mut dyn Connection) -> Result<(), Fault> {
    // An account that may not create tables can still write, once somebody else has made this one.
    if layout::read(connection, MARKER_TABLE)?.is_some() {
        return Ok(());
    }
    let tail = match connection.dialect() {
        Dialect::Sqlite => "",
        Dialect::MySql { .. } | Dialect::MariaDb => " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    };
    connection.script(&format!(
        "CREATE TABLE IF NOT EXISTS {MARKER_TABLE} (table_name VARCHAR(64) NOT NULL PRIMARY KEY, pipeline VARCHAR(255) NOT NULL, \
         sink VARCHAR(255) NOT NULL, state_id VARCHAR(64) NOT NULL, fingerprint VARCHAR(255) NOT NULL, generation BIGINT NOT NULL, \
         epoch BIGINT NOT NULL, outhash CHAR(32) NULL){tail}"
    ))
}

/// The marker of a table, locked until the transaction's end.
pub(super) fn read(connection: &mut dyn Connection, table: &str) -> Result<Option<(Writing, Marker)>, Fault> {
    let sql = format!(
        "SELECT pipeline, sink, state_id, fingerprint, generation, epoch FROM {MARKER_TABLE} WHERE table_name = ?{}",
        connection.dialect().for_update()
    );
    let answer = connection.query(&sql, &[text(table)])?;
    Ok(answer.rows.first().map(|row| {
        let word = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let writing = Writing {
            table: table.to_owned(),
            pipeline: word(0),
            sink: word(1),
            state_id: word(2),
            fingerprint: word(3),
        };
        (writing, Marker { generation: whole_number(row.get(4)), epoch: whole_number(row.get(5)) })
    }))
}

/// Takes the table over: from the end of this transaction on, no earlier instance can commit. `generation` is the least that it gets.
///
/// A marker of another writer with rows is refused; without rows (epoch zero) there is nothing to mix or to double, and it changes hands.
pub(super) fn fence(
    connection: &mut dyn Connection,
    writing: &Writing,
    generation: u64,
    place: &str,
) -> Result<Marker, Failure> {
    let found = read(connection, &writing.table)?;
    if let Some((other, marker)) = found.as_ref().filter(|(_, marker)| marker.epoch > 0) {
        refuse_others(other, writing, marker.epoch, place)?;
    }
    let epoch = found.as_ref().map_or(0, |(_, marker)| marker.epoch);
    let generation = found.as_ref().map_or(generation, |(_, marker)| generation.max(marker.generation + 1));
    let cells = [
        text(&writing.pipeline),
        text(&writing.sink),
        text(&writing.state_id),
        text(&writing.fingerprint),
        number(generation),
        number(epoch),
        text(&writing.table),
    ];
    let sql = if found.is_some() {
        format!(
            "UPDATE {MARKER_TABLE} SET pipeline = ?, sink = ?, state_id = ?, fingerprint = ?, generation = ?, epoch = ? WHERE \
             table_name = ?"
        )
    } else {
        format!(
            "INSERT INTO {MARKER_TABLE} (pipeline, sink, state_id, fingerprint, generation, epoch, table_name) VALUES (?, ?, ?, ?, \
             ?, ?, ?)"
        )
    };
    match connection.execute(&sql, &cells) {
        // Somebody else made the row since it was looked for.
        Err(Fault::Data(DataFault { duplicate: true, message, .. })) => Err(Fault::Conflict(message).into()),
        done => done.map(|_| Marker { generation, epoch }).map_err(Failure::from),
    }
}

/// Moves the marker from one epoch to the next; false if it is not where this writer has left it.
pub(super) fn advance(
    connection: &mut dyn Connection,
    writing: &Writing,
    from: Marker,
    to: u64,
) -> Result<bool, Fault> {
    let sql = format!(
        "UPDATE {MARKER_TABLE} SET epoch = ? WHERE table_name = ? AND pipeline = ? AND sink = ? AND state_id = ? AND fingerprint = ? \
         AND generation = ? AND epoch = ?"
    );
    let cells = [
        number(to),
        text(&writing.table),
        text(&writing.pipeline),
        text(&writing.sink),
        text(&writing.state_id),
        text(&writing.fingerprint),
        number(from.generation),
        number(from.epoch),
    ];
    Ok(connection.execute(&sql, &cells)? == 1)
}

/// The refusal of a table that has gone while its marker says that it holds rows.
pub(super) fn refuse_missing(table: &str, epoch: u64, place: &str) -> ConnectorError {
    ConnectorError::diverged(
        format!("table `{table}` is gone from {place}, yet it held everything up to epoch {epoch}"),
        format!("restore the table; or start from nothing: `{}`, and a new `--state` directory", delete_marker(table)),
    )
}

fn refuse_others(other: &Writing, writing: &Writing, epoch: u64, place: &str) -> Result<(), ConnectorError> {
    let table = &writing.table;
    let restart = format!("`DROP TABLE {table}` together with `{}`", delete_marker(table));
    if (&other.pipeline, &other.sink) != (&writing.pipeline, &writing.sink) {
        return Err(ConnectorError::diverged(
            format!(
                "table `{table}` in {place} is written by sink `{}` of pipeline `{}` (up to epoch {epoch}); a second writer would mix \
                 its rows into them",
                other.sink, other.pipeline
            ),
            format!("choose another `table`; or run that pipeline instead; or drop what is there: {restart}"),
        ));
    }
    if other.state_id != writing.state_id {
        return Err(ConnectorError::diverged(
            format!(
                "table `{table}` in {place} already holds the rows of this pipeline up to epoch {epoch}, written from another state \
                 directory (id {}; this one is {}); writing from here would double them",
                other.state_id, writing.state_id
            ),
            format!(
                "run with the `--state` directory that has written it; or choose another `table`; or drop what is there: {restart}"
            ),
        ));
    }
    if other.fingerprint != writing.fingerprint {
        return Err(ConnectorError::diverged(
            format!(
                "the YAML that feeds table `{table}` in {place} has changed since its rows were written (up to epoch {epoch}); old and \
                 new rows would mean different things"
            ),
            format!(
                "undo the change; or choose another `table`; or drop what is there and replay: {restart}, with a new `--state` directory"
            ),
        ));
    }
    Ok(())
}

fn delete_marker(table: &str) -> String {
    format!("DELETE FROM {MARKER_TABLE} WHERE table_name = '{}'", table.replace('\'', "''"))
}

fn text(value: &str) -> Cell<'_> {
    Cell::Text(value.into())
}

/// Epochs and generations count from zero by one; they never reach the sign bit.
fn number(value: u64) -> Cell<'static> {
    Cell::Int(value.cast_signed())
}
