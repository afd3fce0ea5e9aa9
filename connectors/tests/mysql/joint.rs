//! Several tables, also of several databases, that are one domain: each epoch is in all of them or in none.

use engine::connector::{ConnectorError, Mark, MemberChanges, MemberError, Sink, SinkMode, Writer};

use super::database::{Database, Instance, changes, check, digest, marks, names, open_together, row};

on_each_database! {
    what_each_table_holds_comes_back,
    a_table_that_joins_later_catches_up,
    a_zombie_writes_to_none,
    a_table_taken_by_another_stops_the_epoch_in_all,
    a_table_that_has_gone_back_stops_the_epoch_in_all,
    a_refusal_names_its_table_and_fences_nobody,
    two_sinks_do_not_share_a_table,
    a_table_that_has_gone_is_noticed_before_migrations_make_it_anew,
}

/// An upserted table; through a port of a proxy, if one is given.
pub(crate) fn table(database: &Database, name: &str, port: Option<u16>) -> Box<dyn Sink> {
    let pairs = [("table", name), ("create", "true"), ("mode", "upsert"), ("key", "name")];
    check(&database.url(port), &pairs, &names(), SinkMode::Changes)
}

/// What is opened together: each sink with its name.
struct Tables {
    sinks: Vec<(&'static str, Box<dyn Sink>)>,
    /// The second database of a server.
    _other: Option<Database>,
}

impl Tables {
    /// Three tables: on a server two of them have the same name, in two databases.
    fn three(database: &Database) -> Self {
        let other = database.is_server().then(Database::server);
        let second = match &other {
            Some(other) => table(other, "t", None),
            None => table(database, "v", None),
        };
        let sinks = vec![("a", table(database, "t", None)), ("b", second), ("c", table(database, "u", None))];
        Self { sinks, _other: other }
    }

    fn open(&self, names: &[&str], generation: u64) -> Result<Box<dyn Writer>, MemberError> {
        let chosen: Vec<_> = self.sinks.iter().filter(|(name, _)| names.contains(name)).collect();
        let instance = |name: &str| Instance { sink: name.to_owned(), ..Instance::new("state", generation) };
        let instances: Vec<Instance> = chosen.iter().map(|(name, _)| instance(name)).collect();
        let members = chosen.iter().zip(&instances).map(|((_, sink), instance)| (&**sink, instance));
        open_together(&members.collect::<Vec<_>>())
    }
}

/// In each of these members, the total becomes the epoch.
pub(crate) fn step(epoch: u64, members: &[usize]) -> Vec<MemberChanges> {
    let n = i64::try_from(epoch).unwrap();
    let rows = [row("total", n - 1, -1), row("total", n, 1)];
    let change = |member: &usize| MemberChanges {
        member: *member,
        changes: changes(&names(), &rows),
        digest: digest(epoch * 10 + *member as u64),
    };
    members.iter().map(change).collect()
}

pub(crate) fn mark(epoch: u64, member: u64) -> Mark {
    Mark { epoch, digest: digest(epoch * 10 + member) }
}

/// The total that each member's own database answers.
fn held(writer: &mut dyn Writer) -> Vec<String> {
    let tables = ["t", "v", "u"];
    let members = writer.committed().len();
    let total = |(member, table): (usize, &&str)| {
        let grid = writer.query(member, &format!("SELECT max(n) FROM {table}"));
        // The second table of a server has the name of the first.
        let grid = if member == 1 && grid.is_err() { writer.query(member, "SELECT max(n) FROM t") } else { grid };
        grid.unwrap().rows[0][0].clone().unwrap_or_default()
    };
    tables.iter().take(members).enumerate().map(total).collect()
}

fn is_fenced(outcome: Result<(), MemberError>) -> Option<usize> {
    match outcome {
        Err(MemberError { member, error: ConnectorError::Fenced { .. } }) => Some(member),
        _ => None,
    }
}

fn what_each_table_holds_comes_back(database: &Database) {
    let tables = Tables::three(database);
    let all = ["a", "b", "c"];
    let mut writer = tables.open(&all, 1).unwrap();
    assert_eq!(marks(&*writer), [Mark::default(); 3]);
    writer.commit(1, &step(1, &[0, 1, 2])).unwrap();
    writer.commit(2, &step(2, &[0, 2])).unwrap();
    let wanted = [mark(2, 0), mark(1, 1), mark(2, 2)];
    assert_eq!(marks(&*writer), wanted);
    assert_eq!(held(&mut *writer), ["2", "1", "2"]);
    drop(writer);
    let mut writer = tables.open(&all, 2).unwrap();
    assert_eq!(marks(&*writer), wanted);
    // Epochs that a table holds are not written again, those that it lacks are.
    writer.commit(2, &step(2, &[0, 1, 2])).unwrap();
    assert_eq!(marks(&*writer), [mark(2, 0), mark(2, 1), mark(2, 2)]);
    assert_eq!(held(&mut *writer), ["2", "2", "2"]);
}

fn a_table_that_joins_later_catches_up(database: &Database) {
    let tables = Tables::three(database);
    let mut writer = tables.open(&["a", "b"], 1).unwrap();
    writer.commit(5, &step(5, &[0, 1])).unwrap();
    drop(writer);
    let mut writer = tables.open(&["a", "b", "c"], 2).unwrap();
    assert_eq!(marks(&*writer), [mark(5, 0), mark(5, 1), Mark::default()]);
    writer.commit(3, &step(3, &[2])).unwrap();
    assert_eq!(marks(&*writer), [mark(5, 0), mark(5, 1), mark(3, 2)]);
    writer.commit(6, &step(6, &[0, 1, 2])).unwrap();
    assert_eq!(held(&mut *writer), ["6", "6", "6"]);
}

fn a_zombie_writes_to_none(database: &Database) {
    let tables = Tables::three(database);
    let all = ["a", "b", "c"];
    let mut old = tables.open(&all, 1).unwrap();
    old.commit(1, &step(1, &[0, 1, 2])).unwrap();
    let mut new = tables.open(&all, 2).unwrap();
    for members in [&[0][..], &[1], &[2], &[1, 2], &[0, 1, 2]] {
        assert!(is_fenced(old.commit(2, &step(2, members))).is_some(), "{members:?}");
    }
    assert_eq!(held(&mut *new), ["1", "1", "1"]);
    new.commit(2, &step(2, &[0, 1, 2])).unwrap();
    assert_eq!(held(&mut *new), ["2", "2", "2"]);
}

fn a_table_taken_by_another_stops_the_epoch_in_all(database: &Database) {
    let tables = Tables::three(database);
    let mut old = tables.open(&["a", "b", "c"], 1).unwrap();
    old.commit(1, &step(1, &[0, 1, 2])).unwrap();
    for (place, name) in ["a", "b", "c"].into_iter().enumerate() {
        let before = 1 + 3 * place as u64;
        let new = tables.open(&[name], before + 1).unwrap();
        assert_eq!(marks(&*new), [mark(1, place as u64)]);
        let mut old = tables.open(&["a", "b", "c"], before + 2).unwrap();
        let newer = tables.open(&[name], before + 3).unwrap();
        assert_eq!(is_fenced(old.commit(2, &step(2, &[0, 1, 2]))), Some(place));
        drop(newer);
        assert_eq!(held(&mut *old), ["1", "1", "1"], "{name}");
    }
    assert_eq!(is_fenced(old.commit(2, &step(2, &[0]))), Some(0));
}

fn a_table_that_has_gone_back_stops_the_epoch_in_all(database: &Database) {
    let tables = Tables::three(database);
    let mut writer = tables.open(&["a", "b", "c"], 1).unwrap();
    writer.commit(1, &step(1, &[0, 1, 2])).unwrap();
    writer.commit(2, &step(2, &[0, 1, 2])).unwrap();
    database.run("UPDATE flowctl_sinks SET epoch = 1 WHERE table_name = 'u'");
    assert_eq!(is_fenced(writer.commit(3, &step(3, &[0, 1, 2]))), Some(2));
    assert_eq!(held(&mut *writer), ["2", "2", "2"]);
}

fn a_refusal_names_its_table_and_fences_nobody(database: &Database) {
    let tables = Tables::three(database);
    let mut writer = tables.open(&["a", "b", "c"], 1).unwrap();
    writer.commit(1, &step(1, &[0, 1, 2])).unwrap();
    let sinks = [("a", &tables.sinks[0].1), ("b", &tables.sinks[1].1), ("c", &tables.sinks[2].1)];
    for foreign in 0..3 {
        let instance = |place: usize, name: &str| {
            let state = if place == foreign { "fresh" } else { "state" };
            Instance { sink: name.to_owned(), ..Instance::new(state, 2) }
        };
        let instances: Vec<_> = sinks.iter().enumerate().map(|(place, (name, _))| instance(place, name)).collect();
        let members: Vec<_> = sinks.iter().zip(&instances).map(|((_, sink), instance)| (&***sink, instance)).collect();
        let refused = open_together(&members).map(drop).unwrap_err();
        assert!(matches!(refused.error, ConnectorError::Diverged { .. }), "{refused:?}");
        assert_eq!(refused.member, foreign);
    }
    writer.commit(2, &step(2, &[0, 1, 2])).expect("nobody is fenced by who is refused");
    // A row that cannot be stored is its member's fault, and the others' rows go with it.
    let mut changed = step(3, &[0, 1]);
    changed[1].changes = changes(&names(), &[row("x", 1, 1), row("x", 2, 1)]);
    let error = writer.commit(3, &changed).unwrap_err();
    assert!(error.member == 1 && error.error.to_string().contains("two rows of one key"), "{error:?}");
    assert_eq!(held(&mut *writer), ["2", "2", "2"]);
}

fn two_sinks_do_not_share_a_table(database: &Database) {
    let (first, second) = (table(database, "t", None), table(database, "t", None));
    let (a, b) = (Instance::new("state", 1), Instance { sink: "second".into(), ..Instance::new("state", 1) });
    let refused = open_together(&[(&*first, &a), (&*second, &b)]).map(drop).unwrap_err();
    assert!(refused.member == 1 && refused.error.to_string().contains("by sink `out`"), "{refused:?}");
}

fn a_table_that_has_gone_is_noticed_before_migrations_make_it_anew(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let columns = "(name VARCHAR(20) /*! CHARACTER SET utf8mb4 */ NOT NULL, n BIGINT NOT NULL)";
    let sql = format!("CREATE TABLE t {columns}; CREATE TABLE u {columns};");
    std::fs::write(folder.path().join("V1__both.sql"), sql).unwrap();
    let path = folder.path().display().to_string();
    let sink = |name: &str| {
        check(&database.url(None), &[("table", name), ("migrations", path.as_str())], &names(), SinkMode::Appends)
    };
    let (t, u) = (sink("t"), sink("u"));
    let instance = |name: &str, generation| Instance { sink: name.into(), ..Instance::new("state", generation) };
    let (a, b) = (instance("a", 1), instance("b", 1));
    let mut writer = open_together(&[(&*t, &a), (&*u, &b)]).unwrap();
    let rows = changes(&names(), &[row("x", 1, 1)]);
    writer.commit(4, &[MemberChanges { member: 1, changes: rows, digest: digest(4) }]).unwrap();
    drop(writer);
    database.run("DROP TABLE t");
    database.run("DROP TABLE u");
    database.run("DROP TABLE flowctl_migrations");
    let (a, b) = (instance("a", 2), instance("b", 2));
    let refused = open_together(&[(&*t, &a), (&*u, &b)]).map(drop).unwrap_err();
    assert!(refused.member == 1 && refused.error.to_string().contains("is gone from"), "{refused:?}");
}
