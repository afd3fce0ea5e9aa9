//! `flowctl simulate`: runs an embedded stand-in alone, for other programs to talk to.

use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use connectors::simulator::{ClockMode, ScheduledFault, Simulator, SimulatorClient, SimulatorOptions};
use engine::spec::parse_duration;

use crate::exit::{FAILED, Failure};
use crate::stopping::stop_on_signals;
use crate::terminal::Terminal;

/// How soon an interrupt is noticed.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// Run an embedded stand-in alone
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    what: StandIn,
}

#[derive(Debug, Subcommand)]
enum StandIn {
    Twitch(Twitch),
}

/// A Twitch API on loopback whose every answer is a function of seed and virtual time
#[derive(Args, Debug)]
struct Twitch {
    /// The port on loopback; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Equal seeds say equal things at equal virtual times
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How virtual time passes: `real`, `scaled:60` (so many times as fast) or `manual` (when told to)
    #[arg(long, value_name = "CLOCK", default_value = "real")]
    clock: ClockMode,
    /// Registered channels; about one in six is live
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    channels: u32,
    /// Refuse query parameters that an endpoint does not know; the real API overlooks them
    #[arg(long)]
    strict_params: bool,
    /// Let all pages of a crawl show the instant of its first page
    #[arg(long)]
    consistent: bool,
    /// What goes wrong: `7:503` or `7-9:html` at numbered requests, `5%:reset` or `5%:any` at a share that the seed chooses
    #[arg(long = "fault", value_name = "REQUESTS:FAULT")]
    faults: Vec<ScheduledFault>,
    /// How long a token lives, in virtual time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    token_life: Option<Duration>,
    /// Points that the rate limit gives back per minute; the real API was seen to give 600
    #[arg(long, value_name = "POINTS", default_value_t = 800, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    refill: u32,
    /// Who may ask for tokens (several may be named); without it, anyone
    #[arg(long = "client", value_name = "ID:SECRET")]
    clients: Vec<SimulatorClient>,
}

impl Simulate {
    /// Runs until it is interrupted.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let StandIn::Twitch(twitch) = self.what;
        let stop = stop_on_signals()?;
        let default = SimulatorOptions::default();
        let options = SimulatorOptions {
            seed: twitch.seed,
            channels: twitch.channels,
            clock: twitch.clock,
            port: twitch.port,
            strict_params: twitch.strict_params,
            consistent: twitch.consistent,
            faults: twitch.faults,
            clients: twitch.clients,
            refill: twitch.refill,
            token_seconds: twitch.token_life.map_or(default.token_seconds, whole_seconds),
        };
        let simulator = Simulator::start(options).map_err(|error| {
            let what = format!("cannot serve on port {}: {error}", twitch.port);
            Failure::new(FAILED, what, "choose another port, or 0 for a free one")
        })?;
        terminal.print(&format!("TWITCH_API={}\nTWITCH_AUTH={}\n", simulator.api_url, simulator.auth_url))?;
        terminal.say("flowctl: simulating Twitch until interrupted\n");
        while !stop.is_set() {
            thread::sleep(STOP_INTERVAL);
        }
        Ok(())
    }
}

/// Tokens live whole seconds, and one at least.
fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX).max(1)
}
