//! MySQL and MariaDB tables as sinks, and SQLite as their embedded stand-in.
//!
//! ```text
//!  kind ──check──▶ sink ──open──▶ writer ──▶ session: a transaction over a connection, tried again when that may help
//!                                    │            │
//!                                    ▼            ▼
//!                                  table ───▶ connection: server (MySQL, MariaDB) or embedded (SQLite)
//!                        statements of one table
//! ```
//!
//! An epoch is one transaction. It begins with the table's row in `flowctl_sinks` (`marker`), whose lock keeps out every other
//! writer, and the row names the epoch that the table holds; so a lost connection never leaves a doubt about what is there.

mod cell;
mod connection;
mod creation;
mod data_error;
mod dialect;
mod embedded;
mod fit;
mod key_fit;
mod kind;
mod layout;
mod marker;
mod migration;
mod net_effect;
mod query;
mod server;
mod server_fault;
mod session;
mod sink;
mod statement;
mod table;
mod target;
mod writer;

pub use kind::MySql;
