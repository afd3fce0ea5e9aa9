//! Reading and writing the embedded topic log.

mod read_back;
mod reader;
mod writer;

pub(super) use read_back::read_back;
pub(super) use reader::EmbeddedReader;
pub(super) use writer::EmbeddedWriter;
