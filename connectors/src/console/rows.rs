//! The rows that a console sink shows: all current ones in order, or the newest of a stream of appends.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::ArrayRef;
use arrow::compute::SortOptions;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use engine::connector::{Changes, SinkInput, SinkMode};
use engine::schema::Schema;

use super::cell::Cell;

/// The state of one console sink. Rows are kept as the bytes of arrow's row format, whose order is the order of the rows.
pub(super) struct Rows {
    schema: Schema,
    converter: RowConverter,
    /// Schema places in the order in which rows are compared: the order that was asked for, then the other columns.
    places: Vec<usize>,
    limit: usize,
    held: Held,
}

enum Held {
    /// Every current row and how often it stands there, in order.
    Current { counts: BTreeMap<Box<[u8]>, i64>, total: i64 },
    /// The last rows that came, oldest first, and how many ever came.
    Newest { rows: VecDeque<Box<[u8]>>, total: i64 },
}

impl Rows {
    /// No rows yet; `limit` is how many are shown.
    ///
    /// # Errors
    /// If a column has a type without an order; the schema's types all have one.
    pub(super) fn new(input: &SinkInput, limit: usize) -> Result<Self, ArrowError> {
        let mut places: Vec<usize> = Vec::new();
        let mut fields = Vec::new();
        let rest = (0..input.schema.columns.len()).map(|place| (place, false));
        for (place, descending) in input.order.iter().map(|key| (key.column, key.descending)).chain(rest) {
            if !places.contains(&place) {
                let options = SortOptions { descending, nulls_first: false };
                fields.push(SortField::new_with_options(input.schema.columns[place].column_type.arrow(), options));
                places.push(place);
            }
        }
        let held = match input.mode {
            SinkMode::Changes => Held::Current { counts: BTreeMap::new(), total: 0 },
            SinkMode::Appends => Held::Newest { rows: VecDeque::new(), total: 0 },
        };
        Ok(Self { schema: input.schema.clone(), converter: RowConverter::new(fields)?, places, limit, held })
    }

    /// Takes in what an epoch changes.
    ///
    /// # Errors
    /// If the rows are not of the sink's schema.
    pub(super) fn apply(&mut self, changes: &Changes) -> Result<(), ArrowError> {
        let columns: Vec<ArrayRef> = self.places.iter().map(|place| changes.rows.column(*place).clone()).collect();
        let encoded = self.converter.convert_columns(&columns)?;
        for (row, diff) in encoded.iter().zip(&changes.diffs) {
            match &mut self.held {
                Held::Current { counts, total } => {
                    *total += diff;
                    let count = counts.entry(row.as_ref().into()).or_insert(0);
                    *count += diff;
                    if *count == 0 {
                        counts.remove(row.as_ref());
                    }
                }
                Held::Newest { rows, total } => {
                    *total += diff;
                    for _ in 0..(*diff).min(self.limit as i64) {
                        if rows.len() == self.limit {
                            rows.pop_front();
                        }
                        rows.push_back(row.as_ref().into());
                    }
                }
            }
        }
        Ok(())
    }

    /// How many rows there are, shown or not.
    pub(super) fn total(&self) -> u64 {
        let (Held::Current { total, .. } | Held::Newest { total, .. }) = &self.held;
        u64::try_from(*total).unwrap_or(0)
    }

    /// The rows to show, first to last; a row that stands several times is repeated.
    ///
    /// # Errors
    /// If the held bytes are no rows, which would be a bug of this file.
    pub(super) fn shown(&self) -> Result<Vec<Vec<Cell>>, ArrowError> {
        let bytes: Vec<&[u8]> = match &self.held {
            Held::Current { counts, .. } => counts
                .iter()
                .flat_map(|(row, count)| std::iter::repeat_n(row.as_ref(), usize::try_from(*count).unwrap_or(0)))
                .take(self.limit)
                .collect(),
            Held::Newest { rows, .. } => rows.iter().map(AsRef::as_ref).collect(),
        };
        let parser = self.converter.parser();
        let arrays = self.converter.convert_rows(bytes.iter().map(|row| parser.parse(row)))?;
        Ok((0..bytes.len()).map(|row| self.cells(&arrays, row)).collect())
    }

    /// The cells of one row, in the schema's order, of arrays in the order of `places`.
    fn cells(&self, arrays: &[ArrayRef], row: usize) -> Vec<Cell> {
        let mut cells = vec![Cell::Null; self.schema.columns.len()];
        for (array, place) in arrays.iter().zip(&self.places) {
            cells[*place] = Cell::read(array, &self.schema.columns[*place].column_type, row);
        }
        cells
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, StringViewArray};
    use engine::connector::{MemberChanges, SortKey};
    use engine::digest::Digest;
    use engine::schema::{Column, ColumnType};

    use super::*;

    /// An input of games and viewers, most viewers first.
    pub(in super::super) fn games(mode: SinkMode) -> SinkInput {
        SinkInput {
            name: "games".into(),
            schema: Schema::new(vec![
                Column::new("game", ColumnType::String),
                Column::nullable("viewers", ColumnType::Int),
            ]),
            mode,
            order: vec![SortKey { column: 1, descending: true }],
        }
    }

    /// Changes of such rows.
    pub(in super::super) fn changes(rows: &[(&str, Option<i64>, i64)]) -> Changes {
        let games: StringViewArray = rows.iter().map(|row| Some(row.0)).collect();
        let viewers: Int64Array = rows.iter().map(|row| row.1).collect();
        let schema = self::games(SinkMode::Changes).schema.arrow();
        Changes {
            rows: RecordBatch::try_new(schema, vec![Arc::new(games), Arc::new(viewers)]).unwrap(),
            diffs: rows.iter().map(|row| row.2).collect(),
        }
    }

    /// Such changes as a commit takes them.
    pub(in super::super) fn alone(rows: &[(&str, Option<i64>, i64)]) -> [MemberChanges; 1] {
        [MemberChanges { member: 0, changes: changes(rows), digest: Digest::default() }]
    }

    fn shown(rows: &Rows) -> Vec<String> {
        let shown = rows.shown().unwrap();
        shown.iter().map(|row| row.iter().map(Cell::text).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn rows_stand_in_a_total_order_whatever_the_order_of_changes() {
        let mut rows = Rows::new(&games(SinkMode::Changes), 10).unwrap();
        rows.apply(&changes(&[("b", Some(5), 1), ("n", None, 1), ("a", Some(5), 2), ("c", Some(-9), 1)])).unwrap();
        rows.apply(&changes(&[("z", Some(70), 1)])).unwrap();
        assert_eq!(shown(&rows), ["z 70", "a 5", "a 5", "b 5", "c -9", "n null"]);
        assert_eq!(rows.total(), 6);
    }

    #[test]
    fn what_is_taken_back_is_gone_even_if_it_came_first() {
        let mut rows = Rows::new(&games(SinkMode::Changes), 2).unwrap();
        rows.apply(&changes(&[("a", Some(1), 1), ("b", Some(2), 1), ("c", Some(3), 1)])).unwrap();
        assert_eq!(shown(&rows), ["c 3", "b 2"]);
        rows.apply(&changes(&[("c", Some(3), -1), ("d", Some(9), -1)])).unwrap();
        assert_eq!(shown(&rows), ["b 2", "a 1"]);
        rows.apply(&changes(&[("d", Some(9), 1), ("a", Some(1), -1), ("b", Some(2), -1)])).unwrap();
        assert!(shown(&rows).is_empty());
        assert_eq!(rows.total(), 0);
    }

    #[test]
    fn appends_keep_only_the_newest() {
        let mut rows = Rows::new(&games(SinkMode::Appends), 3).unwrap();
        rows.apply(&changes(&[("a", Some(1), 1), ("b", Some(2), 1_000_000_000)])).unwrap();
        rows.apply(&changes(&[("c", Some(3), 1), ("d", Some(4), 1)])).unwrap();
        assert_eq!(shown(&rows), ["b 2", "c 3", "d 4"]);
        assert_eq!(rows.total(), 1_000_000_003);
    }
}
