//! How wide the kernels of one column are.

use super::layout::Place;

/// No kernel is narrower than this share of a column.
const LEAST: f64 = 1e-6;
/// From so many kernels on the narrowest ones of [`gaps`] narrow no further.
const MOST_KERNELS: f64 = 100.0;
/// Kernels about a group are this many of its standard deviations wide.
const SPREADS: f64 = 1.5;
/// Kernels about whole numbers are at least this many slots wide.
const SLOTS: f64 = 0.5;

/// Widths that fill the column: each kernel reaches to the farther of its two neighbours, within
/// [1 / min(100, n + 2), 1] (Bergstra et al. 2011; the lower bound is what Watanabe 2023
/// calls magic clipping). Places without a number have width 1, which nothing reads.
pub(crate) fn gaps(places: &[Place]) -> Vec<f64> {
    let mut known: Vec<(f64, usize)> =
        places.iter().enumerate().filter_map(|(i, place)| Some((place.number()?, i))).collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let least = 1.0 / (known.len() as f64 + 2.0).min(MOST_KERNELS);
    let mut widths = vec![1.0; places.len()];
    for (rank, (x, i)) in known.iter().enumerate() {
        let below = rank.checked_sub(1).map(|before| x - known[before].0);
        let above = known.get(rank + 1).map(|(next, _)| next - x);
        let gap = below.into_iter().chain(above).fold(0.0, f64::max);
        let alone = known.len() == 1;
        widths[*i] = if alone { x.max(1.0 - x) } else { gap }.clamp(least, 1.0);
    }
    widths
}

/// One width for a column: a multiple of the standard deviation of a group, 1 where it has fewer than
/// two numbers. Without weights: one trial far ahead of the others must not narrow the column to nothing.
pub(crate) fn spread(places: &[Place]) -> f64 {
    let known: Vec<f64> = places.iter().filter_map(|place| place.number()).collect();
    let n = known.len() as f64;
    if n < 2.0 {
        return 1.0;
    }
    let mean = known.iter().sum::<f64>() / n;
    let variance = known.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let slot = places.iter().map(|place| place.extent()).fold(0.0, f64::max);
    (SPREADS * libm::sqrt(variance)).max(SLOTS * slot).clamp(LEAST, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_reach_their_farther_neighbour() {
        let places = [Place::At(0.9), Place::Absent, Place::At(0.1), Place::At(0.4)];
        // Least: 1 / (3 + 2).
        let expected = [0.5, 1.0, 0.3, 0.5];
        gaps(&places).iter().zip(expected).for_each(|(w, e)| assert!((w - e).abs() < 1e-15, "{w} {e}"));
        assert_eq!(gaps(&[Place::At(0.25)]), [0.75]);
        assert_eq!(gaps(&[Place::At(0.5); 3]), [0.2; 3]);
        assert_eq!(gaps(&[Place::At(0.5); 300])[7], 0.01);
        assert!(gaps(&[]).is_empty());
    }

    #[test]
    fn a_spread_is_that_of_the_numbers_and_never_vanishes() {
        let places = [Place::At(0.2), Place::At(0.4), Place::Absent];
        assert!((spread(&places) - SPREADS * 0.1).abs() < 1e-15);
        assert_eq!(spread(&[Place::At(0.3); 4]), LEAST);
        assert_eq!(spread(&[Place::Absent, Place::At(0.3)]), 1.0);
        let slot = Place::Slot { index: 2, low: 0.2, extent: 0.1 };
        assert!((spread(&[slot; 3]) - 0.05).abs() < 1e-15);
    }
}
