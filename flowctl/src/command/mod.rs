//! One file a subcommand: its arguments and what it does.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connectors;
pub(crate) mod explain;
pub(crate) mod run;
pub(crate) mod simulate;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod topic;
pub(crate) mod verify;
