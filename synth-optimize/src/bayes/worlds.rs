//! What there is to improve on where values are noisy.

use synth_core::{Seed, normal};

use super::space::Located;
use crate::acquisition::{Acquisition, Score};
use crate::gp::{GaussianProcess, dot};
use crate::sobol::SobolSequence;

/// Joint posterior draws of the objective at the points that may be the best of those tried, and at those
/// that are being tried.
///
/// Under noise nobody knows the least value so far. In each world it is known: there f is fixed at the
/// contenders, and what is improved on is the least of them. The acquisition is the mean over the worlds,
///
/// ```text
/// ln α(x) = ln (1/S) Σ_s EI(x | f_s),   f_s ~ p(f at the contenders | y)
/// ```
///
/// (noisy expected improvement, Letham et al. 2019; in logarithms, Ament et al. 2023). Pending and chosen
/// points have an outcome in each world likewise. An observation that equals its own prediction moves no
/// mean; one that is a draw moves the last entry of `L⁻¹(y − m)` by a standard normal number. So the process
/// believes itself at all those points, and a world is a sequence of such numbers, from a scrambled
/// Sobol sequence (Balandat et al. 2020).
#[derive(Clone, Debug)]
pub(crate) struct Worlds {
    /// Where the contenders start among the observations of the process.
    first: usize,
    /// Standard normal numbers of each world, one for each observation from there on.
    normals: Vec<Vec<f64>>,
    alphas: Vec<Vec<f64>>,
    best: Vec<f64>,
}

const WORLDS: u64 = 16;
/// At most so many points are drawn jointly: those with the least mean less one standard deviation.
pub(crate) const CONTENDERS: usize = 16;
/// Noise variance with which contenders join, so that the factor stays well conditioned. A point known better
/// than this needs no draw.
const KNOWN: f64 = 1e-6;
/// Half the distance of neighbouring Sobol coordinates: keeps quantiles finite.
const HALF_CELL: f64 = 1.0 / (1 << 25) as f64;

impl Worlds {
    /// Lets the contenders among `tried`, which are what the process has observed, join it; up to `further` points
    /// may follow. `None` where all of them are known well, and for acquisitions that are no expected improvement.
    pub(crate) fn new(
        process: &mut GaussianProcess,
        tried: &[Located],
        acquisition: Acquisition,
        further: usize,
        seed: Seed,
    ) -> Option<Self> {
        if !matches!(acquisition, Acquisition::LogEi | Acquisition::Ei) {
            return None;
        }
        debug_assert_eq!(tried.len(), process.len());
        let forecasts = tried.iter().zip(process.posteriors_at_inputs());
        let (mut unsure, sure): (Vec<_>, Vec<_>) =
            forecasts.partition(|(_, (_, variance))| *variance > KNOWN);
        let hope = |(mean, variance): (f64, f64)| mean - libm::sqrt(variance);
        unsure.sort_by(|a, b| hope(a.1).total_cmp(&hope(b.1)));
        unsure.truncate(CONTENDERS);
        if unsure.is_empty() {
            return None;
        }
        let best = sure.iter().map(|(_, (mean, _))| *mean).fold(f64::INFINITY, f64::min);
        let seed = seed.derive("optimize/gp/worlds").derive(&tried.len().to_string());
        let sobol = SobolSequence::new(unsure.len() + further, seed);
        let draw = |world| sobol.point(world).iter().map(|u| normal::quantile(u + HALF_CELL)).collect();
        let normals: Vec<Vec<f64>> = (0..WORLDS).map(draw).collect();
        let mut worlds =
            Self { first: process.len(), best: vec![best; normals.len()], normals, alphas: vec![] };
        for (at, (mean, _)) in unsure {
            process.push(at.point(), mean, KNOWN);
            worlds.improve(process);
        }
        Some(worlds)
    }

    /// What the process believed last is to be improved on too.
    pub(crate) fn improve(&mut self, process: &GaussianProcess) {
        let (mean, row) = (process.last_value(), &process.last_factor_row()[self.first..]);
        for (best, normals) in self.best.iter_mut().zip(&self.normals) {
            *best = best.min(value_in(normals, mean, row));
        }
    }

    /// Makes ready for gradients, after the process came to believe in further points.
    pub(crate) fn refresh(&mut self, process: &GaussianProcess) {
        self.alphas = self.normals.iter().map(|normals| process.alpha_moved(self.first, normals)).collect();
    }

    /// Weights of the observations for the mean of f, one vector per world.
    pub(crate) fn alphas(&self) -> &[Vec<f64>] {
        &self.alphas
    }

    /// The variance of f at a point over all worlds, from that within each: what is left where only
    /// observations are known.
    pub(crate) fn variance_over_all(&self, within: f64, whitened: &[f64]) -> f64 {
        let between = &whitened[self.first..];
        within + dot(between, between)
    }

    /// The score of a point with this mean, standard deviation and whitened row.
    pub(crate) fn score(&self, mean: f64, sd: f64, whitened: &[f64]) -> f64 {
        let means = self.normals.iter().map(|normals| value_in(normals, mean, &whitened[self.first..]));
        let logs: Vec<f64> = self.improvements(means, sd).map(|score| score.value).collect();
        log_mean(&logs)
    }

    /// The score of a point with this mean in each world, and what it gains by each mean and by the
    /// standard deviation.
    pub(crate) fn score_with_slopes(&self, means: &[f64], sd: f64) -> (f64, Vec<f64>, f64) {
        let scores: Vec<Score> = self.improvements(means.iter().copied(), sd).collect();
        let value = log_mean(&scores.iter().map(|score| score.value).collect::<Vec<_>>());
        let share = |score: &Score| libm::exp(score.value - value) / scores.len() as f64;
        let by_means = scores.iter().map(|score| share(score) * score.by_mean).collect();
        let by_sd = scores.iter().map(|score| share(score) * score.by_sd).sum();
        (value, by_means, by_sd)
    }

    fn improvements(&self, means: impl Iterator<Item = f64>, sd: f64) -> impl Iterator<Item = Score> {
        means.zip(&self.best).map(move |(mean, best)| Acquisition::LogEi.score(mean, sd, *best, 0.0))
    }
}

/// In a world, the mean of a point with this whitened row, or the value of one with this row of the factor;
/// both start at the contenders.
fn value_in(normals: &[f64], mean: f64, row: &[f64]) -> f64 {
    mean + dot(&normals[..row.len()], row)
}

/// ln of the mean of exponentials.
fn log_mean(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| libm::exp(log - most)).sum();
    if most.is_finite() { most + libm::log(sum / logs.len() as f64) } else { most }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::bayes::ModelSpace;
    use crate::bayes::surface::{Goal, Surface};
    use crate::gp::{Column, Kernel, KernelFamily, MeanRule, Observations, Scratch};
    use synth_core::{Domain, Parameter, ParameterSpace};

    fn space() -> ModelSpace {
        let unit = |name: &str| Parameter::new(name, Domain::float(0.0, 1.0));
        ModelSpace::new(&ParameterSpace::new(vec![unit("x"), unit("y")]).expect("valid"))
    }

    fn tried(space: &ModelSpace) -> Vec<Located> {
        let points = SobolSequence::new(2, Seed::from_u64(3));
        (0..12).map(|i| space.locate(points.point(i))).collect()
    }

    fn process(tried: &[Located], noise: f64) -> GaussianProcess {
        let kernel = Kernel {
            family: KernelFamily::Matern52,
            variance: 1.0,
            length_scales: vec![0.4, 0.6],
            category_rates: vec![],
            additive_share: 0.0,
        };
        let y: Vec<f64> = tried.iter().map(|at| libm::sin(5.0 * at.unit[0]) - at.unit[1]).collect();
        let observations = Observations::new(&y, None).expect("finite");
        let (columns, mean, room) = ([Column::Number; 2], MeanRule::Fixed(0.0), CONTENDERS + 2);
        GaussianProcess::build(&columns, kernel, noise, mean, space().inputs(tried), observations, room)
            .expect("valid")
    }

    fn worlds(process: &mut GaussianProcess, tried: &[Located]) -> Option<Worlds> {
        Worlds::new(process, tried, Acquisition::LogEi, 2, Seed::from_u64(1))
    }

    #[test]
    fn without_noise_there_is_nothing_to_draw() {
        let tried = tried(&space());
        assert!(worlds(&mut process(&tried, 1e-9), &tried).is_none());
        assert!(worlds(&mut process(&tried, 0.1), &tried).is_some());
        let mut noisy = process(&tried, 0.1);
        assert!(Worlds::new(&mut noisy, &tried, Acquisition::Ucb, 2, Seed::from_u64(1)).is_none());
    }

    /// Noisy expected improvement by drawing f jointly at everything, x included, 40,000 times.
    #[test]
    fn scores_agree_with_plain_joint_draws() {
        let tried = tried(&space());
        let before = process(&tried, 0.1);
        let mut after = before.clone();
        let worlds = worlds(&mut after, &tried).expect("noisy");
        for at in [[0.9, 0.9], [0.95, 0.75], [0.8, 1.0]] {
            let all = Array2::from_shape_fn((tried.len() + 1, 2), |(i, j)| {
                if i < tried.len() { tried[i].numbers[j] } else { at[j] }
            });
            let draws = before.sample(all.view(), 40_000, Seed::from_u64(9)).expect("fits");
            let gain = |row: ndarray::ArrayView1<'_, f64>| {
                let best = row.iter().take(tried.len()).copied().fold(f64::INFINITY, f64::min);
                (best - row[tried.len()]).max(0.0)
            };
            let expected = draws.rows().into_iter().map(gain).sum::<f64>() / 40_000.0;
            let mut row = vec![0.0; after.len()];
            let (mean, variance) = after.posterior((&at, &[]), &mut row);
            let got = worlds.score(mean, libm::sqrt(variance), &row).exp();
            // Sixteen worlds are few; the least mean as what to improve on gives 0.5 more at the first point.
            assert!((got / expected).ln().abs() < 0.2, "{at:?}: {got} for {expected}");
        }
    }

    #[test]
    fn joining_hides_no_uncertainty() {
        let tried = tried(&space());
        let before = process(&tried, 0.1);
        let mut after = before.clone();
        let worlds = worlds(&mut after, &tried).expect("noisy");
        for at in [[0.3, 0.8], [0.7, 0.2], [0.9, 0.9]] {
            let (mut short, mut long) = (vec![0.0; before.len()], vec![0.0; after.len()]);
            let (mean, variance) = before.posterior((&at, &[]), &mut short);
            let (same_mean, within) = after.posterior((&at, &[]), &mut long);
            assert!((mean - same_mean).abs() < 1e-10 && within < variance);
            assert!((worlds.variance_over_all(within, &long) - variance).abs() < 1e-10);
        }
    }

    #[test]
    fn gradients_match_central_differences_and_values() {
        let space = space();
        let tried = tried(&space);
        let mut process = process(&tried, 0.1);
        let mut worlds = worlds(&mut process, &tried).expect("noisy");
        let (mean, _) = process.posterior((&[0.5, 0.5], &[]), &mut vec![0.0; process.len()]);
        process.push((&[0.5, 0.5], &[]), mean, 0.1);
        worlds.improve(&process);
        worlds.refresh(&process);
        let goal = Goal::Acquisition { kind: Acquisition::LogEi, best: 0.0, beta: 0.0 };
        let surface = Surface {
            space: &space,
            process: &process,
            feasibility: None,
            goal,
            worlds: Some(&worlds),
            region: None,
        };
        let value = |unit: [f64; 2]| surface.value(&space.locate(unit.to_vec()), &mut Vec::new());
        for unit in [[0.1, 0.3], [0.55, 0.4], [0.9, 0.95]] {
            let mut gradient = [0.0; 2];
            let at = space.locate(unit.to_vec());
            let got = surface.gradient(&at, &mut Scratch::default(), &mut gradient);
            assert!((got - value(unit)).abs() < 1e-9, "{got} {}", value(unit));
            for i in 0..2 {
                let shifted = |h: f64| {
                    let mut u = unit;
                    u[i] += h;
                    value(u)
                };
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!((gradient[i] - difference).abs() < 1e-5 * difference.abs().max(1.0));
            }
        }
    }
}
