//! The constants of CMA-ES that follow from dimension and population.

/// Weights and learning rates of one run.
///
/// # References
/// Hansen 2016, <https://arxiv.org/abs/1604.00772>, the table of default parameters; the factor `min(1, λ/6)`
/// of `c_1` is pycma's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Coefficients {
    /// Weights by rank: positive ones sum to 1, negative ones serve the covariance only.
    pub(crate) weights: Vec<f64>,
    /// Variance-effective number of the positive weights.
    pub(crate) mu_eff: f64,
    pub(crate) c_sigma: f64,
    pub(crate) d_sigma: f64,
    pub(crate) c_c: f64,
    pub(crate) c_1: f64,
    pub(crate) c_mu: f64,
    /// Expected length of a standard normal vector.
    pub(crate) chi: f64,
}

impl Coefficients {
    /// For `dim` ≥ 1 numbers and generations of `population` ≥ 4 trials.
    pub(crate) fn new(dim: usize, population: usize) -> Self {
        let (n, lambda) = (dim as f64, population as f64);
        let raw: Vec<f64> =
            (1..=population).map(|rank| libm::log(0.5 * (lambda + 1.0)) - libm::log(rank as f64)).collect();
        let positive: f64 = raw.iter().filter(|w| **w > 0.0).sum();
        let negative: f64 = -raw.iter().filter(|w| **w < 0.0).sum::<f64>();
        let effective = |sign: f64, sum: f64| {
            sum * sum / raw.iter().filter(|w| **w * sign > 0.0).map(|w| w * w).sum::<f64>()
        };
        let (mu_eff, mu_eff_negative) = (effective(1.0, positive), effective(-1.0, negative));
        let c_1 = 2.0 / ((n + 1.3) * (n + 1.3) + mu_eff) * (lambda / 6.0).min(1.0);
        let c_mu = 2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((n + 2.0) * (n + 2.0) + mu_eff);
        let c_mu = c_mu.min(1.0 - c_1);
        let bounds =
            [1.0 + c_1 / c_mu, 1.0 + 2.0 * mu_eff_negative / (mu_eff + 2.0), (1.0 - c_1 - c_mu) / (n * c_mu)];
        let most = bounds.into_iter().fold(f64::INFINITY, f64::min);
        let scaled = |w: &f64| if *w >= 0.0 { w / positive } else { w * most / negative };
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let excess = libm::sqrt((mu_eff - 1.0) / (n + 1.0)) - 1.0;
        Self {
            weights: raw.iter().map(scaled).collect(),
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * excess.max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n),
            c_1,
            c_mu,
            chi: libm::sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        coefficients: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        dim: usize,
        population: usize,
        weights: Vec<f64>,
        mu_eff: f64,
        c_sigma: f64,
        d_sigma: f64,
        c_c: f64,
        c_1: f64,
        c_mu: f64,
        chi: f64,
    }

    #[test]
    fn constants_are_those_of_other_programs() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/goldens/cmaes.json")).expect("reads");
        for case in golden.coefficients {
            let ours = Coefficients::new(case.dim, case.population);
            let expected = [case.mu_eff, case.c_sigma, case.d_sigma, case.c_c, case.c_1, case.c_mu, case.chi];
            let found = [ours.mu_eff, ours.c_sigma, ours.d_sigma, ours.c_c, ours.c_1, ours.c_mu, ours.chi];
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs().max(1e-3);
            assert!(found.iter().zip(&expected).all(close), "{found:?} {expected:?}");
            assert_eq!(ours.weights.len(), case.population);
            assert!(
                ours.weights.iter().zip(&case.weights).all(close),
                "{:?} {:?}",
                ours.weights,
                case.weights
            );
        }
    }
}
