use synth_core::{Error, Result};

/// Widest and narrowest Gaussian that the fixed-point weights can hold, px.
const SIGMA_PX: std::ops::RangeInclusive<f64> = 0.3..=10.0;
/// Coverage, 0 to 255, in the fixed point of the vertical pass: times 2⁷.
pub(super) const COVERAGE_SHIFT: u32 = 7;

/// The upper half of a product of two 16-bit numbers.
#[inline(always)]
pub(super) fn high_product(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

/// A separable Gaussian in 16-bit fixed point, the same bits on every machine.
///
/// ```text
/// w(i) ∝ exp(−i² / 2σ²),  |i| ≤ radius = (round(6σ + 1) | 1) / 2       (OpenCV's size for 8-bit images)
/// column: c = Σ w(i) · coverage(y + i) · 2⁷                            15 bits
/// row:    α = Σ 2 w(i) · c(x + i), scaled so that full coverage is 65 535
/// ```
///
/// Each product is cut to its upper 16 bits, which costs less than 2⁻¹¹ of full coverage. Borders are
/// mirrored about the border pixel's centre (OpenCV's `BORDER_REFLECT_101`), by the caller.
#[derive(Clone, Debug)]
pub(super) struct Blur {
    sigma: f64,
    /// Weights of the column pass at distances 0 to radius.
    pub(super) column: Vec<u16>,
    /// Weights of the row pass at distances 0 to radius.
    pub(super) row: Vec<u16>,
}

impl Blur {
    /// The blur of this standard deviation; 0 leaves edges as they are.
    pub(super) fn new(sigma: f64) -> Result<Self> {
        if sigma == 0.0 {
            return Ok(Self { sigma, column: Vec::new(), row: Vec::new() });
        }
        if !SIGMA_PX.contains(&sigma) {
            let expected = format!("0 or a number in [{}, {}]", SIGMA_PX.start(), SIGMA_PX.end());
            return Err(Error::invalid("edge_blur", expected, sigma));
        }
        let weights = gaussian(sigma);
        let column: Vec<u16> = weights.iter().map(|w| libm::round(w * 65536.0) as u16).collect();
        let full = column_of(&column, 255);
        let scale = 65535.0 / (2.0 * f64::from(full));
        let doubled =
            |(i, w): (usize, &f64)| libm::floor(w * scale * if i == 0 { 65536.0 } else { 131_072.0 });
        let mut row: Vec<u16> = weights.iter().enumerate().map(|at| doubled(at) as u16).collect();
        // What rounding took away goes to the middle: each step adds at most 1 to the sum.
        while row_of(&row, full) < u16::MAX {
            row[0] += 1;
        }
        Ok(Self { sigma, column, row })
    }

    /// Standard deviation, px.
    pub(super) fn sigma(&self) -> f64 {
        self.sigma
    }

    /// How many pixels away the blur still reaches.
    pub(super) fn radius(&self) -> usize {
        self.column.len().saturating_sub(1)
    }
}

/// Weights at distances 0 to radius; both sides together sum to 1.
fn gaussian(sigma: f64) -> Vec<f64> {
    let size = libm::round(6.0 * sigma + 1.0) as usize | 1;
    let weight = |i: usize| libm::exp(-((i * i) as f64) / (2.0 * sigma * sigma));
    let weights: Vec<f64> = (0..=size / 2).map(weight).collect();
    let total = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.into_iter().map(|w| w / total).collect()
}

/// The column pass over constant coverage.
fn column_of(weights: &[u16], coverage: u16) -> u16 {
    let sides = weights[1..].iter().map(|&w| high_product((2 * coverage) << COVERAGE_SHIFT, w));
    high_product(coverage << COVERAGE_SHIFT, weights[0]) + sides.sum::<u16>()
}

/// The row pass over a constant.
fn row_of(weights: &[u16], value: u16) -> u16 {
    weights.iter().map(|&w| high_product(2 * value, w)).fold(0, u16::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_coverage_is_exactly_full() {
        for step in 0..=970 {
            let blur = Blur::new(0.3 + f64::from(step) / 100.0).expect("valid");
            assert_eq!(row_of(&blur.row, column_of(&blur.column, 255)), u16::MAX, "{step}");
            let sum: u32 = blur.column.iter().map(|&w| u32::from(w)).sum();
            let both = 2 * sum - u32::from(blur.column[0]);
            assert!(both.abs_diff(65536) <= 2 * blur.column.len() as u32);
        }
    }

    #[test]
    fn has_the_size_that_opencv_takes() {
        assert_eq!(Blur::new(2.0).expect("valid").radius(), 6);
        assert_eq!(Blur::new(0.0).expect("valid").radius(), 0);
        assert_eq!(Blur::new(10.0).expect("valid").radius(), 30);
    }
}
