use nalgebra::{DMatrix, SymmetricEigen};

use super::coefficients::Coefficients;

/// The normal distribution of CMA-ES, `x = m + σ A B D z` with `C = B D² Bᵀ`, and its evolution paths.
///
/// `A` is the diagonal of CMA-ES with margin (see [`super::margin`]): 1 for real numbers.
#[derive(Clone, Debug)]
pub(crate) struct Gaussian {
    pub(crate) mean: Vec<f64>,
    pub(crate) sigma: f64,
    pub(crate) scale: Vec<f64>,
    covariance: DMatrix<f64>,
    basis: DMatrix<f64>,
    lengths: Vec<f64>,
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    generation: i32,
}

/// A point of a generation and what its rank is worth: for the mean, and for the covariance.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) x: Vec<f64>,
    pub(crate) pull: f64,
    pub(crate) shape: f64,
}

/// A step in units of the distribution, as it is and with the distribution made round.
struct Step {
    y: Vec<f64>,
    whitened: Vec<f64>,
}

impl Gaussian {
    /// A round distribution.
    pub(crate) fn new(mean: Vec<f64>, sigma: f64) -> Self {
        let dim = mean.len();
        Self {
            mean,
            sigma,
            scale: vec![1.0; dim],
            covariance: DMatrix::identity(dim, dim),
            basis: DMatrix::identity(dim, dim),
            lengths: vec![1.0; dim],
            path_sigma: vec![0.0; dim],
            path_c: vec![0.0; dim],
            generation: 0,
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Standard deviation of one coordinate, before `A`.
    pub(crate) fn plain_std(&self, at: usize) -> f64 {
        self.sigma * libm::sqrt(self.covariance[(at, at)])
    }

    /// Standard deviation of one coordinate.
    pub(crate) fn std(&self, at: usize) -> f64 {
        self.scale[at] * self.plain_std(at)
    }

    /// Ratio of the largest to the smallest eigenvalue.
    pub(crate) fn condition(&self) -> f64 {
        let (low, high) =
            self.lengths.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), d| (a.min(*d), b.max(*d)));
        (high / low) * (high / low)
    }

    /// The largest step still to be expected in one coordinate, by its spread or by its path.
    pub(crate) fn reach(&self, at: usize) -> f64 {
        self.std(at).max(self.scale[at] * self.sigma * self.path_c[at].abs())
    }

    /// The point that standard normal `z` stands for, in a distribution `width` times as wide.
    pub(crate) fn point(&self, z: &[f64], width: f64) -> Vec<f64> {
        let stretched: Vec<f64> = z.iter().zip(&self.lengths).map(|(z, d)| z * d).collect();
        let y = product(&self.basis, &stretched);
        (0..self.dim()).map(|i| self.mean[i] + width * self.sigma * self.scale[i] * y[i]).collect()
    }

    /// One generation (Hansen 2016), its points taken as injected ones: cut to the length that
    /// the distribution's own rarely exceed, and σ at most e-fold (Hansen 2011).
    pub(crate) fn update(&mut self, points: &[Ranked], c: &Coefficients) {
        let steps: Vec<Step> = points.iter().map(|point| self.step(&point.x)).collect();
        let mut shift = vec![0.0; self.dim()];
        let mut whitened = vec![0.0; self.dim()];
        for (step, point) in steps.iter().zip(points) {
            add(&mut shift, point.pull, &step.y);
            add(&mut whitened, point.pull, &step.whitened);
        }
        self.generation += 1;
        for (i, y) in shift.iter().enumerate() {
            self.mean[i] += self.sigma * self.scale[i] * y;
        }
        let gain = libm::sqrt(c.c_sigma * (2.0 - c.c_sigma) * c.mu_eff);
        follow(&mut self.path_sigma, 1.0 - c.c_sigma, gain, &whitened);
        let length = norm(&self.path_sigma);
        let settled = libm::sqrt(1.0 - libm::pow(1.0 - c.c_sigma, 2.0 * f64::from(self.generation)));
        let steady = length / settled < (1.4 + 2.0 / (self.dim() as f64 + 1.0)) * c.chi;
        let gain = if steady { libm::sqrt(c.c_c * (2.0 - c.c_c) * c.mu_eff) } else { 0.0 };
        follow(&mut self.path_c, 1.0 - c.c_c, gain, &shift);
        self.adapt_covariance(&steps, points, steady, c);
        self.sigma *= libm::exp((c.c_sigma / c.d_sigma * (length / c.chi - 1.0)).min(1.0));
    }

    fn step(&self, x: &[f64]) -> Step {
        let n = self.dim() as f64;
        let mut y: Vec<f64> =
            (0..self.dim()).map(|i| (x[i] - self.mean[i]) / (self.sigma * self.scale[i])).collect();
        let round = transposed_product(&self.basis, &y);
        let round: Vec<f64> = round.iter().zip(&self.lengths).map(|(v, d)| v / d).collect();
        let mut whitened = product(&self.basis, &round);
        let cut = ((libm::sqrt(n) + 2.0 * n / (n + 2.0)) / norm(&whitened)).min(1.0);
        y.iter_mut().chain(&mut whitened).for_each(|v| *v *= cut);
        Step { y, whitened }
    }

    fn adapt_covariance(&mut self, steps: &[Step], points: &[Ranked], steady: bool, c: &Coefficients) {
        let n = self.dim();
        let shapes: Vec<f64> = points
            .iter()
            .zip(steps)
            .map(|(point, step)| {
                let square: f64 = step.whitened.iter().map(|v| v * v).sum();
                // A negative weight takes at most as much as a step of the usual length would.
                if point.shape < 0.0 { point.shape * n as f64 / square.max(1e-12) } else { point.shape }
            })
            .collect();
        let total: f64 = points.iter().map(|point| point.shape).sum();
        let missing = if steady { 0.0 } else { c.c_c * (2.0 - c.c_c) };
        let keep = 1.0 + c.c_1 * missing - c.c_1 - c.c_mu * total;
        for row in 0..n {
            for column in 0..=row {
                let rank_mu: f64 =
                    steps.iter().zip(&shapes).map(|(step, w)| w * step.y[row] * step.y[column]).sum();
                let value = keep * self.covariance[(row, column)]
                    + c.c_1 * self.path_c[row] * self.path_c[column]
                    + c.c_mu * rank_mu;
                self.covariance[(row, column)] = value;
                self.covariance[(column, row)] = value;
            }
        }
        self.decompose();
    }

    fn decompose(&mut self) {
        let eigen = SymmetricEigen::new(self.covariance.clone());
        let floor = 1e-30 * eigen.eigenvalues.amax().max(f64::MIN_POSITIVE);
        self.lengths = eigen.eigenvalues.iter().map(|value| libm::sqrt(value.max(floor))).collect();
        self.basis = eigen.eigenvectors;
    }
}

fn product(matrix: &DMatrix<f64>, vector: &[f64]) -> Vec<f64> {
    (0..vector.len()).map(|i| (0..vector.len()).map(|j| matrix[(i, j)] * vector[j]).sum()).collect()
}

fn transposed_product(matrix: &DMatrix<f64>, vector: &[f64]) -> Vec<f64> {
    (0..vector.len()).map(|i| (0..vector.len()).map(|j| matrix[(j, i)] * vector[j]).sum()).collect()
}

fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|v| v * v).sum())
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, v)| *to += factor * v);
}

fn follow(path: &mut [f64], keep: f64, gain: f64, step: &[f64]) {
    path.iter_mut().zip(step).for_each(|(path, step)| *path = keep * *path + gain * step);
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        gaussian: Run,
    }

    #[derive(Deserialize)]
    struct Run {
        dim: usize,
        population: usize,
        mean: f64,
        sigma: f64,
        generations: Vec<Generation>,
    }

    #[derive(Deserialize)]
    struct Generation {
        points: Vec<Vec<f64>>,
        mean: Vec<f64>,
        sigma: f64,
        covariance: Vec<Vec<f64>>,
    }

    #[test]
    fn generations_move_it_as_another_program_does() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/goldens/cmaes.json")).expect("reads");
        let run = golden.gaussian;
        let coefficients = Coefficients::new(run.dim, run.population);
        let mut gaussian = Gaussian::new(vec![run.mean; run.dim], run.sigma);
        for generation in run.generations {
            let ranked = |(x, w): (Vec<f64>, &f64)| Ranked { x, pull: w.max(0.0), shape: *w };
            let points: Vec<Ranked> =
                generation.points.into_iter().zip(&coefficients.weights).map(ranked).collect();
            gaussian.update(&points, &coefficients);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-7 * b.abs().max(1e-2);
            assert!(close(gaussian.sigma, generation.sigma), "{} {}", gaussian.sigma, generation.sigma);
            assert!(gaussian.mean.iter().zip(&generation.mean).all(|(a, b)| close(*a, *b)));
            for (i, row) in generation.covariance.iter().enumerate() {
                assert!(row.iter().enumerate().all(|(j, b)| close(gaussian.covariance[(i, j)], *b)));
            }
        }
    }

    #[test]
    fn a_point_from_far_away_moves_it_no_further_than_its_own() {
        let coefficients = Coefficients::new(3, 4);
        let mut gaussian = Gaussian::new(vec![0.5; 3], 1e-6);
        let weight = |rank: usize| coefficients.weights[rank];
        let point = |rank: usize, at: f64| Ranked {
            x: vec![at; 3],
            pull: weight(rank).max(0.0),
            shape: weight(rank),
        };
        let points = [point(0, 0.9), point(1, 0.5), point(2, 0.1), point(3, 0.2)];
        gaussian.update(&points, &coefficients);
        let longest = 1e-6 * (3_f64.sqrt() + 6.0 / 5.0);
        let moved: f64 = gaussian.mean.iter().map(|m| (m - 0.5).powi(2)).sum::<f64>().sqrt();
        assert!(moved > 0.0 && moved <= longest * 1.000_001, "{moved:e}");
        assert!(gaussian.sigma <= 1e-6 * std::f64::consts::E * 1.000_001);
    }
}
