//! What the benchmarks share.
//!
//! `benches/` holds the criterion benchmarks, `src/bin/` the programs that the comparison scripts in
//! `scripts/` run, so that both sides of a comparison work on the same inputs in one run.

mod cpu_time;
mod void_images;
mod workload;

pub use cpu_time::cpu_seconds;
pub use void_images::{SIDE_PX, VoidImages};
pub use workload::void_workload;
