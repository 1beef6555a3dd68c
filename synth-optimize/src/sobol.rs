use serde::{Deserialize, Serialize};
use synth_core::{Optimizer, ParameterSpace, Result, Seed, Suggestion, Trial};

use crate::Encoding;
use crate::distinct::{Seen, distinct};

/// An Owen-scrambled Sobol sequence in the unit cube.
///
/// Any 2^k points that start at a multiple of 2^k are a digital net: they fill the cube far more
/// evenly than independent draws. Every seed is an independent scramble, so each point by itself is
/// uniform and no point (such as the cube's centre) is favoured.
///
/// 24 bits a coordinate; beyond 256 dimensions or 65,536 points further scrambles are joined on,
/// which are independent of each other.
///
/// # References
/// Burley 2020, "Practical hash-based Owen scrambling", <https://jcgt.org/published/0009/04/01/>, as
/// implemented by the crate `sobol_burley`.
///
/// # Examples
/// ```
/// use synth_core::Seed;
/// use synth_optimize::SobolSequence;
/// let sequence = SobolSequence::new(3, Seed::from_u64(1));
/// let halves = (0..16).filter(|&i| sequence.point(i)[2] < 0.5).count();
/// assert_eq!(halves, 8, "a digital net balances every coordinate");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SobolSequence {
    dim: usize,
    seed: Seed,
}

const BLOCK_DIMS: usize = 256;
const BLOCK_POINTS: u64 = 1 << 16;

impl SobolSequence {
    /// A sequence of points with `dim` coordinates.
    #[must_use]
    pub fn new(dim: usize, seed: Seed) -> Self {
        Self { dim, seed: seed.derive("optimize/sobol") }
    }

    /// Point `index`, in [0, 1)^dim.
    #[must_use]
    pub fn point(&self, index: u64) -> Vec<f64> {
        let mut stream = self.seed.stream(index / BLOCK_POINTS);
        let within = (index % BLOCK_POINTS) as u32;
        let mut point = Vec::with_capacity(self.dim);
        for first in (0..self.dim).step_by(BLOCK_DIMS) {
            let scramble = (stream.bits() >> 32) as u32;
            let dims = (self.dim - first).min(BLOCK_DIMS) as u32;
            point.extend((0..dims).map(|d| f64::from(sobol_burley::sample(within, d, scramble))));
        }
        point
    }
}

/// Parameters of [`Sobol`]: none so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SobolParams {}

impl SobolParams {
    /// The sampler over a space.
    ///
    /// # Errors
    /// None so far; building is where parameters are checked.
    pub fn build(self, space: ParameterSpace) -> Result<Sobol> {
        Ok(Sobol { encoding: Encoding::new(&space), params: self })
    }
}

/// Scrambled Sobol points as parameter sets: an even first look at a space.
///
/// The sequence is fixed by the seed and continues where the trials end: give every call of a run
/// the same seed.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Optimizer, Parameter, ParameterSpace, Seed, Trial};
/// use synth_optimize::SobolParams;
/// let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))])?;
/// let sobol = SobolParams::default().build(space)?;
/// let all = sobol.suggest(&[], 8, Seed::from_u64(1))?.proposals;
/// let history: Vec<Trial> = all[..5].iter().map(|p| Trial::ok(p.params.clone(), 0.0)).collect();
/// assert_eq!(sobol.suggest(&history, 3, Seed::from_u64(1))?.proposals, all[5..]);
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sobol {
    params: SobolParams,
    encoding: Encoding,
}

impl Sobol {
    /// The parameters it was built from.
    #[must_use]
    pub fn params(&self) -> &SobolParams {
        &self.params
    }
}

impl Optimizer for Sobol {
    fn name(&self) -> &str {
        "sobol"
    }

    fn space(&self) -> &ParameterSpace {
        self.encoding.space()
    }

    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
        even_look(&self.encoding, history, n, seed)
    }
}

/// `n` new sets of the scrambled sequence, which goes on behind the history: what every optimiser proposes
/// before it has something to go by.
pub(crate) fn even_look(encoding: &Encoding, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
    let mut seen = Seen::of(history, encoding)?;
    let sequence = SobolSequence::new(encoding.dim(), seed);
    let first = history.len() as u64;
    distinct(encoding, &mut seen, n, seed, |i| encoding.decode(&sequence.point(first + i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fill_the_cube_evenly() {
        let sequence = SobolSequence::new(6, Seed::from_u64(3));
        for dim in 0..6 {
            let mut cells = [0; 16];
            (0..64).for_each(|i| cells[(sequence.point(i)[dim] * 16.0) as usize] += 1);
            assert_eq!(cells, [4; 16], "dimension {dim}");
        }
    }

    #[test]
    fn seeds_scramble_independently_and_the_centre_is_not_favoured() {
        let mut mean = 0.0;
        for seed in 0..400 {
            mean += SobolSequence::new(2, Seed::from_u64(seed)).point(0)[1] / 400.0;
        }
        // Mean of 400 uniforms: 0.5 ± 4 · 0.289 / 20.
        assert!((mean - 0.5).abs() < 0.058, "{mean}");
        let distinct: std::collections::BTreeSet<u64> =
            (0..50).map(|seed| SobolSequence::new(1, Seed::from_u64(seed)).point(0)[0].to_bits()).collect();
        assert_eq!(distinct.len(), 50);
    }

    #[test]
    fn long_and_wide_sequences_go_on() {
        let sequence = SobolSequence::new(300, Seed::from_u64(1));
        let (a, b) = (sequence.point(3), sequence.point(BLOCK_POINTS + 3));
        assert_eq!(a.len(), 300);
        assert!(a != b && a[..44] != a[256..]);
    }
}
