//! Loops over values that are independent of one another.

use ndarray::ArrayViewMut2;
use rayon::prelude::*;

use super::super::{Activation, Threads};
use super::vectorized::vectorized;

/// Adds `bias` to every row.
pub(super) fn add_bias(mut rows: ArrayViewMut2<'_, f32>, bias: &[f32]) {
    for mut row in rows.rows_mut() {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
}

/// Takes the activation of every value; rows are dense.
pub(super) fn activate_rows(mut rows: ArrayViewMut2<'_, f32>, activation: Activation) {
    for mut row in rows.rows_mut() {
        activate(activation, row.as_slice_mut().expect("invariant: dense rows"));
    }
}

fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => map(values, gelu),
        Activation::GeluTanh => map(values, gelu_tanh),
        Activation::QuickGelu => map(values, |x| x * sigmoid(1.702 * x)),
    }
}

/// silu(a) · b of every row [a, b] of `width` values.
pub(in crate::nn) fn gate(x: &[f32], out: &mut [f32], width: usize, threads: Threads) {
    let row = |(x, out): (&[f32], &mut [f32])| {
        let (a, b) = x.split_at(width / 2);
        vectorized(
            #[inline(always)]
            || {
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    *out = a * sigmoid(*a) * b;
                }
            },
        );
    };
    match threads {
        Threads::One => x.chunks(width).zip(out.chunks_mut(width / 2)).for_each(row),
        Threads::All => x.par_chunks(width).zip(out.par_chunks_mut(width / 2)).for_each(row),
    }
}

/// exp(x − max)/Σ of each row of a square matrix; where `causal`, of the values up to the diagonal,
/// and 0 beyond it.
pub(super) fn softmax_rows(scores: &mut [f32], rows: usize, causal: bool) {
    vectorized(
        #[inline(always)]
        || {
            for (at, row) in scores.chunks_mut(rows).enumerate() {
                let (seen, unseen) = row.split_at_mut(if causal { at + 1 } else { rows });
                softmax(seen);
                unseen.fill(0.0);
            }
        },
    );
}

#[inline(always)]
fn softmax(row: &mut [f32]) {
    let largest = row.iter().fold(f32::NEG_INFINITY, |largest, x| if *x > largest { *x } else { largest });
    row.iter_mut().for_each(|x| *x = exp(*x - largest));
    let scale = 1.0 / sum(row);
    row.iter_mut().for_each(|x| *x *= scale);
}

/// In sixteen interleaved parts: a fixed order that fits vector registers.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut parts = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        parts.iter_mut().zip(chunk).for_each(|(part, value)| *part += value);
    }
    parts.iter().sum::<f32>() + rest
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    vectorized(
        #[inline(always)]
        || values.iter_mut().for_each(|value| *value = f(*value)),
    );
}

/// x Φ(x).
#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// x/2 (1 + tanh √(2/π)(x + 0.044715 x³)).
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const SQRT_8_OVER_PI: f32 = 1.595_769;
    x * sigmoid(SQRT_8_OVER_PI * (x + 0.044_715 * x * x * x))
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// erf x = x P(x²)/Q(x²), ± 1 beyond 3.92. P and Q minimise the largest relative error in exact
/// arithmetic, 2e-8 (linearised least squares, reweighted; 4,000 Chebyshev nodes).
#[inline(always)]
fn erf(x: f32) -> f32 {
    const P: [f32; 6] = [
        std::f32::consts::FRAC_2_SQRT_PI,
        0.190_402_5,
        0.052_748_2,
        3.765_445_5e-3,
        2.848_786_9e-4,
        2.050_116_6e-6,
    ];
    const Q: [f32; 6] = [1.0, 0.502_072_6, 0.114_107_47, 0.014_968_876, 1.162_493_4e-3, 3.809_180_6e-5];
    let x = x.clamp(-3.92, 3.92);
    x * polynomial(&P, x * x) / polynomial(&Q, x * x)
}

/// eˣ = 2ᵏ eʳ with |r| ≤ ln 2/2, of x clamped to [−87, 88], where 2ᵏ is a normal number.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // 1/k!, and ln 2 in two parts, the first exact in 16 bits (Cody and Waite 1980).
    const TAYLOR: [f32; 8] = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // Adding it rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN_2[0] - k * LN_2[1];
    let two_to_k = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    polynomial(&TAYLOR, r) * two_to_k
}

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut value = coefficients[N - 1];
    let mut at = N - 1;
    while at > 0 {
        at -= 1;
        value = value * x + coefficients[at];
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest |f(x) − reference(x)|/(1 + |x|) on a fine grid.
    fn error(f: impl Fn(f32) -> f32, reference: impl Fn(f64) -> f64) -> f64 {
        let grid = (-120_000..=120_000).map(|at| at as f32 * 1e-4);
        grid.map(|x| (f64::from(f(x)) - reference(f64::from(x))).abs() / (1.0 + f64::from(x.abs())))
            .fold(0.0, f64::max)
    }

    fn activated(activation: Activation) -> impl Fn(f32) -> f32 {
        move |x| {
            let mut values = [x];
            activate(activation, &mut values);
            values[0]
        }
    }

    #[test]
    fn activations_are_those_of_the_papers() {
        let gelu = |x: f64| 0.5 * x * (1.0 + libm::erf(x / 2.0_f64.sqrt()));
        assert!(error(activated(Activation::Gelu), gelu) < 3e-7);
        let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        let tanh = |x: f64| 0.5 * x * (1.0 + libm::tanh(inner(x)));
        assert!(error(activated(Activation::GeluTanh), tanh) < 3e-7);
        let quick = |x: f64| x / (1.0 + libm::exp(-1.702 * x));
        assert!(error(activated(Activation::QuickGelu), quick) < 3e-7);
    }

    #[test]
    fn exp_is_within_three_units_in_the_last_place() {
        for at in -86_000..=87_000 {
            let x = at as f32 * 1e-3;
            let exact = libm::exp(f64::from(x));
            let relative = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(relative < 3.0 * f64::from(f32::EPSILON), "{x}: {relative}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn rows_of_a_softmax_sum_to_one() {
        let rows = 37;
        let scores: Vec<f32> = (0..rows * rows).map(|at| ((at * 7919) % 1000) as f32 / 50.0).collect();
        for causal in [false, true] {
            let mut shares = scores.clone();
            softmax_rows(&mut shares, rows, causal);
            for (at, (row, scores)) in shares.chunks(rows).zip(scores.chunks(rows)).enumerate() {
                let seen = if causal { at + 1 } else { rows };
                let total: f64 = scores[..seen].iter().map(|x| libm::exp(f64::from(*x))).sum();
                for (share, score) in row.iter().zip(&scores[..seen]) {
                    assert!((f64::from(*share) - libm::exp(f64::from(*score)) / total).abs() < 1e-6);
                }
                assert!(row[seen..].iter().all(|share| *share == 0.0));
            }
        }
    }

    #[test]
    fn the_gate_is_silu_times_the_other_half() {
        let x: Vec<f32> = (0..60).map(|at| at as f32 / 7.0 - 4.0).collect();
        let mut out = vec![0.0; 30];
        for threads in [Threads::One, Threads::All] {
            gate(&x, &mut out, 20, threads);
            for (row, out) in x.chunks(20).zip(out.chunks(10)) {
                for at in 0..10 {
                    let (a, b) = (f64::from(row[at]), f64::from(row[at + 10]));
                    assert!((f64::from(out[at]) - a / (1.0 + libm::exp(-a)) * b).abs() < 1e-5);
                }
            }
        }
    }
}
