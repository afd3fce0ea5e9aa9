//! Whether a table tells apart exactly the keys that the engine tells apart.

use super::dialect::Dialect;
use super::fit::{Difference, Wanted, find, of_table, same_name};
use super::layout::{ColumnLayout, IndexedColumn, TableLayout, UniqueIndex};

/// Collations in which texts are equal only if their bytes are. `utf8mb4_bin` is none of them: it takes `a` and `a ` for equal.
const EXACT: [&str; 2] = ["utf8mb4_nopad_bin", "utf8mb4_0900_bin"];

/// What does not fit: the unique index on the key, further unique indexes (an upsert could hit another row by them), collations.
pub(super) fn differences(wanted: Wanted<'_>, layout: &TableLayout) -> Vec<Difference> {
    let mut found = Vec::new();
    let quoted = wanted.dialect.quote_all(wanted.key.iter().map(String::as_str));
    if !layout.unique.iter().any(|index| covers(index, wanted.key)) {
        let has_primary = layout.unique.iter().any(|index| index.name == "PRIMARY");
        let kind = if has_primary { "UNIQUE" } else { "PRIMARY KEY" };
        let remedy = format!("{} ADD {kind} ({quoted})", wanted.alter());
        found.push(of_table("no unique index on the key".into(), format!("{kind} ({quoted})"), Some(remedy)));
    }
    for index in layout.unique.iter().filter(|index| !covers(index, wanted.key)) {
        let names = index.columns.iter().map(|column| column.name.as_deref().unwrap_or("an expression"));
        let has = format!("unique index {} ({})", index.name, names.collect::<Vec<_>>().join(", "));
        let drop = if index.name == "PRIMARY" {
            "DROP PRIMARY KEY".into()
        } else {
            format!("DROP INDEX {}", wanted.dialect.quote(&index.name))
        };
        found.push(of_table(has, "no unique index but the key's".into(), Some(format!("{} {drop}", wanted.alter()))));
    }
    for name in wanted.key {
        let (Some(column), Some(wants)) = (find(layout, name), wanted.schema.column(name)) else { continue };
        if !is_exact(wanted.dialect, column, layout) {
            let collation = column.collation.as_deref().unwrap_or("another collation");
            found.push(Difference {
                subject: name.clone(),
                has: format!("collation {collation}: may take different keys for equal"),
                needs: wanted
                    .dialect
                    .exact_collation()
                    .map_or("VARBINARY".into(), |collation| format!("COLLATE {collation}")),
                remedy: Some(format!("{} MODIFY COLUMN {}", wanted.alter(), wanted.definition(wants))),
            });
        }
    }
    found
}

fn covers(index: &UniqueIndex, key: &[String]) -> bool {
    let is_key = |column: &IndexedColumn| {
        column.whole && column.name.as_ref().is_some_and(|name| key.iter().any(|wanted| same_name(wanted, name)))
    };
    index.columns.len() == key.len() && index.columns.iter().all(is_key)
}

fn is_exact(dialect: Dialect, column: &ColumnLayout, layout: &TableLayout) -> bool {
    match dialect {
        Dialect::Sqlite => layout
            .unique
            .iter()
            .flat_map(|index| &index.columns)
            .filter(|indexed| indexed.name.as_ref().is_some_and(|name| same_name(name, &column.name)))
            .all(|indexed| indexed.collation.as_deref() == Some("BINARY")),
        Dialect::MySql { .. } | Dialect::MariaDb => {
            column.collation.as_deref().is_none_or(|collation| EXACT.contains(&collation))
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::schema::{Column, ColumnType, Schema};

    use super::super::name::TableName;
    use super::*;

    fn index(name: &str, columns: &[&str]) -> UniqueIndex {
        let columns = columns
            .iter()
            .map(|column| IndexedColumn { name: Some((*column).into()), whole: true, collation: None })
            .collect();
        UniqueIndex { name: name.into(), columns }
    }

    fn found(unique: Vec<UniqueIndex>, collation: &str) -> Vec<String> {
        let schema = Schema::new(vec![Column::new("k", ColumnType::String), Column::new("v", ColumnType::Int)]);
        let key = ["k".to_owned()];
        let table = TableName { database: None, table: "t".into() };
        let wanted = Wanted { dialect: Dialect::MariaDb, table: &table, schema: &schema, key: &key };
        let columns = vec![ColumnLayout { name: "k".into(), collation: Some(collation.into()), ..Default::default() }];
        let layout = TableLayout { columns, unique, ..Default::default() };
        differences(wanted, &layout).into_iter().filter_map(|difference| difference.remedy).collect()
    }

    #[test]
    fn exactly_the_key_is_unique() {
        assert!(found(vec![index("PRIMARY", &["K"])], "utf8mb4_nopad_bin").is_empty());
        assert_eq!(found(vec![], "utf8mb4_nopad_bin"), ["ALTER TABLE `t` ADD PRIMARY KEY (`k`)"]);
        assert_eq!(
            found(vec![index("PRIMARY", &["id"])], "utf8mb4_nopad_bin"),
            ["ALTER TABLE `t` ADD UNIQUE (`k`)", "ALTER TABLE `t` DROP PRIMARY KEY"]
        );
        assert_eq!(
            found(vec![index("PRIMARY", &["k"]), index("u", &["k", "v"])], "utf8mb4_nopad_bin"),
            ["ALTER TABLE `t` DROP INDEX `u`"]
        );
    }

    #[test]
    fn padding_and_folding_collations_are_refused() {
        for collation in ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_0900_ai_ci"] {
            let remedies = found(vec![index("PRIMARY", &["k"])], collation);
            assert!(remedies.len() == 1 && remedies[0].contains("utf8mb4_nopad_bin"), "{remedies:?}");
        }
    }
}
