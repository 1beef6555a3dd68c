/// eˣ with a relative error of at most 3 ε; 0 below −708, e⁷⁰⁹ above 709.
///
/// `2ᵏ eʳ` with |r| ≤ ln 2/2 and the Taylor series of eʳ to the thirteenth power. Branch-free, so that loops
/// over it are vectorised, and made of operations with one result on every machine.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // ln 2 in two parts, the first exact in 33 bits (Cody & Waite 1980).
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    // Adding it rounds to a whole number, which is then in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let tiny = x < -708.0;
    let x = x.clamp(-708.0, 709.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN_2[0] - k * LN_2[1];
    // Estrin's scheme: its products wait for each other four times, those of Horner's thirteen times.
    let pair = |k: usize| TAYLOR[k] + TAYLOR[k + 1] * r;
    let r2 = r * r;
    let r4 = r2 * r2;
    let r8 = r4 * r4;
    let low = (pair(0) + pair(2) * r2) + (pair(4) + pair(6) * r2) * r4;
    let high = (pair(8) + pair(10) * r2) + pair(12) * r4;
    let value = (low + high * r8) * f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if tiny { 0.0 } else { value }
}

/// 1/k!.
const TAYLOR: [f64; 14] = {
    let (mut terms, mut k) = ([1.0; 14], 1);
    while k < 14 {
        terms[k] = terms[k - 1] / k as f64;
        k += 1;
    }
    terms
};

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn is_right_to_rounding() {
        assert_eq!(exp(0.0), 1.0);
        for at in -70_800_000..=0 {
            if at % 37 == 0 {
                let x = f64::from(at) * 1e-5;
                let exact = libm::exp(x);
                assert!((exp(x) - exact).abs() <= 2.0 * f64::EPSILON * exact, "{x}");
            }
        }
        for x in [1e-300, 0.1, 1.0, 100.0, 708.9] {
            assert!((exp(x) / libm::exp(x) - 1.0).abs() <= 3.0 * f64::EPSILON, "{x}");
        }
        assert!(exp(-1e300) == 0.0 && exp(f64::NEG_INFINITY) == 0.0 && exp(f64::NAN).is_nan());
        assert!((exp(f64::INFINITY) / libm::exp(709.0) - 1.0).abs() < 1e-15);
    }
}
