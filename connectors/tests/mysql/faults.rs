//! Faults that only a server has: broken connections, unknown outcomes of commits, locks, deadlocks, refused logins.

use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, SinkMode};
use engine::schema::{Column, ColumnType, Schema};
use mysql::prelude::Queryable;

use super::database::{APPEND, Database, Instance, UPSERT, changes, check, names, row, text_rows};
use super::proxy::{Cut, Proxy};

pub(crate) fn server_address(database: &Database) -> String {
    let Database::Server { base, .. } = database else { panic!("only a server has an address") };
    format!("{}:{}", base.get_ip_or_hostname(), base.get_tcp_port())
}

/// Waits for what another connection is about to do; bounded. InnoDB's tables of transactions are a copy that is only made anew
/// when nobody has looked for 100 ms.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(150));
    }
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn a_commit_whose_outcome_is_unknown_counts_once() {
    let database = Database::server();
    let proxy = Proxy::new(server_address(&database));
    let url = database.url(Some(proxy.port));
    let mut writer = database.open_at(&url, APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    for (epoch, cut) in
        [(1, Cut::Nowhere), (2, Cut::BeforeAnswer), (3, Cut::BeforeCommit), (4, Cut::BeforeAnswer), (5, Cut::Nowhere)]
    {
        proxy.cut_next(cut);
        let n = i64::try_from(epoch).unwrap();
        writer.commit(epoch, &changes(&names(), &[row("a", n, 1), row("b", n, 1)])).unwrap();
        assert!(proxy.has_cut(), "epoch {epoch} was not cut");
        assert_eq!(writer.epoch(), epoch);
    }
    assert_eq!(
        database.rows("SELECT n, count(*) FROM t GROUP BY n ORDER BY n"),
        text_rows(&["1 2", "2 2", "3 2", "4 2", "5 2"])
    );
    assert_eq!(database.rows("SELECT epoch FROM flowctl_sinks"), text_rows(&["5"]));
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn a_takeover_whose_outcome_is_unknown_is_one() {
    let database = Database::server();
    let proxy = Proxy::new(server_address(&database));
    let url = database.url(Some(proxy.port));
    for generation in 1..=3 {
        // An opening looks in one transaction, and takes over in another.
        proxy.cut_next(Cut::BeforeSecondAnswer);
        let instance = Instance::new("state", generation);
        let mut writer = database.open_at(&url, APPEND, &names(), SinkMode::Appends, &instance).unwrap();
        assert!(proxy.has_cut(), "start {generation} was not cut");
        writer.commit(generation, &changes(&names(), &[row("a", 1, 1)])).unwrap();
        // It has met itself there, and neither a successor nor a copy: the next start finds a lower number than its own.
        let expected = format!("{generation} {generation}");
        assert_eq!(database.rows("SELECT generation, epoch FROM flowctl_sinks"), text_rows(&[&expected]));
    }
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn killed_connections_come_back_with_their_session() {
    let database = Database::server();
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    for epoch in 1..=5 {
        let mut admin = database.connect();
        let me = admin.connection_id();
        let others = format!(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> {me} AND COMMAND = 'Sleep'"
        );
        let mut ids: Vec<u64> = Vec::new();
        wait_until("the writer's only connection", || {
            ids = admin.query(&others).unwrap();
            ids.len() == 1
        });
        admin.query_drop(format!("KILL CONNECTION {}", ids[0])).unwrap();
        writer.commit(epoch, &changes(&names(), &[row("ä", i64::try_from(epoch).unwrap(), 1)])).unwrap();
    }
    assert_eq!(
        database.rows("SELECT count(*), count(DISTINCT n) FROM t WHERE hex(name) = 'C3A4'"),
        text_rows(&["5 5"])
    );
    let grid = writer.query("SELECT @@session.time_zone, @@session.sql_mode LIKE '%STRICT_ALL_TABLES%'").unwrap();
    assert_eq!(grid.rows, [[Some("+00:00".to_owned()), Some("1".to_owned())]]);
}

/// How many transactions in this database wait for a lock.
fn lock_waits(admin: &mut mysql::Conn) -> u64 {
    let sql = "SELECT count(*) FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = \
               t.trx_mysql_thread_id WHERE p.DB = DATABASE() AND t.trx_state = 'LOCK WAIT'";
    admin.query_first(sql).unwrap().unwrap()
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn a_lock_that_times_out_leaves_no_half_epoch() {
    let database = Database::server();
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("held", 1, 1), row("gone", 1, 1)])).unwrap();
    let mut holder = database.connect();
    holder.query_drop("START TRANSACTION").unwrap();
    holder.query_drop("SELECT * FROM t WHERE name = 'held' FOR UPDATE").unwrap();
    let second = changes(&names(), &[row("gone", 1, -1), row("held", 1, -1), row("held", 2, 1)]);
    std::thread::scope(|scope| {
        let done = scope.spawn(|| writer.commit(2, &second));
        let mut admin = database.connect();
        wait_until("the wait for the lock", || lock_waits(&mut admin) == 1);
        wait_until("its timeout", || lock_waits(&mut admin) == 0);
        // The delete came before the wait: it must have been rolled back with it.
        assert_eq!(database.rows("SELECT name FROM t ORDER BY name"), text_rows(&["gone", "held"]));
        holder.query_drop("ROLLBACK").unwrap();
        done.join().unwrap().unwrap();
    });
    assert_eq!(database.rows("SELECT name, n FROM t"), text_rows(&["held 2"]));
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn a_deadlock_is_tried_again() {
    let database = Database::server();
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("held", 1, 1)])).unwrap();
    database.run("CREATE TABLE heavy (n INT) ENGINE=InnoDB");
    let mut other = database.connect();
    other.query_drop("START TRANSACTION").unwrap();
    let many = vec!["(1)"; 500].join(",");
    other.query_drop(format!("INSERT INTO heavy VALUES {many}")).unwrap();
    other.query_drop("SELECT * FROM t WHERE name = 'held' FOR UPDATE").unwrap();
    let second = changes(&names(), &[row("held", 1, -1), row("held", 2, 1)]);
    std::thread::scope(|scope| {
        let done = scope.spawn(|| writer.commit(2, &second));
        let mut admin = database.connect();
        wait_until("the wait for the lock", || lock_waits(&mut admin) == 1);
        // The writer holds the marker and waits for the row; this closes the circle, and the lighter transaction is the victim.
        other.query_drop("SELECT * FROM flowctl_sinks FOR UPDATE").unwrap();
        other.query_drop("COMMIT").unwrap();
        done.join().unwrap().unwrap();
    });
    assert_eq!(database.rows("SELECT name, n FROM t"), text_rows(&["held 2"]));
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn values_that_are_too_long_or_too_large_are_named() {
    let database = Database::server();
    database.run(
        "CREATE TABLE t (name VARCHAR(3) CHARACTER SET utf8mb4 NOT NULL, n BIGINT NOT NULL, at DATETIME(6) NULL) ENGINE=InnoDB",
    );
    let mut writer = database.open(&[("table", "t")], &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let rows = [row("abc", 1, 1), row("ok", 2, 1), row("ä much too long name", 3, 1)];
    let error = writer.commit(1, &changes(&names(), &rows)).unwrap_err().to_string();
    assert!(error.contains("column `name` has 'ä much too long name'"), "{error}");
    assert!(error.contains("(name: 'ä much too long name', n: 3)"), "{error}");
    writer.commit(2, &changes(&names(), &[row("äöü", 4, 1)])).unwrap();
    assert_eq!(database.rows("SELECT n FROM t"), text_rows(&["4"]));
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn tables_that_would_lose_or_mix_values_are_refused() {
    let database = Database::server();
    let schema = Schema::new(vec![Column::new("name", ColumnType::String), Column::new("at", ColumnType::Timestamp)]);
    database.run(
        "CREATE TABLE t (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, at DATETIME NOT NULL) ENGINE=MyISAM",
    );
    let upsert = &[("table", "t"), ("mode", "upsert"), ("key", "name")];
    let error = database.refusal(upsert, &schema, SinkMode::Changes, &Instance::new("state", 1));
    let what = error.to_string();
    for part in ["engine MyISAM", "utf8mb4_bin", "DATETIME(6) NOT NULL"] {
        assert!(what.contains(part), "{part}: {what}");
    }
    database.run(error.hint());
    database.open(upsert, &schema, SinkMode::Changes, &Instance::new("state", 1)).map(drop).expect("the hint mends it");
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn refusals_and_outages_never_show_the_password() {
    let database = Database::server();
    let Database::Server { base, .. } = &database else { unreachable!("a server was asked for") };
    let (user, address) = (base.get_user().unwrap_or_default(), server_address(&database));
    let password = base.get_pass().filter(|password| !password.is_empty()).unwrap_or("no-password-at-all");
    let stopped = Instance::new("state", 1);
    stopped.stop.set();
    let urls = [
        format!("mysql://{user}:S3CR3T-wrong@{address}/test"),
        format!("mysql://{user}:{password}@{address}/no_such_database"),
        format!("mysql://{user}:{password}@127.0.0.1:1/test"),
    ];
    for (url, part) in urls.iter().zip(["user and password", "create the database", "start the database"]) {
        let sink = check(url, APPEND, &names(), SinkMode::Appends);
        let shown = format!("{} {sink:?}", sink.describe());
        let error = database.open_at(url, APPEND, &names(), SinkMode::Appends, &stopped).map(drop).unwrap_err();
        assert!(error.hint().contains(part), "{error}: {}", error.hint());
        let all = format!("{shown} {error} {error:?} {}", error.hint());
        assert!(!all.contains("S3CR3T") && !all.contains(password), "{all}");
    }
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn an_outage_ends_with_the_run() {
    let database = Database::server();
    let proxy = Proxy::new(server_address(&database));
    let url = database.url(Some(proxy.port));
    let instance = Instance::new("state", 1);
    let mut writer = database.open_at(&url, APPEND, &names(), SinkMode::Appends, &instance).unwrap();
    proxy.cut_next(Cut::BeforeCommit);
    instance.stop.set();
    let error = writer.commit(1, &changes(&names(), &[row("a", 1, 1)])).unwrap_err();
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error}");
    assert_eq!(database.rows("SELECT count(*) FROM t"), text_rows(&["0"]));
}
