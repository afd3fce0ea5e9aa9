//! A row that cannot be stored, shown so that it can be found: its column, its value, the row around it.

use engine::connector::ConnectorError;

use super::cell::Cell;
use super::connection::DataFault;

/// The most characters that a message shows of one value.
const SHOWN: usize = 60;
/// The most columns that a message shows of one row.
const SHOWN_COLUMNS: usize = 8;

/// The error for a fault in a statement that carried `cells`, row after row, in these columns.
pub(super) fn blame(place: &str, columns: &[&str], cells: &[Cell<'_>], fault: &DataFault) -> ConnectorError {
    let column =
        fault.column.as_ref().and_then(|name| columns.iter().position(|known| known.eq_ignore_ascii_case(name)));
    let rows = cells.len() / columns.len().max(1);
    let row = fault.row.filter(|row| *row < rows).or_else(|| {
        let nulls = |row: &usize| column.is_some_and(|column| cells[row * columns.len() + column] == Cell::Null);
        if rows == 1 { Some(0) } else { (0..rows).find(nulls) }
    });
    let mut what = format!("{place} cannot store a row: {}", shorten(&fault.message, 200));
    if let (Some(row), Some(column)) = (row, column) {
        what.push_str(&format!("; column `{}` has {}", columns[column], show(&cells[row * columns.len() + column])));
    }
    if let Some(row) = row {
        let cells = &cells[row * columns.len()..(row + 1) * columns.len()];
        what.push_str(&format!("; the row is ({})", show_row(columns, cells)));
    }
    let hint = if fault.duplicate {
        "a unique index of the table already has this row; use `mode: upsert` with `key`, or drop the index"
    } else {
        "widen the column in the database, or change the value in the pipeline before this sink"
    };
    ConnectorError::refused(what, hint)
}

/// A row's columns and values, cut short.
pub(super) fn show_row(columns: &[&str], cells: &[Cell<'_>]) -> String {
    let mut shown: Vec<String> = columns
        .iter()
        .zip(cells)
        .take(SHOWN_COLUMNS)
        .map(|(column, cell)| format!("{column}: {}", show(cell)))
        .collect();
    if cells.len() > SHOWN_COLUMNS {
        shown.push("…".into());
    }
    shown.join(", ")
}

/// A value, cut short.
pub(super) fn show(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => "null".into(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Text(text) => format!("'{}'", shorten(text, SHOWN)),
    }
}

/// Data within a message: control characters escaped, and not too much of it.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).flat_map(escape).collect();
    if text.chars().nth(most).is_some() {
        shown.push_str(&format!("… ({} bytes)", text.len()));
    }
    shown
}

fn escape(c: char) -> Box<dyn Iterator<Item = char>> {
    let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || bidi { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_column_value_and_row() {
        let cells = [Cell::Int(1), Cell::Text("x".repeat(100).into()), Cell::Int(2), Cell::Text("\u{1b}[2J".into())];
        let fault =
            DataFault { message: "too long".into(), column: Some("NAME".into()), row: Some(0), ..Default::default() };
        let error = blame("table `t`", &["id", "name"], &cells, &fault).to_string();
        assert!(error.contains("column `name` has 'xxx"), "{error}");
        assert!(error.contains("… (100 bytes)") && error.contains("id: 1"), "{error}");
    }

    #[test]
    fn a_null_is_found_without_a_row_number_and_escapes_are_harmless() {
        let cells = [Cell::Int(1), Cell::Text("\u{1b}[2J".into()), Cell::Null, Cell::Text("b".into())];
        let fault = DataFault { message: "no null".into(), column: Some("id".into()), ..Default::default() };
        let error = blame("table `t`", &["id", "name"], &cells, &fault).to_string();
        assert!(error.contains("the row is (id: null, name: 'b')"), "{error}");
        assert_eq!(shorten("\u{1b}[2J\u{202e}", 10), "\\u{1b}[2J\\u{202e}");
    }
}
