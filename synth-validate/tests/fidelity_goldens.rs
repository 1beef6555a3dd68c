//! Every metric against its reference value in `goldens/values.json`, to 1e-6 relative.

mod common;

use common::{assert_close, small_sets, value};
use synth_core::Seed;
use synth_validate::fidelity::{median_bandwidth, mmd2};

#[test]
fn mmd_and_its_bandwidth() {
    let (x, y) = small_sets();
    let sigma = median_bandwidth(x.view(), Some(y.view()), Seed::from_u64(0)).expect("spread rows").sigma;
    assert_close("median", sigma, value(&["median_bandwidth"]));
    let median = mmd2(x.view(), y.view(), sigma).expect("valid").unbiased;
    assert_close("mmd² at the median", median, value(&["mmd2_rbf_unbiased_median"]));
    let fixed = mmd2(x.view(), y.view(), 5.0).expect("valid").unbiased;
    assert_close("mmd² at σ = 5", fixed, value(&["mmd2_rbf_unbiased_sigma5"]));
}
