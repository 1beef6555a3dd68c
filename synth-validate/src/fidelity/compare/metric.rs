use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

/// A figure that [`compare`](super::compare()) can compute, by its name in configurations and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Unbiased squared MMD with a Gaussian kernel.
    Mmd2RbfUnbiased,
    /// CMMD, as published.
    Cmmd,
    /// Squared Fréchet distance of fitted normals.
    Frechet,
    /// Unbiased squared MMD with the cubic kernel.
    Kid,
    /// Sliced Wasserstein-1.
    SlicedW1,
    /// Sliced Wasserstein-2.
    SlicedW2,
    /// Exact Wasserstein-1.
    ExactW1,
    /// Exact Wasserstein-2.
    ExactW2,
    /// Energy distance, unbiased.
    Energy,
    /// Precision, recall, density, coverage.
    Prdc,
    /// 1-nearest-neighbour two-sample test.
    #[serde(rename = "c2st_1nn")]
    C2st1nn,
    /// Distances of synthetic rows to their nearest real rows.
    NearestReal,
}

impl Metric {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::Mmd2RbfUnbiased,
        Self::Cmmd,
        Self::Frechet,
        Self::Kid,
        Self::SlicedW1,
        Self::SlicedW2,
        Self::ExactW1,
        Self::ExactW2,
        Self::Energy,
        Self::Prdc,
        Self::C2st1nn,
        Self::NearestReal,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mmd2RbfUnbiased => "mmd2_rbf_unbiased",
            Self::Cmmd => "cmmd",
            Self::Frechet => "frechet",
            Self::Kid => "kid",
            Self::SlicedW1 => "sliced_w1",
            Self::SlicedW2 => "sliced_w2",
            Self::ExactW1 => "exact_w1",
            Self::ExactW2 => "exact_w2",
            Self::Energy => "energy",
            Self::Prdc => "prdc",
            Self::C2st1nn => "c2st_1nn",
            Self::NearestReal => "nearest_real",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|metric| metric.name()).collect();
            Error::invalid("metrics", format!("one of {}", names.join(", ")), name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).expect("a name"), metric.name());
            assert_eq!(metric.name().parse::<Metric>().expect("its own name"), metric);
        }
        let error = "fid".parse::<Metric>().expect_err("not a name").to_string();
        assert!(error.contains("frechet") && error.contains("fid"), "{error}");
    }
}
