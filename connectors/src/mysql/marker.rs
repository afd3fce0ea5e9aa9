//! The table `flowctl_sinks`: who writes to a table, and up to which epoch it is written.

use engine::connector::{ConnectContext, Mark};
use engine::digest::Digest;
use engine::safeguard::Safeguard;

use super::cell::Cell;
use super::connection::{Connection, DataFault, Failure, Fault, whole_number};
use super::dialect::Dialect;
use super::layout;
use super::name::TableName;
use super::refusal::{refuse_others, refuse_successor};

/// Its name.
pub(super) const MARKER_TABLE: &str = "flowctl_sinks";

/// Who writes to a table. Compared as a whole: another pipeline, another state or another meaning is another writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    /// The table, in the case in which its server compares names.
    pub table: TableName,
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
    /// Of all rows that it then held.
    pub digest: Digest,
}

impl Marker {
    /// How far the table has come.
    pub(super) fn mark(&self) -> Mark {
        Mark { epoch: self.epoch, digest: self.digest }
    }
}

impl Writing {
    /// The writing of the sink that is being opened. `table` is already in its canonical case.
    pub(super) fn new(table: TableName, context: &ConnectContext) -> Self {
        Self {
            table,
            pipeline: context.pipeline.clone(),
            sink: context.name.clone(),
            state_id: context.state_id.clone(),
            fingerprint: context.fingerprint.clone(),
        }
    }

    /// Whether generations of the two can be compared: they count the starts of one state folder.
    fn is_of_same_state(&self, other: &Self) -> bool {
        (&self.pipeline, &self.sink, &self.state_id) == (&other.pipeline, &other.sink, &other.state_id)
    }
}

/// A table's name in the case in which the server compares it: one table has one marker.
pub(super) fn canonical_name(connection: &mut dyn Connection, name: &TableName) -> Result<TableName, Fault> {
    if !connection.dialect().is_server() {
        return Ok(name.beside(&name.table.to_ascii_lowercase()));
    }
    let answer = connection.query("SELECT @@lower_case_table_names", &[])?;
    let folds = whole_number(answer.rows.first().and_then(|row| row.first())) != 0;
    Ok(if folds {
        let database = name.database.as_ref().map(|database| database.to_lowercase());
        TableName { database, table: name.table.to_lowercase() }
    } else {
        name.clone()
    })
}

/// Makes the marker table beside `table` if there is none.
pub(super) fn prepare(connection: &mut dyn Connection, table: &TableName) -> Result<(), Fault> {
    let (markers, dialect) = (table.beside(MARKER_TABLE), connection.dialect());
    // An account that may not create tables can still write, once somebody else has made this one.
    if let Some(found) = layout::read(connection, &markers)? {
        return match found.engine.filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
            Some(engine) => Err(Fault::Refused {
                message: format!("`{MARKER_TABLE}` has engine {engine}, which has no transactions"),
                hint: format!("ALTER TABLE {} ENGINE=InnoDB", markers.quoted(dialect)),
            }),
            None => Ok(()),
        };
    }
    let tail = match dialect {
        Dialect::Sqlite => "",
        Dialect::MySql { .. } | Dialect::MariaDb => " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    };
    connection.script(&format!(
        "CREATE TABLE IF NOT EXISTS {} (table_name VARCHAR(64) NOT NULL PRIMARY KEY, pipeline VARCHAR(255) NOT NULL, sink VARCHAR(255) \
         NOT NULL, state_id VARCHAR(64) NOT NULL, fingerprint VARCHAR(255) NOT NULL, generation BIGINT NOT NULL, epoch BIGINT NOT \
         NULL, outhash CHAR(32) NULL){tail}",
        markers.quoted(dialect)
    ))
}

/// Whether a look at a marker keeps others from changing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Until the transaction's end.
    Locking,
    /// Not at all: what is seen belongs to the transaction's snapshot.
    Passing,
}

/// The marker of a table.
pub(super) fn read(
    connection: &mut dyn Connection,
    table: &TableName,
    look: Look,
) -> Result<Option<(Writing, Marker)>, Fault> {
    let dialect = connection.dialect();
    let lock = if look == Look::Locking { dialect.for_update() } else { "" };
    let sql = format!(
        "SELECT pipeline, sink, state_id, fingerprint, generation, epoch, outhash FROM {} WHERE table_name = ?{lock}",
        table.beside(MARKER_TABLE).quoted(dialect)
    );
    let answer = connection.query(&sql, &[text(&table.table)])?;
    let Some(row) = answer.rows.first() else { return Ok(None) };
    let word = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    let writing =
        Writing { table: table.clone(), pipeline: word(0), sink: word(1), state_id: word(2), fingerprint: word(3) };
    let digest = match row.get(6).and_then(Option::as_deref) {
        Some(digest) => digest.parse().map_err(|error| Fault::Refused {
            message: format!("the row of `{}` in `{MARKER_TABLE}` is damaged: outhash: {error}", table.table),
            hint: "restore that row from a backup, or drop it together with its table and start anew".into(),
        })?,
        // Rows of an earlier release have none.
        None => Digest::default(),
    };
    Ok(Some((writing, Marker { generation: whole_number(row.get(4)), epoch: whole_number(row.get(5)), digest })))
}

/// Removes the marker of a table.
pub(super) fn forget(connection: &mut dyn Connection, table: &TableName) -> Result<(), Fault> {
    let sql = format!("DELETE FROM {} WHERE table_name = ?", table.beside(MARKER_TABLE).quoted(connection.dialect()));
    connection.execute(&sql, &[text(&table.table)]).map(|_| ())
}

/// Refuses what a later instance of the same state has left.
pub(super) fn defend(other: &Writing, marker: Marker, generation: u64, place: &str) -> Result<(), Failure> {
    if marker.generation > generation {
        return Err(refuse_successor(other, marker.generation, generation, place).into());
    }
    Ok(())
}

/// Takes the table over: from the end of this transaction on, no earlier instance can commit. `generation` is the least that it gets.
///
/// A marker of another writer with rows is refused; without rows (epoch zero) there is nothing to mix or to double, and it changes hands. A marker that
/// a later instance of the same state has left is not taken: whoever was stopped before this and wakes must not shut out its successor. With the same
/// number comes a start of a copied state folder, and whichever of the two is later takes over. `tried` is what an earlier attempt has left, if it is
/// not known whether it was committed.
pub(super) fn fence(
    connection: &mut dyn Connection,
    writing: &Writing,
    generation: u64,
    tried: Option<u64>,
    place: &str,
) -> Result<Marker, Failure> {
    let found = read(connection, &writing.table, Look::Locking)?;
    let is_tried = |marker: &Marker| tried == Some(marker.generation);
    if let Some((other, marker)) =
        found.as_ref().filter(|(other, marker)| other.is_of_same_state(writing) && !is_tried(marker))
    {
        defend(other, *marker, generation, place)?;
    }
    if let Some((other, marker)) = found.as_ref().filter(|(_, marker)| marker.epoch > 0) {
        refuse_others(other, writing, marker.epoch, place)?;
    }
    if let Some((_, marker)) = found.as_ref().filter(|_| !Safeguard::SinkFenced.holds()) {
        return Ok(*marker);
    }
    let mark = found.as_ref().map_or_else(Mark::default, |(_, marker)| marker.mark());
    let generation = match &found {
        Some((_, marker)) if is_tried(marker) => marker.generation,
        Some((_, marker)) => generation.max(marker.generation + 1),
        None => generation,
    };
    let cells = [
        text(&writing.pipeline),
        text(&writing.sink),
        text(&writing.state_id),
        text(&writing.fingerprint),
        number(generation),
        number(mark.epoch),
        text(&writing.table.table),
    ];
    let markers = writing.table.beside(MARKER_TABLE).quoted(connection.dialect());
    let sql = if found.is_some() {
        format!(
            "UPDATE {markers} SET pipeline = ?, sink = ?, state_id = ?, fingerprint = ?, generation = ?, epoch = ? WHERE table_name = ?"
        )
    } else {
        format!(
            "INSERT INTO {markers} (pipeline, sink, state_id, fingerprint, generation, epoch, table_name) VALUES (?, ?, ?, ?, \
             ?, ?, ?)"
        )
    };
    match connection.execute(&sql, &cells) {
        // Somebody else made the row since it was looked for.
        Err(Fault::Data(DataFault { duplicate: true, message, .. })) => Err(Fault::Conflict(message).into()),
        done => done.map(|_| Marker { generation, epoch: mark.epoch, digest: mark.digest }).map_err(Failure::from),
    }
}

/// Moves the marker from where this writer has left it to what another epoch makes of it; false if it is not there any more.
pub(super) fn advance(
    connection: &mut dyn Connection,
    writing: &Writing,
    from: Marker,
    to: Mark,
) -> Result<bool, Fault> {
    let compared = if Safeguard::MarkerCompared.holds() { "AND generation = ? AND epoch = ?" } else { "" };
    let sql = format!(
        "UPDATE {} SET epoch = ?, outhash = ? WHERE table_name = ? AND pipeline = ? AND sink = ? AND state_id = ? AND fingerprint = ? \
         {compared}",
        writing.table.beside(MARKER_TABLE).quoted(connection.dialect())
    );
    let cells = [
        number(to.epoch),
        Cell::Text(to.digest.to_string().into()),
        text(&writing.table.table),
        text(&writing.pipeline),
        text(&writing.sink),
        text(&writing.state_id),
        text(&writing.fingerprint),
        number(from.generation),
        number(from.epoch),
    ];
    Ok(connection.execute(&sql, &cells[..sql.matches('?').count()])? == 1)
}

fn text(value: &str) -> Cell<'_> {
    Cell::Text(value.into())
}

/// Epochs and generations count from zero by one; they never reach the sign bit.
fn number(value: u64) -> Cell<'static> {
    Cell::Int(value.cast_signed())
}
