use synth_core::Stream;

/// The categorical half of CatCMA: one distribution of levels per choice, moved by natural-gradient steps
/// whose length adapts (ASNG).
///
/// # References
/// Hamano et al. 2024, "CatCMA", <https://arxiv.org/abs/2405.09962>; formulas as in the package `cmaes` 0.13.
#[derive(Clone, Debug)]
pub(crate) struct Categories {
    /// Probability of each level of each choice.
    shares: Vec<Vec<f64>>,
    /// The least that a level keeps.
    least: Vec<f64>,
    /// Δ, the inverse of the step's length.
    patience: f64,
    /// Accumulated normalised gradient, and the part of its expected square norm reached so far.
    path: Vec<f64>,
    reached: f64,
}

/// Ratio that the accumulated gradient must exceed for longer steps.
const ALPHA: f64 = 1.5;

impl Categories {
    /// All levels alike.
    pub(crate) fn new(levels: &[usize]) -> Self {
        let free: usize = levels.iter().map(|n| n - 1).sum();
        let margin = 1.0 - libm::pow(0.73, 1.0 / levels.len().max(1) as f64);
        Self {
            shares: levels.iter().map(|n| vec![1.0 / *n as f64; *n]).collect(),
            least: levels.iter().map(|n| margin / (n - 1) as f64).collect(),
            patience: 1.0,
            path: vec![0.0; free],
            reached: 0.0,
        }
    }

    /// A level for each choice; the part `blur` of the probability is spread evenly.
    pub(crate) fn draw(&self, blur: f64, stream: &mut Stream) -> Vec<usize> {
        let mut level = |shares: &Vec<f64>| {
            let even = blur / shares.len() as f64;
            let mut left = stream.unit();
            let drawn = shares.iter().position(|share| {
                left -= (1.0 - blur) * share + even;
                left < 0.0
            });
            drawn.unwrap_or(shares.len() - 1)
        };
        self.shares.iter().map(&mut level).collect()
    }

    /// One generation: the levels of each point, `None` where a choice did not exist, and its weight.
    pub(crate) fn update<'a>(&mut self, points: impl Iterator<Item = (&'a [Option<usize>], f64)> + Clone) {
        let gradients = self.gradients(points);
        let normalised = self.normalised(&gradients);
        let length = libm::sqrt(normalised.iter().map(|v| v * v).sum());
        if length < 1e-12 {
            return;
        }
        let delta = 1.0 / self.patience;
        for (shares, gradient) in self.shares.iter_mut().zip(&gradients) {
            shares.iter_mut().zip(gradient).for_each(|(share, g)| *share += delta / length * g);
        }
        self.adapt_patience(delta, length, &normalised);
        self.keep_margin();
    }

    fn gradients<'a>(&self, points: impl Iterator<Item = (&'a [Option<usize>], f64)>) -> Vec<Vec<f64>> {
        let mut gradients: Vec<Vec<f64>> = self.shares.iter().map(|shares| vec![0.0; shares.len()]).collect();
        for (levels, weight) in points {
            for ((gradient, shares), level) in gradients.iter_mut().zip(&self.shares).zip(levels) {
                let Some(level) = level else { continue };
                gradient.iter_mut().zip(shares).for_each(|(g, share)| *g -= weight * share);
                gradient[*level] += weight;
            }
        }
        gradients
    }

    /// The gradients times the root of the Fisher information, in the free shares.
    fn normalised(&self, gradients: &[Vec<f64>]) -> Vec<f64> {
        let mut normalised = Vec::with_capacity(self.path.len());
        for (shares, gradient) in self.shares.iter().zip(gradients) {
            let free = shares.len() - 1;
            let last = shares[free];
            let sum: f64 = gradient[..free].iter().sum();
            let shared = sum / (last + libm::sqrt(last));
            normalised.extend(shares[..free].iter().zip(gradient).map(|(share, g)| {
                let root = libm::sqrt(*share);
                g / root + root * shared
            }));
        }
        normalised
    }

    fn adapt_patience(&mut self, delta: f64, length: f64, normalised: &[f64]) {
        let beta = (delta / libm::sqrt(self.path.len() as f64)).min(1.0);
        let gain = libm::sqrt(beta * (2.0 - beta)) / length;
        self.path.iter_mut().zip(normalised).for_each(|(s, g)| *s = (1.0 - beta) * *s + gain * g);
        self.reached = (1.0 - beta) * (1.0 - beta) * self.reached + beta * (2.0 - beta);
        let square: f64 = self.path.iter().map(|s| s * s).sum();
        self.patience *= libm::exp(beta * (self.reached - square / ALPHA));
    }

    fn keep_margin(&mut self) {
        for (shares, least) in self.shares.iter_mut().zip(&self.least) {
            shares.iter_mut().for_each(|share| *share = share.max(*least));
            let sum: f64 = shares.iter().sum();
            let above = sum - least * shares.len() as f64;
            if above > 0.0 {
                shares.iter_mut().for_each(|share| *share -= (sum - 1.0) * (*share - least) / above);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use synth_core::Seed;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        categories: Run,
    }

    #[derive(Deserialize)]
    struct Run {
        levels: Vec<usize>,
        weights: Vec<f64>,
        generations: Vec<Generation>,
    }

    #[derive(Deserialize)]
    struct Generation {
        levels: Vec<Vec<usize>>,
        shares: Vec<Vec<f64>>,
    }

    #[test]
    fn generations_move_it_as_catcma_does() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/goldens/cmaes.json")).expect("reads");
        let mut categories = Categories::new(&golden.categories.levels);
        for generation in &golden.categories.generations {
            let points: Vec<Vec<Option<usize>>> =
                generation.levels.iter().map(|levels| levels.iter().copied().map(Some).collect()).collect();
            let weights = golden.categories.weights.iter().copied();
            categories.update(points.iter().map(Vec::as_slice).zip(weights));
            let pairs = categories.shares.iter().flatten().zip(generation.shares.iter().flatten());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-9), "{categories:?}");
        }
    }

    #[test]
    fn a_choice_that_never_existed_stays_as_it_was() {
        let mut categories = Categories::new(&[2, 3]);
        let points = [[Some(1), None], [Some(0), None]];
        for _ in 0..20 {
            categories.update(points.iter().map(|levels| levels.as_slice()).zip([1.0, 0.0]));
        }
        assert!(categories.shares[0][1] > 0.8, "{categories:?}");
        assert!(categories.shares[1].iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-12));
        let mut stream = Seed::from_u64(1).stream(0);
        let draws = (0..2000).filter(|_| categories.draw(0.0, &mut stream)[0] == 1).count();
        assert!((draws as f64 / 2000.0 - categories.shares[0][1]).abs() < 0.05);
    }
}
