//! When a fault strikes: at numbered requests, or at a share of all requests that the seed chooses.

use std::ops::RangeInclusive;
use std::str::FromStr;

use super::fault::{Fault, UnknownFault, WORDS};
use super::random::{Purpose, Random};

/// A fault and the requests it befalls. Requests to Helix are counted from 1 since the start of the simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledFault {
    requests: Requests,
    fault: Option<Fault>,
}

/// Which requests.
#[derive(Clone, Debug, PartialEq)]
enum Requests {
    Numbered(RangeInclusive<u64>),
    /// A share between 0 and 1, by hash of seed and number.
    Share(f64),
}

/// A scheduled fault that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableFault {
    /// There are no requests to read.
    #[error("`{0}` names no requests; write 7:FAULT, 7-9:FAULT or 5%:FAULT, as in 7:503")]
    Requests(String),
    /// The word is unknown.
    #[error("{0}; `any` lets the seed choose")]
    Fault(#[from] UnknownFault),
}

impl ScheduledFault {
    /// A fault for one request.
    #[must_use]
    pub fn at(request: u64, fault: Fault) -> Self {
        Self::during(request..=request, fault)
    }

    /// A fault for every request in a range.
    #[must_use]
    pub fn during(requests: RangeInclusive<u64>, fault: Fault) -> Self {
        Self { requests: Requests::Numbered(requests), fault: Some(fault) }
    }

    /// What befalls request `number`, if anything. `place` tells entries of one list apart, whose shares are independent.
    pub(super) fn strike(&self, random: Random, place: u64, number: u64) -> Option<Fault> {
        let struck = match &self.requests {
            Requests::Numbered(range) => range.contains(&number),
            Requests::Share(share) => random.draw(Purpose::FaultShare, number, place).chance(*share),
        };
        let any = || WORDS[random.draw(Purpose::FaultKind, number, place).below(WORDS.len() as u64) as usize].1;
        struck.then(|| self.fault.unwrap_or_else(any))
    }
}

impl FromStr for Requests {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.parse().map_err(drop)?;
            return (0.0..=100.0).contains(&percent).then_some(Self::Share(percent / 100.0)).ok_or(());
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Ok(Self::Numbered(first.parse().map_err(drop)?..=last.parse().map_err(drop)?))
    }
}

impl FromStr for ScheduledFault {
    type Err = UnreadableFault;

    /// Reads `7:503`, `7-9:html`, `7:slow:2s`, `5%:reset` or `5%:any`.
    fn from_str(text: &str) -> Result<Self, UnreadableFault> {
        let unreadable = || UnreadableFault::Requests(text.to_owned());
        let (requests, fault) = text.split_once(':').ok_or_else(unreadable)?;
        let requests = requests.parse().map_err(|()| unreadable())?;
        let fault = if fault == "any" { None } else { Some(fault.parse()?) };
        Ok(Self { requests, fault })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheduled_faults_read_as_written() {
        assert_eq!("7:503".parse(), Ok(ScheduledFault::at(7, Fault::Unavailable)));
        assert_eq!("7-9:html".parse(), Ok(ScheduledFault::during(7..=9, Fault::HtmlGateway)));
        for wrong in ["", "503", "7:504", "x:503", "1:slow:2", "101%:503", "-1%:503", "nan%:503"] {
            assert!(wrong.parse::<ScheduledFault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_chosen_by_the_seed() {
        let share: ScheduledFault = "5%:reset".parse().expect("a fault");
        let struck = |seed| -> Vec<u64> {
            (1..=20_000).filter(|number| share.strike(Random::new(seed), 0, *number) == Some(Fault::Reset)).collect()
        };
        assert!((900..1100).contains(&struck(1).len()), "{}", struck(1).len());
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
    }

    #[test]
    fn any_fault_strikes_sooner_or_later() {
        let any: ScheduledFault = "100%:any".parse().expect("a fault");
        let struck: Vec<Fault> = (1..=1000).filter_map(|number| any.strike(Random::new(1), 0, number)).collect();
        assert_eq!(struck.len(), 1000);
        assert!(WORDS.iter().all(|word| struck.contains(&word.1)));
    }
}
