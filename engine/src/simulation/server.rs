//! A server that keeps rows and markers together: what databases and brokers with transactions have in common.
//!
//! A marker is moved under a lock, or by a producer that has fenced those before it. Whoever fences, or reads a marker to settle a commit in doubt, waits
//! until what is under way is through: so it is then either there or will never be.

use std::collections::BTreeMap;

use crate::connector::{FoundMarker, Mark};
use crate::digest::Digest;

use super::fault::FaultKind;

/// A row, column by column.
pub(super) type Row = Vec<String>;

/// A server.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// By name.
    pub(super) tables: BTreeMap<String, Table>,
    /// A transaction that has moved its markers, and the session that it is of.
    open: Option<(u64, Transaction)>,
    /// A commit that its sender has given up waiting for.
    late: Option<Transaction>,
    sessions: u64,
}

/// A table, or a topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    marker: Option<Marker>,
    /// How often each row stands there.
    pub(super) rows: BTreeMap<Row, i64>,
    /// What was written, in order.
    pub(super) log: Vec<(Row, i64)>,
}

#[derive(Clone, Debug)]
struct Marker {
    state_id: String,
    generation: u64,
    mark: Mark,
}

/// What a transaction changes.
pub(super) type Transaction = BTreeMap<String, Change>;

/// What it changes in one table.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) before: Mark,
    pub(super) after: Mark,
    pub(super) rows: Vec<(Row, i64)>,
}

/// What somebody is told of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It is done.
    Done,
    /// Nothing, in time.
    None,
}

/// Somebody else has fenced the marker, or moved it.
pub(super) struct Refused(pub(super) String);

impl Server {
    /// A new session.
    pub(super) fn connect(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    /// Fences all who came before, and says how far a table has come.
    pub(super) fn fence(&mut self, table: &str, state_id: &str, generation: u64) -> Result<Mark, Refused> {
        self.settle();
        let marker = &mut self.tables.entry(table.to_owned()).or_default().marker;
        let found = marker.get_or_insert(Marker { state_id: state_id.to_owned(), generation, mark: Mark::default() });
        if found.state_id != state_id || found.generation > generation {
            return Err(Refused(format!("`{table}` is fenced by generation {}", found.generation)));
        }
        found.generation = generation;
        Ok(found.mark)
    }

    /// Opens a transaction by moving its markers, if they are where they were left.
    pub(super) fn begin(&mut self, session: u64, generation: u64, changes: Transaction) -> Result<(), Refused> {
        // Whoever holds the lock and does not go on is thrown out.
        self.settle();
        for (table, change) in &changes {
            let marker = self.tables[table].marker.as_ref().expect("it was fenced");
            if (marker.generation, marker.mark) != (generation, change.before) {
                return Err(Refused(format!("the marker of `{table}` was moved")));
            }
        }
        self.open = Some((session, changes));
        Ok(())
    }

    /// Commits; says whether that changed anything, and what the sender hears.
    pub(super) fn commit(&mut self, session: u64, fault: Option<FaultKind>) -> (bool, Reply) {
        let Some((_, changes)) = self.open.take_if(|(owner, _)| *owner == session) else {
            return (false, Reply::None);
        };
        match fault {
            Some(FaultKind::RequestLost) => (false, Reply::None),
            Some(FaultKind::Late) => {
                self.late = Some(changes);
                (false, Reply::None)
            }
            Some(FaultKind::ReplyLost) => {
                self.apply(changes);
                (true, Reply::None)
            }
            _ => {
                self.apply(changes);
                (true, Reply::Done)
            }
        }
    }

    /// Reads the marker of a table where nothing that is under way can come behind the reading.
    pub(super) fn look(&mut self, table: &str, state_id: &str) -> Option<FoundMarker> {
        self.settle();
        let marker = self.tables.get(table)?.marker.as_ref()?;
        Some(FoundMarker { is_ours: marker.state_id == state_id, generation: marker.generation, mark: marker.mark })
    }

    /// What is under way comes to its end: what was committed is, what is only open is not.
    pub(super) fn settle(&mut self) {
        self.open = None;
        if let Some(changes) = self.late.take() {
            self.apply(changes);
        }
    }

    fn apply(&mut self, changes: Transaction) {
        for (name, change) in changes {
            let table = self.tables.entry(name).or_default();
            if let Some(marker) = &mut table.marker {
                marker.mark = change.after;
            }
            for (row, diff) in change.rows {
                let count = table.rows.entry(row.clone()).or_default();
                *count += diff;
                if *count == 0 {
                    table.rows.remove(&row);
                }
                table.log.push((row, diff));
            }
        }
    }

    /// The greatest epoch that a table says it holds.
    pub(super) fn newest(&self) -> u64 {
        let marks = self.tables.values().filter_map(|table| table.marker.as_ref());
        marks.map(|marker| marker.mark.epoch).max().unwrap_or(0)
    }
}

/// The mark of an epoch.
pub(super) fn mark(epoch: u64, digest: Digest) -> Mark {
    Mark { epoch, digest }
}
