//! The verdict: can the real set be told from the calibrated distribution's output?

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use synth_core::Seed;

use super::data::{Generated, Real};
use super::family::Member;
use super::fit::{Fit, Frame, grouped_std_error};
use super::linear::members;
use super::population::Likelihood;
use super::pseudo::{Pool, group_sizes};
use super::record::{CalibrationVerdict, Conclusion};

/// Groups below which there is no p-value.
pub(crate) const LEAST_GROUPS: usize = 6;
/// Groups that the test looks at, at most.
const MOST_GROUPS: usize = 300;
/// Groups that pseudo-real sets are drawn from.
const POOL: usize = 512;
const LEVEL: f64 = 0.05;
const POWER: f64 = 0.8;
/// Sets per shift when looking for the smallest detectable one.
const POWER_SETS: u64 = 400;

/// Pseudo-real pools with everything that is needed of their samples.
#[derive(Debug)]
struct Pools {
    calibrated: Pool,
    /// Row of the first uniform sample in the joint matrices below.
    offset: usize,
    uniform: Pool,
    /// k among all pool samples, and with the generated ones.
    gram: DMatrix<f64>,
    cross: DMatrix<f64>,
    /// Likelihood rows of the calibrated pool's samples.
    likelihood: Likelihood,
}

/// Tests the fit by parametric bootstrap: pseudo-real sets of the same groups are drawn from the
/// calibrated distribution through the surrogate, the family is refitted to each, and the divergence of
/// the real set takes its rank among theirs (Davison & Hinkley 1997, "Bootstrap methods and their
/// application", §4.2.3: parametric tests with fitted parameters).
pub(crate) fn verdict(
    frame: &Frame<'_>,
    fit: &Fit,
    generated: &Generated,
    real: &Real,
    replicates: usize,
    seed: Seed,
) -> CalibrationVerdict {
    let groups = real.members.len();
    let test = Test::new(frame, fit, generated);
    let all: Vec<usize> = (0..real.len()).collect();
    let statistic =
        test.refitted(&fit.likelihood, &all, &fit.weights, &real.gram, &fit.surrogate.cross, &real.groups);
    let mut verdict = CalibrationVerdict {
        conclusion: Conclusion::NotTested,
        text: String::new(),
        statistic,
        p_value: None,
        null_quantiles: Vec::new(),
        smallest_detectable_shift: None,
        groups,
        samples: real.len(),
        replicates: 0,
        notes: Vec::new(),
    };
    if groups < LEAST_GROUPS {
        let note = format!(
            "no p-value: {groups} independent real groups, and the test needs at least {LEAST_GROUPS}"
        );
        verdict.text = format!("not tested: {groups} independent real groups are fewer than {LEAST_GROUPS}");
        verdict.notes.push(note);
        return verdict;
    }
    if groups > MOST_GROUPS {
        verdict.notes.push(format!(
            "the null is that of {MOST_GROUPS} groups, scaled to {groups}: pseudo-real sets of all groups would take too long"
        ));
    }
    let sizes: Vec<usize> = group_sizes(real).into_iter().take(MOST_GROUPS).collect();
    let shrink = sizes.len() as f64 / groups as f64;
    let pools = test.pools(generated, fit, &sizes, seed);
    let mut null = test.null(&pools, &sizes, replicates, seed);
    null.iter_mut().for_each(|t| *t *= shrink);
    null.sort_by(f64::total_cmp);
    let above = null.iter().filter(|&&t| t >= statistic).count();
    let p_value = (1 + above) as f64 / (1 + replicates) as f64;
    verdict.null_quantiles = [0.5, 0.9, 0.95, 0.99].map(|level| (level, quantile(&null, level))).to_vec();
    verdict.replicates = replicates;
    verdict.p_value = Some(p_value);
    verdict.smallest_detectable_shift = test.smallest_shift(&pools, &sizes, seed);
    verdict.conclusion =
        if p_value <= LEVEL { Conclusion::Distinguishable } else { Conclusion::NotDistinguishable };
    verdict.text = text(verdict.conclusion, verdict.smallest_detectable_shift);
    verdict
}

fn text(conclusion: Conclusion, shift: Option<f64>) -> String {
    match (conclusion, shift) {
        (Conclusion::Distinguishable, _) => "distinguishable".to_owned(),
        (_, Some(shift)) => {
            format!("not distinguishable at this n (smallest detectable shift {shift:.2})")
        }
        (_, None) => {
            "not distinguishable at this n (smallest detectable shift above 1: even the uniform distribution \
             would pass)"
                .to_owned()
        }
    }
}

struct Test<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    /// Row m holds the surrogate's unnormalised weights at grid point m: `[points, generated]`.
    grid_weights: DMatrix<f64>,
}

impl<'a> Test<'a> {
    fn new(frame: &'a Frame<'a>, fit: &'a Fit, _generated: &Generated) -> Self {
        let grid_weights = fit.surrogate.mean.weights_at(frame.axes, &fit.likelihood.grid.points);
        Self { frame, fit, grid_weights }
    }

    /// Divergence of a set from the member refitted to it.
    fn refitted(
        &self,
        likelihood: &Likelihood,
        rows: &[usize],
        weights: &[f64],
        gram: &DMatrix<f64>,
        cross: &DMatrix<f64>,
        groups: &[usize],
    ) -> f64 {
        let samples: Vec<(usize, f64)> = rows.iter().copied().zip(weights.iter().copied()).collect();
        let population = self.frame.population(likelihood, samples, self.fit.strength);
        let member = population.fit(&self.fit.member);
        let alpha = self.alpha(likelihood, &member);
        divergence(&self.fit.surrogate.mean.gram, &alpha, rows, gram, cross, groups)
    }

    fn alpha(&self, likelihood: &Likelihood, member: &Member) -> DVector<f64> {
        let weights = self.frame.population(likelihood, Vec::new(), 1.0).grid_weights(member);
        self.grid_weights.tr_mul(&DVector::from_vec(weights))
    }

    fn pools(&self, generated: &Generated, fit: &Fit, sizes: &[usize], seed: Seed) -> Pools {
        let largest = sizes.iter().copied().max().unwrap_or(1);
        let groups = POOL.max(3 * sizes.len());
        let draw = |member, purpose: &str| {
            Pool::draw(self.frame, fit, generated, member, groups, largest, seed.derive(purpose))
        };
        let calibrated = draw(Some(&fit.member), "verdict/calibrated");
        let uniform = draw(None, "verdict/uniform");
        let rows: Vec<Vec<f32>> = [&calibrated, &uniform]
            .iter()
            .flat_map(|pool| pool.rows.row_iter().map(|r| r.iter().map(|x| *x as f32).collect()))
            .collect();
        let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let gram = self.frame.similarity.own_gram(&slices);
        let cross = self.frame.similarity.gram(&slices, &generated.slices());
        let summaries = fit.surrogate.summaries.of(&calibrated.rows);
        let likelihood = self.frame.likelihood_on(&fit.surrogate, &summaries, fit.likelihood.grid.clone());
        Pools { offset: calibrated.rows.nrows(), calibrated, uniform, gram, cross, likelihood }
    }

    /// The statistic over pseudo-real sets, each refitted.
    fn null(&self, pools: &Pools, sizes: &[usize], replicates: usize, seed: Seed) -> Vec<f64> {
        let seed = seed.derive("verdict/null");
        (0..replicates as u64)
            .into_par_iter()
            .map(|replicate| {
                let (rows, groups) = pseudo_set(pools, sizes, 0.0, &mut seed.stream(replicate));
                let size = |g: usize| sizes[g] as f64;
                let weights: Vec<f64> =
                    groups.iter().map(|&g| 1.0 / (1.0 + (size(g) - 1.0) * self.fit.correlation)).collect();
                self.refitted(&pools.likelihood, &rows, &weights, &pools.gram, &pools.cross, &groups)
            })
            .collect()
    }

    /// The smallest ε at which (1 − ε)·calibrated + ε·uniform is told from calibrated, as it stands, at
    /// 5 % with 80 % power; interpolated between steps of 0.05.
    fn smallest_shift(&self, pools: &Pools, sizes: &[usize], seed: Seed) -> Option<f64> {
        let alpha = &self.fit.alpha;
        let sets = |shift: f64, purpose: &str| -> Vec<f64> {
            let seed = seed.derive(purpose);
            (0..POWER_SETS)
                .into_par_iter()
                .map(|i| {
                    let (rows, groups) = pseudo_set(pools, sizes, shift, &mut seed.stream(i));
                    divergence(
                        &self.fit.surrogate.mean.gram,
                        alpha,
                        &rows,
                        &pools.gram,
                        &pools.cross,
                        &groups,
                    )
                })
                .collect()
        };
        let mut null = sets(0.0, "verdict/critical");
        null.sort_by(f64::total_cmp);
        let critical = quantile(&null, 1.0 - LEVEL);
        let mut before = (0.0, LEVEL);
        for step in 1..=20 {
            let shift = f64::from(step) / 20.0;
            let values = sets(shift, "verdict/power");
            let power = values.iter().filter(|&&t| t > critical).count() as f64 / POWER_SETS as f64;
            if power >= POWER {
                let share = (POWER - before.1) / (power - before.1);
                return Some(before.0 + share * (shift - before.0));
            }
            before = (shift, power);
        }
        None
    }
}

/// Rows and groups of a pseudo-real set; each group is of the uniform pool with probability `shift`.
fn pseudo_set(
    pools: &Pools,
    sizes: &[usize],
    shift: f64,
    stream: &mut synth_core::Stream,
) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..pools.calibrated.groups).collect();
    // A partial Fisher–Yates: the first groups of a random order, no group twice.
    for at in 0..sizes.len() {
        let other = at + stream.index(order.len() - at);
        order.swap(at, other);
    }
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (group, &size) in sizes.iter().enumerate() {
        let foreign = stream.unit() < shift;
        let pool = if foreign { &pools.uniform } else { &pools.calibrated };
        let offset = if foreign { pools.offset } else { 0 };
        rows.extend(pool.group(order[group], size).map(|row| row + offset));
        groups.extend(std::iter::repeat_n(group, size));
    }
    (rows, groups)
}

/// αᵀKα − 2 mean Σ αⱼ k(xᵢ, xⱼ) + mean over pairs of different groups of k(xᵢ, xⱼ).
fn divergence(
    generated: &DMatrix<f64>,
    alpha: &DVector<f64>,
    rows: &[usize],
    gram: &DMatrix<f64>,
    cross: &DMatrix<f64>,
    groups: &[usize],
) -> f64 {
    let n = rows.len() as f64;
    let witness: f64 = rows.iter().map(|&row| cross.row(row).transpose().dot(alpha)).sum::<f64>() / n;
    let (mut sum, mut pairs) = (0.0, 0.0);
    for i in 0..rows.len() {
        for j in 0..i {
            if groups[i] != groups[j] {
                sum += gram[(rows[i], rows[j])];
                pairs += 1.0;
            }
        }
    }
    alpha.dot(&(generated * alpha)) - 2.0 * witness + sum / f64::max(pairs, 1.0)
}

/// Divergence of samples outside the fit, with its standard error over groups.
pub(crate) fn held_out(
    fit: &Fit,
    alpha: &DVector<f64>,
    gram: &DMatrix<f64>,
    cross: &DMatrix<f64>,
    groups: &[usize],
) -> synth_core::Estimate {
    let rows: Vec<usize> = (0..groups.len()).collect();
    let value = divergence(&fit.surrogate.mean.gram, alpha, &rows, gram, cross, groups);
    let n = (rows.len() as f64 - 1.0).max(1.0);
    let influence: Vec<f64> = rows
        .iter()
        .map(|&i| 2.0 * (gram.row(i).sum() - gram[(i, i)]) / n - 2.0 * cross.row(i).transpose().dot(alpha))
        .collect();
    let std_error = grouped_std_error(&influence, &members(groups));
    let ci95 = std_error.map(|se| [value - 1.96 * se, value + 1.96 * se]);
    synth_core::Estimate { value, std_error, ci95, ..synth_core::Estimate::default() }
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = level * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}
