//! Point values of MMD² at a fixed bandwidth, energy distance, PRDC, 1-NN test and nearest-real
//! distances together, in one pass over the pairs.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use synth_core::{Cancel, EmbedderId, Embeddings, NoProgress, Seed};
use synth_validate::fidelity::{Bandwidth, CompareParams, Metric, compare};

const DIM: usize = 768;

fn rows(n: usize, stream: u64) -> Embeddings {
    let mut stream = Seed::from_u64(1).stream(stream);
    let id = EmbedderId { name: "normal".into(), weights: None, preprocessing: "none".into() };
    let rows = Array2::from_shape_simple_fn((n, DIM), || stream.normal() as f32);
    Embeddings::ungrouped(rows, id).expect("finite rows")
}

fn point_values(c: &mut Criterion) {
    let mut group = c.benchmark_group("fidelity");
    group.sample_size(10);
    let params =
        CompareParams::default().with_bandwidth(Bandwidth::Fixed(39.0)).with_permutations(0).with_metrics([
            Metric::Mmd2RbfUnbiased,
            Metric::Energy,
            Metric::Prdc,
            Metric::C2st1nn,
            Metric::NearestReal,
        ]);
    for n in [250, 1_000, 2_000] {
        let (real, synthetic) = (rows(n, 0), rows(n, 1));
        group.bench_function(BenchmarkId::from_parameter(format!("{DIM}d/{n}n")), |b| {
            b.iter(|| {
                compare(black_box(&real), black_box(&synthetic), &params, &NoProgress, &Cancel::new())
                    .expect("valid sets")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, point_values);
criterion_main!(benches);
