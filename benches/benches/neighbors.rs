//! The approximate neighbour index: building it, and asking it for ten neighbours of a hundred rows
//! at once. `scripts/compare_neighbors.py` measures building 100,000 rows, and recall.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, s};
use synth_core::{NeighborIndex, Seed};
use synth_embed::{Hnsw, HnswParams};

const DIM: usize = 384;
const INTRINSIC: usize = 24;
const QUERIES: usize = 100;

/// Normal rows in `INTRINSIC` directions.
fn rows(n: usize) -> Array2<f32> {
    let normal = |shape, index| {
        let mut stream = Seed::from_u64(1).stream(index);
        Array2::from_shape_simple_fn(shape, || stream.normal() as f32)
    };
    normal((n, INTRINSIC), 0).dot(&normal((INTRINSIC, DIM), 1))
}

fn built(rows: &Array2<f32>) -> Hnsw {
    let ids: Vec<String> = (0..rows.nrows()).map(|row| row.to_string()).collect();
    let mut index = HnswParams::default().build(DIM).expect("valid parameters");
    index.add(&ids, rows.view()).expect("finite rows");
    index
}

fn build(c: &mut Criterion) {
    let mut group = c.benchmark_group("neighbors/build");
    group.sample_size(10);
    for n in [1_000, 3_000, 10_000] {
        let rows = rows(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{DIM}d/{n}n")), |b| {
            b.iter(|| built(black_box(&rows)));
        });
    }
    group.finish();
}

fn search(c: &mut Criterion) {
    let mut group = c.benchmark_group("neighbors/search");
    group.sample_size(10).throughput(Throughput::Elements(QUERIES as u64));
    for n in [1_000, 10_000, 100_000] {
        let rows = rows(n + QUERIES);
        let index = built(&rows.slice(s![..n, ..]).to_owned());
        let queries = rows.slice(s![n.., ..]);
        group.bench_function(BenchmarkId::from_parameter(format!("{DIM}d/{n}n")), |b| {
            b.iter(|| index.search(black_box(queries), 10, &|_| true).expect("finite queries"));
        });
    }
    group.finish();
}

criterion_group!(benches, build, search);
criterion_main!(benches);
