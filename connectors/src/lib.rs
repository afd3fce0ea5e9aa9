//! Sources, sinks, formats and embedded stand-ins. This file is the one list that knows them all.

pub mod console;
mod exclusive_lock;
pub mod file;
pub mod format;
pub mod http;
pub mod kafka;
pub mod mysql;
pub mod simulator;
pub mod topic_log;
pub mod twitch;

use engine::connector::{DefaultSink, Registry};

/// Every connector and format of this crate.
pub static REGISTRY: Registry = Registry {
    sources: &[&file::FileSourceKind, &kafka::KafkaSourceKind, &twitch::TwitchSourceKind],
    sinks: &[&console::ConsoleKind::detached(), &file::FileSinkKind, &kafka::KafkaSinkKind, &mysql::MySql],
    formats: &[&format::json::JsonKind, &format::csv::CsvKind, &format::raw::RawKind],
    dead_letters: DefaultSink {
        kind: "mysql",
        keys: &[
            ("url", "state:dead-letters.db"),
            ("table", "{source}"),
            ("mode", "upsert"),
            ("key", "id"),
            ("create", "true"),
        ],
    },
};
