//! Values with their uncertainty, as the process sees them.

use synth_core::{Error, Result};

/// Observed values: point `i` has noise variance `known_i + share_i · σ²`, σ² being learned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observations {
    pub(crate) values: Vec<f64>,
    /// Noise variance that is known (from standard errors).
    pub(crate) known_noise: Vec<f64>,
    /// Share of the learned noise variance: the point's relative variance over its replications.
    pub(crate) noise_shares: Vec<f64>,
    /// What replications say of the learned noise variance.
    pub(crate) within: Within,
}

/// The scatter of replications about their points' means.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Within {
    /// Degrees of freedom d_i, summed.
    pub(crate) freedom: f64,
    /// Sums of squares, each divided by its point's relative variance r_i.
    pub(crate) squares: f64,
    /// Σ d_i ln r_i.
    pub(crate) log_variances: f64,
}

impl Observations {
    pub(crate) fn new(values: &[f64], known_noise: Option<&[f64]>) -> Result<Self> {
        let n = values.len();
        if let Some(at) = values.iter().position(|y| !y.is_finite()) {
            return Err(Error::NonFinite { what: "observations".into(), at: format!("[{at}]") });
        }
        let known_noise = known_noise.map_or_else(|| vec![0.0; n], <[f64]>::to_vec);
        if known_noise.len() != n {
            return Err(Error::Shape {
                what: "noise variances",
                expected: vec![n],
                got: vec![known_noise.len()],
            });
        }
        if let Some(bad) = known_noise.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
            return Err(Error::invalid("noise variance", "a finite number >= 0", bad));
        }
        Ok(Self {
            values: values.to_vec(),
            known_noise,
            noise_shares: vec![1.0; n],
            within: Within::default(),
        })
    }

    pub(crate) fn noise_of(&self, i: usize, noise_variance: f64) -> f64 {
        self.known_noise[i] + self.noise_shares[i] * noise_variance
    }

    /// Log density of the scatter within points, and its derivative with respect to ln σ².
    pub(crate) fn scatter(&self, noise_variance: f64) -> (f64, f64) {
        let Within { freedom, squares, log_variances } = self.within;
        if freedom <= 0.0 {
            return (0.0, 0.0);
        }
        let ratio = squares / noise_variance;
        let log_density = -0.5 * (freedom * libm::log(noise_variance) + log_variances + ratio);
        (log_density, -0.5 * freedom + 0.5 * ratio)
    }

    /// The observations at some of the points.
    pub(crate) fn subset(&self, indices: &[usize]) -> Self {
        let pick = |from: &[f64]| indices.iter().map(|i| from[*i]).collect();
        Self {
            values: pick(&self.values),
            known_noise: pick(&self.known_noise),
            noise_shares: pick(&self.noise_shares),
            within: self.within,
        }
    }
}
