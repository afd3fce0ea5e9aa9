//! A database for one test, what is opened on it, and rows for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_empty_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use connectors::mysql::MySql;
use engine::connector::{
    Changes, CheckContext, Committed, ConnectContext, ConnectorError, Grid, Held, Mark, Member, MemberChanges,
    MemberError, Sink, SinkInput, SinkKind, SinkMode, StopFlag, Writer,
};
use engine::diagnostic::{Diagnostics, FileId, Span};
use engine::digest::Digest;
use engine::schema::{Column, ColumnType, Schema};
use engine::spec::{Content, Entry, Node, Spanned, Variables};
use mysql::prelude::Queryable;

/// A table to which rows of [`names`] are added.
pub(crate) const APPEND: &[(&str, &str)] = &[("table", "t"), ("create", "true")];
/// A table that keeps one row a name.
pub(crate) const UPSERT: &[(&str, &str)] = &[("table", "t"), ("create", "true"), ("mode", "upsert"), ("key", "name")];

const SPAN: Span = Span { file: FileId(0), start: 0, end: 1 };

/// An empty database that goes with its test.
pub(crate) enum Database {
    Sqlite(tempfile::TempDir),
    Server { base: mysql::Opts, name: String },
}

/// An instance of a pipeline, as its context tells.
pub(crate) struct Instance {
    pub(crate) sink: String,
    pub(crate) state_id: String,
    pub(crate) generation: u64,
    pub(crate) fingerprint: String,
    pub(crate) stop: StopFlag,
}

impl Instance {
    pub(crate) fn new(state_id: &str, generation: u64) -> Self {
        Self {
            sink: "out".into(),
            state_id: state_id.into(),
            generation,
            fingerprint: "same".into(),
            stop: StopFlag::default(),
        }
    }

    pub(crate) fn context(&self) -> ConnectContext {
        ConnectContext {
            pipeline: "p".into(),
            name: self.sink.clone(),
            state_id: self.state_id.clone(),
            generation: self.generation,
            fingerprint: self.fingerprint.clone(),
            state_root: "/nowhere".into(),
            state_folder: "/nowhere/p".into(),
            taken_over: false,
            predecessor: None,
            variables: Variables::default(),
            stop: self.stop.clone(),
        }
    }
}

/// The writer of one sink that commits alone.
pub(crate) struct Alone(Box<dyn Writer>);

impl Alone {
    pub(crate) fn epoch(&self) -> u64 {
        let held = marks(&*self.0);
        assert_eq!(held.len(), 1);
        held[0].epoch
    }

    pub(crate) fn commit(&mut self, epoch: u64, changes: &Changes) -> Result<(), ConnectorError> {
        let changed = [MemberChanges { member: 0, changes: changes.clone(), digest: digest(epoch) }];
        self.0.commit(epoch, &changed).map_err(|MemberError { error, .. }| error)
    }

    pub(crate) fn query(&mut self, sql: &str) -> Result<Grid, ConnectorError> {
        self.0.query(0, sql)
    }
}

/// What a writer says that its members hold.
pub(crate) fn marks(writer: &dyn Writer) -> Vec<Mark> {
    let held = writer.committed().into_iter().map(|held| match held {
        Committed::Epoch(mark) => mark,
        Committed::Volatile => panic!("a table is not volatile"),
    });
    held.collect()
}

/// Says that a test has ended, also when it fails, to whoever looks on meanwhile.
#[derive(Default)]
pub(crate) struct Ended(AtomicBool);

impl Ended {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets it when what is returned goes.
    pub(crate) fn later(&self) -> impl Drop {
        struct Later<'a>(&'a AtomicBool);
        impl Drop for Later<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        Later(&self.0)
    }
}

/// Some digest for an epoch.
pub(crate) fn digest(epoch: u64) -> Digest {
    let mut digest = Digest::default();
    digest.add(&epoch.to_be_bytes(), 1);
    digest
}

/// Opens several sinks of one domain, each with its instance.
pub(crate) fn open_together(sinks: &[(&dyn Sink, &Instance)]) -> Result<Box<dyn Writer>, MemberError> {
    let domains: Vec<_> = sinks.iter().map(|(sink, _)| sink.domain(&Variables::default())).collect();
    assert!(domains[0].is_some() && domains.iter().all(|domain| *domain == domains[0]), "{domains:?}");
    let contexts: Vec<_> = sinks.iter().map(|(_, instance)| instance.context()).collect();
    let members = sinks.iter().zip(&contexts).map(|((sink, _), context)| Member { sink: *sink, context });
    sinks[0].0.open(&members.collect::<Vec<_>>())
}

/// What a sink reads back: its mark, its batches, and what is foreign in it.
pub(crate) fn read_back(
    sink: &dyn Sink,
    instance: &Instance,
) -> Result<(Mark, Vec<RecordBatch>, Vec<String>), ConnectorError> {
    let (mut batches, mut foreign) = (Vec::new(), Vec::new());
    let held = sink.read_back(&instance.context(), &mut |held| {
        match held {
            Held::Rows(batch) => batches.push(batch),
            Held::Foreign(why) => foreign.push(why),
        }
        Ok(())
    })?;
    match held {
        Some(Committed::Epoch(mark)) => Ok((mark, batches, foreign)),
        other => panic!("a table gives {other:?}"),
    }
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn server() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("MYSQL_URL").expect("MYSQL_URL names the server for this test");
        let base = mysql::Opts::from_url(&url).expect("MYSQL_URL is a mysql:// URL");
        let name = format!("flowctl_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = mysql::Conn::new(base.clone()).unwrap();
        // The worst of defaults, so that nothing can rely on them.
        admin.query_drop(format!("CREATE DATABASE {name} CHARACTER SET latin1")).unwrap();
        Self::Server { base, name }
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Server { .. })
    }

    /// Its URL, with another host and port if one is given.
    pub(crate) fn url(&self, port: Option<u16>) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("test.db").display()),
            Self::Server { base, name } => format!(
                "mysql://{}:{}@{}:{}/{name}",
                base.get_user().unwrap_or_default(),
                base.get_pass().unwrap_or_default(),
                base.get_ip_or_hostname(),
                port.unwrap_or(base.get_tcp_port())
            ),
        }
    }

    pub(crate) fn open(
        &self,
        pairs: &[(&str, &str)],
        schema: &Schema,
        mode: SinkMode,
        instance: &Instance,
    ) -> Result<Alone, ConnectorError> {
        self.open_at(&self.url(None), pairs, schema, mode, instance)
    }

    pub(crate) fn open_at(
        &self,
        url: &str,
        pairs: &[(&str, &str)],
        schema: &Schema,
        mode: SinkMode,
        instance: &Instance,
    ) -> Result<Alone, ConnectorError> {
        let sink = check(url, pairs, schema, mode);
        assert!(sink.answers_queries());
        open_together(&[(&*sink, instance)]).map(Alone).map_err(|MemberError { member, error }| {
            assert_eq!(member, 0);
            error
        })
    }

    pub(crate) fn refusal(
        &self,
        pairs: &[(&str, &str)],
        schema: &Schema,
        mode: SinkMode,
        instance: &Instance,
    ) -> ConnectorError {
        self.open(pairs, schema, mode, instance).map(drop).expect_err("the sink opens")
    }

    /// A connection beside the sink's.
    pub(crate) fn connect(&self) -> mysql::Conn {
        let url = self.url(None);
        mysql::Conn::new(mysql::Opts::from_url(&url).unwrap()).unwrap()
    }

    pub(crate) fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                rusqlite::Connection::open(folder.path().join("test.db")).unwrap().execute_batch(sql).unwrap();
            }
            Self::Server { .. } => {
                let mut conn = self.connect();
                conn.query_drop(sql).unwrap();
            }
        }
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(folder.path().join("test.db")).unwrap();
                let mut statement = conn.prepare(sql).unwrap();
                let width = statement.column_count();
                let text = |value: rusqlite::types::Value| match value {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                };
                let read = |row: &rusqlite::Row<'_>| (0..width).map(|index| row.get(index).map(text)).collect();
                statement.query_map([], read).unwrap().collect::<rusqlite::Result<_>>().unwrap()
            }
            Self::Server { .. } => {
                let rows: Vec<mysql::Row> = self.connect().query(sql).unwrap();
                rows.into_iter().map(|row| row.unwrap().into_iter().map(mysql::from_value).collect()).collect()
            }
        }
    }

    pub(crate) fn quote(&self, name: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Server { .. } => format!("`{}`", name.replace('`', "``")),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Server { base, name } = self {
            let dropped =
                mysql::Conn::new(base.clone()).and_then(|mut conn| conn.query_drop(format!("DROP DATABASE {name}")));
            assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
        }
    }
}

/// A sink checked from its YAML; a `key` of several columns has commas.
pub(crate) fn check(url: &str, pairs: &[(&str, &str)], schema: &Schema, mode: SinkMode) -> Box<dyn Sink> {
    let scalar = |text: &str| Node { content: Content::Scalar(text.to_owned()), span: SPAN };
    let node = |key: &str, text: &str| match key {
        "key" => Node { content: Content::List(text.split(", ").map(scalar).collect()), span: SPAN },
        _ => scalar(text),
    };
    let pairs = std::iter::once(("url", url)).chain(pairs.iter().copied());
    let pairs = pairs.map(|(key, text)| (Spanned::new(key.to_owned(), SPAN), node(key, text))).collect();
    let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
    let node = Node { content: Content::Map(pairs), span: SPAN };
    let entry = Entry::read(&node, MySql.keys(), &variables, &mut diagnostics);
    let input = SinkInput { name: "out".into(), schema: schema.clone(), mode, order: Vec::new() };
    let sink = entry.and_then(|entry| {
        let mut context = CheckContext { folder: Path::new("/"), variables: &variables, diagnostics: &mut diagnostics };
        MySql.check(&entry, &input, &mut context)
    });
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    sink.expect("a check without errors gives a sink")
}

/// A name and a number.
pub(crate) fn names() -> Schema {
    Schema::new(vec![Column::new("name", ColumnType::String), Column::new("n", ColumnType::Int)])
}

/// A row of [`names`].
pub(crate) fn row(name: &str, n: i64, diff: i64) -> (Vec<String>, i64) {
    (vec![name.to_owned(), n.to_string()], diff)
}

/// Changes of rows that are written as text; times and dates as their numbers.
pub(crate) fn changes(schema: &Schema, rows: &[(Vec<String>, i64)]) -> Changes {
    let column = |index: usize| -> ArrayRef {
        let column_type = &schema.columns[index].column_type;
        if rows.is_empty() {
            return new_empty_array(&column_type.arrow());
        }
        let cells = rows.iter().map(|(cells, _)| Some(cells[index].as_str()).filter(|cell| *cell != "NULL"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter(cells.clone()));
        match column_type {
            ColumnType::Timestamp => cast(&cast(&texts, &DataType::Int64).unwrap(), &column_type.arrow()).unwrap(),
            ColumnType::Date => cast(&cast(&texts, &DataType::Int32).unwrap(), &DataType::Date32).unwrap(),
            ColumnType::List(_) => {
                let numbers = cells.map(|cell| {
                    let list: Vec<i64> = serde_json::from_str(cell?).unwrap();
                    Some(list.into_iter().map(Some).collect::<Vec<_>>())
                });
                Arc::new(arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(numbers))
            }
            other => cast(&texts, &other.arrow()).unwrap(),
        }
    };
    let columns: Vec<(&str, ArrayRef)> =
        schema.columns.iter().enumerate().map(|(index, it)| (it.name.as_str(), column(index))).collect();
    Changes { rows: RecordBatch::try_from_iter(columns).unwrap(), diffs: rows.iter().map(|(_, diff)| *diff).collect() }
}

/// Rows whose cells are separated by blanks.
pub(crate) fn text_rows(lines: &[&str]) -> Vec<Vec<String>> {
    lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}
