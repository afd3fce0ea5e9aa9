//! The functions that expressions may call, and those that they may not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use datafusion_expr::{ScalarUDF, Volatility};

use super::elapsed::elapsed_functions;

/// Functions of DataFusion that make no sense on our columns: they speak of Arrow, of structures, of files, of lists.
const LEFT_OUT: &[&str] = &[
    "arrow_cast",
    "arrow_try_cast",
    "arrow_typeof",
    "arrow_metadata",
    "arrow_field",
    "with_metadata",
    "cast_to_type",
    "try_cast_to_type",
    "named_struct",
    "struct",
    "row",
    "get_field",
    "union_extract",
    "union_tag",
    "version",
    "regexp_match",
];

/// Words that read the clock though no function of the registry has that name.
const CLOCK_WORDS: &[&str] = &["localtime", "localtimestamp", "sysdate", "getdate"];

/// Functions over several rows that are windows, not aggregates.
const WINDOW_FUNCTIONS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Aggregates of ours that DataFusion does not know by this name.
const OUR_AGGREGATES: &[&str] =
    &["count_distinct", "first", "last", "arg_max", "arg_min", "collect", "percentile", "time_weighted_avg"];

/// What a function's name stands for.
pub(super) enum Called {
    /// A function of one row.
    Scalar(Arc<ScalarUDF>),
    /// An aggregate.
    Aggregate,
    /// A window function.
    Window,
    /// It gives another value at each call, or reads the clock.
    Volatile,
    /// Nothing.
    Unknown,
}

struct Registry {
    scalar: BTreeMap<String, Arc<ScalarUDF>>,
    volatile: BTreeSet<String>,
    aggregate: BTreeSet<String>,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry { scalar: BTreeMap::new(), volatile: BTreeSet::new(), aggregate: BTreeSet::new() };
    registry.volatile.extend(CLOCK_WORDS.iter().map(|name| (*name).to_owned()));
    for function in datafusion_functions::all_default_functions().into_iter().chain(elapsed_functions()) {
        let names = std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str));
        for name in names.filter(|name| !LEFT_OUT.contains(name)).map(str::to_lowercase) {
            if function.signature().volatility == Volatility::Immutable {
                registry.scalar.insert(name, Arc::clone(&function));
            } else {
                registry.volatile.insert(name);
            }
        }
    }
    for function in datafusion_functions_aggregate::all_default_aggregate_functions() {
        registry.aggregate.insert(function.name().to_lowercase());
        registry.aggregate.extend(function.aliases().iter().map(|alias| alias.to_lowercase()));
    }
    registry.aggregate.extend(OUR_AGGREGATES.iter().map(|name| (*name).to_owned()));
    registry
});

/// Looks a lower-cased name up.
pub(super) fn called(name: &str) -> Called {
    if let Some(function) = REGISTRY.scalar.get(name) {
        Called::Scalar(Arc::clone(function))
    } else if REGISTRY.volatile.contains(name) {
        Called::Volatile
    } else if WINDOW_FUNCTIONS.contains(&name) {
        Called::Window
    } else if REGISTRY.aggregate.contains(name) {
        Called::Aggregate
    } else {
        Called::Unknown
    }
}

/// The names of all functions that an expression may call, in order.
#[must_use]
pub fn functions() -> Vec<&'static str> {
    REGISTRY.scalar.keys().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_and_chance_are_no_functions() {
        for name in ["now", "random", "uuid", "current_timestamp", "current_date", "today", "input_file_name"] {
            assert!(matches!(called(name), Called::Volatile), "{name}");
            assert!(!functions().contains(&name), "{name}");
        }
        for name in ["upper", "round", "date_trunc", "regexp_like", "coalesce", "minutes_between"] {
            assert!(functions().contains(&name), "{name}");
        }
    }
}
