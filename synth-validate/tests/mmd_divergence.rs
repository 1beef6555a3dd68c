//! `Mmd` as a `Divergence`: value, uncertainty and kernel, against direct computation.

use ndarray::{Array2, s};
use synth_core::{Divergence, EmbedderId, Embeddings, Error, FittedDivergence, Seed};
use synth_validate::fidelity::{Bandwidth, MmdParams, mmd2};

fn id() -> EmbedderId {
    EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() }
}

fn normal_rows(n: usize, shift: f64, stream: u64) -> Array2<f32> {
    let mut stream = Seed::from_u64(11).stream(stream);
    Array2::from_shape_simple_fn((n, 4), || (stream.normal() + shift) as f32)
}

fn grouped(rows: Array2<f32>, size: usize) -> Embeddings {
    let n = rows.nrows();
    let ids = (0..n).map(|i| format!("r{i}")).collect();
    let groups = (0..n).map(|i| format!("g{}", i % n.div_ceil(size))).collect();
    Embeddings::new(ids, groups, rows, id()).expect("valid")
}

#[test]
fn value_is_the_plain_function_and_the_median_is_the_references() {
    let (x, y) = (normal_rows(20, 0.0, 0), normal_rows(15, 1.0, 1));
    let mmd = MmdParams::default().build().expect("valid");
    let fitted = mmd.fit_rbf(&grouped(x.clone(), 1), Seed::from_u64(1)).expect("enough rows");
    let estimate = fitted.estimate(&grouped(y.clone(), 1)).expect("enough rows");
    let plain = mmd2(x.view(), y.view(), fitted.sigma()).expect("valid").unbiased;
    assert!((estimate.value - plain).abs() < 1e-13);
    assert!(estimate.p_value.expect("35 groups") < 0.01);
    let kernel = fitted.kernel().expect("an RBF kernel");
    let (a, b) = ([0.0; 4], [1.0; 4]);
    assert!((kernel.value(&a, &b) - (-2.0 / fitted.sigma().powi(2)).exp()).abs() < 1e-14);
}

#[test]
fn standard_error_is_the_jackknife_over_groups() {
    let (x, y) = (normal_rows(12, 0.0, 2), normal_rows(10, 0.5, 3));
    let mmd = MmdParams::default().with_bandwidth(Bandwidth::Fixed(2.0)).build().expect("valid");
    let fitted = mmd.fit(&grouped(x.clone(), 3), Seed::from_u64(1)).expect("enough rows");
    let got = fitted.estimate(&grouped(y.clone(), 2)).expect("enough rows").std_error.expect("groups");
    // Groups of equal size: Σ (T₋ⱼ − mean)² (g − 1)/g on either side, each value from scratch.
    let spread = |values: Vec<f64>| {
        let g = values.len() as f64;
        let mean = values.iter().sum::<f64>() / g;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() * (g - 1.0) / g
    };
    let without = |rows: &Array2<f32>, groups: usize, lost: usize| {
        let kept: Vec<usize> = (0..rows.nrows()).filter(|row| row % groups != lost).collect();
        rows.select(ndarray::Axis(0), &kept)
    };
    let value = |x: &Array2<f32>, y: &Array2<f32>| mmd2(x.view(), y.view(), 2.0).expect("valid").unbiased;
    let from_x = spread((0..4).map(|g| value(&without(&x, 4, g), &y)).collect());
    let from_y = spread((0..5).map(|g| value(&x, &without(&y, 5, g))).collect());
    assert!((got - (from_x + from_y).sqrt()).abs() < 1e-12, "{got}");
}

#[test]
fn p_value_is_that_of_relabelling_groups_by_hand() {
    let (x, y) = (normal_rows(12, 0.0, 4), normal_rows(12, 0.3, 5));
    let mmd = MmdParams::default().with_bandwidth(Bandwidth::Fixed(2.0)).with_permutations(999);
    let fitted = mmd.build().expect("valid").fit(&grouped(x.clone(), 2), Seed::from_u64(1)).expect("rows");
    let got = fitted.estimate(&grouped(y.clone(), 2)).expect("rows").p_value.expect("twelve groups");
    let pooled = ndarray::concatenate![ndarray::Axis(0), x, y];
    let group = |row: usize| if row < 12 { row % 6 } else { 6 + row % 6 };
    let observed = mmd2(x.view(), y.view(), 2.0).expect("valid").unbiased;
    let choices = (0..1_u32 << 12).filter(|bits| bits.count_ones() == 6);
    let (mut hits, mut count) = (0, 0);
    for bits in choices {
        let side = |inside: bool| {
            let rows: Vec<usize> = (0..24).filter(|&row| (bits >> group(row) & 1 == 1) == inside).collect();
            pooled.select(ndarray::Axis(0), &rows)
        };
        let value = mmd2(side(true).view(), side(false).view(), 2.0).expect("valid").unbiased;
        hits += usize::from(value >= observed - 1e-12);
        count += 1;
    }
    assert_eq!(count, 924);
    assert!((got - hits as f64 / 924.0).abs() < 1e-12, "{got} {hits}");
}

#[test]
fn few_groups_give_no_p_value_and_say_so() {
    let reference = grouped(normal_rows(15, 0.0, 6), 3);
    let fitted =
        MmdParams::default().build().expect("valid").fit(&reference, Seed::from_u64(0)).expect("rows");
    let estimate = fitted.estimate(&grouped(normal_rows(30, 0.0, 7), 1)).expect("rows");
    assert_eq!((estimate.p_value, estimate.null_quantiles.len()), (None, 0));
    assert!(estimate.std_error.is_some());
    assert!(estimate.notes.iter().any(|note| note.contains("5 independent groups")), "{:?}", estimate.notes);
}

#[test]
fn bad_input_is_a_typed_error() {
    let mmd = MmdParams::default().build().expect("valid");
    let seed = Seed::from_u64(0);
    let rows = normal_rows(9, 0.0, 8);
    let one = grouped(rows.slice(s![..1, ..]).to_owned(), 1);
    assert!(matches!(mmd.fit(&one, seed), Err(Error::TooFewSamples { needed: 2, got: 1, .. })));
    let constant = grouped(Array2::ones((9, 4)), 1);
    assert!(matches!(mmd.fit(&constant, seed), Err(Error::Unsupported { .. })));
    let fitted = mmd.fit(&grouped(rows.clone(), 1), seed).expect("enough rows");
    assert!(matches!(fitted.estimate(&one), Err(Error::TooFewSamples { .. })));
    let other = EmbedderId { name: "toy-2".into(), ..id() };
    let foreign = Embeddings::ungrouped(rows, other).expect("valid");
    assert!(matches!(fitted.estimate(&foreign), Err(Error::EmbedderMismatch { .. })));
    let negative = MmdParams::default().with_bandwidth(Bandwidth::Fixed(-1.0)).build();
    assert!(matches!(negative, Err(Error::InvalidParam { .. })));
}
