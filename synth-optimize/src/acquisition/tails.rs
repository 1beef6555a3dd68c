//! Normal tails in logarithms, right where the plain formulas underflow or cancel.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use synth_core::normal;

/// Beyond this many standard deviations the asymptotic series is exact to rounding.
const FAR: f64 = 10.0;

/// Log of the expected improvement of minimising over a normal prediction.
///
/// ```text
/// LogEI = ln E[max(best − f, 0)] = ln s + ln(φ(u) + u Φ(u)),   u = (best − m)/s,   f ~ N(m, s²)
/// ```
///
/// Finite for every finite u. For u < −10 the bracket is `φ(u) (1/u² − 3/u⁴ + 15/u⁶ − …)`, summed until
/// its terms no longer count.
///
/// # Shapes
/// Scalars: mean `m`, standard deviation `s` > 0, `best`; result in nats.
///
/// # Examples
/// ```
/// use synth_optimize::log_expected_improvement;
/// // At m = best the improvement is s φ(0).
/// let expected = (0.5 / (2.0 * std::f64::consts::PI).sqrt()).ln();
/// assert!((log_expected_improvement(1.0, 0.5, 1.0) - expected).abs() < 1e-14);
/// assert!(log_expected_improvement(1e6, 1.0, 0.0).is_finite());
/// ```
///
/// # References
/// Ament et al. 2023, <https://arxiv.org/abs/2310.20708>, eq. 8 (the tail treated by a series here).
#[must_use]
pub fn log_expected_improvement(mean: f64, standard_deviation: f64, best: f64) -> f64 {
    libm::log(standard_deviation) + log_improvement_with_ratios((best - mean) / standard_deviation).0
}

/// ln Φ(x), also where Φ underflows.
///
/// ```
/// assert!((synth_optimize::log_cdf(-40.0) - -804.608_442_013_753_9).abs() < 1e-9);
/// ```
#[must_use]
pub fn log_cdf(x: f64) -> f64 {
    log_cdf_with_ratio(x).0
}

fn log_density(u: f64) -> f64 {
    -0.5 * u * u - 0.5 * libm::log(2.0 * PI)
}

/// ln h(u), Φ(u)/h(u) and φ(u)/h(u), with h = φ + u Φ.
pub(crate) fn log_improvement_with_ratios(u: f64) -> (f64, f64, f64) {
    if u > -1.0 {
        let (density, cdf) = (libm::exp(log_density(u)), normal::cdf(u));
        let h = density + u * cdf;
        return (libm::log(h), cdf / h, density / h);
    }
    // h/φ = 1 − |u| M with Mills' ratio M = Φ(u)/φ(u).
    let (mills, share) = if u > -FAR { mills_and_share(u) } else { far_mills_and_share(u) };
    (log_density(u) + libm::log(share), mills / share, 1.0 / share)
}

/// ln Φ(u) and φ(u)/Φ(u).
pub(crate) fn log_cdf_with_ratio(u: f64) -> (f64, f64) {
    if u > -1.0 {
        let cdf = normal::cdf(u);
        return (libm::log(cdf), libm::exp(log_density(u)) / cdf);
    }
    let mills = if u > -FAR { mills_and_share(u).0 } else { far_mills_and_share(u).0 };
    (log_density(u) + libm::log(mills), 1.0 / mills)
}

fn mills_and_share(u: f64) -> (f64, f64) {
    let mills = libm::exp(0.5 * u * u) * libm::erfc(-u * FRAC_1_SQRT_2) * libm::sqrt(0.5 * PI);
    (mills, 1.0 + u * mills)
}

/// The asymptotic series `1 − |u| M = 1/u² − 3/u⁴ + 15/u⁶ − …` (Abramowitz & Stegun 7.1.23).
fn far_mills_and_share(u: f64) -> (f64, f64) {
    let step = 1.0 / (u * u);
    let (mut share, mut term, mut odd) = (0.0, step, 3.0);
    while term.abs() > f64::EPSILON * 1e-2 * step && odd < 1.0 / step {
        share += term;
        term *= -odd * step;
        odd += 2.0;
    }
    if share == 0.0 {
        share = step.max(f64::MIN_POSITIVE);
    }
    ((1.0 - share) / -u, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_branches_agree_where_they_meet() {
        for u in [-FAR, -9.5, -12.0] {
            let ((a, b), (c, d)) = (mills_and_share(u), far_mills_and_share(u));
            assert!((a / c - 1.0).abs() < 1e-13 && (b / d - 1.0).abs() < 1e-11, "{u}: {a} {c} {b} {d}");
        }
    }

    #[test]
    fn extreme_arguments_stay_finite() {
        for u in [-1e300, -1e160, -1e100, -1e10, -1e3, 0.0, 1e3, 1e100] {
            let (log, cdf_ratio, density_ratio) = log_improvement_with_ratios(u);
            let finite = u.abs() < 1e150;
            assert!(
                !finite || (log.is_finite() && cdf_ratio.is_finite() && density_ratio.is_finite()),
                "{u}"
            );
            assert!(!log.is_nan() && !cdf_ratio.is_nan() && !density_ratio.is_nan(), "{u}");
        }
    }
}
