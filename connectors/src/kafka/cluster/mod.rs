//! Reading and writing topics on real brokers, through librdkafka.
//!
//! [`ClusterReader`] reads. [`ClusterWriter`] writes a pipeline's epochs in transactions: [`takeover`] opens it, through the [`gate`], [`transactor`] is one
//! producer, [`relay`] lets several take turns, [`progress`] says what is known of what was committed. [`Sender`] writes outside of transactions.

mod admin;
mod anchoring;
mod contact;
mod creation;
mod deliveries;
mod gate;
mod lane;
mod message;
mod message_queue;
mod outgoing;
mod patience;
mod progress;
mod progress_topic;
mod read_back;
mod reader;
mod relay;
mod scan;
mod sender;
mod setback;
mod suspicion;
mod takeover;
mod topic_settings;
mod transactor;
mod watch;
mod writer;

pub(super) use contact::{Contact, Visible};
pub(super) use creation::create_topic;
pub(super) use read_back::read_back;
pub(super) use reader::ClusterReader;
pub(super) use sender::Sender;
pub(super) use writer::{ClusterWriter, TopicOrder};
