//! Every way that a small world can go: two sinks, four epochs, crashes, power losses, stopped instances that wake, replies that do not come.
//!
//! ```text
//!  World ──possible──▶ Action … ──take──▶ World' ──check──▶ invariants; breadth first, until nothing is new
//!    Disk: segments (written, of that durable), runs, the generation     Sinks: fence, marker, rows
//!    Instances: one runs, others are stopped or have woken
//! ```
//! The steps of an instance are those of the runtime, and what they decide they let the functions of [`super`] decide. What the world may do between any
//! two steps is in `fault`. A [`Mutation`](mutation::Mutation) switches a safeguard off: then a violation must be found, or the safeguard is none.

mod completing;
mod disk;
mod fault;
mod instance;
mod invariants;
mod mutation;
mod names;
mod running;
mod search;
mod sink;
mod starting;
#[cfg(test)]
mod tests;
mod world;
