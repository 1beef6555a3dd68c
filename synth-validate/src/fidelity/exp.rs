//! `exp` over a slice, in plain arithmetic that the compiler turns into vector instructions.

/// `1/ln 2`, and `ln 2` cut in two so that `k · LN2_HIGH` is exact for the exponents that occur.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `1.5 · 2⁵²`: adding it rounds to the nearest integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Below this the result is zero; `exp(-708)` is still a normal number.
const SMALLEST: f64 = -708.0;

/// Replaces each value by `exp(scale · value)`; `scale · value` must not be positive.
///
/// `exp(x) = 2^k · exp(r)` with `k = round(x / ln 2)`, `|r| ≤ ln 2 / 2`, and the Taylor polynomial
/// of degree 13, whose remainder is below 5e-18. Below −708 the result is 0. Checked against the
/// standard library to 4e-16 of the value.
pub(crate) fn exp_in_place(values: &mut [f64], scale: f64) {
    for value in values {
        *value = exp_of_negative(scale * *value);
    }
}

#[inline(always)]
fn exp_of_negative(x: f64) -> f64 {
    let clamped = if x < SMALLEST { SMALLEST } else { x };
    let shifted = clamped * LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (clamped - k * LN2_HIGH) - k * LN2_LOW;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let result = taylor(r) * power;
    if x < SMALLEST { 0.0 } else { result }
}

/// `Σ rⁱ/i!` up to i = 13 (Estrin's scheme: short chains of dependent operations).
#[inline(always)]
fn taylor(r: f64) -> f64 {
    const C: [f64; 14] = [
        1.0,
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = (C[2] + C[3] * r) + (C[4] + C[5] * r) * r2;
    let high =
        ((C[6] + C[7] * r) + (C[8] + C[9] * r) * r2) + ((C[10] + C[11] * r) + (C[12] + C[13] * r) * r2) * r4;
    1.0 + (r + r2 * (low + high * r4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_library_to_the_last_bits() {
        let arguments: Vec<f64> = (0..200_000).map(|i| -708.0 * (f64::from(i) / 200_000.0).powi(3)).collect();
        let mut values = arguments.clone();
        exp_in_place(&mut values, 1.0);
        for (x, value) in arguments.iter().zip(&values) {
            assert!((value / x.exp() - 1.0).abs() < 4e-16, "{x}: {value} {}", x.exp());
        }
    }

    #[test]
    fn ends_are_exact() {
        let mut values = [0.0, 708.5, 1e9, f64::INFINITY];
        exp_in_place(&mut values, -1.0);
        assert_eq!(values, [1.0, 0.0, 0.0, 0.0]);
    }
}
