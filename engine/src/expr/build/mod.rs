//! From the SQL parser's tree to a typed expression, bottom-up, so that an error names the smallest part that is wrong.

mod builder;
mod call;
mod choice;
mod extent;
mod literal;
mod operator;
mod unsupported;

pub(super) use builder::{Builder, Typed};
