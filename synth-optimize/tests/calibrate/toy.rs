//! A cheap generator with its embedder and divergence, to put calibrations through their paces.

use std::collections::BTreeMap;

use ndarray::Array2;
use synth_core::{
    Divergence, Domain, EmbedderId, Embeddings, Error, Estimate, FittedDivergence, Kernel, Marginal,
    Parameter, ParameterDistribution, ParameterSet, ParameterSpace, Result, Seed,
};
use synth_optimize::calibrate::{
    Action, Calibration, CalibrationInput, CalibrationParams, CalibrationResult, FailedSample,
    IterationRecord, Outcome,
};

pub(crate) const DIM: usize = 8;

pub(crate) fn space() -> ParameterSpace {
    ParameterSpace::new(vec![
        Parameter::new("kind", Domain::choice(["flat", "steep"])),
        Parameter::new("count", Domain::int(1, 12)),
        Parameter::new("size", Domain::Float { low: 0.1, high: 10.0, log: true }),
        Parameter::new("tilt", Domain::float(-1.0, 1.0)).when("kind", ["steep"]),
    ])
    .expect("valid")
}

pub(crate) fn normal(mean: f64, std: f64) -> Marginal {
    Marginal::Normal { mean, std }
}

/// Count 4 ± 1.5, ln size 0.8 ± 0.5, 70 % steep with tilt 0.4 ± 0.3.
pub(crate) fn truth() -> ParameterDistribution {
    let kinds = [("flat".to_owned(), 0.3), ("steep".to_owned(), 0.7)].into();
    ParameterDistribution::Independent {
        marginals: BTreeMap::from([
            ("kind".to_owned(), Marginal::Categorical(kinds)),
            ("count".to_owned(), normal(4.0, 1.5)),
            ("size".to_owned(), normal(0.8, 0.5)),
            ("tilt".to_owned(), normal(0.4, 0.3)),
        ]),
    }
}

pub(crate) fn identity() -> EmbedderId {
    EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() }
}

/// One embedded sample: smooth in the parameters, with noise of its own.
pub(crate) fn sample(set: &ParameterSet, seed: Seed, index: u64) -> [f32; DIM] {
    let mut stream = seed.stream(index);
    let count = set.float("count").expect("count") / 12.0;
    let size = set.float("size").expect("size").ln() / 2.3;
    let steep = f64::from(u8::from(set.choice("kind").expect("kind") == "steep"));
    let tilt = set.float("tilt").unwrap_or(0.0);
    let mut noise = || 0.15 * stream.normal();
    [
        count + noise(),
        count * size + noise(),
        size + noise(),
        (1.5 * size).tanh() + noise(),
        steep + noise(),
        steep * tilt + noise(),
        (count - 0.5).powi(2) + 0.5 * tilt + noise(),
        noise() * (1.0 + count),
    ]
    .map(|x| x as f32)
}

pub(crate) fn embed(sets: &[ParameterSet], ids: Vec<String>, groups: Vec<String>, seed: Seed) -> Embeddings {
    let mut matrix = Array2::zeros((sets.len(), DIM));
    for (i, set) in sets.iter().enumerate() {
        matrix.row_mut(i).iter_mut().zip(sample(set, seed, i as u64)).for_each(|(to, from)| *to = from);
    }
    Embeddings::new(ids, groups, matrix, identity()).expect("valid")
}

/// Independent samples of a distribution; `per_group` of them share a parameter set and a group.
pub(crate) fn draw(
    distribution: &ParameterDistribution,
    groups: usize,
    per_group: usize,
    seed: Seed,
) -> Embeddings {
    let space = space();
    let sets: Vec<ParameterSet> = (0..groups)
        .flat_map(|g| {
            let set = distribution.draw(&space, &mut seed.derive("sets").stream(g as u64)).expect("drawn");
            std::iter::repeat_n(set, per_group)
        })
        .collect();
    let ids = (0..sets.len()).map(|i| format!("real_{i:03}")).collect();
    let names = (0..sets.len()).map(|i| format!("group_{:03}", i / per_group)).collect();
    embed(&sets, ids, names, seed.derive("samples"))
}

/// Unbiased MMD² with an RBF of fixed width.
#[derive(Debug)]
pub(crate) struct Rbf;

#[derive(Debug)]
pub(crate) struct FittedRbf {
    reference: Embeddings,
    kernel: RbfKernel,
}

#[derive(Debug)]
pub(crate) struct RbfKernel;

impl Kernel for RbfKernel {
    fn value(&self, x: &[f32], y: &[f32]) -> f64 {
        let square: f64 = x.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        (-square / 2.0).exp()
    }

    fn gradient(&self, x: &[f32], y: &[f32], gradient: &mut [f64]) {
        let k = self.value(x, y);
        gradient.iter_mut().zip(x.iter().zip(y)).for_each(|(g, (a, b))| *g = -k * f64::from(a - b));
    }
}

impl Divergence for Rbf {
    fn name(&self) -> &str {
        "rbf"
    }

    fn fit(&self, reference: &Embeddings, _seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        Ok(Box::new(FittedRbf { reference: reference.clone(), kernel: RbfKernel }))
    }
}

impl FittedDivergence for FittedRbf {
    fn estimate(&self, sample: &Embeddings) -> Result<Estimate> {
        self.reference.check_comparable(sample)?;
        if sample.len() < 2 {
            let what = "the toy divergence".into();
            return Err(Error::TooFewSamples { what, needed: 2, got: sample.len(), unit: "rows" });
        }
        Ok(Estimate { value: mmd2(sample, &self.reference), std_error: Some(0.01), ..Estimate::default() })
    }

    fn kernel(&self) -> Option<&dyn Kernel> {
        Some(&self.kernel)
    }
}

pub(crate) fn mmd2(x: &Embeddings, y: &Embeddings) -> f64 {
    let rows =
        |e: &Embeddings| -> Vec<Vec<f32>> { e.matrix().rows().into_iter().map(|r| r.to_vec()).collect() };
    let (x, y) = (rows(x), rows(y));
    let mean = |a: &[Vec<f32>], b: &[Vec<f32>], own: bool| {
        let sum: f64 = a.iter().flat_map(|a| b.iter().map(move |b| RbfKernel.value(a, b))).sum();
        let n = a.len() as f64;
        if own { (sum - n) / (n * (n - 1.0)) } else { sum / (n * b.len() as f64) }
    };
    mean(&x, &x, true) + mean(&y, &y, true) - 2.0 * mean(&x, &y, false)
}

/// Every outcome of a calibration, to be replayed, with its records and its result.
pub(crate) struct Played {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) records: Vec<IterationRecord>,
    pub(crate) result: CalibrationResult,
}

/// Plays a calibration to its end; samples for which `fails(iteration, set, replication)` are lost.
pub(crate) fn play(
    params: CalibrationParams,
    input: CalibrationInput,
    fails: &dyn Fn(usize, usize, usize) -> bool,
) -> Result<Played> {
    let seed = input.seed.derive("toy");
    let mut calibration = Calibration::new(params, input, &Rbf)?;
    let (mut outcomes, mut records, mut planned) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let outcome = match calibration.next() {
            Action::Generate { iteration, trials } => {
                let mut failed = Vec::new();
                planned.clear();
                for (at, trial) in trials.into_iter().enumerate() {
                    for replication in 0..trial.replications {
                        if fails(iteration, at, replication) {
                            let param_set_id = trial.param_set_id.clone();
                            failed.push(FailedSample { param_set_id, replication, reason: "lost".into() });
                        } else {
                            planned.push((trial.clone(), replication));
                        }
                    }
                }
                Outcome::Generated { failed }
            }
            Action::Embed { iteration } => {
                let sets: Vec<ParameterSet> = planned.iter().map(|(t, _)| t.params.clone()).collect();
                let ids = planned.iter().map(|(t, r)| format!("{}_{r}", t.param_set_id)).collect();
                let groups = planned.iter().map(|(t, _)| t.param_set_id.clone()).collect();
                let seed = seed.derive(&format!("iteration {iteration}"));
                let embeddings = (!sets.is_empty()).then(|| embed(&sets, ids, groups, seed));
                Outcome::Embedded { embeddings }
            }
            Action::Save { record } => {
                records.push(*record);
                Outcome::Saved
            }
            Action::Done(result) => return Ok(Played { outcomes, records, result: *result }),
        };
        calibration.apply(outcome.clone())?;
        outcomes.push(outcome);
    }
}
