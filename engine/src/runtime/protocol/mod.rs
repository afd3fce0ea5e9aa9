//! Protocol.

mod beginning;
mod committing;
#[cfg(test)]
mod exploration;
mod lineage;
mod retention;
mod stages;
mod standing;

pub(super) use beginning::{Beginning, PastFacts, SinkNeed, beginning};
pub(super) use committing::{committable, passed};
pub(super) use lineage::{lineage, read_from};
pub(super) use retention::{KEPT, is_mine, removable, retention};
pub(super) use stages::{STAGE_RECORDS, borders, ends_stage, left_out};
pub(super) use standing::{Divergence, SinkFacts, standing};
