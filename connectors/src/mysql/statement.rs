//! The SQL text of writing to one table, for every dialect.

use super::dialect::Dialect;
use super::name::TableName;

/// `INSERT INTO t (…) VALUES (…), …` with parameters for `rows` rows.
pub(super) fn insert(dialect: Dialect, table: &TableName, columns: &[&str], rows: usize) -> String {
    let mut sql =
        format!("INSERT INTO {} ({}) VALUES ", table.quoted(dialect), dialect.quote_all(columns.iter().copied()));
    push_repeated(&mut sql, &tuple(columns.len()), ", ", rows);
    sql
}

/// As [`insert`], but rows whose key is there take the place of the old ones.
///
/// `VALUES(col)` is what both MySQL and MariaDB understand; MySQL's newer row alias is unknown to MariaDB.
pub(super) fn upsert(dialect: Dialect, table: &TableName, columns: &[&str], key: &[&str], rows: usize) -> String {
    let mut sql = insert(dialect, table, columns, rows);
    let rest: Vec<&str> = columns.iter().copied().filter(|column| !key.contains(column)).collect();
    let assign = |column: &str| match dialect {
        Dialect::Sqlite => format!("{0} = excluded.{0}", dialect.quote(column)),
        Dialect::MySql { .. } | Dialect::MariaDb => format!("{0} = VALUES({0})", dialect.quote(column)),
    };
    // A key without further columns: there is nothing to change, yet the row must not count as a duplicate.
    let assigned: Vec<String> =
        if rest.is_empty() { key[..1].to_vec() } else { rest }.into_iter().map(assign).collect();
    match dialect {
        Dialect::Sqlite => {
            sql.push_str(&format!(" ON CONFLICT ({}) DO UPDATE SET ", dialect.quote_all(key.iter().copied())));
        }
        Dialect::MySql { .. } | Dialect::MariaDb => sql.push_str(" ON DUPLICATE KEY UPDATE "),
    }
    sql.push_str(&assigned.join(", "));
    sql
}

/// `DELETE FROM t WHERE …` with parameters for the keys of `rows` rows.
///
/// For a key of several columns each database has one form that uses its index: SQLite's is a list of row values (a chain of
/// `OR` is too deep for it), the servers' is a chain of `OR`.
pub(super) fn delete(dialect: Dialect, table: &TableName, key: &[&str], rows: usize) -> String {
    let mut sql = format!("DELETE FROM {} WHERE ", table.quoted(dialect));
    match (key, dialect) {
        ([column], _) => {
            sql.push_str(&format!("{} IN (", dialect.quote(column)));
            push_repeated(&mut sql, "?", ", ", rows);
            sql.push(')');
        }
        (_, Dialect::Sqlite) => {
            sql.push_str(&format!("({}) IN (VALUES ", dialect.quote_all(key.iter().copied())));
            push_repeated(&mut sql, &tuple(key.len()), ", ", rows);
            sql.push(')');
        }
        (_, Dialect::MySql { .. } | Dialect::MariaDb) => {
            let equal: Vec<String> = key.iter().map(|column| format!("{} = ?", dialect.quote(column))).collect();
            push_repeated(&mut sql, &format!("({})", equal.join(" AND ")), " OR ", rows);
        }
    }
    sql
}

fn tuple(columns: usize) -> String {
    let mut text = String::from("(");
    push_repeated(&mut text, "?", ", ", columns);
    text.push(')');
    text
}

fn push_repeated(sql: &mut String, part: &str, between: &str, times: usize) {
    sql.reserve((part.len() + between.len()) * times);
    for index in 0..times {
        if index > 0 {
            sql.push_str(between);
        }
        sql.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t() -> TableName {
        TableName { database: None, table: "t".into() }
    }

    #[test]
    fn inserts_many_rows_at_once() {
        assert_eq!(insert(Dialect::MariaDb, &t(), &["a", "b"], 2), "INSERT INTO `t` (`a`, `b`) VALUES (?, ?), (?, ?)");
        assert_eq!(insert(Dialect::Sqlite, &t(), &["a"], 1), "INSERT INTO \"t\" (\"a\") VALUES (?)");
    }

    #[test]
    fn upserts_replace_what_is_not_key() {
        assert_eq!(
            upsert(Dialect::MySql { nopad: true }, &t(), &["k", "v"], &["k"], 1),
            "INSERT INTO `t` (`k`, `v`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `v` = VALUES(`v`)"
        );
        assert_eq!(
            upsert(Dialect::Sqlite, &t(), &["k", "v"], &["k"], 1),
            "INSERT INTO \"t\" (\"k\", \"v\") VALUES (?, ?) ON CONFLICT (\"k\") DO UPDATE SET \"v\" = excluded.\"v\""
        );
    }

    #[test]
    fn a_row_that_is_all_key_still_upserts() {
        let sql = upsert(Dialect::MariaDb, &t(), &["k"], &["k"], 1);
        assert!(sql.ends_with("ON DUPLICATE KEY UPDATE `k` = VALUES(`k`)"), "{sql}");
    }

    #[test]
    fn deletes_use_the_form_that_the_index_serves() {
        assert_eq!(delete(Dialect::MariaDb, &t(), &["k"], 3), "DELETE FROM `t` WHERE `k` IN (?, ?, ?)");
        assert_eq!(
            delete(Dialect::MariaDb, &t(), &["a", "b"], 2),
            "DELETE FROM `t` WHERE (`a` = ? AND `b` = ?) OR (`a` = ? AND `b` = ?)"
        );
        assert_eq!(
            delete(Dialect::Sqlite, &t(), &["a", "b"], 2),
            "DELETE FROM \"t\" WHERE (\"a\", \"b\") IN (VALUES (?, ?), (?, ?))"
        );
    }
}
