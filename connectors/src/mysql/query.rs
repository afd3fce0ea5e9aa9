//! What may stand in a report: one statement that reads.

use super::connection::Fault;

/// The words that statements begin with which only read, in MySQL, MariaDB or SQLite.
const READING: [&str; 8] = ["select", "with", "values", "table", "show", "describe", "desc", "explain"];
/// What to do about another statement.
pub(super) const QUERY_HINT: &str = "a report only reads: write one query that begins with SELECT or WITH";

/// Why this is no query, as far as its first word tells; `None` if it may be one.
pub(super) fn query_problem(sql: &str) -> Option<String> {
    let text = skip_comments(sql).trim_start_matches(['(', ' ', '\t', '\r', '\n']);
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(20).collect();
    match word.as_str() {
        "" if text.is_empty() || text.starts_with(';') => Some("the report's SQL is empty".to_owned()),
        word if READING.iter().any(|reading| reading.eq_ignore_ascii_case(word)) => None,
        "" => Some("the report's SQL does not begin with a word".to_owned()),
        word => Some(format!("the report's SQL begins with `{word}`, which is no query")),
    }
}

/// The text from the first word on.
fn skip_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let after = if rest.starts_with("--") || rest.starts_with('#') {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            return rest;
        };
        rest = after.trim_start();
    }
}

/// A statement of a report that the database knows as one that writes, or as several.
pub(super) fn no_query(what: &str) -> Fault {
    Fault::Refused { message: format!("the report's SQL is {what}"), hint: QUERY_HINT.into() }
}

/// What a database says against a report; nothing is wrong with the table.
pub(super) fn of_report(fault: Fault) -> Fault {
    let message = match fault {
        Fault::Refused { ref hint, .. } if hint == QUERY_HINT => return fault,
        Fault::Refused { message, .. } => message,
        Fault::Data(fault) => fault.message,
        passing => return passing,
    };
    Fault::Refused {
        message: format!("the report's SQL fails: {message}"),
        hint: "correct the report's `sql`; it runs as it stands, in the database of its sink".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_told_from_other_statements_by_their_first_word() {
        for query in ["SELECT 1", " (select 1) union select 2", "-- best\n# of\n/* all */With a AS (SELECT 1) SELECT 2"]
        {
            assert_eq!(query_problem(query), None);
        }
        for (other, word) in [
            ("", "empty"),
            (" -- nothing", "empty"),
            (";", "empty"),
            ("selec 1", "`selec`"),
            ("drop table t", "`drop`"),
            ("/* select */ DELETE FROM t", "`DELETE`"),
            ("'select'", "word"),
        ] {
            assert!(query_problem(other).is_some_and(|problem| problem.contains(word)), "{other}");
        }
    }
}
