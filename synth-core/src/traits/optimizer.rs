use std::fmt;

use crate::{ParameterSpace, Result, Seed, Suggestion, Trial};

/// Decides which parameter sets to try next. Objectives are minimised.
///
/// Laws, each a conformance check: pure (the state is the history alone, so that asking twice gives
/// the same answer); proposals lie inside the space, are all different, and new unless values are noisy, when
/// one measured before may be repeated; failed, pending and NaN
/// trials do not break it; an exhausted discrete space gives fewer proposals and says so.
pub trait Optimizer: fmt::Debug + Send + Sync {
    /// Its name in configurations: `random`, `sobol`, `gp`.
    fn name(&self) -> &str;

    /// The space that proposals lie in.
    fn space(&self) -> &ParameterSpace;

    /// `n` parameter sets to try next, given all trials so far.
    ///
    /// # Errors
    /// [`Error::InvalidParam`](crate::Error::InvalidParam) if a trial lies outside the space.
    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<O: Optimizer + ?Sized> Optimizer for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn space(&self) -> &ParameterSpace {
                (**self).space()
            }

            fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
                (**self).suggest(history, n, seed)
            }
        }
    )*};
}

forward!(&O, Box<O>, std::sync::Arc<O>);
