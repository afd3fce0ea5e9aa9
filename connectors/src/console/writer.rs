//! Writes one console sink, epoch by epoch.

use std::fmt::Display;
use std::io;

use engine::connector::{Changes, Committed, ConnectorError, MemberChanges, MemberError, SinkInput, SinkMode, Writer};
use engine::schema::ColumnType;

use super::block::Block;
use super::cell::Cell;
use super::escape::neutralise;
use super::json::{Change, csv_header};
use super::output::Output;
use super::rows::Rows;
use super::screen::{Place, Screen};

/// What both kinds of writers need.
struct Common {
    screen: Screen,
    input: SinkInput,
}

/// Holds the current rows and shows them.
struct TableWriter {
    common: Common,
    rows: Rows,
    place: Place,
    blank: Block,
}

/// Writes one line a change, and holds nothing.
struct LineWriter {
    common: Common,
    names: Vec<String>,
    csv: bool,
    header_written: bool,
}

/// A writer for a sink with this input. `title` stands above the table, which shows at most `limit` rows.
pub(super) fn open(
    screen: Screen,
    input: &SinkInput,
    output: Output,
    title: &str,
    limit: usize,
) -> Result<Box<dyn Writer>, ConnectorError> {
    let common = Common { screen, input: input.clone() };
    if output == Output::Table {
        return Ok(Box::new(TableWriter::new(common, title, limit)?));
    }
    common.screen.add_lines();
    let names = input.schema.names().map(str::to_owned).collect();
    Ok(Box::new(LineWriter { common, names, csv: output == Output::Csv, header_written: false }))
}

impl Writer for TableWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Volatile]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        for MemberChanges { changes, .. } in changed {
            self.rows.apply(changes).map_err(|error| self.common.failure(error))?;
        }
        let shown = self.rows.shown().map_err(|error| self.common.failure(error))?;
        let block = Block {
            epoch,
            rows: shown.iter().map(|row| row.iter().map(Cell::text).collect()).collect(),
            total: self.rows.total(),
            ..self.blank.clone()
        };
        Ok(self.common.wrote(self.common.screen.show(self.place, block))?)
    }

    fn passed(&mut self, _epoch: u64) -> Result<(), MemberError> {
        Ok(self.common.wrote(self.common.screen.refresh())?)
    }
}

impl Writer for LineWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Volatile]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let lines: String = changed.iter().map(|member| self.lines(epoch, &member.changes)).collect();
        Ok(self.common.wrote(self.common.screen.print(&lines))?)
    }
}

impl TableWriter {
    fn new(common: Common, title: &str, limit: usize) -> Result<Self, ConnectorError> {
        let input = &common.input;
        let rows = Rows::new(input, limit).map_err(|error| common.failure(error))?;
        let is_number = |column_type: &ColumnType| {
            matches!(column_type, ColumnType::Int | ColumnType::Float | ColumnType::Decimal(..))
        };
        let blank = Block {
            title: neutralise(title).into_owned(),
            header: input.schema.names().map(str::to_owned).collect(),
            numbers: input.schema.columns.iter().map(|column| is_number(&column.column_type)).collect(),
            newest: input.mode == SinkMode::Appends,
            ..Block::default()
        };
        let place = common.screen.add(blank.clone());
        Ok(Self { common, rows, place, blank })
    }
}

impl LineWriter {
    fn lines(&mut self, epoch: u64, changes: &Changes) -> String {
        let columns = &self.common.input.schema.columns;
        let mut lines = String::new();
        if self.csv && !self.header_written {
            lines.push_str(&csv_header(&self.names));
            self.header_written = true;
        }
        for (row, diff) in changes.diffs.iter().enumerate() {
            let values = columns.iter().zip(changes.rows.columns());
            let cells: Vec<Cell> = values.map(|(column, array)| Cell::read(array, &column.column_type, row)).collect();
            let change =
                Change { sink: &self.common.input.name, epoch, diff: *diff, names: &self.names, cells: &cells };
            lines.push_str(&if self.csv { change.csv_line() } else { change.json_line() });
        }
        lines
    }
}

impl Common {
    /// What became of a write.
    fn wrote(&self, written: io::Result<()>) -> Result<(), ConnectorError> {
        written.map_err(|error| self.failure(error))
    }

    fn failure(&self, error: impl Display) -> ConnectorError {
        let what = format!("console sink `{}` cannot be written: {error}", self.input.name);
        ConnectorError::refused(what, "look at where the standard output leads: a full disk, a closed terminal")
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{alone, games};
    use super::super::screen::Surface;
    use super::super::screen::tests::Stage;
    use super::super::status::Status;
    use super::*;

    fn writer(stage: &Stage, output: Output) -> (Screen, Box<dyn Writer>) {
        let screen = stage.screen(Surface::Plain);
        let input = games(SinkMode::Changes);
        let writer = open(screen.clone(), &input, output, "Top\u{1b}[2J", 2).unwrap();
        (screen, writer)
    }

    #[test]
    fn a_table_is_neutral_ordered_and_ends_with_the_last_state() {
        let stage = Stage::default();
        let (screen, mut writer) = writer(&stage, Output::Table);
        writer.commit(4, &alone(&[("a\u{9b}\n", Some(5), 1), ("日本", None, 1), ("c", Some(70), 1)])).unwrap();
        screen.show_status(Status::default()).unwrap();
        assert_eq!(
            stage.take(),
            "Top\\u{1b}[2J · epoch 4 · 2 of 3 rows\n\
             ┌───────────┬─────────┐\n\
             │ game      ┆ viewers │\n\
             ╞═══════════╪═════════╡\n\
             │ c         ┆      70 │\n\
             │ a\\u{9b}\\n ┆       5 │\n\
             └───────────┴─────────┘\n\n"
        );
        writer.commit(5, &alone(&[("c", Some(70), -1)])).unwrap();
        writer.passed(6).unwrap();
        assert_eq!(stage.take(), "");
        screen.finish().unwrap();
        let last = stage.take();
        assert!(last.contains("· epoch 5\n") && last.contains("日本") && !last.contains(" c "), "{last}");
    }

    #[test]
    fn json_and_csv_are_one_line_a_change_at_once() {
        let stage = Stage::default();
        let (_, mut json) = writer(&stage, Output::Json);
        json.commit(4, &alone(&[("a", Some(5), 1), ("b", None, -2)])).unwrap();
        assert_eq!(
            stage.take(),
            "{\"sink\":\"games\",\"epoch\":4,\"diff\":1,\"row\":{\"game\":\"a\",\"viewers\":5}}\n\
             {\"sink\":\"games\",\"epoch\":4,\"diff\":-2,\"row\":{\"game\":\"b\",\"viewers\":null}}\n"
        );
        let (_, mut csv) = writer(&stage, Output::Csv);
        csv.commit(4, &alone(&[("a\u{1b}", Some(5), 1)])).unwrap();
        csv.commit(5, &alone(&[("b", None, -1)])).unwrap();
        assert_eq!(stage.take(), "sink,epoch,diff,game,viewers\ngames,4,1,a\\u{1b},5\ngames,5,-1,b,\n");
    }
}
