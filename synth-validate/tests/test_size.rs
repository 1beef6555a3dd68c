//! The tests' size: where there is no difference, a 5 % test finds one in 5 % of cases.

use ndarray::Array2;
use synth_core::{Cancel, EmbedderId, Embeddings, NoProgress, Seed};
use synth_validate::fidelity::{CompareParams, Metric, compare};

/// Groups of `size` rows that share most of their variation.
fn clustered(groups: usize, size: usize, dim: usize, stream: u64) -> Embeddings {
    let mut stream = Seed::from_u64(31).stream(stream);
    let centres = Array2::from_shape_simple_fn((groups, dim), || stream.normal());
    let rows = Array2::from_shape_fn((groups * size, dim), |(i, j)| {
        (centres[[i / size, j]] + if size > 1 { 0.1 * stream.normal() } else { 0.0 }) as f32
    });
    let ids = (0..groups * size).map(|i| format!("r{i}")).collect();
    let names = (0..groups * size).map(|i| format!("g{}", i / size)).collect();
    let id = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
    Embeddings::new(ids, names, rows, id).expect("valid")
}

/// How often each metric's p-value is at most 0.05.
fn rejections(
    metrics: &[Metric],
    runs: u64,
    permutations: usize,
    sets: impl Fn(u64) -> [Embeddings; 2],
) -> Vec<usize> {
    let mut counts = vec![0; metrics.len()];
    let params = CompareParams { directions: 16, kid_subsets: 1, ..CompareParams::default() }
        .with_permutations(permutations)
        .with_metrics(metrics.iter().copied());
    for run in 0..runs {
        let [x, y] = sets(run);
        let params = params.clone().with_seed(Seed::from_u64(run));
        let found = compare(&x, &y, &params, &NoProgress, &Cancel::new()).expect("valid sets");
        for (count, metric) in counts.iter_mut().zip(metrics) {
            let estimate = found.metrics[metric.name()].estimate.as_ref().expect("a figure");
            *count += usize::from(estimate.p_value.expect("a p-value") <= 0.05);
        }
    }
    counts
}

#[test]
fn five_percent_of_null_cases_are_rejected_also_with_dependent_rows() {
    let metrics = [Metric::Mmd2RbfUnbiased, Metric::Energy, Metric::Kid, Metric::SlicedW1, Metric::C2st1nn];
    for (groups, size) in [([16, 24], [1, 1]), ([9, 12], [3, 2])] {
        let counts = rejections(&metrics, 200, 99, |run| {
            [clustered(groups[0], size[0], 3, 2 * run), clustered(groups[1], size[1], 3, 2 * run + 1)]
        });
        for (metric, count) in metrics.iter().zip(counts) {
            // Binomial(200, 0.05): mean 10, 3.2 standard deviations of 3.1. The 1-NN accuracy takes
            // few values, so its ties make it reject less often.
            let lowest = if *metric == Metric::C2st1nn { 0 } else { 1 };
            assert!((lowest..=20).contains(&count), "{metric} at groups of {size:?}: {count} of 200");
        }
    }
}

#[test]
fn block_wise_test_keeps_its_size_and_finds_a_difference() {
    let metrics = [Metric::Mmd2RbfUnbiased];
    let null = rejections(&metrics, 12, 39, |run| {
        [clustered(1_200, 1, 2, 10_000 + 2 * run), clustered(1_100, 1, 2, 10_001 + 2 * run)]
    });
    // Binomial(12, 0.05): more than 4 has probability 0.0002.
    assert!(null[0] <= 4, "{} of 12", null[0]);
    let moved = rejections(&metrics, 2, 39, |run| {
        let x = clustered(1_200, 1, 2, 20_000 + 2 * run);
        let y = clustered(1_100, 1, 2, 20_001 + 2 * run);
        let rows = y.matrix().mapv(|value| value + 0.25);
        let moved = Embeddings::new(y.ids().to_vec(), y.groups().to_vec(), rows, y.identity().clone());
        [x, moved.expect("valid")]
    });
    assert_eq!(moved[0], 2);
}
