//! What makes a point worth trying.

mod tails;

pub use tails::{log_cdf, log_expected_improvement};

use serde::{Deserialize, Serialize};
use tails::{log_cdf_with_ratio, log_improvement_with_ratios};

/// Which points an optimiser finds worth trying. All are for minimising.
///
/// With predictive mean m and standard deviation s of the objective, u = (best − m)/s:
///
/// | | |
/// |---|---|
/// | `ei`, `log_ei` | expected improvement `s (φ(u) + u Φ(u))`; both names give the same points, since the search always climbs the logarithm, whose gradient does not vanish (Ament et al. 2023) |
/// | `pi` | probability of improvement Φ(u) |
/// | `ucb` | optimism, `−(m − β s)`: a lower confidence bound since we minimise |
/// | `thompson` | the minimiser of one draw of the whole function |
///
/// "best" is the least predicted mean among the points tried. Under noise `ei` and `log_ei` average over
/// joint posterior draws of it (noisy expected improvement: Letham et al. 2019).
///
/// # Examples
/// ```
/// use synth_optimize::Acquisition;
/// assert_eq!(serde_json::from_str::<Acquisition>("\"ucb\"")?, Acquisition::Ucb);
/// assert!(serde_json::from_str::<Acquisition>("\"magic\"").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # References
/// Ament et al. 2023, "Unexpected improvements to expected improvement for Bayesian optimization",
/// <https://arxiv.org/abs/2310.20708>, §4.1 and appendix A.1. Letham et al. 2019, "Constrained Bayesian optimization
/// with noisy experiments", <https://arxiv.org/abs/1706.07094>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Acquisition {
    /// Logarithm of the expected improvement.
    #[default]
    #[serde(alias = "logei", alias = "qlogei", alias = "qei", alias = "nei", alias = "log_nei")]
    LogEi,
    /// Expected improvement.
    Ei,
    /// Probability of improvement.
    Pi,
    /// Confidence bound.
    #[serde(alias = "lcb")]
    Ucb,
    /// Thompson sampling.
    #[serde(alias = "ts")]
    Thompson,
}

/// A score to be maximised, with its derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    pub(crate) value: f64,
    pub(crate) by_mean: f64,
    pub(crate) by_sd: f64,
}

impl Acquisition {
    /// The score that the search climbs: logarithms where the value itself would vanish.
    pub(crate) fn score(self, mean: f64, sd: f64, best: f64, beta: f64) -> Score {
        let u = (best - mean) / sd;
        match self {
            Self::LogEi | Self::Ei => {
                let (log, cdf_ratio, pdf_ratio) = log_improvement_with_ratios(u);
                Score { value: libm::log(sd) + log, by_mean: -cdf_ratio / sd, by_sd: pdf_ratio / sd }
            }
            Self::Pi => {
                let (log, ratio) = log_cdf_with_ratio(u);
                Score { value: log, by_mean: -ratio / sd, by_sd: -ratio * u / sd }
            }
            Self::Ucb => Score { value: beta * sd - mean, by_mean: -1.0, by_sd: beta },
            Self::Thompson => Score { value: -mean, by_mean: -1.0, by_sd: 0.0 },
        }
    }

    /// The acquisition's own value from the score, for people to read.
    pub(crate) fn value_of(self, score: f64) -> f64 {
        match self {
            Self::Ei | Self::Pi => libm::exp(score),
            _ => score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_central_differences() {
        for acquisition in [Acquisition::LogEi, Acquisition::Pi, Acquisition::Ucb] {
            for (mean, sd) in [(0.3, 0.5), (-1.0, 0.2), (4.0, 0.3), (9.0, 0.2), (2.0, 0.1)] {
                let at = |m: f64, s: f64| acquisition.score(m, s, 0.1, 2.0);
                let h = 1e-6;
                let by_mean = (at(mean + h, sd).value - at(mean - h, sd).value) / (2.0 * h);
                let by_sd = (at(mean, sd + h).value - at(mean, sd - h).value) / (2.0 * h);
                let score = at(mean, sd);
                assert!(
                    (score.by_mean - by_mean).abs() <= 1e-5 * by_mean.abs().max(1.0),
                    "{acquisition:?} {mean}"
                );
                assert!(
                    (score.by_sd - by_sd).abs() <= 1e-5 * by_sd.abs().max(1.0),
                    "{acquisition:?} {mean} {sd}"
                );
            }
        }
    }
}
