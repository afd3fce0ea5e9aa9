//! Counter-based randomness: a draw depends on the seed and on what it is for, never on what was drawn before.

/// What a draw is for; draws of different purposes are independent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Size,
    SizeShape,
    Language,
    Hour,
    Home,
    Login,
    DisplayName,
    UserId,
    Account,
    Perpetual,
    Start,
    Length,
    Crash,
    CrashAt,
    Restart,
    ListDelay,
    RefreshPhase,
    IndexPhase,
    Fraction,
    Noise,
    Burst,
    Segment,
    Category,
    TitlePace,
    Title,
    Tags,
    Tag,
    GameId,
    Token,
    Raid,
    RaidShare,
    RaidTarget,
    Flap,
    Rename,
    FaultShare,
    FaultKind,
}

/// The source of all draws of one world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random {
    seed: u64,
}

/// One drawn value, 64 even bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed: mix(seed ^ 0x6a09_e667_f3bc_c908) }
    }

    /// The draw for entity `a` (and `b` within it).
    pub(super) fn draw(self, purpose: Purpose, a: u64, b: u64) -> Draw {
        let with_purpose = mix(self.seed ^ (purpose as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let with_entity = mix(with_purpose ^ a.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Draw(mix(with_entity ^ b.wrapping_mul(0xa076_1d64_78bd_642f)))
    }
}

impl Draw {
    /// All bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// Even in the open interval from 0 to 1.
    pub(super) fn unit(self) -> f64 {
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Even among `0..count`; `count` must not be zero.
    pub(super) fn below(self, count: u64) -> u64 {
        ((u128::from(self.0) * u128::from(count)) >> 64) as u64
    }

    /// Whether an event of this probability happens.
    pub(super) fn chance(self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal.
    pub(super) fn normal(self) -> f64 {
        normal_quantile(self.unit())
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The quantile function of the standard normal distribution, after Acklam's rational approximation (relative error below 1.2e-9).
pub(super) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    const TAIL: f64 = 0.024_25;
    let evaluate = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        evaluate(&C, q) / evaluate(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        evaluate(&A, q * q) * q / evaluate(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_the_table() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.001, -3.090_232_306), (0.9, 1.281_551_566)] {
            assert!((normal_quantile(p) - z).abs() < 1e-6, "{p}");
        }
    }

    #[test]
    fn draws_depend_on_seed_purpose_and_entity_only() {
        let random = Random::new(7);
        let draw = random.draw(Purpose::Size, 1, 2).bits();
        assert_eq!(draw, Random::new(7).draw(Purpose::Size, 1, 2).bits());
        for other in [
            Random::new(8).draw(Purpose::Size, 1, 2),
            random.draw(Purpose::Length, 1, 2),
            random.draw(Purpose::Size, 2, 1),
            random.draw(Purpose::Size, 1, 3),
        ] {
            assert_ne!(draw, other.bits());
        }
    }

    #[test]
    fn normal_draws_have_mean_zero_and_deviation_one() {
        let random = Random::new(1);
        let values: Vec<f64> = (0..20_000).map(|i| random.draw(Purpose::Noise, i, 0).normal()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
