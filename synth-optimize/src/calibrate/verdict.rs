//! The verdict: can the real set be told from the calibrated distribution's output?

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use synth_core::{Result, Seed};

use super::curves::posterior;
use super::data::{Generated, Real};
use super::family::Member;
use super::fit::{Fit, Frame, grouped_std_error, sample_weights};
use super::linear::members;
use super::mean::MeanSurrogate;
use super::population::Likelihood;
use super::pseudo::{Imitation, Pool, float_rows};
use super::record::{CalibrationVerdict, Conclusion};

/// Groups below which there is no p-value.
pub(crate) const LEAST_GROUPS: usize = 6;
/// Groups that the test looks at, at most.
const MOST_GROUPS: usize = 300;
/// Groups that pseudo-real sets are drawn from.
const POOL: usize = 96;
/// Samples of a pool, at most: the Gram matrix of three is held whole in every world.
const POOL_ROWS: usize = 1024;
const LEVEL: f64 = 0.05;
const POWER: f64 = 0.8;
/// Sets per shift when looking for the smallest detectable one.
const POWER_SETS: u64 = 400;
const SHIFTS: usize = 20;

/// Pseudo-real sets are drawn in so many worlds, each with a truth and a surrogate of its own.
const WORLDS: usize = 16;

/// Tests the fit by parametric bootstrap: pseudo-real sets of the same groups are drawn through the
/// surrogate from distributions that the real set leaves possible, surrogate and family are fitted anew
/// to each, and the divergence of the real set takes its rank among theirs (Davison & Hinkley 1997,
/// "Bootstrap methods and their application", §4.2.3: parametric tests with fitted parameters).
pub(crate) fn verdict(
    frame: &Frame<'_>,
    fit: &Fit,
    generated: &Generated,
    real: &Real,
    replicates: usize,
    seed: Seed,
) -> Result<CalibrationVerdict> {
    let groups = real.members.len();
    let judge = Judge::new(frame, fit, &fit.surrogate.mean);
    let most = (POOL_ROWS / (2 * groups.min(MOST_GROUPS))).max(1);
    let rows: Vec<usize> = real.members.iter().flat_map(|rows| rows.iter().take(most).copied()).collect();
    let samples = Samples { likelihood: &fit.likelihood, gram: &real.gram, cross: &fit.surrogate.cross };
    let group_of: Vec<usize> = rows.iter().map(|&row| real.groups[row]).collect();
    let statistic = judge.refitted(&samples, &rows, &group_of);
    let mut verdict = CalibrationVerdict {
        conclusion: Conclusion::NotTested,
        text: String::new(),
        statistic,
        p_value: None,
        null_quantiles: Vec::new(),
        smallest_detectable_shift: None,
        groups,
        samples: rows.len(),
        replicates: 0,
        notes: Vec::new(),
    };
    if groups < LEAST_GROUPS {
        let note = format!(
            "no p-value: {groups} independent real groups, and the test needs at least {LEAST_GROUPS}"
        );
        verdict.text = format!("not tested: {groups} independent real groups are fewer than {LEAST_GROUPS}");
        verdict.notes.push(note);
        return Ok(verdict);
    }
    if groups > MOST_GROUPS {
        verdict.notes.push(format!(
            "the null is that of {MOST_GROUPS} groups, scaled to {groups}: pseudo-real sets of all groups would \
             take too long; the smallest detectable shift is that of {MOST_GROUPS} groups, so the true one is \
             smaller"
        ));
    }
    if rows.len() < real.len() {
        verdict.notes.push(format!("the test looks at {most} samples of each group at most"));
    }
    let sizes: Vec<usize> =
        real.members.iter().take(MOST_GROUPS).map(|members| members.len().min(most)).collect();
    let shrink = sizes.len() as f64 / groups as f64;
    let worlds = Worlds {
        frame,
        fit,
        generated,
        imitation: Imitation::new(frame, fit, generated),
        truths: posterior(frame, fit, WORLDS as u64, seed.derive("verdict/truths")),
        sizes: &sizes,
        seed,
    };
    let shares: Vec<usize> =
        (0..WORLDS).map(|w| replicates / WORLDS + usize::from(w < replicates % WORLDS)).collect();
    let worlds: Vec<World> =
        (0..WORLDS).into_par_iter().map(|w| worlds.explore(w, shares[w])).collect::<Result<_>>()?;
    let mut null: Vec<f64> = worlds.iter().flat_map(|world| &world.null).map(|t| t * shrink).collect();
    null.sort_by(f64::total_cmp);
    let above = null.iter().filter(|&&t| t >= statistic).count();
    let p_value = (1 + above) as f64 / (1 + replicates) as f64;
    verdict.null_quantiles = [0.5, 0.9, 0.95, 0.99].map(|level| (level, quantile(&null, level))).to_vec();
    verdict.replicates = replicates;
    verdict.p_value = Some(p_value);
    verdict.smallest_detectable_shift = smallest_shift(&worlds);
    if verdict.smallest_detectable_shift.is_some() {
        verdict.notes.push(
            "the smallest detectable shift is that of a test of the calibrated distribution as it stands; a \
             distribution that is fitted anew, as for the p-value, follows part of a shift"
                .to_owned(),
        );
    }
    verdict.conclusion =
        if p_value <= LEVEL { Conclusion::Distinguishable } else { Conclusion::NotDistinguishable };
    verdict.text = text(verdict.conclusion, verdict.smallest_detectable_shift);
    Ok(verdict)
}

/// As many groups as there is room for, and never fewer than two sets' worth.
fn pool_groups(sizes: &[usize], largest: usize) -> usize {
    POOL.max(3 * sizes.len()).min(POOL_ROWS / largest.max(1)).max(2 * sizes.len())
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

/// A set's statistic is taken against this: a surrogate with the calibrated distribution around it.
struct Judge<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    /// Gram matrix of the generated samples.
    generated: &'a DMatrix<f64>,
    /// Row m holds the surrogate's weights at grid point m: `[points, generated]`.
    grid_weights: DMatrix<f64>,
}

/// Samples with what the statistic needs of them.
struct Samples<'a> {
    likelihood: &'a Likelihood,
    gram: &'a DMatrix<f64>,
    cross: &'a DMatrix<f64>,
}

impl<'a> Judge<'a> {
    fn new(frame: &'a Frame<'a>, fit: &'a Fit, mean: &'a MeanSurrogate) -> Self {
        let grid_weights = mean.weights_at(frame.axes, &fit.likelihood.grid.points);
        Self { frame, fit, generated: &mean.gram, grid_weights }
    }

    /// Divergence of a set from the member refitted to it. `groups` numbers the group of each row.
    fn refitted(&self, samples: &Samples<'_>, rows: &[usize], groups: &[usize]) -> f64 {
        let weights = sample_weights(groups, self.fit.correlation);
        let weighted: Vec<(usize, f64)> = rows.iter().copied().zip(weights).collect();
        let population = self.frame.population(samples.likelihood, weighted, self.fit.strength);
        let alpha = self.alpha(&population.fit(&self.fit.member));
        divergence(self.generated, &alpha, rows, samples.gram, samples.cross, groups)
    }

    fn alpha(&self, member: &Member) -> DVector<f64> {
        let weights = self.frame.population(&self.fit.likelihood, Vec::new(), 1.0).grid_weights(member);
        self.grid_weights.tr_mul(&DVector::from_vec(weights))
    }
}

/// Statistics of pseudo-real sets in one world.
struct World {
    /// Refitted, one per replicate.
    null: Vec<f64>,
    /// From the calibrated distribution as it stands, by shift: 0, 0.05, …, 1.
    shifted: Vec<Vec<f64>>,
}

/// Everything that the worlds of one verdict share.
struct Worlds<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    generated: &'a Generated,
    imitation: Imitation<'a>,
    /// The truth of each world: a member that the real samples leave possible. The calibrated member
    /// itself is pulled towards the typical one, and sets drawn from it would be fitted too well.
    truths: Vec<Member>,
    sizes: &'a [usize],
    seed: Seed,
}

impl Worlds<'_> {
    /// World `number`: the training samples are imitated and the surrogate learned anew, so that the
    /// null holds its error too.
    fn explore(&self, number: usize, replicates: usize) -> Result<World> {
        let seed = self.seed.derive(&format!("verdict/world {number}"));
        let training = self.imitation.training(self.generated, seed.derive("training"));
        let pools = self.pools(number, seed);
        let rows =
            [&pools.truth, &pools.calibrated, &pools.uniform].map(|pool| float_rows(&pool.rows)).concat();
        let gram = self.frame.similarity.own_gram(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let surrogate = self.frame.surrogate(&training, &rows)?;
        let summaries = surrogate.summaries.of(&pools.truth.rows);
        let grid = self.fit.likelihood.grid.clone();
        let likelihood = self.frame.likelihood_on(&surrogate, &summaries, grid);
        let judge = Judge::new(self.frame, self.fit, &surrogate.mean);
        let samples = Samples { likelihood: &likelihood, gram: &gram, cross: &surrogate.cross };
        Ok(World {
            null: self.null(&judge, &samples, &pools, replicates, seed),
            shifted: self.shifted(&judge, &samples, &pools, seed),
        })
    }

    fn pools(&self, number: usize, seed: Seed) -> Pools {
        let largest = self.sizes.iter().copied().max().unwrap_or(1);
        let groups = pool_groups(self.sizes, largest);
        let pool = |member, purpose: &str| self.imitation.pool(member, groups, largest, seed.derive(purpose));
        Pools {
            truth: pool(Some(&self.truths[number]), "truth"),
            calibrated: pool(Some(&self.fit.member), "calibrated"),
            uniform: pool(None, "uniform"),
        }
    }

    fn null(
        &self,
        judge: &Judge<'_>,
        samples: &Samples<'_>,
        pools: &Pools,
        replicates: usize,
        seed: Seed,
    ) -> Vec<f64> {
        let seed = seed.derive("null");
        let one = |replicate: u64| {
            let (rows, groups) = pseudo_set(
                [&pools.truth, &pools.truth],
                [0, 0],
                self.sizes,
                0.0,
                &mut seed.stream(replicate),
            );
            judge.refitted(samples, &rows, &groups)
        };
        (0..replicates as u64).map(one).collect()
    }

    fn shifted(&self, judge: &Judge<'_>, samples: &Samples<'_>, pools: &Pools, seed: Seed) -> Vec<Vec<f64>> {
        let alpha = judge.alpha(&self.fit.member);
        let first = pools.truth.rows.nrows();
        let offsets = [first, first + pools.calibrated.rows.nrows()];
        let one = |shift: f64, seed: &Seed, i: u64| {
            let from = [&pools.calibrated, &pools.uniform];
            let (rows, groups) = pseudo_set(from, offsets, self.sizes, shift, &mut seed.stream(i));
            divergence(judge.generated, &alpha, &rows, samples.gram, samples.cross, &groups)
        };
        (0..=SHIFTS)
            .map(|step| {
                let seed = seed.derive(if step == 0 { "critical" } else { "power" });
                let shift = step as f64 / SHIFTS as f64;
                (0..POWER_SETS / WORLDS as u64).map(|i| one(shift, &seed, i)).collect()
            })
            .collect()
    }
}

/// The pools of one world; their rows follow each other in joint matrices.
struct Pools {
    truth: Pool,
    calibrated: Pool,
    uniform: Pool,
}

/// The smallest ε at which (1 − ε)·calibrated + ε·uniform is told from calibrated, as it stands, at
/// 5 % with 80 % power; interpolated between steps.
fn smallest_shift(worlds: &[World]) -> Option<f64> {
    let sets = |step: usize| -> Vec<f64> { worlds.iter().flat_map(|w| w.shifted[step].clone()).collect() };
    let mut null = sets(0);
    null.sort_by(f64::total_cmp);
    let critical = quantile(&null, 1.0 - LEVEL);
    let mut before = (0.0, LEVEL);
    for step in 1..=SHIFTS {
        let shift = step as f64 / SHIFTS as f64;
        let values = sets(step);
        let power = values.iter().filter(|&&t| t > critical).count() as f64 / values.len() as f64;
        if power >= POWER {
            let share = (POWER - before.1) / (power - before.1);
            return Some(before.0 + share * (shift - before.0));
        }
        before = (shift, power);
    }
    None
}

/// Rows and groups of a pseudo-real set from the first pool; each group is of the second with
/// probability `shift`. A pool's rows begin at its offset.
fn pseudo_set(
    pools: [&Pool; 2],
    offsets: [usize; 2],
    sizes: &[usize],
    shift: f64,
    stream: &mut synth_core::Stream,
) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..pools[0].groups).collect();
    // A partial Fisher–Yates: the first groups of a random order, no group twice.
    for at in 0..sizes.len() {
        let other = at + stream.index(order.len() - at);
        order.swap(at, other);
    }
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (group, &size) in sizes.iter().enumerate() {
        let which = usize::from(stream.unit() < shift);
        rows.extend(pools[which].group(order[group], size).map(|row| row + offsets[which]));
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
