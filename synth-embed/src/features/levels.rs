//! Cumulative histograms over equally spaced levels.

/// Levels `first + k · step`, k = 0 … `count` − 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    pub(super) first: f32,
    pub(super) step: f32,
    pub(super) count: usize,
}

impl Levels {
    /// Share of values at or below each level, each value spread over one `step` so that the shares
    /// are continuous in the values:
    ///
    /// ```text
    /// C_k = mean_i clamp((t_k − v_i) / step, 0, 1)
    /// ```
    pub(super) fn soft_cdf(self, values: impl Iterator<Item = f32>) -> Vec<f32> {
        let weighted = values.map(|value| (value, 1.0));
        self.weighted_soft_cdf(weighted)
    }

    /// [`soft_cdf`](Self::soft_cdf) of values with weights ≥ 0; zeros where the weights sum to 0.
    pub(super) fn weighted_soft_cdf(self, values: impl Iterator<Item = (f32, f32)>) -> Vec<f32> {
        let bins = self.weighted_shares(values);
        let mut sum = 0.0_f64;
        bins[..self.count]
            .iter()
            .map(|bin| {
                sum += bin;
                sum as f32
            })
            .collect()
    }

    /// What the cumulative histogram gains from each level to the next: `count` + 1 shares, the last of
    /// what lies above all levels.
    pub(super) fn weighted_shares(self, values: impl Iterator<Item = (f32, f32)>) -> Vec<f64> {
        let mut bins = vec![0.0_f64; self.count + 1];
        let mut total = 0.0_f64;
        let (inverse, top) = (1.0 / self.step, self.count as f32);
        for (value, weight) in values {
            let position = ((value - self.first) * inverse + 1.0).clamp(0.0, top);
            let bin = (position as usize).min(self.count - 1);
            let share = position - bin as f32;
            bins[bin] += f64::from(weight * (1.0 - share));
            bins[bin + 1] += f64::from(weight * share);
            total += f64::from(weight);
        }
        let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
        bins.iter_mut().for_each(|bin| *bin *= scale);
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: Levels = Levels { first: 0.0, step: 1.0, count: 3 };

    #[test]
    fn soft_cdf_is_as_defined() {
        // clamp(t − v, 0, 1) at t = 0, 1, 2 for v = 0.25 and v = 9.
        let cdf = LEVELS.soft_cdf([0.25, 9.0].into_iter());
        assert_eq!(cdf, [0.0, 0.375, 0.5]);
        assert_eq!(LEVELS.soft_cdf(std::iter::once(-5.0)), [1.0, 1.0, 1.0]);
        assert_eq!(LEVELS.soft_cdf(std::iter::empty()), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn shares_are_weighted_and_sum_to_one() {
        // 0.25 lies a quarter of the way from the first level to the second, 9 above all.
        let shares = LEVELS.weighted_shares([(0.25, 3.0), (9.0, 1.0)].into_iter());
        assert_eq!(shares, [0.0, 0.5625, 0.1875, 0.25]);
        assert_eq!(LEVELS.weighted_shares(std::iter::empty()), [0.0; 4]);
    }
}
