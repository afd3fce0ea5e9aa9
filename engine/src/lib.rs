//! The engine of flowctl: YAML text → spec → plan → dataflow → run.
//!
//! Read in this order: [`diagnostic`], [`spec`], [`schema`], [`expr`], [`operator`], [`check`], [`plan`], [`connector`], [`render`], [`runtime`].

pub mod aggregate;
pub mod check;
pub mod clock;
pub mod connector;
pub mod dead_letter;
pub mod diagnostic;
pub mod digest;
mod disk;
pub mod error_row;
pub mod expr;
pub mod failpoint;
pub mod ledger;
pub mod operator;
pub mod ownership;
pub mod plan;
pub mod render;
pub mod runtime;
pub mod safeguard;
pub mod schema;
pub mod sealed;
#[cfg(test)]
mod simulation;
pub mod spec;
