//! Writes the epochs of one sink, each in one transaction with its marker.

use engine::connector::{Committed, ConnectorError, Grid, Mark, MemberChanges, MemberError, Writer};
use engine::digest::Digest;

use super::connection::Connection;
use super::marker::{self, Marker, Writing};
use super::query::of_report;
use super::session::Session;
use super::table::Table;

/// One table and the session in which it is written.
pub(super) struct TableWriter {
    /// Where transactions run.
    pub session: Session,
    /// What is written in them.
    pub table: Table,
    /// Who writes.
    pub writing: Writing,
    /// What this instance has left in the marker.
    pub marker: Marker,
}

impl Writer for TableWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(Mark { epoch: self.marker.epoch, digest: Digest::default() })]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let [MemberChanges { changes, .. }] = changed else { return Ok(()) };
        if epoch <= self.marker.epoch {
            return Ok(());
        }
        let (before, after) = (self.marker, Marker { epoch, ..self.marker });
        let Self { session, table, writing, .. } = self;
        session.transaction(|connection, doubtful| {
            if doubtful
                && marker::read(connection, &writing.table)?.is_some_and(|found| found == (writing.clone(), after))
            {
                return Ok(());
            }
            if !marker::advance(connection, writing, before, epoch)? {
                return Err(fenced(writing, before, &table.place).into());
            }
            table.write(connection, changes)
        })?;
        self.marker = after;
        Ok(())
    }

    fn query(&mut self, _member: usize, sql: &str) -> Result<Grid, ConnectorError> {
        let run = |connection: &mut dyn Connection| connection.report(sql).map_err(of_report);
        self.session.read(run)
    }
}

fn fenced(writing: &Writing, left: Marker, place: &str) -> ConnectorError {
    ConnectorError::Fenced {
        what: format!(
            "another instance of pipeline `{}` has taken over {place}: its row in {} is no longer at generation {}, epoch {}",
            writing.pipeline,
            marker::MARKER_TABLE,
            left.generation,
            left.epoch
        ),
        hint: "nothing is lost, the other instance goes on; run only one at a time".into(),
    }
}
