//! Reads a table back: its marker and all of its rows, as of one moment. Writes nothing, and fences nobody.

use engine::connector::{ConnectContext, ConnectorError, Mark};

use super::connection::{Connection, Failure};
use super::gathering::{Gathering, Take};
use super::layout;
use super::marker::{self, Look, MARKER_TABLE, Writing};
use super::name::TableName;
use super::refusal::{refuse_missing, refuse_others};
use super::sink::TableSink;

/// Reads what a sink holds: nothing, if it has never written.
pub(super) fn read_back(
    sink: &TableSink,
    context: &ConnectContext,
    take: &mut Take<'_>,
) -> Result<Mark, ConnectorError> {
    let target = sink.target_in(context)?;
    let (place, name) = (target.to_string(), sink.name_in(&target));
    let connection = target.connect_to_read().map_err(|fault| fault.into_error(&place))?;
    let Some(mut connection) = connection else { return Ok(Mark::default()) };
    let reading = Reading { sink, context, name, place: &place };
    // Its transaction ends with the connection.
    reading.all(connection.as_mut(), take).map_err(|failure| failure.into_error(&place))
}

struct Reading<'a> {
    sink: &'a TableSink,
    context: &'a ConnectContext,
    name: TableName,
    place: &'a str,
}

impl Reading<'_> {
    fn all(&self, connection: &mut dyn Connection, take: &mut Take<'_>) -> Result<Mark, Failure> {
        connection.begin_snapshot()?;
        let Some(mark) = self.mark(connection)? else { return Ok(Mark::default()) };
        match layout::read(connection, &self.name)? {
            None if mark.epoch > 0 => return Err(refuse_missing(&self.sink.table, mark.epoch, self.place).into()),
            None => return Ok(mark),
            found => self.sink.require_fit(connection.dialect(), &self.name, found.as_ref(), self.place)?,
        }
        let dialect = connection.dialect();
        let columns = dialect.quote_all(self.sink.schema.names());
        let sql = format!("SELECT {columns} FROM {}", self.name.quoted(dialect));
        let mut rows = Gathering::new(&self.sink.schema, take);
        connection.stream(&sql, &mut |row| {
            if self.context.stop.is_set() {
                let hint = "read it again, to the end";
                return Err(ConnectorError::unavailable(format!("reading {} was broken off", self.place), hint));
            }
            rows.add(row)
        })?;
        rows.finish()?;
        Ok(mark)
    }

    /// How far the table has come; `None` if this sink has never taken it.
    fn mark(&self, connection: &mut dyn Connection) -> Result<Option<Mark>, Failure> {
        if layout::read(connection, &self.name.beside(MARKER_TABLE))?.is_none() {
            return Ok(None);
        }
        let writing = Writing::new(marker::canonical_name(connection, &self.name)?, self.context);
        let Some((found, marker)) = marker::read(connection, &writing.table, Look::Passing)? else { return Ok(None) };
        if marker.epoch > 0 {
            refuse_others(&found, &writing, marker.epoch, self.place)?;
        }
        Ok(Some(marker.mark()).filter(|_| found == writing))
    }
}
