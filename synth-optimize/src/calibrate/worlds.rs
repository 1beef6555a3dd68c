//! Pseudo worlds for the verdict: sets of known truth, to which surrogate and family are fitted anew.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use synth_core::{Result, Seed};

use super::curves::posterior;
use super::data::Generated;
use super::family::Member;
use super::fit::{Fit, Frame, sample_weights};
use super::matching::{Matching, Scale, mean_cross};
use super::mean::MeanSurrogate;
use super::population::Likelihood;
use super::pseudo::{Imitation, Pool, float_rows};
use super::record::FitMethod;

/// Groups that pseudo-real sets are drawn from.
const POOL: usize = 96;
/// Samples of a pool, at most: the Gram matrix of three is held whole in every world.
pub(crate) const POOL_ROWS: usize = 1024;
/// Sets per shift when looking for the smallest detectable one.
const POWER_SETS: u64 = 400;
/// Steps from no shift to a whole one.
pub(crate) const SHIFTS: usize = 20;
/// Pseudo-real sets are drawn in so many worlds, each with a truth and a surrogate of its own.
const WORLDS: usize = 16;

/// A set's statistic is taken against this: a surrogate with the calibrated distribution around it.
pub(crate) struct Judge<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    /// Gram matrix of the generated samples.
    generated: &'a DMatrix<f64>,
    /// Row m holds the surrogate's weights at grid point m: `[points, generated]`.
    grid_weights: DMatrix<f64>,
    /// See [`null_scale`].
    unit: f64,
}

/// Samples with what the statistic needs of them.
pub(crate) struct Samples<'a> {
    pub(crate) likelihood: &'a Likelihood,
    pub(crate) gram: &'a DMatrix<f64>,
    pub(crate) cross: &'a DMatrix<f64>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(frame: &'a Frame<'a>, fit: &'a Fit, mean: &'a MeanSurrogate, unit: f64) -> Self {
        let grid_weights = mean.weights_at(frame.axes, &fit.likelihood.grid.points);
        Self { frame, fit, generated: &mean.gram, grid_weights, unit }
    }

    /// Divergence of a set from the member refitted to it, and that member. `groups` numbers the group of
    /// each row.
    pub(crate) fn refitted(&self, samples: &Samples<'_>, rows: &[usize], groups: &[usize]) -> (f64, Member) {
        let chosen = &self.fit.chosen;
        let member = match chosen.method {
            FitMethod::Likelihood => {
                let weights = sample_weights(groups, self.fit.correlation);
                let weighted: Vec<(usize, f64)> = rows.iter().copied().zip(weights).collect();
                self.frame.population(samples.likelihood, weighted, chosen.strength).fit(&chosen.member)
            }
            FitMethod::MeanEmbedding => {
                let (frame, grid) = (self.frame, &self.fit.likelihood.grid);
                let matching = Matching::new(
                    frame,
                    grid,
                    &self.grid_weights,
                    self.generated,
                    Scale { unit: self.unit, strength: chosen.strength },
                );
                matching.refit(&mean_cross(samples.cross, rows), &chosen.member)
            }
            FitMethod::Uniform => chosen.member.clone(),
        };
        let alpha = self.alpha(&member);
        (divergence(self.generated, &alpha, rows, samples.gram, samples.cross, groups), member)
    }

    fn alpha(&self, member: &Member) -> DVector<f64> {
        let weights = self.frame.population(&self.fit.likelihood, Vec::new(), 1.0).grid_weights(member);
        self.grid_weights.tr_mul(&DVector::from_vec(weights))
    }
}

/// Statistics of pseudo-real sets in one world.
pub(crate) struct World {
    /// Statistics of sets of the truth, one per replicate.
    pub(crate) null: Vec<f64>,
    /// Fitted − true of the same.
    pub(crate) errors: Vec<Vec<f64>>,
    /// From the calibrated distribution as it stands, by shift: 0, 0.05, …, 1.
    pub(crate) shifted: Vec<Vec<f64>>,
}

/// Everything that the worlds of one verdict share.
pub(crate) struct Worlds<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    generated: &'a Generated,
    imitation: Imitation<'a>,
    truths: Vec<Member>,
    real: Likeness<'a>,
    seed: Seed,
}

/// What pseudo-real sets have in common with the real one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Likeness<'a> {
    /// Samples of each group.
    pub(crate) sizes: &'a [usize],
    /// See [`null_scale`](super::matching::null_scale).
    pub(crate) unit: f64,
    /// Samples drawn from the calibrated distribution, where they make the statistic.
    pub(crate) drawn: Option<usize>,
}

impl<'a> Worlds<'a> {
    pub(crate) fn new(
        frame: &'a Frame<'a>,
        fit: &'a Fit,
        generated: &'a Generated,
        real: Likeness<'a>,
        seed: Seed,
    ) -> Self {
        Self {
            frame,
            fit,
            generated,
            imitation: Imitation::new(frame, fit, generated),
            truths: truths(frame, fit, seed.derive("verdict/truths")),
            real,
            seed,
        }
    }

    /// All worlds, which share the replicates.
    pub(crate) fn explore_all(&self, replicates: usize) -> Result<Vec<World>> {
        let share = |world: usize| replicates / WORLDS + usize::from(world < replicates % WORLDS);
        (0..WORLDS).into_par_iter().map(|world| self.explore(world, share(world))).collect()
    }

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
        let judge = Judge::new(self.frame, self.fit, &surrogate.mean, self.real.unit);
        let samples = Samples { likelihood: &likelihood, gram: &gram, cross: &surrogate.cross };
        let refits = self.null(&judge, &samples, &pools, replicates, seed);
        let truth = self.truths[number].to_vector(self.frame.axes);
        let error = |member: &Member| -> Vec<f64> {
            member
                .to_vector(self.frame.axes)
                .iter()
                .zip(&truth)
                .map(|(fitted, truth)| fitted - truth)
                .collect()
        };
        Ok(World {
            null: refits.iter().map(|(statistic, _)| *statistic).collect(),
            errors: refits.iter().map(|(_, member)| error(member)).collect(),
            shifted: self.shifted(&judge, &samples, &pools, seed),
        })
    }

    fn pools(&self, number: usize, seed: Seed) -> Pools {
        let largest = self.real.sizes.iter().copied().max().unwrap_or(1);
        let groups = pool_groups(self.real.sizes, largest);
        let pool = |member, purpose: &str| self.imitation.pool(member, groups, largest, seed.derive(purpose));
        Pools {
            truth: pool(Some(&self.truths[number]), "truth"),
            calibrated: pool(Some(&self.fit.chosen.member), "calibrated"),
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
    ) -> Vec<(f64, Member)> {
        let seed = seed.derive("null");
        let one = |replicate: u64| {
            let (rows, groups) = pseudo_set(
                [&pools.truth, &pools.truth],
                [0, 0],
                self.real.sizes,
                0.0,
                &mut seed.stream(replicate),
            );
            let (refitted, member) = judge.refitted(samples, &rows, &groups);
            let Some(count) = self.real.drawn else { return (refitted, member) };
            let drawn =
                self.imitation.pool(Some(&member), count, 1, seed.derive(&format!("drawn {replicate}")));
            (self.remeasured(&drawn, &pools.truth.rows.select_rows(&rows), &groups), member)
        };
        (0..replicates as u64).map(one).collect()
    }

    /// Divergence of pseudo-real rows from samples drawn from a distribution.
    fn remeasured(&self, drawn: &Pool, real: &DMatrix<f64>, groups: &[usize]) -> f64 {
        let (drawn, real) = (float_rows(&drawn.rows), float_rows(real));
        let (drawn, real): (Vec<&[f32]>, Vec<&[f32]>) =
            (drawn.iter().map(Vec::as_slice).collect(), real.iter().map(Vec::as_slice).collect());
        let m = drawn.len();
        let mut own = self.frame.similarity.own_gram(&drawn);
        own.fill_diagonal(0.0);
        // Equal weights; the diagonal left out, the sum over pairs is divided by their number.
        own *= m as f64 / (m as f64 - 1.0).max(1.0);
        let alpha = DVector::from_element(m, 1.0 / m as f64);
        let rows: Vec<usize> = (0..real.len()).collect();
        let (gram, cross) =
            (self.frame.similarity.own_gram(&real), self.frame.similarity.gram(&real, &drawn));
        divergence(&own, &alpha, &rows, &gram, &cross, groups)
    }

    fn shifted(&self, judge: &Judge<'_>, samples: &Samples<'_>, pools: &Pools, seed: Seed) -> Vec<Vec<f64>> {
        let alpha = judge.alpha(&self.fit.chosen.member);
        let first = pools.truth.rows.nrows();
        let offsets = [first, first + pools.calibrated.rows.nrows()];
        let one = |shift: f64, seed: &Seed, i: u64| {
            let from = [&pools.calibrated, &pools.uniform];
            let (rows, groups) = pseudo_set(from, offsets, self.real.sizes, shift, &mut seed.stream(i));
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

/// The truth of each world. A fit by likelihood is pulled towards the typical member, and sets drawn from
/// it would be fitted too well: there it is one that the real samples leave possible.
fn truths(frame: &Frame<'_>, fit: &Fit, seed: Seed) -> Vec<Member> {
    match fit.chosen.method {
        FitMethod::Likelihood => posterior(frame, fit, WORLDS as u64, seed),
        FitMethod::MeanEmbedding | FitMethod::Uniform => vec![fit.chosen.member.clone(); WORLDS],
    }
}

/// As many groups as there is room for, and never fewer than two sets' worth.
fn pool_groups(sizes: &[usize], largest: usize) -> usize {
    POOL.max(3 * sizes.len()).min(POOL_ROWS / largest.max(1)).max(2 * sizes.len())
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
pub(crate) fn divergence(
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
