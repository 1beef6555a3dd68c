use synth_core::{ParameterSet, Seed};
use synth_gen::Voids;

/// `count` parameter sets uniform over the generator's space, always the same: the workload of the
/// void benchmarks (`bench_params` of the reference program, with other random numbers).
#[must_use]
pub fn void_workload(voids: &Voids, count: u64) -> Vec<ParameterSet> {
    use synth_core::Generator;
    let seed = Seed::from_u64(42).derive("bench/voids");
    (0..count).map(|index| voids.space().draw(&mut seed.stream(index))).collect()
}
