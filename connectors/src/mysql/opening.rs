//! Opens the sinks of a domain together: what refuses any of them refuses all, before anybody is fenced.

use std::any::Any;

use engine::connector::{ConnectContext, ConnectorError, Member, MemberError};
use tracing::info;

use super::connection::{Connection, Fault};
use super::creation::create_table;
use super::layout;
use super::marker::{self, Look, Marker, Writing};
use super::migration;
use super::name::TableName;
use super::refusal::refuse_missing;
use super::server::Patience;
use super::session::Session;
use super::sink::TableSink;
use super::target::Target;
use super::writer::{DomainWriter, OwnTable};

/// A sink on its way to be opened.
struct Opening<'a> {
    sink: &'a TableSink,
    context: &'a ConnectContext,
    target: Target,
    place: String,
    name: TableName,
}

/// Opens them.
///
/// Rows that have gone are looked for in all tables before any migration runs: it might make another member's table anew.
pub(super) fn open(members: &[Member<'_>]) -> Result<DomainWriter, MemberError> {
    let members: Vec<Opening<'_>> = each(members, |_, member| Opening::of(member))?;
    let first = &members[0];
    let place = first.target.shared_place(members.iter().map(|member| &member.target));
    let mut session = Session::open(first.target.clone(), place, first.context)?;

    let writings: Vec<Writing> = each(&members, |_, member| member.claim(&mut session))?;
    each(&members, |at, member| member.require_alone(&writings[..at], &writings[at]))?;
    each(&members, |_, member| member.migrate())?;
    each(&members, |_, member| member.require_fit(&mut session))?;
    let markers = fence(&mut session, &members, &writings)?;

    let tables = members.iter().zip(writings).zip(markers).map(|((member, writing), marker)| OwnTable {
        table: member.sink.table_to_write(member.name.clone(), &member.place),
        writing,
        marker,
    });
    Ok(DomainWriter { tables: tables.collect(), session })
}

/// Does something for each member, up to the first that fails.
fn each<M, T>(
    members: &[M],
    mut work: impl FnMut(usize, &M) -> Result<T, ConnectorError>,
) -> Result<Vec<T>, MemberError> {
    members.iter().enumerate().map(|(at, member)| work(at, member).map_err(MemberError::of(at))).collect()
}

/// Takes all tables over in one transaction, and reads what they hold: from then on, that is final.
fn fence(session: &mut Session, members: &[Opening<'_>], writings: &[Writing]) -> Result<Vec<Marker>, MemberError> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|a, b| writings[*a].table.cmp(&writings[*b].table));
    let mut at = 0;
    // What the last attempt has made of each marker.
    let mut tried = vec![None; members.len()];
    let taken = session.transaction(|connection, doubtful| {
        let mut taken = Vec::new();
        for next in &order {
            at = *next;
            let Opening { context, place, .. } = &members[at];
            let before = tried[at].filter(|_| doubtful);
            let marker = marker::fence(connection, &writings[at], context.generation, before, place)?;
            tried[at] = Some(marker.generation);
            taken.push((at, marker));
        }
        Ok(taken)
    });
    let mut taken = taken.map_err(|error| MemberError { member: at, error })?;
    taken.sort_by_key(|(member, _)| *member);
    Ok(taken.into_iter().map(|(_, marker)| marker).collect())
}

impl<'a> Opening<'a> {
    fn of(member: &Member<'a>) -> Result<Self, ConnectorError> {
        let sink: &dyn Any = member.sink;
        let sink: &TableSink = sink.downcast_ref().expect("the contract: sinks of one domain are of one type");
        let target = sink.target_in(member.context)?;
        let (place, name) = (target.to_string(), sink.name_in(&target));
        Ok(Self { sink, context: member.context, target, place, name })
    }

    /// Says who is going to write, and refuses a table that has gone though its marker says that it holds rows.
    fn claim(&self, session: &mut Session) -> Result<Writing, ConnectorError> {
        let canonical = session.read(|connection| {
            marker::prepare(connection, &self.name)?;
            marker::canonical_name(connection, &self.name)
        })?;
        let writing = Writing::new(canonical, self.context);
        let (found, exists) = session.transaction(|connection, _| {
            let found = marker::read(connection, &writing.table, Look::Locking)?;
            let exists = layout::read(connection, &self.name)?.is_some();
            // In the pipeline's own folder lies only what it makes anew when its YAML changes.
            let is_old = self.target.is_own() && found.as_ref().is_some_and(|(other, _)| *other != writing);
            if !is_old {
                return Ok((found, exists));
            }
            if let Some((other, marker)) = &found {
                marker::defend(other, *marker, self.context.generation, &self.place)?;
            }
            marker::forget(connection, &writing.table)?;
            if exists {
                let verb = if self.sink.create { "DROP TABLE" } else { "DELETE FROM" };
                connection.script(&format!("{verb} {}", self.name.quoted(connection.dialect())))?;
            }
            Ok((None, exists))
        })?;
        match found {
            Some((_, marker)) if marker.epoch > 0 && !exists => {
                Err(refuse_missing(&self.sink.table, marker.epoch, &self.place))
            }
            _ => Ok(writing),
        }
    }

    /// Refuses a table that another sink of this pipeline writes to: with variables in both URLs that only shows now.
    fn require_alone(&self, before: &[Writing], own: &Writing) -> Result<(), ConnectorError> {
        match before.iter().find(|other| other.table == own.table) {
            Some(other) => Err(ConnectorError::unusable(
                format!("table `{}` in {} is already written to by sink `{}`", self.sink.table, self.place, other.sink),
                "choose another `table` for one of the two",
            )),
            None => Ok(()),
        }
    }

    fn migrate(&self) -> Result<(), ConnectorError> {
        let Some(migrations) = &self.sink.migrations else { return Ok(()) };
        let folder = self.sink.folder.join(migrations.resolve(&self.context.variables)?);
        // Statements may take long, so they get a connection of their own.
        let connection = self.target.connect(Patience::Migration);
        let mut connection = connection.map_err(|fault| fault.into_error(&self.place))?;
        migration::migrate(connection.as_mut(), &folder, &self.place)
    }

    /// Compares the table with the schema; makes it if it is missing and that was asked for.
    fn require_fit(&self, session: &mut Session) -> Result<(), ConnectorError> {
        let (dialect, found) = session.read(|connection| {
            if let Some(found) = layout::read(connection, &self.name)? {
                return Ok((connection.dialect(), Some(found)));
            }
            if self.sink.create {
                self.create_table(connection)?;
            }
            Ok((connection.dialect(), layout::read(connection, &self.name)?))
        })?;
        self.sink.require_fit(dialect, &self.name, found.as_ref(), &self.place)
    }

    fn create_table(&self, connection: &mut dyn Connection) -> Result<(), Fault> {
        let sql = create_table(connection.dialect(), &self.name, &self.sink.schema, &self.sink.key);
        if !self.target.is_own() {
            info!("{} gets a new table:\n{sql}", self.place);
        }
        // Another pipeline may be making it at this moment.
        connection.script(&sql.replacen("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
    }
}
