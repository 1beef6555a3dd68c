use std::ops::Range;

use super::filter::Filter;

/// Bits behind the point of a weight: 8 bits are a level's, 2 stay free for what overshoots.
pub(super) const PRECISION_BITS: u32 = 22;
/// One half, so that dropping the bits behind the point rounds.
pub(super) const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Which samples along one axis make each output, and with what weights.
#[derive(Debug)]
pub(super) struct Taps {
    /// Weights stored for each output; those behind its last sample are 0.
    pub(super) length: usize,
    /// First sample of each output.
    pub(super) starts: Vec<usize>,
    /// `length` weights for each output, in units of 2⁻²².
    pub(super) weights: Vec<i32>,
    /// All samples that any output uses.
    pub(super) used: Range<usize>,
}

impl Taps {
    /// For the outputs `kept` of `output`, from `input` samples.
    pub(super) fn new(filter: Filter, input: usize, output: usize, kept: Range<usize>) -> Self {
        let scale = input as f64 / output as f64;
        let stretch = scale.max(1.0);
        let reach = filter.radius() * stretch;
        let center = |at: usize| (at as f64 + 0.5) * scale;
        // Conversions truncate, and a negative number becomes 0.
        let window =
            |at| (center(at) - reach + 0.5) as usize..((center(at) + reach + 0.5) as usize).min(input);
        let length = kept.clone().map(|at| window(at).len()).max().unwrap_or(0);
        let (mut starts, mut weights) = (Vec::with_capacity(kept.len()), Vec::new());
        for at in kept.clone() {
            let distance = |sample| (sample as f64 - center(at) + 0.5) * (1.0 / stretch);
            let real: Vec<f64> = window(at).map(|sample| filter.weight(distance(sample))).collect();
            let sum: f64 = real.iter().sum();
            starts.push(window(at).start);
            weights.extend(real.iter().map(|weight| fixed_point(weight / sum)));
            weights.resize(starts.len() * length, 0);
        }
        let used = kept.clone().next().map_or(0, |first| window(first).start)
            ..kept.last().map_or(0, |last| window(last).end);
        Self { length, starts, weights, used }
    }
}

/// Rounded to the nearest, halves away from zero.
fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// The level that a sum of weighted levels stands for.
pub(super) fn level_from_sum(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: 4 to 2 samples, scale 2, the triangle reaches 2; output 0 is centred on 1.
    #[test]
    fn weights_of_a_halving_triangle() {
        let taps = Taps::new(Filter::Bilinear, 4, 2, 0..2);
        assert_eq!((taps.starts, taps.used), (vec![0, 1], 0..4));
        // Distances 0.25, 0.25, 0.75: weights 0.75, 0.75, 0.25 over 1.75.
        let unit = f64::from(1 << PRECISION_BITS);
        let [near, far] = [0.75, 0.25].map(|weight| (weight / 1.75 * unit).round() as i32);
        assert_eq!(taps.weights, [near, near, far, far, near, near]);
    }

    #[test]
    fn a_size_that_stays_has_the_weight_one() {
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            let taps = Taps::new(filter, 9, 9, 0..9);
            for (at, (start, weights)) in taps.starts.iter().zip(taps.weights.chunks(taps.length)).enumerate()
            {
                let others = weights.iter().enumerate().filter(|&(tap, _)| start + tap != at);
                assert_eq!(weights[at - start], 1 << PRECISION_BITS, "{filter} {at}");
                assert!(others.into_iter().all(|(_, &weight)| weight == 0), "{filter} {at}");
            }
        }
    }
}
