//! What a simulator is started with.

use std::str::FromStr;

use super::budget::LIMIT;
use super::clock::ClockMode;
use super::scheduled_fault::ScheduledFault;

/// The choices of one simulator. The default is an endless, faultless, medium-sized world on a free port.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Two simulators with the same seed and channels say the same at the same virtual time.
    pub seed: u64,
    /// Registered channels, 100 to 100 000; about one in six is live.
    pub channels: u32,
    /// How virtual time passes.
    pub clock: ClockMode,
    /// The loopback port; 0 takes a free one.
    pub port: u16,
    /// What goes wrong, and when; of several that strike one request, the first.
    pub faults: Vec<ScheduledFault>,
    /// Who may ask for tokens; empty lets anyone in.
    pub clients: Vec<SimulatorClient>,
    /// How long a token lives, in seconds of virtual time.
    pub token_seconds: i64,
    /// Points that the rate limit gives back per minute of virtual time. The real API's headers tell of 800, yet it was seen to
    /// give 600.
    pub refill: u32,
    /// Whether all pages of a crawl show the instant of its first page. The real API does not: streams are missed and doubled
    /// while the index moves.
    pub consistent: bool,
    /// Whether a query parameter that the endpoint does not know is refused with 400. The real API overlooks it.
    pub strict_params: bool,
}

/// A registered application.
#[derive(Clone, Debug)]
pub struct SimulatorClient {
    /// Its client id.
    pub id: String,
    /// Its client secret (a made-up one).
    pub secret: String,
}

/// A client that cannot be read; what was written is a secret and not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client is written ID:SECRET")]
pub struct UnreadableClient;

impl FromStr for SimulatorClient {
    type Err = UnreadableClient;

    /// Reads `ID:SECRET`.
    fn from_str(text: &str) -> Result<Self, UnreadableClient> {
        match text.split_once(':') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                Ok(Self { id: id.into(), secret: secret.into() })
            }
            _ => Err(UnreadableClient),
        }
    }
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            channels: 3000,
            clock: ClockMode::Real,
            port: 0,
            faults: Vec::new(),
            clients: Vec::new(),
            token_seconds: 5_011_271,
            refill: LIMIT,
            consistent: false,
            strict_params: false,
        }
    }
}
