//! SQL expressions over rows: text in, a typed and vectorised evaluator out. DataFusion lives here and nowhere else.
//!
//! ```text
//! text ──syntax──▶ SQL tree ──build──▶ typed expression ──program──▶ checked physical expression ──▶ Evaluator, Predicate
//! ```
//!
//! What a row gives depends on that row alone: never on the batch that it stands in, the clock or the machine. A value
//! that cannot be computed is a [`Failure`] of its row, never a wrapped number, an infinity or a silent null.
//!
//! The dialect, where SQL leaves a choice:
//! - names are case-sensitive and kept as written; `"quoted names"` work; function names ignore case
//! - `int / int` is a whole number, rounded towards zero; a division by zero fails, also for floats
//! - `a AND b` and `a OR b` evaluate `b` only where `a` leaves the answer open, so `n > 0 AND total / n > 5` is safe
//! - text is never turned into a number behind one's back: write `CAST(x AS int)`; a text literal beside a timestamp or
//!   a date is read as one
//! - a constant part that always fails, as `1/0`, is refused even where it would never be reached
//! - `TRY_CAST` gives null where `CAST` fails

mod aggregate_call;
mod build;
mod checked;
mod deep_stack;
mod elapsed;
mod evaluator;
mod expression;
mod failure;
mod function;
mod locate;
mod order;
mod predicate;
mod program;
mod sql_type;
mod syntax;
mod type_name;
mod wording;

#[cfg(test)]
mod tests;

pub use aggregate_call::{AggregateCall, parse_aggregate};
pub use evaluator::{Evaluated, Evaluator};
pub use expression::Expression;
pub use failure::Failure;
pub use function::functions;
pub use locate::locate;
pub use order::{OrderKey, parse_order};
pub use predicate::{Predicate, Selected};
