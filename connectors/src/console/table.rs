//! Tables of text, aligned.

use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Row, Table, presets};
use engine::connector::Grid;

use super::escape::neutralise;

/// Longer cells of a table are cut: the table is for the eye, JSON for the whole.
const CELL_CHARACTERS_MAX: usize = 120;

/// A table of one line a row. Where the width is given, columns are narrowed to it.
pub(super) fn draw(header: &[String], numbers: &[bool], rows: &[Vec<String>], width: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_truncation_indicator("…");
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(line(header, numbers));
    table.add_rows(rows.iter().map(|row| line(row, numbers)));
    table.lines().collect()
}

fn line(cells: &[String], numbers: &[bool]) -> Row {
    let mut row = Row::from(cells.iter().zip(numbers).map(|(text, number)| {
        let alignment = if *number { CellAlignment::Right } else { CellAlignment::Left };
        TableCell::new(cut(&neutralise(text))).set_alignment(alignment)
    }));
    row.max_height(1);
    row
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The answer to a query as a table, each line ended; columns of nothing but numbers stand to the right.
#[must_use]
pub fn draw_grid(grid: &Grid, width: Option<u16>) -> String {
    let is_number = |cell: &Option<String>| cell.as_ref().is_none_or(|text| text.parse::<f64>().is_ok());
    let numbers: Vec<bool> = (0..grid.columns.len())
        .map(|column| !grid.rows.is_empty() && grid.rows.iter().all(|row| row.get(column).is_none_or(is_number)))
        .collect();
    let rows: Vec<Vec<String>> = grid
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.clone().unwrap_or_else(|| "null".into())).collect())
        .collect();
    draw(&grid.columns, &numbers, &rows, width).into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: &[(&str, Option<&str>)]) -> Grid {
        Grid {
            columns: vec!["game".into(), "viewers".into()],
            rows: rows.iter().map(|row| vec![Some(row.0.into()), row.1.map(Into::into)]).collect(),
        }
    }

    #[test]
    fn numbers_stand_right_and_wide_characters_take_two_columns() {
        let table = draw_grid(&grid(&[("原神", Some("5")), ("Chess", None), ("x\u{1b}[2J", Some("1234567"))]), None);
        assert_eq!(
            table,
            "┌────────────┬─────────┐\n\
             │ game       ┆ viewers │\n\
             ╞════════════╪═════════╡\n\
             │ 原神       ┆       5 │\n\
             │ Chess      ┆    null │\n\
             │ x\\u{1b}[2J ┆ 1234567 │\n\
             └────────────┴─────────┘\n"
        );
    }

    #[test]
    fn a_row_is_one_line_however_long_its_text_is() {
        let long = "word ".repeat(1000);
        for width in [None, Some(40), Some(5)] {
            assert_eq!(draw_grid(&grid(&[(&long, Some("1"))]), width).lines().count(), 5, "{width:?}");
        }
    }
}
