//! What the databases write differently: names, column types, locks, upserts.

use engine::schema::ColumnType;

/// A database's way of writing SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Oracle's server; `nopad` if it is new enough (8.0.17) for `utf8mb4_0900_bin`.
    MySql {
        /// Whether a binary collation without padding exists.
        nopad: bool,
    },
    /// MariaDB.
    MariaDb,
    /// The embedded stand-in.
    Sqlite,
}

impl Dialect {
    /// The dialect of the server that reports this version, as `8.0.36` or `10.11.6-MariaDB-0+deb12u1`.
    pub(super) fn of_version(version: &str) -> Self {
        if version.contains("MariaDB") {
            return Self::MariaDb;
        }
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self::MySql { nopad: (next(), next(), next()) >= (8, 0, 17) }
    }

    /// Whether this is a server rather than a file.
    pub(super) fn is_server(self) -> bool {
        self != Self::Sqlite
    }

    /// A name in this dialect's quotes, with quotes inside it doubled.
    pub(super) fn quote(self, name: &str) -> String {
        match self {
            Self::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::MySql { .. } | Self::MariaDb => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// Names in quotes, with commas between them.
    pub(super) fn quote_all<'a>(self, names: impl IntoIterator<Item = &'a str>) -> String {
        names.into_iter().map(|name| self.quote(name)).collect::<Vec<_>>().join(", ")
    }

    /// What makes a `SELECT` lock what it reads. SQLite's `BEGIN IMMEDIATE` has already locked everything.
    pub(super) fn for_update(self) -> &'static str {
        if self.is_server() { " FOR UPDATE" } else { "" }
    }

    /// The collation in which two texts are equal only if their bytes are: no case folding, no accents, no padding.
    pub(super) fn exact_collation(self) -> Option<&'static str> {
        match self {
            Self::MariaDb => Some("utf8mb4_nopad_bin"),
            Self::MySql { nopad: true } => Some("utf8mb4_0900_bin"),
            Self::MySql { nopad: false } | Self::Sqlite => None,
        }
    }

    /// The type of a new column that holds every value of `column_type`.
    pub(super) fn column_type(self, column_type: &ColumnType) -> String {
        match (self, column_type) {
            (Self::Sqlite, ColumnType::String | ColumnType::Json | ColumnType::List(_) | ColumnType::Decimal(..)) => {
                "TEXT".into()
            }
            (_, ColumnType::String) => self.text_type("LONGTEXT"),
            (_, ColumnType::Int) => "BIGINT".into(),
            (_, ColumnType::Float) => "DOUBLE".into(),
            (_, ColumnType::Decimal(precision, scale)) => format!("DECIMAL({precision},{scale})"),
            (_, ColumnType::Bool) => "BOOLEAN".into(),
            (_, ColumnType::Timestamp) => "DATETIME(6)".into(),
            (_, ColumnType::Date) => "DATE".into(),
            (_, ColumnType::Json) => self.text_type("LONGTEXT"),
            (_, ColumnType::List(_)) => "JSON".into(),
        }
    }

    /// The type of a new column that is one of `texts` text columns of a key: long enough to be useful, short enough for an
    /// InnoDB index (3072 bytes, four a character).
    pub(super) fn key_type(self, column_type: &ColumnType, texts: usize) -> String {
        match (self, column_type) {
            (Self::MySql { nopad: false }, ColumnType::String) => format!("VARBINARY({})", 3000 / texts.max(3)),
            (Self::MySql { .. } | Self::MariaDb, ColumnType::String) => {
                self.text_type(&format!("VARCHAR({})", (750 / texts.max(1)).min(255)))
            }
            _ => self.column_type(column_type),
        }
    }

    fn text_type(self, base: &str) -> String {
        let collation = self.exact_collation().unwrap_or("utf8mb4_bin");
        format!("{base} CHARACTER SET utf8mb4 COLLATE {collation}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_version() {
        assert_eq!(Dialect::of_version("10.11.6-MariaDB-0+deb12u1"), Dialect::MariaDb);
        assert_eq!(Dialect::of_version("8.0.16"), Dialect::MySql { nopad: false });
        assert_eq!(Dialect::of_version("8.0.36-0ubuntu0.22.04.1"), Dialect::MySql { nopad: true });
        assert_eq!(Dialect::of_version("9.1.0"), Dialect::MySql { nopad: true });
        assert_eq!(Dialect::of_version(""), Dialect::MySql { nopad: false });
    }

    #[test]
    fn quotes_inside_names_are_doubled() {
        assert_eq!(Dialect::MariaDb.quote("x`; DROP TABLE y;--"), "`x``; DROP TABLE y;--`");
        assert_eq!(Dialect::Sqlite.quote("x\"y"), "\"x\"\"y\"");
    }

    #[test]
    fn key_texts_fit_into_an_index() {
        for texts in 1..10 {
            let text = Dialect::MariaDb.key_type(&ColumnType::String, texts);
            let length: usize = text["VARCHAR(".len()..text.find(')').unwrap()].parse().unwrap();
            assert!(length * 4 * texts <= 3072, "{text}");
        }
    }
}
