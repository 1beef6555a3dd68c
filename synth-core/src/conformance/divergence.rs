//! Laws of [`Divergence`], [`FittedDivergence`] and [`Kernel`].

use ndarray::Array2;

use super::check::{skip, suite};
use crate::{Divergence, EmbedderId, Embeddings, Error, Estimate, FittedDivergence, Kernel, Result, Seed};

suite! {
    ($)
    /// One `#[test]` per law of [`Divergence`](crate::Divergence).
    ///
    /// Takes a function that makes the divergence, `Fn() -> Box<dyn Divergence>`, and its
    /// [`DivergenceCaps`](crate::conformance::DivergenceCaps).
    divergence, divergence_conformance {
        identical_sets_score_best,
        grows_with_the_shift,
        swapped_sets_give_the_same,
        too_few_samples_are_an_error,
        rows_of_another_embedder_are_an_error,
        same_seed_gives_same_estimate,
        estimates_do_not_remember,
        uncertainty_is_well_formed,
        p_value_is_given_and_small_for_another_set,
        kernel_is_symmetric,
        kernel_gradient_is_the_slope,
    }
}

/// Makes a fresh divergence.
pub type MakeDivergence = dyn Fn() -> Box<dyn Divergence>;

/// What a divergence claims.
#[derive(Clone, Copy, Debug)]
pub struct DivergenceCaps {
    /// The divergence of a from b is that of b from a. Not so where `fit` takes a bandwidth, or
    /// anything else, from the reference alone.
    pub symmetric: bool,
    /// Estimates carry a p-value at the suite's set sizes.
    pub p_value: bool,
    /// There is a kernel.
    pub kernel: bool,
    /// How many rows (each its own group) either set needs; ≥ 1.
    pub min_rows: usize,
    /// Rows of the suite's larger sets.
    pub rows: usize,
    /// Dimension of the suite's rows.
    pub dim: usize,
}

impl Default for DivergenceCaps {
    /// Two rows at least, and nothing that a divergence may lack; sets of 40 rows of length 4.
    fn default() -> Self {
        Self { symmetric: false, p_value: false, kernel: false, min_rows: 2, rows: 40, dim: 4 }
    }
}

impl DivergenceCaps {
    /// Standard normal rows, the first column shifted; another `name`, other draws.
    fn set(self, name: &str, rows: usize, shift: f32) -> Embeddings {
        let mut stream = Seed::from_u64(1).derive(&format!("conformance/{name}")).stream(0);
        let mut matrix = Array2::from_shape_simple_fn((rows, self.dim), || stream.normal() as f32);
        matrix.column_mut(0).mapv_inplace(|value| value + shift);
        named(name, matrix)
    }
}

fn named(name: &str, matrix: Array2<f32>) -> Embeddings {
    let ids: Vec<String> = (0..matrix.nrows()).map(|row| format!("{name}_{row}")).collect();
    let identity = EmbedderId { name: "conformance".into(), weights: None, preprocessing: "none".into() };
    Embeddings::new(ids.clone(), ids, matrix, identity).expect("the suite's rows are finite")
}

fn seed() -> Seed {
    Seed::from_u64(1).derive("conformance/divergence")
}

fn fit(make: &MakeDivergence, reference: &Embeddings) -> Box<dyn FittedDivergence> {
    make().fit(reference, seed()).expect("the suite's reference must be accepted")
}

fn estimate(fitted: &dyn FittedDivergence, sample: &Embeddings) -> Estimate {
    let estimate = fitted.estimate(sample).expect("the suite's sample must be accepted");
    assert!(estimate.value.is_finite(), "the value is finite: {estimate:?}");
    estimate
}

/// The reference's own rows diverge less than fresh rows shifted by 1, 2 and 4 standard deviations.
pub fn identical_sets_score_best(make: &MakeDivergence, caps: &DivergenceCaps) {
    let reference = caps.set("reference", caps.rows, 0.0);
    let fitted = fit(make, &reference);
    let same = estimate(&*fitted, &named("copy", reference.matrix().to_owned())).value;
    for shift in [1.0, 2.0, 4.0] {
        let shifted = estimate(&*fitted, &caps.set("sample", caps.rows, shift)).value;
        assert!(same < shifted, "identical sets score best: {same:e}, shifted by {shift} σ {shifted:e}");
    }
}

/// Rows shifted by 4 standard deviations diverge more than unshifted ones.
pub fn grows_with_the_shift(make: &MakeDivergence, caps: &DivergenceCaps) {
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    let [near, far] = [0.0, 4.0].map(|shift| estimate(&*fitted, &caps.set("sample", caps.rows, shift)).value);
    assert!(near < far, "it grows with the shift: {near:e} at 0, {far:e} at 4 σ");
}

/// Where claimed, the divergence of a from b is that of b from a, to 1e-9 of its size.
pub fn swapped_sets_give_the_same(make: &MakeDivergence, caps: &DivergenceCaps) {
    if !caps.symmetric {
        return skip("swapped_sets_give_the_same", "caps.symmetric is false");
    }
    let (a, b) = (caps.set("reference", caps.rows, 0.0), caps.set("sample", caps.rows - 3, 0.5));
    let (ab, ba) = (estimate(&*fit(make, &a), &b).value, estimate(&*fit(make, &b), &a).value);
    let close = (ab - ba).abs() <= 1e-9 * ab.abs().max(1e-3);
    assert!(close, "swapped sets give the same: {ab:e} and {ba:e}");
}

/// Below `min_rows` either set is [`Error::TooFewSamples`], which says how many are needed; that
/// many are enough.
pub fn too_few_samples_are_an_error(make: &MakeDivergence, caps: &DivergenceCaps) {
    let enough = caps.set("reference", caps.rows, 0.0);
    let fitted = fit(make, &enough);
    for rows in 0..caps.min_rows {
        let few = caps.set("few", rows, 0.0);
        assert_too_few("reference", rows, caps, make().fit(&few, seed()).map(|_| ()));
        assert_too_few("sample", rows, caps, fitted.estimate(&few).map(|_| ()));
    }
    let just = caps.set("just", caps.min_rows, 0.0);
    let refused = [make().fit(&just, seed()).err(), fitted.estimate(&just).err()];
    let refused: Vec<String> = refused.into_iter().flatten().map(|error| error.to_string()).collect();
    assert!(refused.is_empty(), "the number of samples it asks for is enough: {refused:?}");
}

fn assert_too_few(role: &str, rows: usize, caps: &DivergenceCaps, result: Result<()>) {
    let law = "too few samples are an error";
    match result {
        Err(Error::TooFewSamples { needed, got, .. }) => {
            let right = needed == caps.min_rows && got == rows;
            assert!(right, "{law}: {role} of {rows} rows, the error says {got} of {needed}");
        }
        other => panic!("{law}: {role} of {rows} rows gave {other:?}"),
    }
}

/// Rows of another embedder are [`Error::EmbedderMismatch`], rows of another length an error.
pub fn rows_of_another_embedder_are_an_error(make: &MakeDivergence, caps: &DivergenceCaps) {
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    let sample = caps.set("sample", caps.rows, 0.0);
    let foreign = EmbedderId { name: "another".into(), ..sample.identity().clone() };
    let (ids, groups) = (sample.ids().to_vec(), sample.groups().to_vec());
    let foreign = Embeddings::new(ids, groups, sample.matrix().to_owned(), foreign);
    let result = fitted.estimate(&foreign.expect("the suite's rows are finite"));
    let mismatch = matches!(result, Err(Error::EmbedderMismatch { .. }));
    assert!(mismatch, "rows of another embedder are an error: {result:?}");
    let longer = DivergenceCaps { dim: caps.dim + 1, ..*caps }.set("sample", caps.rows, 0.0);
    let result = fitted.estimate(&longer);
    assert!(result.is_err(), "rows of another length are an error: {result:?}");
}

/// Fitted twice with one seed, the estimates are equal in every figure.
pub fn same_seed_gives_same_estimate(make: &MakeDivergence, caps: &DivergenceCaps) {
    let (reference, sample) = (caps.set("reference", caps.rows, 0.0), caps.set("sample", caps.rows, 0.5));
    let [a, b] = [0, 1].map(|_| estimate(&*fit(make, &reference), &sample));
    assert!(a == b, "the same seed gives the same estimate: {a:?} and {b:?}");
}

/// What was estimated before does not change an estimate.
pub fn estimates_do_not_remember(make: &MakeDivergence, caps: &DivergenceCaps) {
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    let sample = caps.set("sample", caps.rows, 0.5);
    let first = estimate(&*fitted, &sample);
    estimate(&*fitted, &caps.set("between", caps.rows, 2.0));
    let again = estimate(&*fitted, &sample);
    assert!(first == again, "estimates do not remember: {first:?}, then {again:?}");
}

/// Where given: the p-value is in (0, 1], the standard error not negative, the interval ordered, the
/// null's quantiles ascending in level and value.
pub fn uncertainty_is_well_formed(make: &MakeDivergence, caps: &DivergenceCaps) {
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    for shift in [0.0, 8.0] {
        let estimate = estimate(&*fitted, &caps.set("sample", caps.rows, shift));
        let Estimate { std_error, ci95, p_value, null_quantiles, .. } = &estimate;
        let ascending = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        let well_formed = p_value.is_none_or(|p| p > 0.0 && p <= 1.0)
            && std_error.is_none_or(|std_error| std_error >= 0.0 && std_error.is_finite())
            && ci95.is_none_or(|[low, high]| low <= high)
            && null_quantiles.windows(2).all(ascending);
        assert!(well_formed, "uncertainty is well formed: {estimate:?}");
    }
}

/// Where claimed, there is a p-value, and a shift of 8 standard deviations is below the 5 % level.
pub fn p_value_is_given_and_small_for_another_set(make: &MakeDivergence, caps: &DivergenceCaps) {
    if !caps.p_value {
        return skip("p_value_is_given_and_small_for_another_set", "caps.p_value is false");
    }
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    let far = estimate(&*fitted, &caps.set("sample", caps.rows, 8.0));
    let small = far.p_value.is_some_and(|p| p <= 0.05);
    assert!(small, "the p-value is given, and small for another set: {far:?}");
}

/// Where there is a kernel, k(x, y) = k(y, x), finite, also at x = y.
pub fn kernel_is_symmetric(make: &MakeDivergence, caps: &DivergenceCaps) {
    with_kernel("kernel_is_symmetric", make, caps, |kernel, x, y| {
        let (xy, yx) = (kernel.value(x, y), kernel.value(y, x));
        let close = (xy - yx).abs() <= 1e-12 * xy.abs().max(1.0);
        assert!(close, "the kernel is symmetric and finite: {xy:e} and {yx:e}");
    });
}

/// Where there is a kernel, its gradient is the central difference of its value, within 0.1 % of the
/// largest component (steps of 2⁻⁷ in float32 leave about 1e-5), also at x = y.
pub fn kernel_gradient_is_the_slope(make: &MakeDivergence, caps: &DivergenceCaps) {
    with_kernel("kernel_gradient_is_the_slope", make, caps, |kernel, x, y| {
        let mut gradient = vec![f64::NAN; x.len()];
        kernel.gradient(x, y, &mut gradient);
        let differences: Vec<f64> = (0..x.len()).map(|at| central_difference(kernel, x, y, at)).collect();
        let largest = differences.iter().fold(1e-2_f64, |max, d| max.max(d.abs()));
        let close = gradient.iter().zip(&differences).all(|(g, d)| (g - d).abs() <= 1e-3 * largest);
        assert!(close, "the kernel's gradient is its slope: {gradient:?}, differences {differences:?}");
    });
}

fn central_difference(kernel: &dyn Kernel, x: &[f32], y: &[f32], at: usize) -> f64 {
    let moved = |by: f32| {
        let mut moved = x.to_vec();
        moved[at] += by;
        moved
    };
    let (up, down) = (moved(2_f32.powi(-7)), moved(-2_f32.powi(-7)));
    (kernel.value(&up, y) - kernel.value(&down, y)) / (f64::from(up[at]) - f64::from(down[at]))
}

/// Some pairs of rows, one of them a row with itself.
fn with_kernel(
    check: &str,
    make: &MakeDivergence,
    caps: &DivergenceCaps,
    test: impl Fn(&dyn Kernel, &[f32], &[f32]),
) {
    let fitted = fit(make, &caps.set("reference", caps.rows, 0.0));
    let Some(kernel) = fitted.kernel() else {
        assert!(!caps.kernel, "caps.kernel is true, but there is no kernel");
        return skip(check, "there is no kernel");
    };
    let rows = caps.set("kernel", 4, 0.3);
    for (x, y) in [(0, 1), (2, 3), (3, 0), (1, 1)] {
        let row = |at: usize| rows.matrix().row(at).to_vec();
        test(kernel, &row(x), &row(y));
    }
}
