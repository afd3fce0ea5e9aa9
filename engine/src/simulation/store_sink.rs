//! Sinks on the servers of a world; all on one server commit together.

use std::any::Any;

use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::connector::{
    Changes, CheckContext, Committed, ConnectorError, DoubtfulCommit, Mark, Member, MemberChanges, MemberError,
    Outcome, Sink, SinkInput, SinkKind, Writer,
};
use crate::digest::Digest;
use crate::spec::{Entry, Key, Kind, Variables};

use super::oracle;
use super::reach::{Place, reach};
use super::server::{Change, Refused, Reply, Row, Server, Transaction, mark};
use super::world::{World, with};

/// Tables of the database.
pub(super) struct TableKind;

/// Topics of the broker.
pub(super) struct TopicKind;

const KEYS: &[Key] = &[Key::required("name", Kind::Text, "which")];

impl SinkKind for TableKind {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "a table of the simulated database"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn takes_back(&self, _entry: &Entry) -> bool {
        true
    }

    fn check(&self, entry: &Entry, _input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        StoreSink::of(entry, context, Which::Database)
    }
}

impl SinkKind for TopicKind {
    fn name(&self) -> &'static str {
        "topic"
    }

    fn about(&self) -> &'static str {
        "a topic of the simulated broker"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn check(&self, entry: &Entry, _input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        StoreSink::of(entry, context, Which::Broker)
    }
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Database,
    Broker,
}

impl Which {
    fn of(self, world: &mut World) -> &mut Server {
        match self {
            Self::Database => &mut world.database,
            Self::Broker => &mut world.broker,
        }
    }
}

#[derive(Debug)]
struct StoreSink {
    server: Which,
    name: String,
}

impl StoreSink {
    fn of(entry: &Entry, context: &CheckContext<'_>, server: Which) -> Option<Box<dyn Sink>> {
        let name = entry.text("name").resolve(context.variables).ok()?;
        Some(Box::new(Self { server, name }))
    }
}

impl Sink for StoreSink {
    fn describe(&self) -> String {
        format!("{:?} {}", self.server, self.name)
    }

    fn domain(&self, _variables: &Variables) -> Option<String> {
        Some(format!("{:?}", self.server))
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        let own = |member: &Member<'_>| {
            let sink = (member.sink as &dyn Any).downcast_ref::<Self>().expect("members are of one type");
            sink.name.clone()
        };
        let context = members[0].context;
        let mut writer = StoreWriter {
            server: self.server,
            tables: members.iter().map(own).collect(),
            marks: Vec::new(),
            state_id: context.state_id.clone(),
            generation: context.generation,
            session: with(|world| self.server.of(world).connect()),
            prepared: None,
        };
        writer.fence().map_err(MemberError::from)?;
        Ok(Box::new(writer))
    }
}

struct StoreWriter {
    server: Which,
    tables: Vec<String>,
    marks: Vec<Mark>,
    state_id: String,
    generation: u64,
    session: u64,
    /// What the next commit has to be.
    prepared: Option<(u64, Vec<Told>)>,
}

/// A member, its rows and its digest, as a writer is told of them.
type Told = (usize, Vec<(Row, i64)>, Digest);

impl StoreWriter {
    /// All are fenced before any is read.
    fn fence(&mut self) -> Result<(), ConnectorError> {
        for table in self.tables.clone() {
            step()?;
            self.ask(|server, own| server.fence(&table, &own.state_id, own.generation).map(drop))?;
        }
        for table in self.tables.clone() {
            step()?;
            let mark = self.ask(|server, own| server.fence(&table, &own.state_id, own.generation))?;
            self.marks.push(mark);
        }
        with(|world| self.server.of(world).settle());
        oracle::look();
        Ok(())
    }

    fn ask<T>(&self, act: impl FnOnce(&mut Server, &Self) -> Result<T, Refused>) -> Result<T, ConnectorError> {
        let asked = with(|world| act(self.server.of(world), self));
        asked.map_err(|Refused(what)| ConnectorError::Fenced { what, hint: "run one at a time".into() })
    }

    fn try_commit(&mut self, changes: &Transaction) -> Result<Reply, ConnectorError> {
        step()?;
        self.ask(|server, own| server.begin(own.session, own.generation, changes.clone()))?;
        step()?;
        let fault = with(|world| world.current().commit.take());
        let (has_changed, reply) = with(|world| self.server.of(world).commit(self.session, fault));
        if has_changed {
            oracle::look();
        }
        step()?;
        Ok(reply)
    }

    /// No reply came: the markers say what became of it.
    fn settle(&self, changes: &Transaction) -> Result<Outcome, ConnectorError> {
        step()?;
        let outcome = with(|world| {
            let server = self.server.of(world);
            Outcome::of_all(changes.iter().map(|(table, change)| {
                let doubt = DoubtfulCommit { generation: self.generation, before: change.before, after: change.after };
                doubt.resolve(server.look(table, &self.state_id))
            }))
        });
        oracle::look();
        Ok(outcome)
    }
}

impl Writer for StoreWriter {
    fn committed(&self) -> Vec<Committed> {
        self.marks.iter().copied().map(Committed::Epoch).collect()
    }

    fn prepare(&mut self, epoch: u64, changed: &[MemberChanges]) {
        let before = self.prepared.replace((epoch, told(changed)));
        assert!(before.is_none(), "epoch {epoch} is prepared before {before:?} is committed");
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        if let Some(prepared) = self.prepared.take() {
            assert_eq!(prepared, (epoch, told(changed)), "another epoch was prepared");
        }
        let change = |changed: &MemberChanges| {
            let after = mark(epoch, changed.digest);
            (
                self.tables[changed.member].clone(),
                Change { before: self.marks[changed.member], after, rows: rows(&changed.changes) },
            )
        };
        let changes: Transaction = changed.iter().map(change).collect();
        while self.try_commit(&changes)? == Reply::None {
            match self.settle(&changes)? {
                Outcome::Committed => break,
                Outcome::NotCommitted => {}
                Outcome::Fenced => {
                    let what = "another instance has moved the markers".into();
                    return Err(ConnectorError::Fenced { what, hint: "run one at a time".into() }.into());
                }
            }
        }
        for changed in changed {
            self.marks[changed.member] = mark(epoch, changed.digest);
        }
        Ok(())
    }
}

/// One step to the server.
fn step() -> Result<(), ConnectorError> {
    reach(Place::Server).map_err(|error| ConnectorError::unavailable(error.to_string(), "start again"))
}

fn told(changed: &[MemberChanges]) -> Vec<Told> {
    changed.iter().map(|changed| (changed.member, rows(&changed.changes), changed.digest)).collect()
}

fn rows(changes: &Changes) -> Vec<(Row, i64)> {
    let options = FormatOptions::default();
    let columns = changes.rows.columns().iter();
    let columns: Vec<_> =
        columns.map(|column| ArrayFormatter::try_new(column, &options).expect("plain types")).collect();
    let row = |at: usize| columns.iter().map(|column| column.value(at).to_string()).collect();
    changes.diffs.iter().enumerate().map(|(at, diff)| (row(at), *diff)).collect()
}
