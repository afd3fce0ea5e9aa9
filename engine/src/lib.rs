//! The engine of flowctl: YAML text → spec → plan → dataflow → run.
//!
//! Read in this order: [`diagnostic`], [`spec`], [`schema`], [`expr`], [`connector`].

pub mod connector;
pub mod diagnostic;
pub mod expr;
pub mod schema;
pub mod spec;
