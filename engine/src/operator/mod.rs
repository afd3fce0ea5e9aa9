//! The operators, each with its manual page, keys, check and plan form in one file or folder. This file is the closed list.
//!
//! A row-wise operator becomes steps of a region (fused, vectorised); a stateful one is a folder that also holds its dataflow, `render`.

mod bucket;
mod derive;
mod distinct;
mod filter;
mod group_by;
mod latest;
mod route;
mod select;
mod top;
mod union;

pub(crate) use distinct::distinct;
pub(crate) use group_by::group_by;
pub use group_by::{Accumulators, Aggregate, GroupBy, GroupTable};
pub(crate) use group_by::{Groups, Shape};
pub use latest::Latest;
pub(crate) use latest::latest;
pub use top::Top;
pub(crate) use top::top;

use crate::connector::SortKey;
use crate::diagnostic::{Code, Diagnostics, Files, nearest};
use crate::expr::Expression;
use crate::schema::{Column, Schema, Sketch};
use crate::spec::{Entry, Key, Kind, Spanned};

/// An operator that YAML can name.
pub struct OperatorKind {
    /// The key that names it.
    pub name: &'static str,
    /// One sentence, for manuals.
    pub about: &'static str,
    /// Its keys beside `from`.
    pub keys: &'static [Key],
    /// Reports what is wrong, and says what it would be all the same.
    pub(crate) check: fn(&Entry, &mut OperatorCheck<'_>) -> Checked,
}

/// Every operator.
pub static OPERATORS: &[OperatorKind] = &[
    filter::FILTER,
    select::SELECT,
    derive::DERIVE,
    bucket::BUCKET,
    route::ROUTE,
    union::UNION,
    distinct::DISTINCT,
    latest::LATEST,
    group_by::GROUP_BY,
    top::TOP,
];

/// The edge that every operator has.
pub(crate) const FROM: Key =
    Key::required("from", Kind::List(&Kind::Name), "the source or operator whose rows it takes");

/// A stateful operator in its plan form.
#[derive(Clone, Debug)]
pub enum Stateful {
    /// Each row once.
    Distinct,
    /// The newest row of each key.
    Latest(Latest),
    /// One row a group.
    GroupBy(GroupBy),
    /// The first rows in an order.
    Top(Top),
}

impl Stateful {
    /// The key that names it in YAML.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Distinct => "distinct",
            Self::Latest(_) => "latest",
            Self::GroupBy(_) => "group_by",
            Self::Top(_) => "top",
        }
    }
}

/// What an operator sees of its input.
pub(crate) struct InputView<'a> {
    /// The row's columns.
    pub(crate) columns: &'a Sketch,
    /// The row's columns, then those that can be named but are no part of the row: they come with a source's records.
    pub(crate) all: &'a Sketch,
    /// Whether rows are only added, if that is known.
    pub(crate) appends: Option<bool>,
    /// Whether rows know when they happened, or may do so.
    pub(crate) timed: bool,
    /// The name it was taken by.
    pub(crate) from: &'a Spanned<String>,
}

/// What an operator's check may use.
pub(crate) struct OperatorCheck<'a> {
    pub(crate) input: InputView<'a>,
    pub(crate) files: &'a Files,
    pub(crate) diagnostics: &'a mut Diagnostics,
}

impl OperatorCheck<'_> {
    /// Runs a part of the check over the input's columns.
    pub(crate) fn judge<T>(&mut self, part: impl FnOnce(&Schema, &Files, &mut Diagnostics) -> T) -> T {
        self.judge_over(self.input.all, part)
    }

    /// Runs a part of the check over other columns.
    pub(crate) fn judge_over<T>(
        &mut self,
        columns: &Sketch,
        part: impl FnOnce(&Schema, &Files, &mut Diagnostics) -> T,
    ) -> T {
        let files = self.files;
        columns.judge(self.diagnostics, |known, diagnostics| part(known, files, diagnostics))
    }

    /// An expression over the input's columns.
    pub(crate) fn expression(&mut self, text: &Spanned<String>) -> Option<Expression> {
        self.judge(|known, files, diagnostics| Expression::parse(text, known, files, diagnostics))
    }

    /// A condition over the input's columns.
    pub(crate) fn predicate(&mut self, text: &Spanned<String>) -> Option<Expression> {
        self.judge(|known, files, diagnostics| Expression::parse_predicate(text, known, files, diagnostics))
    }

    /// The place of a column of the row.
    pub(crate) fn column(&mut self, name: &Spanned<String>) -> Option<usize> {
        let (columns, all) = (self.input.columns, self.input.all);
        columns.judge(self.diagnostics, |known, diagnostics| {
            if known.index_of(&name.value).is_some() || all.known.index_of(&name.value).is_none() {
                return find_column(name, known, diagnostics);
            }
            let message = format!("`{}` comes with the record but is no column of the row", name.value);
            diagnostics.error(Code::UnknownColumn, name.span, message).hint(format!(
                "make it one before: `derive: {{ {}: {} }}`",
                name.value.trim_start_matches('_'),
                name.value
            ));
            None
        })
    }

    /// The places of columns of the row that are named, each once.
    pub(crate) fn distinct_columns(&mut self, names: &[Spanned<String>]) -> Option<Vec<usize>> {
        let places: Vec<Option<usize>> = names.iter().map(|name| self.column(name)).collect();
        let sound = self.each_once(names);
        places.into_iter().collect::<Option<_>>().filter(|_| sound)
    }

    /// Reports columns that are named twice; whether there are none.
    pub(crate) fn each_once(&mut self, names: &[Spanned<String>]) -> bool {
        let mut sound = true;
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|before| before.value == name.value) {
                let message = format!("column `{}` is named twice", name.value);
                self.diagnostics.error(Code::DuplicateColumn, name.span, message).hint("name each column once");
                sound = false;
            }
        }
        sound
    }

    /// A column that can be named here, of the row or not.
    pub(crate) fn any_column(&mut self, name: &Spanned<String>) -> Option<Column> {
        let place = self.judge(|known, _, diagnostics| find_column(name, known, diagnostics))?;
        Some(self.input.all.known.columns[place].clone())
    }

    /// Takes a column of the input over into what comes out; if there is none, then what it may have been meant to be is unknown.
    pub(crate) fn take_column(&mut self, name: &Spanned<String>, output: &mut Sketch) -> Option<()> {
        if let Some(column) = self.any_column(name) {
            output.add(column);
            return Some(());
        }
        output.add_unknown(&name.value);
        if let Some(near) = nearest(&name.value, self.input.all.known.names())
            && !output.has(near)
        {
            output.add_unknown(near);
        }
        None
    }

    /// Refuses a new name, of what `what` says, that is none.
    pub(crate) fn new_name(&mut self, name: &Spanned<String>, what: &str) -> Option<()> {
        let mut characters = name.value.chars();
        let well_formed = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|c| c.is_alphanumeric() || c == '_');
        if well_formed && name.value.len() <= 64 {
            return Some(());
        }
        self.diagnostics
            .error(Code::BadName, name.span, format!("`{}` is no name for {what}", name.value))
            .hint("use letters, digits and `_`, no digit first, at most 64");
        None
    }
}

/// The place of the column of this name, or a diagnostic with the nearest name.
pub(crate) fn find_column(name: &Spanned<String>, schema: &Schema, diagnostics: &mut Diagnostics) -> Option<usize> {
    let found = schema.index_of(&name.value);
    if found.is_none() {
        let message = format!("unknown column `{}`", name.value);
        let diagnostic = diagnostics.error(Code::UnknownColumn, name.span, message);
        if name.value.contains(|c: char| !c.is_alphanumeric() && c != '_') {
            diagnostic
                .hint(format!("only names stand here: make a column of it before, `derive: {{ …: {} }}`", name.value));
            return None;
        }
        match nearest(&name.value, schema.names()) {
            Some(near) => diagnostic.did_you_mean(Some(near)),
            None => diagnostic.hint(format!("columns here: {}", schema.names().collect::<Vec<_>>().join(", "))),
        };
    }
    found
}

/// What a checked operator is, and which columns come out. Of one with faults, what is wrong is left out of the steps and unknown in the
/// columns; a draft in which something is wrong never becomes a plan.
pub(crate) enum Checked {
    /// Steps one behind the other, and the columns after the last.
    Rows(Vec<RowDraft>, Sketch),
    /// Arms in order; `None` takes what is left.
    Route(Vec<(Spanned<String>, Option<Expression>)>),
    /// Its inputs, taken together.
    Union,
    /// A node.
    Stateful(Box<StatefulDraft>),
}

/// A row-wise step before columns have places.
pub(crate) enum RowDraft {
    /// Keeps rows.
    Filter(Expression),
    /// Makes columns.
    Project(Vec<ColumnDraft>),
}

/// A column of a projection.
#[derive(Clone)]
pub(crate) struct ColumnDraft {
    pub(crate) name: String,
    pub(crate) from: ColumnSource,
}

/// Where a projected column comes from.
#[derive(Clone)]
pub(crate) enum ColumnSource {
    /// The input's column of this name.
    Column(String),
    /// An expression.
    Computed(Expression),
}

impl ColumnDraft {
    /// A column as it is.
    pub(crate) fn keep(name: &str) -> Self {
        Self { name: name.to_owned(), from: ColumnSource::Column(name.to_owned()) }
    }

    /// A computed column; a bare column reference computes nothing.
    pub(crate) fn computed(name: &str, expression: Expression) -> Self {
        let from = match expression.as_column() {
            Some(column) => ColumnSource::Column(column.to_owned()),
            None => ColumnSource::Computed(expression),
        };
        Self { name: name.to_owned(), from }
    }
}

/// A stateful operator before it has a place in the plan.
pub(crate) struct StatefulDraft {
    /// None if it is not understood.
    pub(crate) operator: Option<Stateful>,
    /// The columns that go in, in order: the operator's places count in it.
    pub(crate) input: Vec<ColumnDraft>,
    /// Whether the columns that tell when a row happened follow those.
    pub(crate) timed_input: bool,
    /// The columns that come out.
    pub(crate) columns: Sketch,
    /// Whether its output is only ever added to, if that is known.
    pub(crate) appends: Option<bool>,
    /// The order that people want to see.
    pub(crate) order: Vec<SortKey>,
}
