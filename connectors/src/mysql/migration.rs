//! Forward-only migrations: numbered SQL files, each run once, in order, and recorded in `flowctl_migrations`.

use std::path::Path;

use engine::connector::ConnectorError;
use refinery::{Migration, Runner, Target};
use tracing::info;

use super::connection::{Connection, whole_number};

/// The table of what has been run.
const HISTORY: &str = "flowctl_migrations";
/// How many seconds to wait for another instance that migrates the same database.
const LOCK_WAIT: u32 = 60;
/// Below every version: verifies what was run before, and runs nothing.
const NOTHING: Target = Target::FakeVersion(-1);
/// How often another instance may get in between.
const ATTEMPTS: u32 = 3;

/// Runs what has not been run yet; each file is shown before it runs.
pub(super) fn migrate(connection: &mut dyn Connection, folder: &Path, place: &str) -> Result<(), ConnectorError> {
    let migrations = load(folder)?;
    if !connection.dialect().is_server() {
        return migrate_embedded(connection, &migrations, folder, place);
    }
    // The lock ends with the connection.
    let sql = format!("SELECT GET_LOCK(CONCAT('{HISTORY}.', MD5(DATABASE())), {LOCK_WAIT})");
    let answer = connection.query(&sql, &[]).map_err(|fault| fault.into_error(place))?;
    if whole_number(answer.rows.first().and_then(|row| row.first())) != 1 {
        return Err(ConnectorError::unavailable(
            format!("another instance has been migrating {place} for {LOCK_WAIT} s"),
            "wait until it has ended, and start again",
        ));
    }
    for migration in pending(connection, &migrations).map_err(|error| refuse(&error, folder, place))? {
        let sql = show(&migration, place);
        connection.script(sql).map_err(|fault| broken(&migration, fault.into_error(place)))?;
        run(connection, &migrations, Target::FakeVersion(migration.version()))
            .map_err(|error| refuse(&error, folder, place))?;
    }
    Ok(())
}

/// SQLite takes a file and its record in one transaction; an instance that comes second finds the record, and looks again.
fn migrate_embedded(
    connection: &mut dyn Connection,
    migrations: &[Migration],
    folder: &Path,
    place: &str,
) -> Result<(), ConnectorError> {
    let mut attempt = || -> Result<(), String> {
        for migration in pending(connection, migrations)? {
            show(&migration, place);
            run(connection, migrations, Target::Version(migration.version()))?;
        }
        Ok(())
    };
    let mut outcome = attempt();
    for _ in 1..ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        outcome = attempt();
    }
    outcome.map_err(|error| refuse(&error, folder, place))
}

/// The migrations of a folder, in order.
///
/// # Errors
/// It cannot be read, or holds none, or one whose name says no version.
pub(super) fn load(folder: &Path) -> Result<Vec<Migration>, ConnectorError> {
    let unusable = |what: String| {
        ConnectorError::unusable(what, "`migrations` names a folder of files such as `V1__first_table.sql`")
    };
    let entries = std::fs::read_dir(folder)
        .map_err(|error| unusable(format!("folder of migrations {} cannot be read: {error}", folder.display())))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".sql") && Migration::unapplied(&name, "").is_err() {
            return Err(unusable(format!("migration {name} in {} is not named as migrations are", folder.display())));
        }
    }
    let migrations = refinery::load_sql_migrations(folder).map_err(|error| unusable(error.to_string()))?;
    match migrations.iter().find(|migration| migration.prefix().to_string() != "V") {
        Some(migration) => Err(unusable(format!("migration {migration} has no version: its name must begin with `V`"))),
        None if migrations.is_empty() => Err(unusable(format!("no migrations are in {}", folder.display()))),
        None => Ok(migrations),
    }
}

fn pending(connection: &mut dyn Connection, migrations: &[Migration]) -> Result<Vec<Migration>, String> {
    let applied = run(connection, migrations, NOTHING)?;
    let is_new = |migration: &&Migration| !applied.iter().any(|done| done.version() == migration.version());
    Ok(migrations.iter().filter(is_new).cloned().collect())
}

fn run(connection: &mut dyn Connection, migrations: &[Migration], target: Target) -> Result<Vec<Migration>, String> {
    let mut runner = Runner::new(migrations).set_grouped(true).set_target(target);
    runner.set_migration_table_name(HISTORY);
    connection.migrate(&runner)
}

fn show<'a>(migration: &'a Migration, place: &str) -> &'a str {
    let sql = migration.sql().unwrap_or_default();
    info!("migration {migration} runs on {place}:\n{}", sql.trim_end());
    sql
}

fn refuse(error: &str, folder: &Path, place: &str) -> ConnectorError {
    let hint = "files that were run must stay as they are; write a further one with a higher number";
    ConnectorError::refused(format!("migrations {} on {place}: {error}", folder.display()), hint)
}

fn broken(migration: &Migration, error: ConnectorError) -> ConnectorError {
    ConnectorError::refused(
        format!("migration {migration} has failed: {error}"),
        "MySQL keeps the statements before the one that failed: undo them by hand, correct the file, and start again",
    )
}
