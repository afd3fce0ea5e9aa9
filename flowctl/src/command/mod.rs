//! One file a subcommand: its arguments and what it does.

pub(crate) mod completions;
pub(crate) mod connectors;
