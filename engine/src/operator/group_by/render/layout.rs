//! Which sums and candidates each aggregate of a group_by has.

use std::collections::HashMap;

use arrow::compute::SortOptions;

use crate::aggregate::{Fold, Number, Rank, RankBy};
use crate::operator::group_by::GroupBy;
use crate::schema::Schema;

use super::exact_float::LIMBS;
use super::groups::Shape;
use crate::render::row_bytes::RowCodec;

/// Everything that a group keeps.
pub(super) struct Layout {
    /// How many sums there are; the first counts rows.
    pub(super) width: usize,
    /// What is added to them for every row.
    pub(super) sums: Vec<Sum>,
    /// The candidates.
    pub(super) best: Vec<Best>,
    /// The places of arguments whose distinct values are counted, with their conditions.
    pub(super) distinct: Vec<(usize, Option<usize>)>,
    /// How each aggregate is read off.
    pub(super) reads: Vec<Read>,
    /// Whether candidates are part of the accumulators.
    pub(super) best_in_diff: bool,
}

/// Something that is added up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    /// Its first place among the sums.
    pub(super) at: usize,
    /// What is added.
    pub(super) addend: Addend,
    /// The place of the argument; its nulls are left out.
    pub(super) argument: Option<usize>,
    /// The place of the boolean that says whether a row takes part.
    pub(super) condition: Option<usize>,
}

/// What is added up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Addend {
    /// One a row.
    One,
    /// The argument.
    Value(Number),
}

/// A candidate for the row that is first in an order.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Best {
    /// The columns of the order, with direction.
    order: Vec<(usize, bool)>,
    value: usize,
    /// The place of the boolean that says whether a row takes part.
    pub(super) condition: Option<usize>,
}

/// How an aggregate is read off what its group keeps.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// A sum that counts.
    Count(usize),
    /// A sum, and the count of what was added.
    Sum(usize, usize, Number),
    /// A sum over a count.
    Average(usize, usize, Number),
    /// The value of a candidate.
    Best(usize),
    /// A count of distinct values.
    Distinct(usize),
}

impl Layout {
    pub(super) fn new(group_by: &GroupBy, input: &Schema, appends: bool) -> Self {
        let mut layout = Self {
            width: 0,
            sums: Vec::new(),
            best: Vec::new(),
            distinct: Vec::new(),
            reads: Vec::new(),
            best_in_diff: appends,
        };
        let mut known = HashMap::new();
        layout.sum(Addend::One, None, None, &mut known);
        for aggregate in &group_by.aggregates {
            let condition = aggregate.condition;
            let mut counted = |layout: &mut Self, argument: usize| {
                let argument = input.columns[argument].nullable.then_some(argument);
                layout.sum(Addend::One, argument, condition, &mut known)
            };
            let read = match &aggregate.fold {
                Fold::Count(argument) => Read::Count(layout.sum(Addend::One, *argument, condition, &mut known)),
                Fold::Sum(argument, number) => {
                    let count = counted(&mut layout, *argument);
                    let sum = layout.sum(Addend::Value(*number), Some(*argument), condition, &mut known);
                    Read::Sum(sum, count, *number)
                }
                Fold::Average(argument, number) => {
                    let count = counted(&mut layout, *argument);
                    let sum = layout.sum(Addend::Value(*number), Some(*argument), condition, &mut known);
                    Read::Average(sum, count, *number)
                }
                Fold::Best { order, value } => {
                    let order = order.iter().flat_map(|rank| ranked(rank, input)).collect();
                    Read::Best(place(&mut layout.best, Best { order, value: *value, condition }))
                }
                Fold::Distinct(argument) => Read::Distinct(place(&mut layout.distinct, (*argument, condition))),
            };
            layout.reads.push(read);
        }
        layout
    }

    /// The place of a sum; equal ones share it.
    fn sum(
        &mut self,
        addend: Addend,
        argument: Option<usize>,
        condition: Option<usize>,
        known: &mut HashMap<(Addend, Option<usize>, Option<usize>), usize>,
    ) -> usize {
        let at = self.width;
        let found = *known.entry((addend, argument, condition)).or_insert(at);
        if found == at {
            self.sums.push(Sum { at, addend, argument, condition });
            self.width += match addend {
                Addend::One | Addend::Value(Number::Int) => 1,
                Addend::Value(Number::Decimal(_)) => 2,
                Addend::Value(Number::Float) => LIMBS,
            };
        }
        found
    }

    /// How many values stand in accumulators.
    pub(super) fn shape(&self) -> Shape {
        Shape { sums: self.width, best: if self.best_in_diff { self.best.len() } else { 0 } }
    }

    /// Whether everything that a group keeps is in its accumulators.
    pub(super) fn is_all_in_diff(&self) -> bool {
        self.distinct.is_empty() && (self.best_in_diff || self.best.is_empty())
    }
}

fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The columns that a rank looks at; those that tell when a row happened are the last three of the input.
fn ranked(rank: &Rank, input: &Schema) -> Vec<(usize, bool)> {
    match rank.by {
        RankBy::Argument(column) => vec![(column, rank.descending)],
        RankBy::Time => {
            let end = input.columns.len();
            (end - 3..end).map(|column| (column, rank.descending)).collect()
        }
    }
}

impl Best {
    /// The columns that a candidate's bytes hold: the order, then the value unless it is all of the order.
    pub(super) fn columns(&self) -> Vec<usize> {
        let order = self.order.iter().map(|(column, _)| *column);
        if self.order.len() == 1 && self.order[0].0 == self.value {
            order.collect()
        } else {
            order.chain([self.value]).collect()
        }
    }

    /// Rows where one of these is null do not take part.
    pub(super) fn required(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|(column, _)| *column)
    }

    pub(super) fn codec(&self, input: &Schema) -> RowCodec {
        let options = |place: usize| {
            let descending = self.order.get(place).is_some_and(|(_, descending)| *descending);
            SortOptions { descending, nulls_first: false }
        };
        RowCodec::ordered(input, self.columns().into_iter().enumerate().map(|(place, column)| (column, options(place))))
    }
}
