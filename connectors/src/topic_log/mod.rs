//! A durable local topic log: the embedded stand-in for Apache Kafka.
//!
//! A topic is a folder `<root>/<topic>`; each partition is one file `<number>.log` of checksummed frames, each with one or
//! more records of dense offsets. One process at a time writes a topic ([`TopicWriter`]), any number read it
//! ([`PartitionReader`]) and see what is appended by looking at the file again.
//!
//! | situation | outcome |
//! |---|---|
//! | the last frame is cut short or fails its checksum | a torn tail: readers stop before it, the next writer removes it |
//! | a frame is bad and a good one follows it | [`Diverged`](engine::connector::ConnectorError::Diverged), for readers and writers |
//! | two writers of one topic | the second is [`Refused`](engine::connector::ConnectorError::Refused) |
//! | a sink sends an epoch again that some partitions hold already | those partitions are skipped |

mod epoch_marks;
mod failure;
mod frame;
mod name;
mod partition_file;
mod partition_reader;
mod partitioner;
mod record;
mod record_cursor;
mod salvage;
mod topics;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use epoch_marks::read_complete_mark;
pub use frame::{EpochMark, Frame};
pub(crate) use name::{NAME_HINT, embedded_name_problem, name_problem};
pub use partition_reader::PartitionReader;
pub use partitioner::{murmur2, partition_of_key, partition_of_record};
pub use record::{Header, RecordView, TopicRecord};
pub use record_cursor::RecordCursor;
pub(crate) use topics::end_offset;
pub use topics::{DEFAULT_PARTITIONS, TopicSummary, Topics};
pub use writer::{Durability, TopicWriter};
