//! Whether a table can hold the rows of a schema, exactly; and if not, a table of what differs.

use engine::connector::ConnectorError;
use engine::schema::{Column, ColumnType, Schema};

use super::creation::{create_table, definition, key_texts};
use super::dialect::Dialect;
use super::key_fit;
use super::layout::{ColumnLayout, TableLayout};
use super::name::TableName;

/// The most digits that SQLite keeps of a number that is not a whole one.
const SQLITE_DIGITS: u8 = 15;

/// What a table is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The database's dialect.
    pub dialect: Dialect,
    /// The table's name.
    pub table: &'a TableName,
    /// The rows.
    pub schema: &'a Schema,
    /// The key's columns; none for appending.
    pub key: &'a [String],
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// A column, or the table itself.
    pub subject: String,
    /// What is there.
    pub has: String,
    /// What would fit.
    pub needs: String,
    /// The statement that mends it on a server.
    pub remedy: Option<String>,
}

impl Wanted<'_> {
    /// The definition that a column would get.
    pub(super) fn definition(&self, column: &Column) -> String {
        definition(self.dialect, column, self.key, key_texts(self.schema, self.key))
    }

    /// `ALTER TABLE t`, in this dialect's quotes.
    pub(super) fn alter(&self) -> String {
        format!("ALTER TABLE {}", self.table.quoted(self.dialect))
    }

    fn needs(&self, column: &Column) -> String {
        let definition = self.definition(column);
        definition[self.dialect.quote(&column.name).len()..].trim_start().to_owned()
    }
}

/// Everything that does not fit.
pub(super) fn differences(wanted: Wanted<'_>, layout: &TableLayout) -> Vec<Difference> {
    let mut found = Vec::new();
    if layout.kind != "BASE TABLE" && layout.kind != "SYSTEM VERSIONED" {
        found.push(of_table(layout.kind.to_lowercase(), "a table".into(), None));
        return found;
    }
    if let Some(engine) = layout.engine.as_ref().filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
        let remedy = format!("{} ENGINE=InnoDB", wanted.alter());
        found.push(of_table(format!("engine {engine}"), "engine InnoDB (transactions)".into(), Some(remedy)));
    }
    for trigger in &layout.triggers {
        let drop = format!("DROP TRIGGER {}", wanted.table.beside(trigger).quoted(wanted.dialect));
        found.push(of_table(
            format!("trigger {trigger}"),
            "no triggers: rows stay as they are written".into(),
            Some(drop),
        ));
    }
    for column in &wanted.schema.columns {
        found.extend(column_difference(wanted, column, find(layout, &column.name)));
    }
    for extra in layout.columns.iter().filter(|extra| !extra.fills_itself) {
        if !wanted.schema.columns.iter().any(|column| same_name(&column.name, &extra.name)) {
            found.push(Difference {
                subject: extra.name.clone(),
                has: format!("{} NOT NULL, no default", extra.declared),
                needs: "a default, NULL, or to go: the pipeline has no such column".into(),
                remedy: Some(format!(
                    "{} MODIFY COLUMN {} {} NULL",
                    wanted.alter(),
                    wanted.dialect.quote(&extra.name),
                    extra.declared
                )),
            });
        }
    }
    if !wanted.key.is_empty() {
        found.extend(key_fit::differences(wanted, layout));
    }
    found
}

/// The column of this name.
pub(super) fn find<'a>(layout: &'a TableLayout, name: &str) -> Option<&'a ColumnLayout> {
    layout.columns.iter().find(|column| same_name(&column.name, name))
}

/// Databases compare names of columns without regard to case.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// A difference of the table as a whole.
pub(super) fn of_table(has: String, needs: String, remedy: Option<String>) -> Difference {
    Difference { subject: "(table)".into(), has, needs, remedy }
}

fn column_difference(wanted: Wanted<'_>, column: &Column, found: Option<&ColumnLayout>) -> Option<Difference> {
    let (has, verb) = match found {
        None => ("(missing)".to_owned(), "ADD COLUMN"),
        Some(found) => {
            let fits = !found.generated && type_fits(wanted.dialect, found, &column.column_type);
            if fits && (found.nullable || !column.nullable) {
                return None;
            }
            let generated = if found.generated { " GENERATED" } else { "" };
            let null = if found.nullable { "NULL" } else { "NOT NULL" };
            let set = found.character_set.as_deref().map(|set| format!(" {set}")).unwrap_or_default();
            (format!("{}{set}{generated} {null}", found.declared), "MODIFY COLUMN")
        }
    };
    let remedy = Some(format!("{} {verb} {}", wanted.alter(), wanted.definition(column)));
    Some(Difference { subject: column.name.clone(), has, needs: wanted.needs(column), remedy })
}

/// A type's name, its arguments, and what follows: `decimal(10,2) unsigned`.
fn parts(declared: &str) -> (&str, Vec<u32>, &str) {
    let name_end = declared.find(['(', ' ']).unwrap_or(declared.len());
    let (name, rest) = declared.split_at(name_end);
    match rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((arguments, tail)) => {
            (name, arguments.split(',').map(|number| number.trim().parse().unwrap_or(0)).collect(), tail.trim())
        }
        None => (name, Vec::new(), rest.trim()),
    }
}

fn type_fits(dialect: Dialect, found: &ColumnLayout, wanted: &ColumnType) -> bool {
    let (name, arguments, tail) = parts(&found.declared);
    if !dialect.is_server() {
        return embedded_fits(&found.declared, name, &arguments, wanted);
    }
    let signed = !tail.contains("unsigned");
    let unicode = found.character_set.as_deref() == Some("utf8mb4");
    match wanted {
        ColumnType::String => match name {
            "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => unicode,
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => true,
            _ => false,
        },
        ColumnType::Int => name == "bigint" && signed,
        ColumnType::Float => name == "double" && signed,
        ColumnType::Decimal(precision, scale) => {
            let (digits, after) = (arguments.first().copied().unwrap_or(10), arguments.get(1).copied().unwrap_or(0));
            let (precision, scale) = (u32::from(*precision), u32::from(scale.unsigned_abs()));
            name == "decimal" && signed && after >= scale && digits.saturating_sub(after) >= precision - scale
        }
        ColumnType::Bool => name == "tinyint",
        ColumnType::Timestamp => name == "datetime" && arguments == [6],
        ColumnType::Date => name == "date",
        ColumnType::Json | ColumnType::List(_) => name == "json" || (name == "longtext" && unicode),
    }
}

/// SQLite derives how values are kept from the words in a type's name (its datatype documentation, section 3.1).
fn embedded_fits(declared: &str, name: &str, arguments: &[u32], wanted: &ColumnType) -> bool {
    let has = |word: &str| declared.contains(word);
    let text = !has("int") && (has("char") || has("clob") || has("text"));
    let real = !has("int") && !text && (has("real") || has("floa") || has("doub"));
    match wanted {
        ColumnType::String | ColumnType::Json | ColumnType::List(_) => text,
        ColumnType::Int => has("int") && !has("unsigned"),
        ColumnType::Float => real,
        ColumnType::Decimal(precision, scale) => {
            let after = arguments.get(1).copied().unwrap_or(0);
            let number = matches!(name, "decimal" | "numeric") && after >= u32::from(scale.unsigned_abs());
            text || (number && *precision <= SQLITE_DIGITS)
        }
        ColumnType::Bool => has("int") || has("bool"),
        ColumnType::Timestamp => text || (name == "datetime" && matches!(arguments, [] | [6])),
        ColumnType::Date => text || name == "date",
    }
}

/// The refusal of a table that does not fit; `place` names table and database.
pub(super) fn refuse(wanted: Wanted<'_>, place: &str, found: &[Difference]) -> ConnectorError {
    let head = ["column", "has", "needs"].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(head)
        .chain(found.iter().map(|it| [it.subject.clone(), it.has.clone(), it.needs.clone()]))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let mut what = format!("{place} does not fit what the pipeline writes");
    for [subject, has, needs] in &rows {
        what.push_str(&format!("\n  {subject:first$}  {has:second$}  {needs}"));
    }
    let remedies: Vec<&str> = found.iter().filter_map(|difference| difference.remedy.as_deref()).collect();
    let only_triggers = remedies.iter().all(|remedy| remedy.starts_with("DROP TRIGGER "));
    let hint = if (wanted.dialect.is_server() || only_triggers) && !remedies.is_empty() {
        format!("{};", remedies.join("; "))
    } else {
        format!("make the table anew: {};", create_table(wanted.dialect, wanted.table, wanted.schema, wanted.key))
    };
    ConnectorError::refused(what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(declared: &str, set: Option<&str>) -> ColumnLayout {
        ColumnLayout { declared: declared.into(), character_set: set.map(str::to_owned), ..Default::default() }
    }

    #[test]
    fn server_types_hold_every_value_or_are_refused() {
        let decimal = ColumnType::Decimal(10, 2);
        for (declared, set, wanted, fits) in [
            ("varchar(64)", Some("utf8mb4"), ColumnType::String, true),
            ("varchar(64)", Some("latin1"), ColumnType::String, false),
            ("char(64)", Some("utf8mb4"), ColumnType::String, false),
            ("bigint(20)", None, ColumnType::Int, true),
            ("bigint", None, ColumnType::Int, true),
            ("bigint(20) unsigned", None, ColumnType::Int, false),
            ("int(11)", None, ColumnType::Int, false),
            ("double", None, ColumnType::Float, true),
            ("float", None, ColumnType::Float, false),
            ("decimal(10,2)", None, decimal.clone(), true),
            ("decimal(12,4)", None, decimal.clone(), true),
            ("decimal(11,4)", None, decimal.clone(), false),
            ("decimal(10,1)", None, decimal, false),
            ("tinyint(1)", None, ColumnType::Bool, true),
            ("datetime(6)", None, ColumnType::Timestamp, true),
            ("datetime", None, ColumnType::Timestamp, false),
            ("timestamp(6)", None, ColumnType::Timestamp, false),
            ("date", None, ColumnType::Date, true),
            ("json", None, ColumnType::Json, true),
            ("longtext", Some("utf8mb4"), ColumnType::Json, true),
        ] {
            assert_eq!(type_fits(Dialect::MariaDb, &column(declared, set), &wanted), fits, "{declared} for {wanted}");
        }
    }

    #[test]
    fn sqlite_types_keep_values_as_they_are() {
        for (declared, wanted, fits) in [
            ("varchar(64)", ColumnType::String, true),
            ("integer", ColumnType::String, false),
            ("bigint", ColumnType::Int, true),
            ("double", ColumnType::Float, true),
            ("decimal(10,2)", ColumnType::Decimal(10, 2), true),
            ("decimal(30,2)", ColumnType::Decimal(30, 2), false),
            ("text", ColumnType::Decimal(30, 2), true),
            ("datetime(6)", ColumnType::Timestamp, true),
            ("datetime", ColumnType::Timestamp, true),
            ("datetime(0)", ColumnType::Timestamp, false),
            ("json", ColumnType::Json, false),
        ] {
            assert_eq!(type_fits(Dialect::Sqlite, &column(declared, None), &wanted), fits, "{declared} for {wanted}");
        }
    }

    #[test]
    fn the_refusal_is_a_table_and_the_hint_mends_it() {
        let schema =
            Schema::new(vec![Column::new("at", ColumnType::Timestamp), Column::nullable("n", ColumnType::Int)]);
        let table = TableName { database: None, table: "t".into() };
        let wanted = Wanted { dialect: Dialect::MariaDb, table: &table, schema: &schema, key: &[] };
        let layout = TableLayout {
            kind: "BASE TABLE".into(),
            engine: Some("InnoDB".into()),
            columns: vec![ColumnLayout { name: "At".into(), declared: "datetime".into(), ..Default::default() }],
            ..Default::default()
        };
        let error = refuse(wanted, "table `t`", &differences(wanted, &layout));
        assert_eq!(
            error.to_string(),
            "table `t` does not fit what the pipeline writes\n  column  has                needs\n  at      datetime NOT NULL  \
             DATETIME(6) NOT NULL\n  n       (missing)          BIGINT NULL"
        );
        assert_eq!(
            error.hint(),
            "ALTER TABLE `t` MODIFY COLUMN `at` DATETIME(6) NOT NULL; ALTER TABLE `t` ADD COLUMN `n` BIGINT NULL;"
        );
    }
}
