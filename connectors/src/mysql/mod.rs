//! MySQL and MariaDB tables as sinks, and SQLite as their embedded stand-in.
//!
//! ```text
//!  kind ──check──▶ sink ──opening──▶ writer ──▶ session: a transaction over a connection, tried again when that may help
//!                   │                  │            │
//!                   │                  ▼            ▼
//!                   │                table ───▶ connection: server (MySQL, MariaDB) or embedded (SQLite)
//!                   │      statements of one table   ▲
//!                   └──reading──▶ gathering ◀────────┘
//! ```
//!
//! All sinks of one server, or of one file, are written in one transaction an epoch. It begins with the tables' rows in `flowctl_sinks`
//! (`marker`; each database has its own), whose locks keep out every other writer, and each row names the epoch that its table holds; so
//! a lost connection never leaves a doubt about what is there.

mod cell;
mod connection;
mod creation;
mod data_error;
mod dialect;
mod embedded;
mod fit;
mod gathering;
mod key_fit;
mod kind;
mod layout;
mod marker;
mod migration;
mod name;
mod net_effect;
mod opening;
mod query;
mod reading;
mod refusal;
mod server;
mod server_fault;
mod session;
mod sink;
mod statement;
mod stored;
mod table;
mod target;
mod typed;
mod writer;

pub use kind::MySql;
