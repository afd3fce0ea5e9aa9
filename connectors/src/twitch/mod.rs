//! The `twitch` source: live streams, polled from the Helix API.
//!
//! Every poll reads all pages of `GET /streams`, drops streams that stand on two pages, and delivers what remains as received, with the
//! poll's number, its time and the place in it.
//!
//! **Offsets.** A row's offset is `poll * 2^20 + rank - 1`. Where the source was left thus says which poll comes next, and poll numbers go
//! on after a restart without a file of their own. The records of a complete poll end at the border to the next poll
//! (`(poll + 1) * 2^20`); those of an incomplete one end after their last row.
//!
//! **Embedded.** Each reader starts a simulator of its own. In batch mode it reads one simulated day, Monday 2026-01-05, a poll every
//! `every` of virtual time; the same seed and keys give the same rows, so an interrupted day is continued exactly.

#[cfg(test)]
mod check_tests;
mod deliver;
#[cfg(test)]
mod end_to_end_tests;
mod keys;
mod kind;
mod mark;
mod pace;
mod page;
mod poll;
mod queries;
mod reader;
mod schema;
mod servers;
mod shortfall;
mod source;

pub use kind::TwitchSourceKind;
