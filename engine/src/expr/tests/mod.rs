//! Expressions from text to values: what they give, where they fail, what is said about wrong ones.

mod diagnostics;
mod failures;
mod laws;
mod rows;
mod values;
mod wording;
