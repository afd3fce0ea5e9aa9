//! What tests of whole pipelines share.
#![allow(dead_code, reason = "each test crate uses its part")]

pub(crate) mod memory;
pub(crate) mod rows;
pub(crate) mod script;
