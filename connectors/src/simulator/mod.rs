//! A stand-in for the Twitch API that runs anywhere: it speaks Helix and OAuth over real HTTP on loopback, and everything it says is a
//! pure function of a seed and of virtual time.
//!
//! ```text
//!  options ─▶ Simulator::start ─▶ server (axum, its own thread) ─▶ RunningSimulator { api_url, auth_url }, stopped on drop
//!                                    │  oauth · helix · truth · control          faults, rate limit, request log on the way
//!                                    ▼
//!  world(seed) ── schedule ─▶ sessions ── audience ─▶ counts ── snapshot(t) ─▶ index of live streams
//! ```
//!
//! Beside the API it answers, under `/sim`, `GET /truth/streams?at=`, `GET /truth/{sessions,raids,switches}?from=&to=`,
//! `GET /truth/watch_hours?game=&from=&to=`, `GET /requests` and `GET|POST /clock`. The shapes and texts of the API are those of
//! <https://dev.twitch.tv/docs/api/reference>; how cursors, counts and the index really behave is modelled after captured pages of the
//! real API.
//!
//! Not modelled: EventSub.

mod api;
mod audience;
mod budget;
mod catalog;
mod channel;
mod clock;
mod connection;
mod control;
mod cursor;
mod distortion;
mod fault;
mod oauth;
mod options;
mod query;
mod raid;
mod random;
mod reply;
mod request_log;
mod running;
mod schedule;
mod scheduled_fault;
#[cfg(test)]
mod server_tests;
mod service;
mod snapshot;
mod text;
mod truth;
mod world;

pub use clock::ClockMode;
pub use fault::{Fault, UnknownFault};
pub use options::{SimulatorClient, SimulatorOptions, UnreadableClient};
pub use running::{RunningSimulator, Simulator};
pub use scheduled_fault::{ScheduledFault, UnreadableFault};
