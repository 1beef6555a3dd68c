//! What keeps whole numbers moving once the distribution is narrower than their slots.

use synth_core::normal;

use super::columns::Slot;
use super::gaussian::Gaussian;

/// Moves mean and scale of the coordinate `at` so that a draw leaves its slot with probability `alpha`
/// at least: `alpha`/2 each way, or all of it where only one way is open.
///
/// # References
/// Hamano et al. 2022, "CMA-ES with margin", <https://arxiv.org/abs/2205.13482>; formulas as in the package
/// `cmaes` 0.13.
pub(crate) fn keep_moving(gaussian: &mut Gaussian, at: usize, slot: Slot, alpha: f64) {
    let (mean, std) = (gaussian.mean[at], gaussian.std(at));
    let below = normal::cdf((slot.low - mean) / std);
    let above = normal::cdf((mean - slot.high) / std);
    if !(slot.low.is_finite() && slot.high.is_finite()) {
        if below.max(above) < alpha {
            let distance = std * normal::quantile(1.0 - alpha);
            gaussian.mean[at] =
                if slot.high.is_finite() { slot.high - distance } else { slot.low + distance };
        }
        return;
    }
    if below.min(above) >= 0.5 * alpha {
        return;
    }
    let (raised_below, raised_above) = (below.max(0.5 * alpha), above.max(0.5 * alpha));
    let inside = 1.0 - below - above;
    let total = raised_below + raised_above + inside;
    let share = (1.0 - total) / (total - 1.5 * alpha);
    let shrunk = |p: f64| (p + share * (p - 0.5 * alpha)).clamp(1e-10, 0.5 - 1e-10);
    let [low, high] = [raised_below, raised_above].map(|p| normal::quantile(1.0 - shrunk(p)));
    gaussian.mean[at] = (slot.low * high + slot.high * low) / (low + high);
    gaussian.scale[at] = (slot.high - slot.low) / ((low + high) * gaussian.plain_std(at));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaving(gaussian: &Gaussian, slot: Slot) -> [f64; 2] {
        let (mean, std) = (gaussian.mean[0], gaussian.std(0));
        [normal::cdf((slot.low - mean) / std), normal::cdf((mean - slot.high) / std)]
    }

    #[test]
    fn a_narrow_distribution_leaves_its_slot_with_the_least_probability() {
        let (alpha, inner) = (0.1, Slot { low: 0.4, high: 0.5 });
        for mean in [0.401, 0.45, 0.4999] {
            let mut gaussian = Gaussian::new(vec![mean], 1e-9);
            keep_moving(&mut gaussian, 0, inner, alpha);
            assert!((0.4..0.5).contains(&gaussian.mean[0]));
            assert!(leaving(&gaussian, inner).iter().all(|p| *p > 0.5 * alpha - 1e-9), "{gaussian:?}");
            assert!((gaussian.sigma - 1e-9).abs() < 1e-24, "the step size is not touched");
        }
        for slot in [Slot { low: f64::NEG_INFINITY, high: 0.5 }, Slot { low: 0.5, high: f64::INFINITY }] {
            let mean = if slot.high.is_finite() { 0.2 } else { 0.8 };
            let mut gaussian = Gaussian::new(vec![mean], 1e-3);
            keep_moving(&mut gaussian, 0, slot, alpha);
            let [below, above] = leaving(&gaussian, slot);
            assert!((below.max(above) - alpha).abs() < 1e-9, "{below} {above}");
        }
    }

    #[test]
    fn a_wide_distribution_is_left_alone() {
        let mut gaussian = Gaussian::new(vec![0.44], 0.2);
        keep_moving(&mut gaussian, 0, Slot { low: 0.4, high: 0.5 }, 0.1);
        assert!((gaussian.mean[0], gaussian.scale[0]) == (0.44, 1.0));
    }
}
