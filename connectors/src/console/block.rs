//! What one console sink looks like at one moment: a heading and a table.

use std::time::Duration;

use super::status::short;
use super::table;

/// Lines of a block beside its rows: heading, three rules and the header of the table, and the empty line below.
pub(super) const FRAME_LINES: usize = 6;

/// The rows of one sink after an epoch, as text.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// The heading's first words.
    pub(super) title: String,
    /// The last epoch that changed it.
    pub(super) epoch: u64,
    /// Column names.
    pub(super) header: Vec<String>,
    /// Which columns hold numbers.
    pub(super) numbers: Vec<bool>,
    /// The rows to show, first to last.
    pub(super) rows: Vec<Vec<String>>,
    /// How many rows there are, shown or not.
    pub(super) total: u64,
    /// Whether the rows are the newest of many, so that the last ones matter most.
    pub(super) newest: bool,
}

impl Block {
    /// The lines of the block with at most `budget` rows, the empty one at the end included.
    pub(super) fn lines(&self, budget: usize, width: Option<u16>, color: bool) -> Vec<String> {
        self.lines_after(None, budget, width, color)
    }

    /// The same, with how long the last epoch took.
    pub(super) fn lines_after(
        &self,
        took: Option<Duration>,
        budget: usize,
        width: Option<u16>,
        color: bool,
    ) -> Vec<String> {
        let shown = self.rows.len().min(budget);
        let rows = if self.newest { &self.rows[self.rows.len() - shown..] } else { &self.rows[..shown] };
        let took = took.map_or(String::new(), |took| format!(" · {}", short(took)));
        let heading = self.heading(shown) + &took;
        let mut lines = vec![if color { format!("\x1b[1m{heading}\x1b[0m") } else { heading }];
        lines.extend(table::draw(&self.header, &self.numbers, rows, width));
        lines.push(String::new());
        lines
    }

    fn heading(&self, shown: usize) -> String {
        let Self { title, epoch, total, .. } = self;
        let which = if self.newest { "newest " } else { "" };
        match shown as u64 {
            0 if *total == 0 => format!("{title} · no rows"),
            shown if shown < *total => format!("{title} · epoch {epoch} · {which}{shown} of {total} rows"),
            _ => format!("{title} · epoch {epoch}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A block of so many rows, numbered from 1.
    pub(in super::super) fn block(title: &str, rows: usize) -> Block {
        Block {
            title: title.into(),
            epoch: 3,
            header: vec!["n".into()],
            numbers: vec![true],
            rows: (1..=rows).map(|n| vec![n.to_string()]).collect(),
            total: rows as u64,
            newest: false,
        }
    }

    #[test]
    fn a_cut_block_says_how_much_there_is() {
        let lines = block("games", 12).lines(2, None, false);
        assert_eq!(lines, ["games · epoch 3 · 2 of 12 rows", "┌───┐", "│ n │", "╞═══╡", "│ 1 │", "│ 2 │", "└───┘", ""]);
        assert_eq!(lines.len(), FRAME_LINES + 2);
    }

    #[test]
    fn of_the_newest_the_last_are_shown() {
        let block = Block { newest: true, total: 400, ..block("log", 3) };
        let lines = block.lines(1, None, true);
        assert_eq!(lines[0], "\x1b[1mlog · epoch 3 · newest 1 of 400 rows\x1b[0m");
        assert_eq!(lines[4], "│ 3 │");
    }

    #[test]
    fn a_block_without_rows_says_so() {
        let lines = block("games", 0).lines(9, None, false);
        assert_eq!(lines[0], "games · no rows");
        assert_eq!(lines.len(), FRAME_LINES);
    }
}
