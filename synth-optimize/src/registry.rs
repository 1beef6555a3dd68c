use synth_core::{Error, Optimizer, ParameterSpace, Result};

use crate::{Acquisition, Auto, CmaEsParams, GpParams, Noise, RandomParams, SobolParams, TpeParams};

/// Names of the optimisers that [`optimizer_by_name`] knows.
pub const OPTIMIZER_NAMES: [&str; 6] = ["auto", "cmaes", "gp", "random", "sobol", "tpe"];

/// What a caller may choose beside an optimiser's name; what a sampler has no use for it ignores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimizerOptions {
    /// What makes a point worth trying.
    pub acquisition: Acquisition,
    /// What is known of the objective's noise.
    pub noise: Noise,
}

/// The optimiser of this name over a space, with defaults for everything but the options.
///
/// # Errors
/// [`Error::InvalidParam`] for an unknown name, listing the known ones.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Parameter, ParameterSpace};
/// use synth_optimize::{OptimizerOptions, optimizer_by_name};
/// let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))])?;
/// let options = OptimizerOptions::default();
/// assert_eq!(optimizer_by_name("gp", space.clone(), options)?.name(), "gp");
/// let error = optimizer_by_name("gradient", space, options).unwrap_err();
/// assert_eq!(error.to_string(), "`optimizer` must be one of auto, cmaes, gp, random, sobol, tpe, got gradient");
/// # Ok::<(), synth_core::Error>(())
/// ```
pub fn optimizer_by_name(
    name: &str,
    space: ParameterSpace,
    options: OptimizerOptions,
) -> Result<Box<dyn Optimizer>> {
    Ok(match name {
        "auto" => Box::new(Auto::new(space, options)?),
        "cmaes" => Box::new(CmaEsParams::default().build(space)?),
        "gp" => {
            let params = GpParams::default().with_acquisition(options.acquisition).with_noise(options.noise);
            Box::new(params.build(space)?)
        }
        "random" => Box::new(RandomParams::default().build(space)?),
        "sobol" => Box::new(SobolParams::default().build(space)?),
        "tpe" => Box::new(TpeParams::default().build(space)?),
        other => {
            let known = format!("one of {}", OPTIMIZER_NAMES.join(", "));
            return Err(Error::invalid("optimizer", known, other));
        }
    })
}
