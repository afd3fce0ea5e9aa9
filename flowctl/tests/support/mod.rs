//! What tests of whole pipelines share.

pub(crate) mod rows;
