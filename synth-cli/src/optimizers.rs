//! Optimisers by name.

use synth_core::{Error, Optimizer, ParameterSpace, Result};
use synth_optimize::{Acquisition, GpParams, RandomParams, SobolParams};

/// The optimiser of this name over a space.
///
/// # Errors
/// [`Error::InvalidParam`] for an unknown name.
pub(crate) fn by_name(
    name: &str,
    space: &ParameterSpace,
    acquisition: Acquisition,
) -> Result<Box<dyn Optimizer>> {
    let space = space.clone();
    Ok(match name {
        "gp" => Box::new(GpParams::default().with_acquisition(acquisition).build(space)?),
        "sobol" => Box::new(SobolParams::default().build(space)?),
        "random" => Box::new(RandomParams::default().build(space)?),
        _ => return Err(Error::invalid("optimizer", "one of gp, sobol, random", name)),
    })
}
