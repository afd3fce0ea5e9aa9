//! The full name of a table: connections are shared by tables of several databases, so no statement relies on a current one.

use super::dialect::Dialect;

/// A table and the database that it is in. Their order is that in which transactions lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableName {
    /// The database within the server; none in a file, which is one database.
    pub database: Option<String>,
    /// The table within the database.
    pub table: String,
}

impl TableName {
    /// Another table of the same database.
    pub(super) fn beside(&self, table: &str) -> Self {
        Self { database: self.database.clone(), table: table.to_owned() }
    }

    /// As it stands in statements.
    pub(super) fn quoted(&self, dialect: Dialect) -> String {
        let table = dialect.quote(&self.table);
        match &self.database {
            Some(database) => format!("{}.{table}", dialect.quote(database)),
            None => table,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_quoted_apart() {
        let name = TableName { database: Some("a.b".into()), table: "c`d".into() };
        assert_eq!(name.quoted(Dialect::MariaDb), "`a.b`.`c``d`");
        assert_eq!(name.beside("t").quoted(Dialect::MariaDb), "`a.b`.`t`");
        assert_eq!(TableName { database: None, table: "t".into() }.quoted(Dialect::Sqlite), "\"t\"");
    }
}
