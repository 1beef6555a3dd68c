//! `compare`: its JSON, its verdicts, its refusals.

mod common;

use common::{assert_close, small_sets, value};
use ndarray::{Array2, s};
use synth_core::{Cancel, EmbedderId, Embeddings, Error, NoProgress, Seed};
use synth_validate::fidelity::{Bandwidth, CompareParams, Comparison, Metric, compare};

fn id() -> EmbedderId {
    EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() }
}

fn embeddings(rows: Array2<f32>) -> Embeddings {
    Embeddings::ungrouped(rows, id()).expect("finite rows")
}

fn normal_rows(n: usize, d: usize, shift: f64, stream: u64) -> Array2<f32> {
    let mut stream = Seed::from_u64(21).stream(stream);
    Array2::from_shape_simple_fn((n, d), || (stream.normal() + shift) as f32)
}

fn run(real: &Embeddings, synthetic: &Embeddings, params: &CompareParams) -> Comparison {
    compare(real, synthetic, params, &NoProgress, &Cancel::new()).expect("valid sets")
}

#[test]
fn json_has_the_names_and_values_of_the_goldens() {
    let (x, y) = small_sets();
    let params = CompareParams::default().with_permutations(99);
    let json = serde_json::to_value(run(&embeddings(x), &embeddings(y), &params)).expect("serialises");
    assert_eq!((&json["n_real"], &json["n_synthetic"], &json["dim"]), (&45.into(), &24.into(), &128.into()));
    let metrics = &json["metrics"];
    assert_eq!(metrics.as_object().expect("by name").len(), Metric::ALL.len(), "{:#}", json["skipped"]);
    let number = |path: [&str; 2]| metrics[path[0]][path[1]].as_f64().expect("a number");
    for (path, golden) in [
        (["mmd2_rbf_unbiased", "value"], &["mmd2_rbf_unbiased_median"][..]),
        (["mmd2_rbf_unbiased", "sigma"], &["median_bandwidth"]),
        (["cmmd", "value"], &["cmmd_sigma10_scale1000"]),
        (["frechet", "value"], &["frechet"]),
        (["kid", "value"], &["kid_all_rows"]),
        (["exact_w1", "value"], &["exact_w1"]),
        (["exact_w2", "value"], &["exact_w2"]),
        (["energy", "value"], &["energy_unbiased"]),
        (["energy", "biased"], &["energy_biased"]),
        (["prdc", "precision"], &["prdc_k5", "precision"]),
        (["prdc", "recall"], &["prdc_k5", "recall"]),
        (["prdc", "density"], &["prdc_k5", "density"]),
        (["prdc", "coverage"], &["prdc_k5", "coverage"]),
        (["c2st_1nn", "accuracy"], &["c2st_1nn", "accuracy"]),
        (["c2st_1nn", "real"], &["c2st_1nn", "real"]),
        (["c2st_1nn", "synth"], &["c2st_1nn", "synth"]),
        (["nearest_real", "mean"], &["nearest_real", "mean"]),
        (["nearest_real", "epsilon"], &["nearest_real", "epsilon"]),
        (["nearest_real", "share_within_epsilon"], &["nearest_real", "share_within_epsilon"]),
        (["nearest_real", "mean_all_pairs"], &["nearest_real", "mean_all_pairs"]),
    ] {
        assert_close(&path.join("."), number(path), value(golden));
    }
    for name in
        ["mmd2_rbf_unbiased", "cmmd", "kid", "sliced_w1", "sliced_w2", "exact_w1", "exact_w2", "energy"]
    {
        let metric = &metrics[name];
        let [low, high] = [0, 1].map(|end| metric["ci95"][end].as_f64().expect("an interval"));
        assert!(low < high && metric["std_error"].as_f64().expect("an error") > 0.0, "{name}: {metric}");
        let p = metric["p_value"].as_f64().expect("a p-value");
        assert!(p > 0.0 && p <= 1.0, "{name}");
    }
    let frechet = metrics["frechet"]["notes"].to_string();
    assert!(frechet.contains("rank_deficient") && metrics["frechet"].get("p_value").is_none());
    assert!(json["verdict"]["words"].as_str().expect("words").starts_with("not distinguishable at this n"));
}

#[test]
fn verdict_tells_shifted_sets_apart_and_names_its_test() {
    let real = embeddings(normal_rows(40, 5, 0.0, 0));
    let found = run(&real, &embeddings(normal_rows(30, 5, 1.5, 1)), &CompareParams::default());
    assert_eq!(found.verdict.words, "distinguishable");
    assert_eq!(found.verdict.test.as_deref(), Some("mmd2_rbf_unbiased"));
    for name in ["mmd2_rbf_unbiased", "cmmd", "kid", "frechet", "sliced_w1", "exact_w2", "energy", "c2st_1nn"]
    {
        let estimate = found.metrics[name].estimate.as_ref().expect("a headline figure");
        let p_value = estimate.p_value.expect("a p-value");
        assert!(p_value < 0.02, "{name}: {p_value}");
    }
    let chosen = CompareParams::default().with_metrics([Metric::C2st1nn]);
    assert_eq!(run(&real, &real_copy(&real), &chosen).verdict.test.as_deref(), Some("c2st_1nn"));
    let untested = CompareParams::default().with_metrics([Metric::Prdc]);
    assert!(run(&real, &real_copy(&real), &untested).verdict.words.starts_with("no verdict"));
}

fn real_copy(real: &Embeddings) -> Embeddings {
    embeddings(real.matrix().to_owned())
}

#[test]
fn copies_are_never_called_identical() {
    let real = embeddings(normal_rows(25, 6, 0.0, 2));
    let found = run(&real, &real_copy(&real), &CompareParams::default());
    assert_eq!(found.verdict.distinguishable, Some(false));
    assert!(!found.verdict.words.contains("identical"));
    let value = |name: &str| found.metrics[name].estimate.as_ref().expect("a figure").value;
    assert!(value("exact_w1") == 0.0 && value("frechet") < 1e-10 && value("mmd2_rbf_unbiased") < 0.0);
    assert_eq!(found.metrics["nearest_real"].parts["max"], 0.0);
    let json = serde_json::to_string(&found).expect("serialises");
    assert!(!json.contains(":null") && !json.contains("-0.0,"), "a figure is not finite: {json}");
}

#[test]
fn smallest_detectable_shift_is_what_the_test_detects() {
    // Shifted by the size announced, four in five fresh sets should be told apart.
    let n = 30;
    let params = CompareParams::default()
        .with_metrics([Metric::Mmd2RbfUnbiased])
        .with_bandwidth(Bandwidth::Fixed(3.0))
        .with_permutations(199);
    let announced: Vec<f64> = (0..8)
        .filter_map(|i| {
            let real = embeddings(stretched(n, 0.0, 100 + 2 * i));
            let found = run(&real, &embeddings(stretched(n, 0.0, 101 + 2 * i)), &params);
            found.verdict.smallest_detectable_shift
        })
        .collect();
    let shift = announced.iter().sum::<f64>() / announced.len() as f64;
    // A t-test along the axis alone detects 0.74 sd at n = 30; this test looks in all directions.
    assert!(announced.len() >= 6 && (0.6..1.6).contains(&shift), "{announced:?}");
    let detected = (0..60_u64)
        .filter(|i| {
            let real = embeddings(stretched(n, 0.0, 1_000 + 2 * i));
            let moved = embeddings(stretched(n, shift, 1_001 + 2 * i));
            run(&real, &moved, &params).verdict.distinguishable == Some(true)
        })
        .count();
    // 48 expected; the announced size itself is known to some 10 %.
    assert!((36..=59).contains(&detected), "{detected} of 60 at {shift}");
}

/// Normal rows, twice as wide along the first axis and moved along it by `shift` deviations.
fn stretched(n: usize, shift: f64, stream: u64) -> Array2<f32> {
    let mut rows = normal_rows(n, 4, 0.0, stream);
    rows.slice_mut(s![.., 0]).mapv_inplace(|value| 2.0 * (value + shift as f32));
    rows
}

#[test]
fn few_groups_give_figures_without_a_verdict() {
    let rows = normal_rows(15, 3, 0.0, 3);
    let ids = (0..15).map(|i| format!("r{i}")).collect();
    let groups = (0..15).map(|i| format!("set{}", i / 3)).collect();
    let real = Embeddings::new(ids, groups, rows, id()).expect("valid");
    let found = run(&real, &embeddings(normal_rows(15, 3, 0.0, 4)), &CompareParams::default());
    assert_eq!((found.groups_real, found.groups_synthetic), (5, 15));
    assert!(
        found.verdict.words.contains("no verdict: a set has 5 independent groups"),
        "{}",
        found.verdict.words
    );
    assert!(found.metrics.values().filter_map(|m| m.estimate.as_ref()).all(|e| e.p_value.is_none()));
}

#[test]
fn what_cannot_be_had_is_skipped_with_its_reason_or_refused_by_name() {
    let few = embeddings(normal_rows(4, 3, 0.0, 5));
    let all = run(&few, &few_copy(&few), &CompareParams::default());
    assert!(all.skipped["prdc"].contains("at least 6 rows, got 4"), "{:?}", all.skipped);
    let named = CompareParams::default().with_metrics([Metric::Prdc]);
    let error = compare(&few, &few_copy(&few), &named, &NoProgress, &Cancel::new());
    assert!(matches!(error, Err(Error::TooFewSamples { needed: 6, got: 4, .. })));
    let constant = embeddings(Array2::ones((20, 3)));
    let found = run(&constant, &real_copy(&constant), &CompareParams::default());
    assert!(found.skipped["mmd2_rbf_unbiased"].contains("sigma"), "{:?}", found.skipped);
    let json = serde_json::to_string(&found).expect("serialises");
    assert!(!json.contains(":null") && !json.contains("-0.0,"), "a figure is not finite: {json}");
}

fn few_copy(few: &Embeddings) -> Embeddings {
    embeddings(few.matrix().to_owned() + 0.1)
}

#[test]
fn bad_input_is_a_typed_error() {
    let params = CompareParams::default();
    let (one, two) = (embeddings(normal_rows(1, 3, 0.0, 6)), embeddings(normal_rows(9, 3, 0.0, 7)));
    let call =
        |a: &Embeddings, b: &Embeddings, p: &CompareParams| compare(a, b, p, &NoProgress, &Cancel::new());
    assert!(matches!(call(&one, &two, &params), Err(Error::TooFewSamples { needed: 2, got: 1, .. })));
    assert!(matches!(call(&two, &one, &params), Err(Error::TooFewSamples { .. })));
    let wide = embeddings(normal_rows(9, 4, 0.0, 8));
    assert!(matches!(call(&two, &wide, &params), Err(Error::Shape { .. })));
    let other = EmbedderId { name: "toy-2".into(), ..id() };
    let foreign = Embeddings::ungrouped(normal_rows(9, 3, 0.0, 9), other).expect("valid");
    assert!(matches!(call(&two, &foreign, &params), Err(Error::EmbedderMismatch { .. })));
    let bad = params.clone().with_bandwidth(Bandwidth::Fixed(0.0));
    assert!(matches!(call(&two, &two, &bad), Err(Error::InvalidParam { .. })));
    let none = CompareParams { neighbors: 0, ..params.clone() };
    assert!(matches!(call(&two, &two, &none), Err(Error::InvalidParam { .. })));
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = compare(&two, &two, &params, &NoProgress, &cancel);
    assert!(matches!(stopped, Err(Error::Interrupted)));
}

#[test]
fn thread_count_changes_nothing() {
    let (x, y) = (embeddings(normal_rows(300, 8, 0.0, 10)), embeddings(normal_rows(280, 8, 0.1, 11)));
    let params =
        CompareParams { directions: 40, permutations: 49, kid_subsets: 2, ..CompareParams::default() }
            .with_metrics(
                Metric::ALL.into_iter().filter(|m| !matches!(m, Metric::ExactW1 | Metric::ExactW2)),
            );
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| run(&x, &y, &params))
    };
    assert_eq!(on(1), on(3));
}
