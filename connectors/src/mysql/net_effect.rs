//! What an epoch's changes come to, key by key.

use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use engine::connector::{Changes, SinkMode};

/// Rows to write and rows whose keys are to go, as places in the batch; both in the order of their keys, so that all
/// transactions lock rows in one order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NetEffect {
    /// Rows that take the place of whatever has their key.
    pub puts: Vec<usize>,
    /// Rows with keys that are gone.
    pub deletes: Vec<usize>,
}

/// Why there is no net effect.
#[derive(Debug)]
pub(super) enum Unclear {
    /// Two rows, at these places, have one key (the same place twice: one row stands there several times).
    Ambiguous(usize, usize),
    /// The keys cannot be compared.
    Keys(ArrowError),
}

/// For each key: the one row that stands at the epoch's end, or that none does.
pub(super) fn net_effect(changes: &Changes, key: &[usize], mode: SinkMode) -> Result<NetEffect, Unclear> {
    let columns: Vec<_> = key.iter().map(|column| changes.rows.column(*column).clone()).collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(Unclear::Keys)?;
    let keys = converter.convert_columns(&columns).map_err(Unclear::Keys)?;
    let mut order: Vec<usize> = (0..changes.diffs.len()).collect();
    order.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)).then(a.cmp(b)));

    let mut effect = NetEffect::default();
    for group in order.chunk_by(|a, b| keys.row(*a) == keys.row(*b)) {
        let mut standing = group.iter().copied().filter(|row| changes.diffs[*row] > 0);
        match (standing.next(), standing.next()) {
            (Some(first), Some(second)) => return Err(Unclear::Ambiguous(first, second)),
            (Some(row), None) if mode == SinkMode::Changes && changes.diffs[row] > 1 => {
                return Err(Unclear::Ambiguous(row, row));
            }
            (Some(row), None) => effect.puts.push(row),
            (None, _) => effect.deletes.extend(group.first()),
        }
    }
    Ok(effect)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> Changes {
        let keys: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.0)));
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
        Changes {
            rows: RecordBatch::try_from_iter([("k", keys), ("v", values)]).unwrap(),
            diffs: rows.iter().map(|row| row.2).collect(),
        }
    }

    #[test]
    fn a_key_ends_as_its_standing_row_or_gone() {
        let changes = changes(&[("b", 1, -1), ("b", 2, 1), ("a", 7, -1), ("c", 3, 1), ("a ", 1, -1)]);
        let effect = net_effect(&changes, &[0], SinkMode::Changes).unwrap();
        assert_eq!(effect, NetEffect { puts: vec![1, 3], deletes: vec![2, 4] });
    }

    #[test]
    fn a_key_with_two_rows_is_not_decided_by_chance() {
        let two = changes(&[("a", 1, 1), ("a", 2, 1)]);
        assert!(matches!(net_effect(&two, &[0], SinkMode::Appends), Err(Unclear::Ambiguous(0, 1))));
        let twice = changes(&[("a", 1, 2)]);
        assert!(matches!(net_effect(&twice, &[0], SinkMode::Changes), Err(Unclear::Ambiguous(0, 0))));
        assert_eq!(net_effect(&twice, &[0], SinkMode::Appends).unwrap().puts, [0]);
    }

    #[test]
    fn all_columns_of_the_key_count() {
        let changes = changes(&[("a", 1, 1), ("a", 2, -1)]);
        let effect = net_effect(&changes, &[0, 1], SinkMode::Changes).unwrap();
        assert_eq!(effect, NetEffect { puts: vec![0], deletes: vec![1] });
    }
}
