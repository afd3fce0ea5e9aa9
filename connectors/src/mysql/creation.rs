//! The SQL text that makes a table for a schema.

use engine::schema::{Column, ColumnType, Schema};

use super::dialect::Dialect;
use super::name::TableName;

/// `CREATE TABLE` for `schema`, with `key` as its primary key if there is one.
pub(super) fn create_table(dialect: Dialect, table: &TableName, schema: &Schema, key: &[String]) -> String {
    let texts = key_texts(schema, key);
    let mut parts: Vec<String> =
        schema.columns.iter().map(|column| format!("  {}", definition(dialect, column, key, texts))).collect();
    if !key.is_empty() {
        parts.push(format!("  PRIMARY KEY ({})", dialect.quote_all(key.iter().map(String::as_str))));
    }
    let tail = if dialect.is_server() { " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" } else { "" };
    format!("CREATE TABLE {} (\n{}\n){tail}", table.quoted(dialect), parts.join(",\n"))
}

/// A column's name and type as a definition in `CREATE TABLE` and `ALTER TABLE` has them.
pub(super) fn definition(dialect: Dialect, column: &Column, key: &[String], texts: usize) -> String {
    let null = if column.nullable { "NULL" } else { "NOT NULL" };
    format!("{} {} {null}", dialect.quote(&column.name), wanted_type(dialect, column, key, texts))
}

/// The type that a column would get.
pub(super) fn wanted_type(dialect: Dialect, column: &Column, key: &[String], texts: usize) -> String {
    if key.contains(&column.name) {
        dialect.key_type(&column.column_type, texts)
    } else {
        dialect.column_type(&column.column_type)
    }
}

/// How many columns of the key are text.
pub(super) fn key_texts(schema: &Schema, key: &[String]) -> usize {
    let is_text = |column: &&Column| key.contains(&column.name) && column.column_type == ColumnType::String;
    schema.columns.iter().filter(is_text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName { database: None, table: "t".into() }
    }

    fn schema() -> Schema {
        Schema::new(vec![
            Column::new("user", ColumnType::String),
            Column::nullable("price", ColumnType::Decimal(10, 2)),
            Column::new("seen", ColumnType::Timestamp),
        ])
    }

    #[test]
    fn servers_get_exact_keys_and_wide_types() {
        assert_eq!(
            create_table(Dialect::MariaDb, &table(), &schema(), &["user".into()]),
            "CREATE TABLE `t` (\n  `user` VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,\n  `price` \
             DECIMAL(10,2) NULL,\n  `seen` DATETIME(6) NOT NULL,\n  PRIMARY KEY (`user`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        );
    }

    #[test]
    fn sqlite_keeps_decimals_as_text() {
        assert_eq!(
            create_table(Dialect::Sqlite, &table(), &schema(), &[]),
            "CREATE TABLE \"t\" (\n  \"user\" TEXT NOT NULL,\n  \"price\" TEXT NULL,\n  \"seen\" DATETIME(6) NOT NULL\n)"
        );
    }
}
