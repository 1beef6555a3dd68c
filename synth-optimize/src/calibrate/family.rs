//! The family of distributions that a calibration fits: independent, a normal resampled into its
//! bounds for each number, probabilities for each choice.

use std::collections::BTreeMap;

use synth_core::{Domain, Marginal, ParameterDistribution, ParameterSpace, normal};

use super::axes::{Axes, AxisKind, Points};
use crate::SobolSequence;

/// Least and greatest standard deviation of a normal, in units of the parameter's range. At the upper
/// end the resampled normal is uniform to within 2 %.
pub(crate) const SIGMA: [f64; 2] = [0.03, 2.0];
/// Standard deviation of a member about one point.
const NARROW: f64 = 0.08;
/// Means may lie this far outside the range.
const MEAN: [f64; 2] = [-0.5, 1.5];
/// Bounds of logits, so that no choice is ever given up for good.
const LOGIT: [f64; 2] = [-4.0, 4.0];

/// One member of the family, in unit coordinates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// Mean and logarithm of the standard deviation of each number's parent, as fractions of its
    /// range; unused where nothing is fitted.
    pub(crate) mean: Vec<f64>,
    pub(crate) ln_sigma: Vec<f64>,
    /// Logits of each choice column.
    pub(crate) logits: Vec<Vec<f64>>,
}

/// What is thought of a population before any data: see [`Member::typical`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hyperprior {
    /// Standard deviation of the means about the middle of the range.
    pub(crate) mean_std: f64,
    /// Centre and standard deviation of ln σ.
    pub(crate) ln_sigma: f64,
    pub(crate) ln_sigma_std: f64,
    /// Standard deviation of the logits.
    pub(crate) logit_std: f64,
}

impl Default for Hyperprior {
    /// Ranges are chosen by people who have an idea of where their data lie: means are taken to be
    /// within the middle half of the range in two cases of three, spreads to be a quarter of the range
    /// within a factor of 1.8 in nineteen of twenty, choices within a factor of 4 of even.
    fn default() -> Self {
        Self { mean_std: 0.25, ln_sigma: 0.22_f64.ln(), ln_sigma_std: 0.3, logit_std: 0.7 }
    }
}

impl Member {
    /// The most probable member before any data.
    pub(crate) fn typical(axes: &Axes, hyper: &Hyperprior) -> Self {
        Self {
            mean: vec![0.5; axes.numbers()],
            ln_sigma: vec![hyper.ln_sigma; axes.numbers()],
            logits: axes.levels().iter().map(|&count| vec![0.0; count]).collect(),
        }
    }

    /// The uniform distribution, to within 2 %.
    pub(crate) fn uniform(axes: &Axes) -> Self {
        Self {
            mean: vec![0.5; axes.numbers()],
            ln_sigma: vec![SIGMA[1].ln(); axes.numbers()],
            logits: axes.levels().iter().map(|&count| vec![0.0; count]).collect(),
        }
    }

    /// A narrow member about one point; what does not exist there is as in [`typical`](Self::typical).
    pub(crate) fn about(axes: &Axes, hyper: &Hyperprior, points: &Points, at: usize) -> Self {
        let mut member = Self::typical(axes, hyper);
        let (row, exists) = (points.row(at, axes), points.exists_row(at, axes));
        for j in (0..axes.numbers()).filter(|&j| exists[j] && axes.fitted()[j]) {
            (member.mean[j], member.ln_sigma[j]) = (row[j], NARROW.ln());
        }
        for (logits, &level) in member.logits.iter_mut().zip(points.levels_of(at, axes)) {
            if let Some(logit) = logits.get_mut(level) {
                *logit = LOGIT[1] / 2.0;
            }
        }
        member
    }

    /// The member's free numbers: mean and ln σ of each fitted number, then all logits.
    pub(crate) fn to_vector(&self, axes: &Axes) -> Vec<f64> {
        let mut x = Vec::new();
        for j in (0..axes.numbers()).filter(|&j| axes.fitted()[j]) {
            x.extend([self.mean[j], self.ln_sigma[j]]);
        }
        x.extend(self.logits.iter().flatten());
        x
    }

    pub(crate) fn from_vector(x: &[f64], axes: &Axes, hyper: &Hyperprior) -> Self {
        let mut member = Self::typical(axes, hyper);
        let mut rest = x;
        for j in (0..axes.numbers()).filter(|&j| axes.fitted()[j]) {
            (member.mean[j], member.ln_sigma[j]) = (rest[0], rest[1]);
            rest = &rest[2..];
        }
        for logits in &mut member.logits {
            let (own, later) = rest.split_at(logits.len());
            logits.copy_from_slice(own);
            rest = later;
        }
        member
    }

    /// Bounds of [`to_vector`](Self::to_vector).
    pub(crate) fn bounds(axes: &Axes) -> (Vec<f64>, Vec<f64>) {
        let fitted = axes.fitted().iter().filter(|&&fitted| fitted).count();
        let logits: usize = axes.levels().iter().sum();
        let side = |end: usize| {
            let pair = [MEAN[end], SIGMA[end].ln()];
            let mut bound: Vec<f64> = (0..fitted).flat_map(|_| pair).collect();
            bound.extend((0..logits).map(|_| LOGIT[end]));
            bound
        };
        (side(0), side(1))
    }

    pub(crate) fn probabilities(&self, column: usize) -> Vec<f64> {
        softmax(&self.logits[column])
    }

    /// The member as the distribution that users see.
    pub(crate) fn distribution(&self, axes: &Axes, space: &ParameterSpace) -> ParameterDistribution {
        let mut marginals = BTreeMap::new();
        for (kind, parameter) in axes.kinds().zip(space.parameters()) {
            let marginal = match (kind, &parameter.domain) {
                (AxisKind::Number { low, high, column, .. }, _) if high > low => {
                    let width = high - low;
                    Marginal::Normal {
                        mean: low + width * self.mean[*column],
                        std: width * self.ln_sigma[*column].exp(),
                    }
                }
                (AxisKind::Choice { column, .. }, Domain::Choice { choices }) => {
                    Marginal::Categorical(choices.iter().cloned().zip(self.probabilities(*column)).collect())
                }
                _ => continue,
            };
            marginals.insert(parameter.name.clone(), marginal);
        }
        ParameterDistribution::Independent { marginals }
    }

    /// The same member with its normals `factor` times as wide (at least `least`) and its choices
    /// mixed with even ones.
    pub(crate) fn widened(&self, factor: f64, least: f64, even: f64) -> Self {
        let widen = |ln_sigma: &f64| (ln_sigma.exp() * factor).max(least).min(SIGMA[1]).ln();
        let mix = |logits: &Vec<f64>| {
            let count = logits.len() as f64;
            softmax(logits).iter().map(|p| ((1.0 - even) * p + even / count).ln()).collect()
        };
        Self {
            mean: self.mean.clone(),
            ln_sigma: self.ln_sigma.iter().map(widen).collect(),
            logits: self.logits.iter().map(mix).collect(),
        }
    }
}

pub(crate) fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|l| (l - most).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / total).collect()
}

/// Probability that N(μ, σ²) lies in [0, 1], and the mean of z and z² of the part inside, with
/// z = (u − μ)/σ.
pub(crate) fn inside(mean: f64, sigma: f64) -> (f64, f64, f64) {
    let (a, b) = (-mean / sigma, (1.0 - mean) / sigma);
    let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let mass =
        if a > 0.0 { normal::cdf(-a) - normal::cdf(-b) } else { normal::cdf(b) - normal::cdf(a) }.max(1e-300);
    let (pa, pb) = (density(a), density(b));
    (mass, (pa - pb) / mass, 1.0 + (a * pa - b * pb) / mass)
}

/// Points with the logarithm of the density that they were placed with, relative to the uniform
/// measure on numbers and the counting measure on choices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    pub(crate) points: Points,
    pub(crate) ln_density: Vec<f64>,
}

/// Quasi-random points of the uniform distribution over the space (member `None`) or of a member.
pub(crate) fn draw_points(
    axes: &Axes,
    member: Option<&Member>,
    sequence: &SobolSequence,
    range: std::ops::Range<u64>,
) -> Points {
    let mut points = Points::default();
    for index in range {
        let unit = sequence.point(index);
        let mut at = 0;
        axes.place(&mut points, &mut |kind| {
            let mut next = || {
                at += 1;
                unit[at - 1]
            };
            match kind {
                AxisKind::Number { column, .. } => vec![number_at(axes, member, *column, next())],
                AxisKind::Choice { levels, column } => {
                    let even = vec![1.0 / *levels as f64; *levels];
                    let shares = member.map_or(even, |member| member.probabilities(*column));
                    vec![level_at(&shares, next()) as f64]
                }
                AxisKind::Simplex { parts, .. } => {
                    let mut rest = 1.0;
                    (1..*parts)
                        .rev()
                        .map(|remaining| {
                            let share = rest * (1.0 - (1.0 - next()).powf(1.0 / remaining as f64));
                            rest -= share;
                            share
                        })
                        .collect()
                }
            }
        });
    }
    points
}

fn number_at(axes: &Axes, member: Option<&Member>, column: usize, unit: f64) -> f64 {
    let Some(member) = member.filter(|_| axes.fitted()[column]) else { return unit };
    let (mean, sigma) = (member.mean[column], member.ln_sigma[column].exp());
    quantile_inside(mean, sigma, unit)
}

/// Quantile `unit` of N(mean, σ²) resampled into [0, 1].
fn quantile_inside(mean: f64, sigma: f64, unit: f64) -> f64 {
    // In the upper tail 1 − Φ keeps its digits where Φ does not: mirror.
    if mean < 0.0 {
        return 1.0 - quantile_inside(1.0 - mean, sigma, 1.0 - unit);
    }
    let (a, b) = (normal::cdf(-mean / sigma), normal::cdf((1.0 - mean) / sigma));
    let z = normal::quantile(a + (b - a) * unit);
    if z.is_finite() { (mean + sigma * z).clamp(0.0, 1.0) } else { unit }
}

fn level_at(shares: &[f64], unit: f64) -> usize {
    let mut left = unit;
    shares
        .iter()
        .position(|share| {
            left -= share;
            left < 0.0
        })
        .unwrap_or(shares.len() - 1)
}

/// ln of the density of `member` at each point.
pub(crate) fn ln_density(axes: &Axes, member: Option<&Member>, points: &Points) -> Vec<f64> {
    let norms: Option<Vec<f64>> = member.map(|member| {
        (0..axes.numbers())
            .map(|j| {
                let sigma = member.ln_sigma[j].exp();
                let (mass, _, _) = inside(member.mean[j], sigma);
                -(sigma * (2.0 * std::f64::consts::PI).sqrt() * mass).ln()
            })
            .collect()
    });
    let ln_shares: Vec<Vec<f64>> = axes
        .levels()
        .iter()
        .enumerate()
        .map(|(column, &count)| match member {
            Some(member) => member.probabilities(column).iter().map(|p| p.ln()).collect(),
            None => vec![-(count as f64).ln(); count],
        })
        .collect();
    (0..points.len)
        .map(|at| {
            let choices: f64 = points
                .levels_of(at, axes)
                .iter()
                .zip(&ln_shares)
                .filter(|(level, _)| **level != usize::MAX)
                .map(|(&level, shares)| shares[level])
                .sum();
            let (Some(member), Some(norms)) = (member, &norms) else { return choices };
            let (row, exists) = (points.row(at, axes), points.exists_row(at, axes));
            let numbers: f64 = (0..row.len())
                .filter(|&j| exists[j] && axes.fitted()[j])
                .map(|j| {
                    let z = (row[j] - member.mean[j]) * (-member.ln_sigma[j]).exp();
                    norms[j] - 0.5 * z * z
                })
                .sum();
            choices + numbers
        })
        .collect()
}

/// Uniform points.
pub(crate) fn uniform_grid(axes: &Axes, sequence: &SobolSequence, count: u64) -> Grid {
    let points = draw_points(axes, None, sequence, 0..count);
    let ln_density = ln_density(axes, None, &points);
    Grid { points, ln_density }
}

/// Points around a member, wider than it, and one in eight uniform.
pub(crate) fn grid_around(axes: &Axes, member: &Member, sequence: &SobolSequence, count: u64) -> Grid {
    grid_over(axes, &[member.widened(1.6, 0.08, 0.4)], sequence, count)
}

/// Points of an even mixture of members, and one in eight uniform, with the mixture's density.
pub(crate) fn grid_over(axes: &Axes, members: &[Member], sequence: &SobolSequence, count: u64) -> Grid {
    let uniform = count / 8;
    let parts = members.len().max(1) as u64;
    let mut points = Points::default();
    let mut shares = Vec::new();
    let mut from = 0;
    for (part, member) in members.iter().enumerate() {
        let to = (count - uniform) * (part as u64 + 1) / parts;
        points.append(draw_points(axes, Some(member), sequence, from..to));
        shares.push((to - from) as f64 / count as f64);
        from = to;
    }
    points.append(draw_points(axes, None, sequence, from..count));
    let mut density: Vec<f64> = ln_density(axes, None, &points)
        .iter()
        .map(|ln| (count - from) as f64 / count as f64 * ln.exp())
        .collect();
    for (member, share) in members.iter().zip(shares) {
        let own = ln_density(axes, Some(member), &points);
        density.iter_mut().zip(own).for_each(|(sum, ln)| *sum += share * ln.exp());
    }
    Grid { points, ln_density: density.into_iter().map(f64::ln).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Medians of SciPy's `truncnorm(a, b)` with a = −μ/σ, b = (1 − μ)/σ.
    #[test]
    fn quantiles_keep_their_digits_far_outside() {
        for (mean, sigma, median) in [
            (-0.5, 0.05, 0.003_420_591_804_071),
            (1.5, 0.05, 0.996_579_408_195_929),
            (0.4, 0.2, 0.405_364_886_456_616),
        ] {
            let got = quantile_inside(mean, sigma, 0.5);
            assert!((got - median).abs() < 1e-10, "{mean}: {got}");
        }
        assert!(quantile_inside(-0.5, 0.03, 0.999) < 0.02);
    }
}
