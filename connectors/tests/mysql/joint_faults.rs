//! Tables of two databases of one server, while its connections break and others look on.

use engine::connector::SinkMode;
use mysql::prelude::Queryable;

use super::database::{Database, Ended, Instance, check, marks, names, open_together, text_rows};
use super::faults::{server_address, wait_until};
use super::joint::{mark, step, table};
use super::proxy::{Cut, Proxy};

/// Looks at three tables again and again, each time within one snapshot: all of them, and their markers, are at one epoch. Says at how many
/// epochs they were seen.
fn watch(database: &Database, other: &Database, ended: &Ended) -> usize {
    let (Database::Server { name: here, .. }, Database::Server { name: there, .. }) = (database, other) else {
        panic!("only a server has two databases")
    };
    let sql = format!(
        "SELECT (SELECT max(n) FROM {here}.t), (SELECT max(n) FROM {there}.t), (SELECT max(n) FROM {here}.u), (SELECT min(epoch) FROM \
         {here}.flowctl_sinks), (SELECT max(epoch) FROM {here}.flowctl_sinks), (SELECT max(epoch) FROM {there}.flowctl_sinks)"
    );
    let mut conn = database.connect();
    let mut seen = std::collections::BTreeSet::new();
    while !ended.is_set() {
        let row: mysql::Row = conn.query_first(&sql).unwrap().unwrap();
        let values: Vec<Option<u64>> = row.unwrap().into_iter().map(mysql::from_value).collect();
        assert!(values.iter().all(|value| *value == values[0]), "torn: {values:?}");
        seen.insert(values[0]);
    }
    seen.len()
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn wherever_the_connection_breaks_no_reader_sees_half_an_epoch() {
    let (database, other) = (Database::server(), Database::server());
    let proxy = Proxy::new(server_address(&database));
    let port = Some(proxy.port);
    let sinks = [table(&database, "t", port), table(&other, "t", port), table(&database, "u", port)];
    let instances = ["a", "b", "c"].map(|name| Instance { sink: name.into(), ..Instance::new("state", 1) });
    let members: Vec<_> = sinks.iter().zip(&instances).map(|(sink, instance)| (&**sink, instance)).collect();
    let mut writer = open_together(&members).unwrap();
    writer.commit(1, &step(1, &[0, 1, 2])).unwrap();

    let ended = Ended::default();
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&database, &other, &ended));
        let end = ended.later();
        let mut epoch = 1;
        let mut commit = |cut: Cut| {
            epoch += 1;
            proxy.cut_next(cut);
            writer.commit(epoch, &step(epoch, &[0, 1, 2])).unwrap();
            assert_eq!(marks(&*writer), [mark(epoch, 0), mark(epoch, 1), mark(epoch, 2)]);
            proxy.has_cut()
        };
        let mut packets = 0;
        while commit(Cut::AfterPackets(packets)) {
            packets += 1;
        }
        // Beginning, three markers, three tables with deletes or upserts, commit.
        assert!(packets >= 8, "only {packets} packets");
        for _ in 0..3 {
            assert!(commit(Cut::BeforeAnswer));
            assert!(commit(Cut::BeforeCommit));
            assert!(commit(Cut::Nowhere));
        }
        drop(end);
        let seen = watching.join().unwrap();
        assert!(seen >= 5, "the reader saw only {seen} epochs");
        let total = text_rows(&[&format!("total {epoch}")]);
        for (database, name) in [(&database, "t"), (&other, "t"), (&database, "u")] {
            assert_eq!(database.rows(&format!("SELECT name, n FROM {name}")), total);
        }
    });
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn markers_are_locked_in_the_order_of_their_names() {
    let database = Database::server();
    let sinks = ["t", "u"].map(|name| table(&database, name, None));
    let instances = ["a", "b"].map(|name| Instance { sink: name.into(), ..Instance::new("state", 1) });
    let mut writer = open_together(&[(&*sinks[1], &instances[1]), (&*sinks[0], &instances[0])]).unwrap();
    writer.commit(1, &step(1, &[0, 1])).unwrap();
    std::thread::scope(|scope| {
        // It lets go also when this fails.
        let mut holder = database.connect();
        holder.query_drop("START TRANSACTION").unwrap();
        holder.query_drop("SELECT * FROM flowctl_sinks WHERE table_name = 'u' FOR UPDATE").unwrap();
        let done = scope.spawn(|| writer.commit(2, &step(2, &[0, 1])));
        let mut other = database.connect();
        wait_until("the lock of the first while the second is held", || {
            let first = "SELECT * FROM flowctl_sinks WHERE table_name = 't' FOR UPDATE NOWAIT";
            matches!(other.query_drop(first), Err(mysql::Error::MySqlError(error)) if [1205, 3572].contains(&error.code))
        });
        holder.query_drop("ROLLBACK").unwrap();
        done.join().unwrap().unwrap();
    });
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn a_database_that_is_missing_is_its_members_fault() {
    let database = Database::server();
    let url = database.url(None);
    let elsewhere = format!("{}/no_such_database", url.rsplit_once('/').unwrap().0);
    let pairs = [("table", "t"), ("create", "true")];
    let sinks = [url, elsewhere].map(|url| check(&url, &pairs, &names(), SinkMode::Appends));
    let instance = Instance::new("state", 1);
    let refused = open_together(&[(&*sinks[0], &instance), (&*sinks[1], &instance)]).map(drop).unwrap_err();
    assert!(refused.member == 1 && refused.error.to_string().contains("no_such_database"), "{refused:?}");
    assert!(refused.error.hint().contains("create the database"), "{refused:?}");
}
