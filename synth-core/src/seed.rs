use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, normal};

/// The root of everything random: 256 bits from which purposes and items derive their own streams.
///
/// Derivation is BLAKE3's keyed hash, streams are ChaCha8; both are fixed by specification, so the
/// same seed gives the same numbers on every machine and in every release.
///
/// # Examples
/// ```
/// use synth_core::Seed;
/// let seed = Seed::from_u64(7);
/// let voids = seed.derive("generate/real");
/// assert_ne!(voids, seed.derive("generate/close"));
/// assert_eq!(voids.stream(3).unit(), voids.stream(3).unit());
/// assert_ne!(voids.stream(3).unit(), voids.stream(4).unit());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed that `--seed N` stands for.
    #[must_use]
    pub fn from_u64(seed: u64) -> Self {
        Self(blake3::derive_key("synth 2026-11 root seed v1", &seed.to_le_bytes()))
    }

    /// A seed for one purpose, independent of the seeds of all other purposes.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes())
    }

    /// The stream of item `index`: independent of every other item's, and of how many there are.
    #[must_use]
    pub fn stream(&self, index: u64) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(self.0);
        rng.set_stream(index);
        Stream(rng)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        seed.to_string()
    }
}

impl TryFrom<String> for Seed {
    type Error = Error;

    fn try_from(hex: String) -> Result<Self> {
        blake3::Hash::from_hex(&hex)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_source| Error::invalid("seed", "64 hexadecimal digits", &hex))
    }
}

/// A stream of random numbers whose values are part of the file format.
///
/// The draws are written out here rather than taken from a distributions crate, because such a
/// crate may change the values it gives between releases.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1): the upper 53 bits of a draw.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..n without bias (Lemire 2019, <https://arxiv.org/abs/1805.10941>, algorithm 5).
    ///
    /// # Panics
    /// If `n` is 0: there is nothing to draw from.
    pub fn index(&mut self, n: usize) -> usize {
        assert!(n > 0, "cannot draw an index below 0");
        let n = n as u64;
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Standard normal, by inversion of one uniform draw.
    pub fn normal(&mut self) -> f64 {
        let unit = ((self.bits() >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64);
        normal::quantile(unit)
    }

    /// Puts `items` in a uniformly random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_cover_their_range_evenly() {
        let mut stream = Seed::from_u64(1).stream(0);
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[stream.index(5)] += 1;
        }
        // Five standard deviations of a binomial(50 000, 1/5).
        assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 450), "{counts:?}");
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let mut stream = Seed::from_u64(2).stream(0);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let moment = |p: i32| draws.iter().map(|x| x.powi(p)).sum::<f64>() / f64::from(n);
        assert!(moment(1).abs() < 0.016 && (moment(2) - 1.0).abs() < 0.023);
        assert!((moment(4) - 3.0).abs() < 0.16);
    }

    /// Made by independent programs: the `blake3` package of Python, and ChaCha8 (RFC 8439 with 8
    /// rounds, 64-bit counter 0 and stream 9) written out in Python.
    #[test]
    fn values_are_part_of_the_format() {
        let seed = Seed::from_u64(42).derive("golden");
        assert_eq!(seed.to_string(), "7bf9d879f5ddaa635cfd5c460aa7eb25c18351d6118a240427e24f1b937d6ca2");
        let mut stream = seed.stream(9);
        assert_eq!([stream.bits(), stream.bits()], [17_629_677_622_337_107_155, 13_157_863_646_411_646_105]);
    }

    #[test]
    fn reads_back_its_own_hex() {
        let seed = Seed::from_u64(3);
        assert_eq!(Seed::try_from(seed.to_string()).ok(), Some(seed));
        assert!(Seed::try_from("zz".to_owned()).is_err());
    }
}
