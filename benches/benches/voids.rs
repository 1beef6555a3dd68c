//! Void images per second on one thread: the drawing alone, with labels, and as PNG.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use synth_benches::void_workload;
use synth_core::{Generator, ItemCodec, Request, Seed};
use synth_export::PngCodec;
use synth_gen::{Voids, VoidsParams, builtin_chips};

const IMAGES: u64 = 100;

fn generator(side_px: u32, labels: bool) -> (Voids, Vec<Request>) {
    let chips = builtin_chips(side_px).expect("a valid side");
    let voids = VoidsParams { labels, ..VoidsParams::default() }.build(chips).expect("valid parameters");
    let seed = Seed::from_u64(1);
    let sets = void_workload(&voids, IMAGES).into_iter().zip(0..);
    let requests = sets.map(|(set, index)| Request::new(set, seed, index)).collect();
    (voids, requests)
}

fn voids(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for side_px in [224, 512, 1024] {
        let mut group = criterion.benchmark_group(format!("voids/{side_px}px"));
        group.sample_size(20).throughput(Throughput::Elements(IMAGES));
        for (name, labels) in [("raw", false), ("labels", true)] {
            let (voids, requests) = generator(side_px, labels);
            group.bench_function(name, |bencher| {
                pool.install(|| bencher.iter(|| black_box(voids.generate(black_box(&requests)))));
            });
        }
        let (voids, requests) = generator(side_px, false);
        group.bench_function("png", |bencher| {
            pool.install(|| {
                bencher.iter(|| {
                    let samples = voids.generate(black_box(&requests)).expect("valid requests");
                    for sample in samples {
                        black_box(PngCodec.encode(&sample.expect("drawn").item).expect("encodes"));
                    }
                });
            });
        });
        group.finish();
    }
}

criterion_group!(benches, voids);
criterion_main!(benches);
