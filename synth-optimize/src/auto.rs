use synth_core::{Domain, Optimizer, ParameterSpace, Result, Seed, Suggestion, Trial};

use crate::{
    CmaEs, CmaEsParams, GaussianProcessOptimizer, GpParams, Noise, OptimizerOptions, Tpe, TpeParams,
};

/// Trials up to which a Gaussian process is asked: beyond, a batch would take it over a second.
const MODELLED: usize = 1500;

/// The optimiser that suits the space, the noise and the trials so far.
///
/// | trials | space | who is asked |
/// |---|---|---|
/// | up to 1,500 | any | [`GaussianProcessOptimizer`] |
/// | more | numbers that always exist, not known to be noisy | [`CmaEs`] |
/// | more | choices, conditions or known noise | [`Tpe`] |
///
/// With 96 trials the Gaussian process has the lowest median regret of the optimisers here on fourteen of the fifteen
/// problems of the bench `optimizers`, from 2 to 20 parameters, numbers and choices, with noise and without, and is level on
/// the fifteenth; so it is not the dimension that decides but how many trials there are: its cost grows with
/// their square, and with many of them the others no longer lack what it makes up for.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Optimizer, Parameter, ParameterSpace, Seed};
/// use synth_optimize::{Auto, OptimizerOptions};
/// let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))])?;
/// let auto = Auto::new(space, OptimizerOptions::default())?;
/// assert_eq!(auto.suggest(&[], 8, Seed::from_u64(0))?.proposals.len(), 8);
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Auto {
    few: GaussianProcessOptimizer,
    many: Many,
}

#[derive(Clone, Debug)]
enum Many {
    CmaEs(CmaEs),
    Tpe(Tpe),
}

impl Auto {
    /// The choice for a space; the options are the Gaussian process's.
    ///
    /// # Errors
    /// As [`GpParams::build`].
    pub fn new(space: ParameterSpace, options: OptimizerOptions) -> Result<Self> {
        let numbers = space
            .parameters()
            .iter()
            .all(|parameter| parameter.when.is_none() && !matches!(parameter.domain, Domain::Choice { .. }));
        let many = if numbers && options.noise != Noise::Present {
            Many::CmaEs(CmaEsParams::default().build(space.clone())?)
        } else {
            Many::Tpe(TpeParams::default().build(space.clone())?)
        };
        let few = GpParams::default().with_acquisition(options.acquisition).with_noise(options.noise);
        Ok(Self { few: few.build(space)?, many })
    }

    /// Who is asked after so many trials.
    #[must_use]
    pub fn choice(&self, trials: usize) -> &dyn Optimizer {
        match &self.many {
            _ if trials <= MODELLED => &self.few,
            Many::CmaEs(cmaes) => cmaes,
            Many::Tpe(tpe) => tpe,
        }
    }
}

impl Optimizer for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn space(&self) -> &ParameterSpace {
        self.few.space()
    }

    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
        self.choice(history.len()).suggest(history, n, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synth_core::Parameter;

    #[test]
    fn many_trials_go_to_who_can_take_them() {
        let after = |parameters: Vec<Parameter>, noise| {
            let space = ParameterSpace::new(parameters).expect("valid");
            let auto = Auto::new(space, OptimizerOptions { noise, ..OptimizerOptions::default() });
            let auto = auto.expect("valid");
            assert_eq!(auto.choice(MODELLED).name(), "gp");
            auto.choice(MODELLED + 1).name().to_owned()
        };
        let numbers = || {
            let mix = Parameter::new("mix", Domain::Simplex { parts: 3 });
            vec![Parameter::new("n", Domain::int(1, 9)), mix]
        };
        let kind = || Parameter::new("kind", Domain::choice(["a", "b"]));
        let mixed = numbers().into_iter().chain([kind()]).collect::<Vec<_>>();
        assert_eq!(after(numbers(), Noise::Unknown), "cmaes");
        assert_eq!(after(numbers(), Noise::Present), "tpe");
        assert_eq!(after(mixed, Noise::None), "tpe");
    }
}
