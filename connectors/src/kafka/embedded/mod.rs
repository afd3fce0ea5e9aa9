//! Reading and writing the embedded topic log.

mod reader;
mod writer;

pub(super) use reader::EmbeddedReader;
pub(super) use writer::EmbeddedWriter;
