use serde::{Deserialize, Serialize};
use synth_core::{Optimizer, ParameterSpace, Result, Seed, Suggestion, Trial};

use crate::Encoding;
use crate::distinct::{Seen, distinct};

/// Parameters of [`Random`]: none so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomParams {}

impl RandomParams {
    /// The sampler over a space.
    ///
    /// # Errors
    /// None so far; building is where parameters are checked.
    pub fn build(self, space: ParameterSpace) -> Result<Random> {
        Ok(Random { encoding: Encoding::new(&space), params: self })
    }
}

/// Independent uniform draws, without repeats: what every other optimiser must beat.
///
/// The draws depend on the seed and on how many trials there are, so that one seed serves a whole run.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Optimizer, Parameter, ParameterSpace, Seed};
/// use synth_optimize::RandomParams;
/// let space = ParameterSpace::new(vec![Parameter::new("count", Domain::int(1, 3))])?;
/// let random = RandomParams::default().build(space)?;
/// let suggestion = random.suggest(&[], 5, Seed::from_u64(1))?;
/// assert_eq!(suggestion.proposals.len(), 3);
/// assert!(suggestion.exhausted);
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    params: RandomParams,
    encoding: Encoding,
}

impl Random {
    /// The parameters it was built from.
    #[must_use]
    pub fn params(&self) -> &RandomParams {
        &self.params
    }
}

impl Optimizer for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn space(&self) -> &ParameterSpace {
        self.encoding.space()
    }

    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
        let mut seen = Seen::of(history, &self.encoding)?;
        let mut stream = seed.derive("optimize/random").stream(history.len() as u64);
        distinct(&self.encoding, &mut seen, n, seed, |_| self.space().draw(&mut stream))
    }
}
