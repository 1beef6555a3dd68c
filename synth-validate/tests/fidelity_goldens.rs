//! Every metric against its reference value in `goldens/values.json`, to 1e-6 relative.

mod common;

use common::{array, assert_close, small_sets, value};
use ndarray::{Array2, Axis, s};
use synth_core::Seed;
use synth_validate::fidelity::{
    Order, cmmd, energy_distance, exact_wasserstein, frechet_distance, kid, kid_of_subsets, median_bandwidth,
    mmd2, nearest_neighbor_test, nearest_real, prdc, sliced_wasserstein,
};

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

#[test]
fn cmmd_as_published() {
    let (x, y) = small_sets();
    let raw = cmmd(x.view(), y.view()).expect("valid").published;
    assert_close("raw rows", raw, value(&["cmmd_sigma10_scale1000"]));
    let unit = |rows: Array2<f32>| {
        let lengths = rows.map_axis(Axis(1), |row| row.mapv(f64::from).pow2().sum().sqrt() as f32);
        rows / lengths.insert_axis(Axis(1))
    };
    let unit = cmmd(unit(x).view(), unit(y).view()).expect("valid").published;
    assert_close("unit rows", unit, value(&["cmmd_unit_rows"]));
}

#[test]
fn frechet() {
    let (x, y) = small_sets();
    let found = frechet_distance(x.view(), y.view()).expect("valid");
    assert_close("frechet", found.value, value(&["frechet"]));
    assert_close("frechet by sqrtm", found.value, value(&["frechet_sqrtm"]));
    assert!(found.rank_deficient, "45 and 24 rows in 128 dimensions");
}

#[test]
fn kid_full_and_by_subsets() {
    let (x, y) = small_sets();
    assert_close("all rows", kid(x.view(), y.view()).expect("valid"), value(&["kid_all_rows"]));
    let rows = |name| -> Vec<Vec<usize>> {
        array(name).rows().into_iter().map(|row| row.iter().map(|&i| i as usize).collect()).collect()
    };
    let (x_rows, y_rows) = (rows("small_kid_real_rows.npy"), rows("small_kid_synth_rows.npy"));
    let subsets = kid_of_subsets(x.view(), y.view(), &x_rows, &y_rows).expect("valid");
    assert_close("subsets' mean", subsets.mean, value(&["kid_subsets_mean"]));
    assert_close("subsets' std", subsets.std, value(&["kid_subsets_std"]));
}

#[test]
fn wasserstein() {
    let (x, y) = small_sets();
    let directions = array("small_directions.npy");
    for (order, sliced, exact) in
        [(Order::One, "sliced_w1", "exact_w1"), (Order::Two, "sliced_w2", "exact_w2")]
    {
        let found = sliced_wasserstein(x.view(), y.view(), directions.view(), order).expect("valid");
        assert_close(sliced, found, value(&[sliced]));
        assert_close(exact, exact_wasserstein(x.view(), y.view(), order).expect("valid"), value(&[exact]));
    }
    let (first_x, first_y) = (x.slice(s![.., ..1]), y.slice(s![.., ..1]));
    let first = exact_wasserstein(first_x, first_y, Order::One).expect("valid");
    assert_close("first coordinate", first, value(&["w1_of_first_coordinate"]));
}

#[test]
fn energy() {
    let (x, y) = small_sets();
    let found = energy_distance(x.view(), y.view()).expect("valid");
    assert_close("biased", found.biased, value(&["energy_biased"]));
    assert_close("unbiased", found.unbiased, value(&["energy_unbiased"]));
}

#[test]
fn neighbours() {
    let (x, y) = small_sets();
    let found = prdc(x.view(), y.view(), 5).expect("valid");
    for (name, got) in [
        ("precision", found.precision),
        ("recall", found.recall),
        ("density", found.density),
        ("coverage", found.coverage),
    ] {
        assert_close(name, got, value(&["prdc_k5", name]));
        assert_close(name, got, value(&["cross_checks", "prdc_package_k5", name]));
    }
    let test = nearest_neighbor_test(x.view(), y.view()).expect("valid");
    for (name, got) in [("accuracy", test.accuracy), ("real", test.real), ("synth", test.synthetic)] {
        assert_close(name, got, value(&["c2st_1nn", name]));
    }
    let near = nearest_real(x.view(), y.view()).expect("valid");
    for (name, got) in [
        ("mean", near.mean),
        ("median", near.median),
        ("min", near.min),
        ("max", near.max),
        ("q25", near.q25),
        ("q75", near.q75),
        ("epsilon", near.epsilon),
        ("share_within_epsilon", near.share_within_epsilon),
    ] {
        assert_close(name, got, value(&["nearest_real", name]));
    }
}
