//! Writes the epochs of all sinks of one server, or one file: each epoch in one transaction, with the markers of its tables.

use engine::connector::{Committed, ConnectorError, Grid, Mark, MemberChanges, MemberError, Writer};
use engine::digest::Digest;
use engine::failpoint::{Failpoint, hit};
use engine::safeguard::Safeguard;

use super::connection::{Connection, Failure, Fault};
use super::marker::{self, Look, Marker, Writing};
use super::query::of_report;
use super::refusal::fenced;
use super::session::Session;
use super::table::Table;

/// The tables of a domain, and the session in which they are written.
pub(super) struct DomainWriter {
    /// Where transactions run.
    pub session: Session,
    /// The tables, in the order of the members.
    pub tables: Vec<OwnTable>,
}

/// A table that this instance has taken.
pub(super) struct OwnTable {
    /// What is written.
    pub table: Table,
    /// Who writes.
    pub writing: Writing,
    /// What this instance has left in the marker.
    pub marker: Marker,
}

impl Writer for DomainWriter {
    fn committed(&self) -> Vec<Committed> {
        self.tables.iter().map(|own| Committed::Epoch(own.marker.mark())).collect()
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let Self { session, tables } = self;
        let mut due: Vec<&MemberChanges> =
            changed.iter().filter(|change| epoch > tables[change.member].marker.epoch).collect();
        // All instances lock in one order.
        due.sort_by(|a, b| tables[a.member].writing.table.cmp(&tables[b.member].writing.table));
        let Some(first) = due.first() else { return Ok(()) };
        let mut at = first.member;
        session
            .transaction(|connection, doubtful| {
                if doubtful && Safeguard::OutcomeAsked.holds() && all_hold(connection, tables, epoch, &due)? {
                    return Ok(());
                }
                for change in &due {
                    at = change.member;
                    tables[at].advance(connection, epoch, change.digest)?;
                }
                if !Safeguard::RowsWithMarker.holds() {
                    connection.commit()?;
                    connection.begin()?;
                }
                pass(Failpoint::DatabaseMarked)?;
                for change in &due {
                    at = change.member;
                    tables[at].table.write(connection, &change.changes)?;
                }
                Ok(pass(Failpoint::DatabaseWritten)?)
            })
            .map_err(|error| MemberError { member: at, error })?;
        pass(Failpoint::DatabaseCommitted)?;
        for change in due {
            let left = &mut tables[change.member].marker;
            *left = Marker { epoch, digest: change.digest, ..*left };
        }
        Ok(())
    }

    fn query(&mut self, member: usize, sql: &str) -> Result<Grid, ConnectorError> {
        let database = self.tables[member].writing.table.database.clone();
        self.session.read(|connection| connection.report(database.as_deref(), sql).map_err(of_report))
    }
}

/// Passes a place at which tests let something fail.
fn pass(point: Failpoint) -> Result<(), ConnectorError> {
    hit(point).map_err(|error| ConnectorError::unavailable(format!("the transaction failed: {error}"), "start again"))
}

/// Whether an earlier attempt, whose outcome is unknown, has been committed. It has in all tables or in none; whoever is asked last holds the
/// locks of all.
fn all_hold(
    connection: &mut dyn Connection,
    tables: &[OwnTable],
    epoch: u64,
    due: &[&MemberChanges],
) -> Result<bool, Fault> {
    let mut all = true;
    for change in due {
        let own = &tables[change.member];
        let after = Marker { epoch, digest: change.digest, ..own.marker };
        let found = marker::read(connection, &own.writing.table, Look::Locking)?;
        all &= found.is_some_and(|(writing, marker)| writing == own.writing && marker == after);
    }
    Ok(all)
}

impl OwnTable {
    fn advance(&self, connection: &mut dyn Connection, epoch: u64, digest: Digest) -> Result<(), Failure> {
        if marker::advance(connection, &self.writing, self.marker, Mark { epoch, digest })? {
            return Ok(());
        }
        Err(fenced(&self.writing, self.marker, &self.table.place).into())
    }
}
