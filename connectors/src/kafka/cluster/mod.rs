//! Reading and writing topics on real brokers, through librdkafka.

mod contact;
mod creation;
mod lane;
mod reader;
mod sender;
mod tail;
mod watch;
mod writer;

pub(super) use contact::{Contact, Visible};
pub(super) use creation::create_topic;
pub(super) use reader::ClusterReader;
pub(super) use sender::Sender;
pub(super) use writer::ClusterWriter;
