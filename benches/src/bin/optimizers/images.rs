//! The void simulator's images in point mode: which parameter set did the real images come from?

use ndarray::{Array2, Axis};
use synth_benches::VoidImages;
use synth_core::{Optimizer, ParameterSet, Result, Seed};
use synth_embed::FeaturesParams;
use synth_optimize::RandomParams;
use synth_validate::fidelity::{median_bandwidth, mmd2};

use crate::problems::Answer;

/// Images of the hidden set that stand for the real ones.
const REAL: usize = 48;
/// Images generated for a trial.
const TRIAL: usize = 24;
/// Images of each side from which the regret is measured.
const MANY: usize = 240;
/// Trials of the hidden set itself that show how much its values vary.
const AT_TRUTH: usize = 50;

/// MMD² of a parameter set's images to those of a hidden set that the seed draws from the whole space, in
/// standard deviations of what a trial of the hidden set itself gives: at 2 a trial cannot tell it from that.
pub(crate) struct PointOfImages {
    images: VoidImages,
    real: Array2<f32>,
    many: Array2<f32>,
    sigma: f64,
    unit: f64,
    seed: Seed,
}

impl PointOfImages {
    pub(crate) fn new(seed: Seed) -> Result<Self> {
        let images = VoidImages::new(Box::new(FeaturesParams::default().build()?))?;
        let draw = RandomParams::default().build(images.space().clone())?.suggest(&[], 1, seed)?;
        let of = |count, purpose| {
            images.embed(&vec![draw.proposals[0].params.clone(); count], seed.derive(purpose))
        };
        let (real, many) = (of(REAL, "real")?, of(MANY, "many")?);
        let sigma = median_bandwidth(real.view(), None, seed.derive("sigma"))?.sigma;
        let trials = of(AT_TRUTH * TRIAL, "at truth")?;
        let at_truth: Vec<f64> = trials
            .axis_chunks_iter(Axis(0), TRIAL)
            .map(|trial| Ok(mmd2(trial, real.view(), sigma)?.unbiased))
            .collect::<Result<_>>()?;
        Ok(Self { images, real, many, sigma, unit: standard_deviation(&at_truth), seed })
    }

    /// The value is of a few fresh images and the few real ones, the regret of many.
    pub(crate) fn evaluate(&self, set: &ParameterSet, index: u64) -> Result<Answer> {
        let of = |count, seed| self.images.embed(&vec![set.clone(); count], seed);
        let trial = of(TRIAL, self.seed.derive(&format!("trial {index}")))?;
        let many = of(MANY, self.seed.derive("regret"))?;
        let value = mmd2(trial.view(), self.real.view(), self.sigma)?.unbiased;
        let regret = mmd2(many.view(), self.many.view(), self.sigma)?.unbiased;
        Ok(Answer { value: value / self.unit, regret: regret / self.unit })
    }
}

fn standard_deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (square / (values.len() - 1) as f64).sqrt()
}
