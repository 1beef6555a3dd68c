//! The process behind the proposals: which family, which warp, which hyper-parameters.

use synth_core::Result;

use super::outcome::Outcomes;
use super::space::ModelSpace;
use super::warp::{STRENGTHS, Warp};
use crate::gp::{
    FitBudget, GaussianProcess, KernelFamily, MEAN_VARIANCE, MeanRule, Noise, fit, plausible_kernel,
    starting_kernels, starting_noise,
};

/// A fitted process of the warped outcomes.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) process: GaussianProcess,
    pub(crate) warp: Warp,
}

/// Hyper-parameters are fitted to at most this many points; beyond it they hardly change.
const FIT_POINTS: usize = 160;

impl Model {
    /// Fits families and warps to the outcomes, keeping the most probable; `room` further points fit in.
    pub(crate) fn fit(space: &ModelSpace, outcomes: &Outcomes, noise: Noise, room: usize) -> Result<Self> {
        let measured = &outcomes.measured;
        let inputs = space.inputs(&measured.iter().map(|m| m.at.clone()).collect::<Vec<_>>());
        let used = fit_subset(measured.iter().map(|m| m.value).collect());
        let fit_inputs = {
            let mut some = inputs.empty_like();
            used.iter().for_each(|i| some.push_row_of(&inputs, *i));
            some
        };
        let fallback = plausible_kernel(&space.columns, KernelFamily::Matern52, 1.0);
        let mut best = (f64::NEG_INFINITY, fallback, starting_noise(noise), Warp::new(measured, 0.0));
        let constant = measured.iter().all(|m| m.value == measured[0].value);
        let strengths: &[f64] = if constant || space.columns.is_empty() { &[] } else { &STRENGTHS };
        let budget = FitBudget { starts: 2, iterations: 30 };
        for strength in strengths {
            let warp = Warp::new(measured, *strength);
            let observations = warp.observations(measured).subset(&used);
            let jacobian = warp.log_jacobian() * used.len() as f64 / measured.len() as f64;
            for family in [KernelFamily::Matern52, KernelFamily::Rbf] {
                let starts: Vec<_> = starting_kernels(&space.columns, family, budget.starts)
                    .into_iter()
                    .map(|kernel| (kernel, starting_noise(noise)))
                    .collect();
                let Some(found) = fit(&fit_inputs, &observations, noise, &starts, budget)? else { continue };
                let evidence = found.log_posterior + jacobian;
                if evidence > best.0 {
                    best = (evidence, found.kernel, found.noise_variance, warp);
                }
            }
        }
        let (_, kernel, noise_variance, warp) = best;
        let observations = warp.observations(measured);
        let mean = MeanRule::Profiled(MEAN_VARIANCE);
        let process =
            GaussianProcess::build(&space.columns, kernel, noise_variance, mean, inputs, observations, room)?;
        Ok(Self { process, warp })
    }
}

/// All points, or of many the best half of the quota and the rest evenly by order of arrival.
fn fit_subset(values: Vec<f64>) -> Vec<usize> {
    let n = values.len();
    if n <= FIT_POINTS {
        return (0..n).collect();
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
    let mut rest = order.split_off(FIT_POINTS / 2);
    rest.sort_unstable();
    let quota = FIT_POINTS - order.len();
    order.extend((0..quota).map(|i| rest[i * rest.len() / quota]));
    order.sort_unstable();
    order
}
