//! Public types can be shared between threads and unwound through.

use synth_optimize::*;

fn shareable<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::fmt::Debug + Clone>() {}

#[test]
fn public_types_are_shareable() {
    shareable::<Encoding>();
    shareable::<SetKey>();
    shareable::<SobolSequence>();
    shareable::<Random>();
    shareable::<Sobol>();
    shareable::<Auto>();
    shareable::<CmaEs>();
    shareable::<CmaEsParams>();
    shareable::<GaussianProcessOptimizer>();
    shareable::<GpParams>();
    shareable::<Tpe>();
    shareable::<TpeParams>();
    shareable::<GaussianProcess>();
    shareable::<Kernel>();
    shareable::<SpaceFile>();
    shareable::<TrialRecord>();
    shareable::<AskRecord>();
}
