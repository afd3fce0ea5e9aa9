//! Accumulators → the columns that users see.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch};
use arrow::compute::filter;

use crate::aggregate::Number;
use crate::error_row::ErrorRow;
use crate::plan::Node;
use crate::render::Diff;
use crate::render::batch::{Batch, record_batch};
use crate::render::row_bytes::{RowBytes, RowCodec};
use crate::render::stateful_region::row_error;
use crate::schema::ColumnType;

use super::exact_float;
use super::groups::{Changed, Shape};
use super::key_codec::KeyCodec;
use super::layout::{Layout, Read};

/// Reads aggregates off groups, whose candidates are all of their layout's.
pub(super) struct Finisher {
    layout: Layout,
    keys: KeyCodec,
    key_count: usize,
    best: Vec<RowCodec>,
}

/// What one group keeps.
struct Group<'a> {
    sums: &'a [i128],
    best: &'a [Option<RowBytes>],
    distinct: &'a [i64],
}

/// A value that cannot be shown in its column's type.
struct OutOfRange;

impl Finisher {
    pub(super) fn new(layout: Layout, node: &Node, key_count: usize) -> Self {
        let best = layout.best.iter().map(|best| best.codec(&node.input)).collect();
        Self { layout, keys: KeyCodec::new(&node.input, key_count), key_count, best }
    }

    /// The rows of groups; those with an aggregate out of range are errors instead.
    pub(super) fn finish(&self, changed: &Changed, node: &Node) -> (Batch, Vec<(ErrorRow, Diff)>) {
        let count = changed.diffs.len();
        let groups: Vec<Group<'_>> = self.groups(changed).collect();
        let mut sound = vec![true; count];
        let mut columns = self.keys.columns(&changed.groups.keys);
        let keys = columns.clone();
        let mut errors = Vec::new();
        for (read, column) in self.layout.reads.iter().zip(&node.output.columns[self.key_count..]) {
            let (array, failed) = self.column(*read, &column.column_type, &groups);
            for row in failed {
                if std::mem::replace(&mut sound[row], false) {
                    let message = format!("`{}` leaves the range of `{}`", column.name, column.column_type);
                    let key = self.key_batch(&keys, count, node);
                    let error = row_error(&node.name, &key, row, "aggregate.out_of_range", message, node.on_error);
                    errors.push((error, changed.diffs[row]));
                }
            }
            columns.push(array);
        }
        let diffs = Int64Array::from(changed.diffs.clone());
        (self.batch(columns, diffs, &sound, node), errors)
    }

    fn groups<'a>(&self, changed: &'a Changed) -> impl Iterator<Item = Group<'a>> {
        let counts = self.layout.distinct.len();
        let distinct = (0..changed.diffs.len()).map(move |at| &changed.distinct[at * counts..][..counts]);
        let shape = Shape { sums: self.layout.width, best: self.layout.best.len() };
        changed.groups.iter(shape).zip(distinct).map(|((_, sums, best), distinct)| Group { sums, best, distinct })
    }

    fn key_batch(&self, keys: &[ArrayRef], count: usize, node: &Node) -> RecordBatch {
        let schema = crate::schema::Schema::new(node.output.columns[..self.key_count].to_vec());
        record_batch(schema.arrow(), keys.to_vec(), count)
    }

    fn batch(&self, columns: Vec<ArrayRef>, diffs: Int64Array, sound: &[bool], node: &Node) -> Batch {
        let count = diffs.len();
        if sound.iter().all(|sound| *sound) {
            return Batch { rows: record_batch(node.output.arrow(), columns, count), diffs: Some(diffs), origin: None };
        }
        // Failed rows may hold nulls that their column's type forbids: they go first.
        let mask = BooleanArray::from(sound.to_vec());
        let keep = |array: &dyn Array| filter(array, &mask).expect("the mask has one value a row");
        let columns = columns.iter().map(|column| keep(column)).collect();
        let rows = record_batch(node.output.arrow(), columns, mask.true_count());
        let diffs = keep(&diffs).as_any().downcast_ref::<Int64Array>().cloned();
        Batch { rows, diffs, origin: None }
    }

    /// One aggregate of all groups, and the places of groups where it is out of range.
    fn column(&self, read: Read, column_type: &ColumnType, groups: &[Group<'_>]) -> (ArrayRef, Vec<usize>) {
        match read {
            Read::Count(at) => {
                collect(groups, |group| count(group, at).map(Some), |values| Arc::new(Int64Array::from(values)))
            }
            Read::Sum(at, n, Number::Int) => collect(
                groups,
                |group| {
                    if added(group, n) {
                        i64::try_from(sums(group, at)[0]).map(Some).map_err(|_| OutOfRange)
                    } else {
                        Ok(None)
                    }
                },
                |values| Arc::new(Int64Array::from(values)),
            ),
            Read::Sum(at, n, Number::Decimal(_)) => decimals(groups, column_type, |group| {
                if added(group, n) { exact_decimal(sums(group, at)).map(Some) } else { Ok(None) }
            }),
            Read::Sum(at, n, Number::Float) => {
                floats(groups, |group| added(group, n).then(|| exact_float::round(sums(group, at))))
            }
            Read::Average(at, n, Number::Int) => {
                floats(groups, |group| added(group, n).then(|| sums(group, at)[0] as f64 / sums(group, n)[0] as f64))
            }
            Read::Average(at, n, Number::Float) => floats(groups, |group| {
                added(group, n).then(|| exact_float::round(sums(group, at)) / sums(group, n)[0] as f64)
            }),
            Read::Average(at, n, Number::Decimal(scale)) => {
                let ColumnType::Decimal(_, wanted) = column_type else {
                    unreachable!("averages of decimals are decimals")
                };
                let factor = 10_i128.pow(u32::from((wanted - scale).unsigned_abs()));
                decimals(groups, column_type, |group| {
                    if added(group, n) {
                        average(exact_decimal(sums(group, at))?, factor, sums(group, n)[0]).map(Some)
                    } else {
                        Ok(None)
                    }
                })
            }
            Read::Best(which) => (self.best_column(which, groups), Vec::new()),
            Read::Distinct(which) => {
                collect(groups, |group| Ok(Some(group.distinct[which])), |values| Arc::new(Int64Array::from(values)))
            }
        }
    }

    fn best_column(&self, which: usize, groups: &[Group<'_>]) -> ArrayRef {
        let found = || groups.iter().map(|group| group.best[which].as_deref());
        let present: Vec<&[u8]> = found().flatten().collect();
        let values = self.best[which].decode(present).pop().expect("a candidate holds a value");
        let mut next = 0;
        let places: arrow::array::UInt32Array = found()
            .map(|candidate| {
                candidate.map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        arrow::compute::take(&values, &places, None).expect("places lie within the candidates")
    }
}

fn sums<'a>(group: &Group<'a>, at: usize) -> &'a [i128] {
    &group.sums[at..]
}

fn added(group: &Group<'_>, count: usize) -> bool {
    sums(group, count)[0] != 0
}

fn count(group: &Group<'_>, at: usize) -> Result<i64, OutOfRange> {
    i64::try_from(sums(group, at)[0]).map_err(|_| OutOfRange)
}

fn collect<T>(
    groups: &[Group<'_>],
    mut value: impl FnMut(&Group<'_>) -> Result<Option<T>, OutOfRange>,
    array: impl FnOnce(Vec<Option<T>>) -> ArrayRef,
) -> (ArrayRef, Vec<usize>) {
    let mut failed = Vec::new();
    let values = groups.iter().enumerate().map(|(row, group)| {
        value(group).unwrap_or_else(|OutOfRange| {
            failed.push(row);
            None
        })
    });
    let values = values.collect();
    (array(values), failed)
}

fn floats(groups: &[Group<'_>], mut value: impl FnMut(&Group<'_>) -> Option<f64>) -> (ArrayRef, Vec<usize>) {
    let checked = |group: &Group<'_>| match value(group) {
        Some(value) if !value.is_finite() => Err(OutOfRange),
        other => Ok(other.map(|value| value + 0.0)),
    };
    collect(groups, checked, |values| Arc::new(Float64Array::from(values)))
}

fn decimals(
    groups: &[Group<'_>],
    column_type: &ColumnType,
    mut value: impl FnMut(&Group<'_>) -> Result<Option<i128>, OutOfRange>,
) -> (ArrayRef, Vec<usize>) {
    const LIMIT: i128 = 10_i128.pow(38);
    let checked = |group: &Group<'_>| match value(group)? {
        Some(value) if value.abs() >= LIMIT => Err(OutOfRange),
        other => Ok(other),
    };
    let data_type = column_type.arrow();
    collect(groups, checked, |values| Arc::new(Decimal128Array::from(values).with_data_type(data_type)))
}

/// The sum that two pieces of 64 bits stand for.
fn exact_decimal(pieces: &[i128]) -> Result<i128, OutOfRange> {
    let high = pieces[1].checked_add(pieces[0] >> 64).ok_or(OutOfRange)?;
    let low = i128::from(pieces[0] as u64);
    high.checked_mul(1 << 64).and_then(|high| high.checked_add(low)).ok_or(OutOfRange)
}

/// `sum * factor / count`, rounded half away from zero.
fn average(sum: i128, factor: i128, count: i128) -> Result<i128, OutOfRange> {
    let scaled = sum.checked_mul(factor).ok_or(OutOfRange)?;
    let (whole, rest) = (scaled / count, scaled % count);
    let away = if rest.unsigned_abs() * 2 >= count.unsigned_abs() { scaled.signum() * count.signum() } else { 0 };
    Ok(whole + away)
}
