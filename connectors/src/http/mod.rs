//! The general HTTP client of polling sources: token, rate limit, retries, pages.
//!
//! ```text
//!  Client::get ─▶ take a point of the Budget ─▶ bearer of the TokenKeeper ─▶ Transport ─▶ judge the reply
//!                     ▲                             ▲                                       │
//!                     └──────── retry: wait ────────┴── renew once ◀── 401                  ▼
//!                                                                          parsed body, or HttpError
//!  Crawl: cursor after cursor, until a stop rule ends it
//! ```
//!
//! Nothing here prints a secret: tokens and client secrets are in no error, no notice and no `Debug`.

mod backoff;
mod budget;
mod client;
mod crawl;
mod error;
#[cfg(test)]
mod fault_tests;
mod token;
mod transport;
mod verdict;

pub use backoff::Backoff;
pub use budget::RateLimit;
pub use client::{Client, ClientSettings};
pub use crawl::{Crawl, PageOutline, Step, Stop};
pub use error::HttpError;
pub use token::ClientCredentials;
pub(crate) use transport::address;
