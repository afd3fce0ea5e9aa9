//! A world in which the engine runs on one thread, with a clock, a disk and servers of its own, and everything that can go wrong does.
//!
//! ```text
//!  a seed ─▶ Dice ─▶ who works next, how long it takes, what is read, and a list of Faults
//!                        │
//!   run (the real one) ──┼─ crew: coordinator, reader, worker, committers, checkpoints; whoever waits lets others work
//!                        ├─ clock: moves when somebody works, and when nobody can
//!                        ├─ disk: what was not synced is lost or torn when the power goes
//!                        └─ servers: a database and a broker, whose replies get lost or come late
//! ```
//!
//! A *story* is one seed's: some starts of the same pipeline, each interrupted by what its faults say, the last by nothing. Whatever is committed on
//! the way must be what some prefix of the records comes to, and in the end what all of them do. A story that fails is told again without each of its faults,
//! until every one that is left is needed.
//!
//! The engine is not told: [`crate::disk`], [`crate::clock`] and `runtime/threads.rs` are where it meets the world, and they ask here
//! whether there is a simulation on this thread.

pub(crate) mod crew;
mod dice;
mod disk;
mod fault;
mod format;
mod oracle;
mod pipeline;
mod poll_source;
mod reach;
mod record_source;
mod server;
mod shrink;
mod store_sink;
mod story;
#[cfg(test)]
mod tests;
mod world;

pub(crate) use world::{disk, is_lost, origin, own, passed, wall};
