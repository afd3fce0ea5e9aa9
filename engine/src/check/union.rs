//! Rows of several inputs as those of one, and in what inputs that must be alike differ.

use crate::diagnostic::{Code, Diagnostics};
use crate::schema::Sketch;
use crate::spec::Spanned;

use super::draft::{Output, Shape};
use super::listing::listing;

/// The rows of all inputs together. An input whose columns differ from the first one's is reported; the columns in which it differs
/// are unknown from then on.
pub(super) fn unite(names: &[Spanned<String>], inputs: Vec<Output>, diagnostics: &mut Diagnostics) -> Output {
    let several = inputs.len() > 1;
    let mut inputs = inputs.into_iter();
    let Some(mut all) = inputs.next() else { return Output::unknown() };
    let first = all.columns.clone();
    for (input, name) in inputs.zip(&names[1..]) {
        let differences = Differences::of(&first, &input.columns);
        if let Some(listed) = differences.describe() {
            let message = format!("`{}` has other columns than `{}`: {listed}", name.value, names[0].value);
            diagnostics
                .error(Code::SchemaMismatch, name.span, message)
                .hint("bring the inputs to the same columns with `select`");
        }
        differences.columns.iter().for_each(|column| all.columns.add_unknown(column));
        all.columns.unite(&input.columns);
        for column in &mut all.columns.known.columns {
            column.nullable |= input.columns.known.column(&column.name).is_some_and(|other| other.nullable);
        }
        if input.shape == Shape::Unknown {
            all.shape = Shape::Unknown;
        }
        all.implicit.retain(|column| input.implicit.contains(column));
        all.places.extend(input.places);
        all.appends = match (all.appends, input.appends) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (one, other) => one.and(other),
        };
        all.timed &= input.timed;
        all.sources.extend(input.sources);
        all.fingerprints.extend(input.fingerprints);
    }
    all.sources.sort_unstable();
    all.sources.dedup();
    if several {
        all.order.clear();
    }
    all
}

/// In what the columns of an input differ from those of the first one.
#[derive(Default)]
struct Differences {
    /// All columns of which there is something to say.
    columns: Vec<String>,
    lacking: Vec<String>,
    besides: Vec<String>,
    typed: Vec<String>,
}

impl Differences {
    fn of(first: &Sketch, other: &Sketch) -> Self {
        let mut found = Self::default();
        for column in &first.known.columns {
            let name = &column.name;
            match other.known.column(name) {
                None if other.may_have(name) => continue,
                None => found.lacking.push(format!("`{name}`")),
                Some(other) if other.column_type != column.column_type => {
                    found.typed.push(format!("`{name}` is `{}`, not `{}`", other.column_type, column.column_type));
                }
                Some(_) => continue,
            }
            found.columns.push(name.clone());
        }
        for name in other.known.names().filter(|name| first.known.index_of(name).is_none() && !first.may_have(name)) {
            found.besides.push(format!("`{name}`"));
            found.columns.push(name.to_owned());
        }
        found
    }

    fn describe(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.lacking.is_empty() {
            parts.push(format!("it lacks {}", listing(&self.lacking, ", ")));
        }
        if !self.besides.is_empty() {
            parts.push(format!("it has {} besides", listing(&self.besides, ", ")));
        }
        if !self.typed.is_empty() {
            parts.push(listing(&self.typed, "; "));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
