use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Domain, Error, ParameterValue, Result, normal};

/// The distribution of one parameter on its own.
///
/// In files: `{mean: 8, std: 3}`, `{low: 5, high: 10}`, `{circle: 0.2, ellipse: 0.8}`, `{value: 4}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Marginal {
    /// A normal *resampled* into the domain's bounds: `mean` and `std` are the parent's, not those
    /// of the truncated result. Clipping instead would put atoms on the bounds. A whole number is
    /// the rounded parent on [low − ½, high + ½]; on a logarithmic scale the parent is that of the
    /// natural logarithm.
    Normal {
        /// Mean of the parent.
        mean: f64,
        /// Standard deviation of the parent, > 0.
        std: f64,
    },
    /// Uniform in [low, high], which lies inside the domain.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Always this value.
    Constant {
        /// The value.
        value: ParameterValue,
    },
    /// A probability for each choice; they sum to 1, and a choice left out has none.
    Categorical(BTreeMap<String, f64>),
}

/// Category probabilities may miss 1 by this much, for rounding in hand-written files.
const PROBABILITY_TOLERANCE: f64 = 1e-6;

impl Marginal {
    /// The uniform distribution over a domain; `None` for a simplex, which is not one-dimensional.
    #[must_use]
    pub fn uniform_over(domain: &Domain) -> Option<Self> {
        match domain {
            Domain::Float { low, high, .. } => Some(Self::Uniform { low: *low, high: *high }),
            Domain::Int { low, high, .. } => Some(Self::Uniform { low: *low as f64, high: *high as f64 }),
            Domain::Choice { choices } => {
                let share = 1.0 / choices.len() as f64;
                Some(Self::Categorical(choices.iter().map(|choice| (choice.clone(), share)).collect()))
            }
            Domain::Simplex { .. } => None,
        }
    }

    /// Checks that this is a distribution over `domain`; `name` is the parameter's.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the parameter, what is allowed and what was given.
    pub fn check(&self, name: &str, domain: &Domain) -> Result<()> {
        match (self, domain) {
            (Self::Constant { value }, _) => domain.accept(name, value).map(|_| ()),
            (Self::Normal { mean, std }, Domain::Float { .. } | Domain::Int { .. }) => {
                if mean.is_finite() && std.is_finite() && *std > 0.0 {
                    return Ok(());
                }
                let got = format!("{{mean: {mean}, std: {std}}}");
                Err(Error::invalid(name, "a finite mean and a positive std", got))
            }
            (Self::Uniform { low, high }, Domain::Float { low: least, high: most, .. }) => {
                check_range(name, *low, *high, *least, *most)
            }
            (Self::Uniform { low, high }, Domain::Int { low: least, high: most, .. }) => {
                check_range(name, *low, *high, *least as f64, *most as f64)?;
                if low.trunc() == *low && high.trunc() == *high {
                    return Ok(());
                }
                Err(Error::invalid(name, "whole-number ends", format!("[{low}, {high}]")))
            }
            (Self::Categorical(shares), Domain::Choice { choices }) => check_shares(name, shares, choices),
            _ => Err(Error::invalid(
                name,
                format!("a distribution over {}", domain.describe()),
                format!("{self:?}"),
            )),
        }
    }

    /// The value at quantile `unit` in [0, 1]: monotone for numbers, in the domain's order for
    /// choices.
    ///
    /// # Panics
    /// If the marginal is not one over this domain: [`check`](Self::check) it first.
    #[must_use]
    pub fn value_at(&self, domain: &Domain, unit: f64) -> ParameterValue {
        match (self, domain) {
            (Self::Constant { value }, _) => value.clone(),
            (Self::Normal { mean, std }, Domain::Float { low, high, log }) => {
                let (a, b) = if *log { (libm::log(*low), libm::log(*high)) } else { (*low, *high) };
                let x = truncated_normal(*mean, *std, a, b, unit);
                ParameterValue::Float(if *log { libm::exp(x) } else { x }.clamp(*low, *high))
            }
            (Self::Normal { mean, std }, Domain::Int { low, high, log }) => {
                let (a, b) = (*low as f64 - 0.5, *high as f64 + 0.5);
                let (a, b) = if *log { (libm::log(a), libm::log(b)) } else { (a, b) };
                let x = truncated_normal(*mean, *std, a, b, unit);
                let x = if *log { libm::exp(x) } else { x };
                ParameterValue::Int((libm::round(x) as i64).clamp(*low, *high))
            }
            (Self::Uniform { low, high }, Domain::Int { log, .. }) => {
                Domain::Int { low: *low as i64, high: *high as i64, log: *log }
                    .value_at(unit)
                    .expect(QUANTILES)
            }
            (Self::Uniform { low, high }, Domain::Float { log, .. }) => {
                Domain::Float { low: *low, high: *high, log: *log }.value_at(unit).expect(QUANTILES)
            }
            (Self::Categorical(shares), Domain::Choice { choices }) => {
                let mut left = unit;
                let share = |choice: &String| shares.get(choice).copied().unwrap_or(0.0);
                let drawn = choices.iter().find(|choice| {
                    left -= share(choice);
                    left < 0.0
                });
                let last = choices.iter().rfind(|choice| share(choice) > 0.0);
                ParameterValue::Choice(drawn.or(last).unwrap_or(&choices[0]).clone())
            }
            _ => unreachable!("invariant: the marginal was checked against its domain"),
        }
    }

    /// Probability density at `value`, per unit of the parameter; for whole numbers and choices their
    /// probability. 0 outside the support, and for a constant, which has no density on a continuum.
    #[must_use]
    pub fn density_at(&self, domain: &Domain, value: &ParameterValue) -> f64 {
        let Ok(value) = domain.accept("value", value) else { return 0.0 };
        match (self, domain, &value) {
            (Self::Constant { value: only }, Domain::Int { .. } | Domain::Choice { .. }, value) => {
                f64::from(u8::from(domain.accept("value", only).is_ok_and(|only| only == *value)))
            }
            (Self::Categorical(shares), _, ParameterValue::Choice(choice)) => {
                shares.get(choice).copied().unwrap_or(0.0)
            }
            (Self::Uniform { low, high }, _, ParameterValue::Float(x)) => {
                let inside = (low..=high).contains(&x) && high > low;
                let (scale, width) = match domain {
                    Domain::Float { log: true, .. } => (*x, libm::log(high / low)),
                    _ => (1.0, high - low),
                };
                if inside { 1.0 / (width * scale) } else { 0.0 }
            }
            (Self::Uniform { low, high }, Domain::Int { log, .. }, ParameterValue::Int(n)) => {
                let x = *n as f64;
                if !(low..=high).contains(&&x) {
                    return 0.0;
                }
                let scale = |x: f64| if *log { libm::log(x) } else { x };
                (scale(x + 0.5) - scale(x - 0.5)) / (scale(high + 0.5) - scale(low - 0.5))
            }
            (Self::Normal { mean, std }, Domain::Float { low, high, log }, ParameterValue::Float(x)) => {
                let scale = |x: f64| (if *log { libm::log(x) } else { x } - mean) / std;
                let z = scale(*x);
                let bell = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * std::f64::consts::PI);
                bell / (std * mass(scale(*low), scale(*high))) / if *log { *x } else { 1.0 }
            }
            (Self::Normal { mean, std }, Domain::Int { low, high, log }, ParameterValue::Int(n)) => {
                let scale = |x: f64| (if *log { libm::log(x) } else { x } - mean) / std;
                let ends = (scale(*low as f64 - 0.5), scale(*high as f64 + 0.5));
                mass(scale(*n as f64 - 0.5), scale(*n as f64 + 0.5)) / mass(ends.0, ends.1)
            }
            _ => 0.0,
        }
    }
}

/// Φ(b) − Φ(a) for a ≤ b, keeping its digits in either tail; never 0.
fn mass(a: f64, b: f64) -> f64 {
    let mass = if a > 0.0 { normal::cdf(-a) - normal::cdf(-b) } else { normal::cdf(b) - normal::cdf(a) };
    mass.max(f64::MIN_POSITIVE)
}

const QUANTILES: &str = "invariant: numeric domains have quantiles";

/// Quantile `unit` of N(mean, std²) conditioned on [low, high], accurate in either tail.
fn truncated_normal(mean: f64, std: f64, low: f64, high: f64, unit: f64) -> f64 {
    let (a, b) = ((low - mean) / std, (high - mean) / std);
    // In the upper tail 1 − Φ keeps its digits where Φ does not: mirror.
    if a > 0.0 {
        return -truncated_normal(-mean, std, -high, -low, 1.0 - unit);
    }
    let (at_low, at_high) = (normal::cdf(a), normal::cdf(b));
    let z = normal::quantile(at_low + (at_high - at_low) * unit);
    // So far out that no probability is left in double precision: all mass sits at the near bound.
    if z.is_finite() {
        (mean + std * z).clamp(low, high)
    } else if unit < 0.5 && at_high > 0.0 {
        low
    } else {
        high
    }
}

fn check_range(name: &str, low: f64, high: f64, least: f64, most: f64) -> Result<()> {
    if low <= high && low >= least && high <= most {
        return Ok(());
    }
    Err(Error::invalid(name, format!("low <= high inside [{least}, {most}]"), format!("[{low}, {high}]")))
}

fn check_shares(name: &str, shares: &BTreeMap<String, f64>, choices: &[String]) -> Result<()> {
    if let Some(unknown) = shares.keys().find(|choice| !choices.contains(choice)) {
        return Err(Error::invalid(name, format!("probabilities of {}", choices.join(", ")), unknown));
    }
    if let Some((choice, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(*share)) {
        return Err(Error::invalid(format!("{name}.{choice}"), "a probability in [0, 1]", share));
    }
    let total: f64 = shares.values().sum();
    if (total - 1.0).abs() > PROBABILITY_TOLERANCE {
        return Err(Error::invalid(name, "probabilities that sum to 1", format!("a sum of {total}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values: SciPy `scipy.stats.truncnorm.ppf`.
    #[test]
    fn truncated_normals_match_scipy() {
        for (low, high, median) in [
            (-1.0, 2.0, 0.171_163_918_017_824_82),
            (6.0, 9.0, 6.111_565_061_795_188),
            (-9.0, -6.0, -6.111_565_061_795_188),
        ] {
            let got = truncated_normal(0.0, 1.0, low, high, 0.5);
            assert!((got - median).abs() < 1e-9, "[{low}, {high}]: {got}");
        }
    }

    #[test]
    fn bounds_far_out_in_a_tail_stay_finite() {
        for unit in [0.0, 0.5, 1.0] {
            assert!((50.0..=60.0).contains(&truncated_normal(0.0, 1.0, 50.0, 60.0, unit)));
            assert!((-60.0..=-50.0).contains(&truncated_normal(0.0, 1.0, -60.0, -50.0, unit)));
        }
    }

    #[test]
    fn whole_numbers_are_the_rounded_parent() {
        let marginal = Marginal::Normal { mean: 8.0, std: 3.0 };
        let domain = Domain::int(3, 20);
        let n = 20_000;
        let eights = (0..n)
            .filter(|i| {
                marginal.value_at(&domain, (f64::from(*i) + 0.5) / f64::from(n)) == ParameterValue::Int(8)
            })
            .count();
        // (Φ(0.5/3) − Φ(−0.5/3)) / (Φ(12.5/3) − Φ(−5.5/3)).
        let third = 0.5 / 3.0;
        let expected =
            (normal::cdf(third) - normal::cdf(-third)) / (normal::cdf(12.5 / 3.0) - normal::cdf(-5.5 / 3.0));
        assert!((eights as f64 / f64::from(n) - expected).abs() < 1e-3);
    }

    #[test]
    fn densities_integrate_to_one_and_follow_the_quantiles() {
        let normal = Marginal::Normal { mean: 8.0, std: 3.0 };
        let whole = Domain::int(3, 20);
        let total: f64 = (3..=20).map(|n| normal.density_at(&whole, &n.into())).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
        for domain in [Domain::float(3.0, 20.0), Domain::Float { low: 3.0, high: 20.0, log: true }] {
            for marginal in
                [Marginal::Normal { mean: 2.0, std: 1.5 }, Marginal::Uniform { low: 3.0, high: 20.0 }]
            {
                let steps = 20_000;
                let width = 17.0 / f64::from(steps);
                let grid = (0..steps).map(|i| 3.0 + (f64::from(i) + 0.5) * width);
                let density = |x: f64| marginal.density_at(&domain, &x.into());
                let total: f64 = grid.clone().map(density).sum::<f64>() * width;
                assert!((total - 1.0).abs() < 1e-6, "{marginal:?} {domain:?}: {total}");
                let ParameterValue::Float(median) = marginal.value_at(&domain, 0.5) else {
                    panic!("a float")
                };
                let below: f64 = grid.filter(|x| *x < median).map(density).sum::<f64>() * width;
                assert!((below - 0.5).abs() < 1e-3, "{marginal:?} {domain:?}: {below}");
            }
        }
    }

    #[test]
    fn rejects_probabilities_that_do_not_sum_to_one() {
        let domain = Domain::choice(["a", "b"]);
        let shares =
            |a: f64, b: f64| Marginal::Categorical([("a".to_owned(), a), ("b".to_owned(), b)].into());
        assert!(shares(0.5, 0.6).check("x", &domain).is_err());
        assert!(shares(-0.5, 1.5).check("x", &domain).is_err());
        assert!(shares(0.25, 0.75).check("x", &domain).is_ok());
        assert!(Marginal::Normal { mean: 0.0, std: 0.0 }.check("x", &Domain::float(0.0, 1.0)).is_err());
        assert!(Marginal::Uniform { low: 0.0, high: 2.0 }.check("x", &Domain::float(0.0, 1.0)).is_err());
    }

    #[test]
    fn reads_the_forms_users_write() {
        let read = |text: &str| serde_json::from_str::<Marginal>(text).expect("a marginal");
        assert_eq!(read(r#"{"mean": 8, "std": 3}"#), Marginal::Normal { mean: 8.0, std: 3.0 });
        assert_eq!(read(r#"{"low": 5, "high": 10}"#), Marginal::Uniform { low: 5.0, high: 10.0 });
        assert!(matches!(read(r#"{"circle": 0.2, "ellipse": 0.8}"#), Marginal::Categorical(_)));
        for extra in [r#"{"mean": 8, "std": 3, "max": 12}"#, r#"{"low": 1, "high": 2, "mean": 5}"#] {
            // What is no normal and no range could still be names with shares: the domain decides.
            let misread = serde_json::from_str::<Marginal>(extra);
            assert!(
                misread.is_err() || misread.is_ok_and(|m| m.check("x", &Domain::float(0.0, 9.0)).is_err())
            );
        }
        assert_eq!(read(r#"{"value": 4}"#), Marginal::Constant { value: 4.into() });
    }
}
